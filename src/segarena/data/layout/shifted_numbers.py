"""Images and masks numbered from different starts: equal numbers would give each image the mask of a neighbour."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from itertools import pairwise
from pathlib import Path

from segarena.data.layout.fuzzy_pairing import Pair
from segarena.data.layout.tree import File, relative_name
from segarena.errors import DataError
from segarena.formats import listing, plural

_NUMBER = re.compile(r"\d+")
#: Fewer numbers show nothing.
_FEWEST = 3

#: The folder, or None for all, and a stem with # in place of one number.
Series = tuple[Path | None, str]


def check_numbers(root: Path, pairs: Sequence[Pair], images: Iterable[File], masks: Iterable[File]) -> None:
    """Raise DataError if numbers that pair seem to be shifted: 0 to 9 for the images and 1 to 10 for their masks.

    It is so if the masks of a series have the numbers of the images plus a constant; or if both have all numbers from
    a first to a last one, and some images are left over at one end and some masks at the other.

    Args:
        root: The data folder.
        pairs: Images and masks with equal numbers.
        images: All images, those without a mask too.
        masks: All masks, those without an image too.
    """
    paired = {file for pair in pairs for file in pair}
    alone = [[file for file in files if file not in paired] for files in (images, masks)]
    if not all(alone):
        return
    for in_each_folder in (True, False):
        series: dict[tuple[Series, Series], tuple[dict[int, File], dict[int, File]]] = {}
        for image, mask in pairs:
            for image_series, number in _numbers(image, in_each_folder):
                for mask_series, other in _numbers(mask, in_each_folder):
                    if number == other:
                        both = series.setdefault((image_series, mask_series), ({}, {}))
                        both[0][number], both[1][number] = image, mask
        for side, files in enumerate(alone):
            rest: dict[Series, list[tuple[int, File]]] = {}
            for file in files:
                for own, number in _numbers(file, in_each_folder):
                    rest.setdefault(own, []).append((number, file))
            for key, both in series.items():
                both[side].update(dict(rest.get(key[side], ())))
        shifted = [both for both in series.values() if _is_shifted(*map(sorted, both))]
        if shifted:
            raise _describe(root, shifted)


def _numbers(file: File, in_each_folder: bool) -> Iterator[tuple[Series, int]]:
    folder = file.folder if in_each_folder else None
    for template, number in _templates(file.stem):
        yield (folder, template), number


@lru_cache(maxsize=2**17)
def _templates(stem: str) -> tuple[tuple[str, int], ...]:
    """A stem with # in place of one of its numbers, and that number, for each."""
    found = _NUMBER.finditer(stem)
    return tuple((f"{stem[: match.start()]}#{stem[match.end() :]}", int(match.group())) for match in found)


def _is_shifted(images: list[int], masks: list[int]) -> bool:
    shared = set(images) & set(masks)
    if min(len(images), len(masks)) < _FEWEST or len(shared) < 2 or not (set(images) - shared and set(masks) - shared):
        return False
    shift = masks[0] - images[0]
    if [number + shift for number in images] == masks:
        return True
    steps = {second - first for numbers in (images, masks) for first, second in pairwise(numbers)}
    are_at_opposite_ends = (masks[0] - images[0]) * (masks[-1] - images[-1]) > 0
    return len(steps) == 1 and are_at_opposite_ends


def _describe(root: Path, shifted: Sequence[tuple[dict[int, File], dict[int, File]]]) -> DataError:
    images, masks = shifted[0]
    ranges = [
        f"numbers from {min(numbers)} to {max(numbers)} ({relative_name(root, numbers[min(numbers)].path)})"
        for numbers in (images, masks)
    ]
    more = f"; so have {plural(len(shifted) - 1, 'other folder')}" if len(shifted) > 1 else ""
    first = relative_name(root, images[min(images)].path)
    lone = sorted(
        relative_name(root, one[number].path)
        for own, other in shifted
        for one, another in ((own, other), (other, own))
        for number in one.keys() - another.keys()
    )
    return DataError(
        f"has images with {ranges[0]} and masks with {ranges[1]}, so that equal numbers may be the masks of other"
        f" images{more}",
        where=root,
        remedy=f"Compare {first} with {relative_name(root, masks[min(masks)].path)}. If they belong together, renumber"
        " the masks as the images, or name an image and its mask on each line of a file pairs.csv in the data folder."
        " If equal numbers do, move what has no partner out of the data folder:"
        f" {listing(lone)}",
    )
