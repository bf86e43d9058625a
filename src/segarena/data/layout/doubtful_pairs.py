"""Pairs in doubt by their names: files without a partner that may belong together, and numbers from different starts.

With images from 0 on and masks from 1 on, equal numbers would give each image the mask of a neighbour.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from difflib import SequenceMatcher
from functools import lru_cache
from itertools import pairwise
from pathlib import Path

from segarena.data.layout.fuzzy_pairing import Pair
from segarena.data.layout.tree import File, relative_name
from segarena.errors import DataError
from segarena.formats import listing, plural

_NUMBER = re.compile(r"\d+")
#: Number of letters of a name that may be missing, wrong or exchanged; one of a short name, none of a shorter one.
_MOST_EDITS = 2
_SHORT = 3
#: Of more files nothing can be concluded.
_MOST_FILES = 200

#: Fewer numbers show nothing.
_FEWEST = 3

#: The folder, or None for all, and a stem with # in place of one number.
Series = tuple[Path | None, str]


def find_likely_pairs(pairs: Sequence[Pair], images: Sequence[File], masks: Sequence[File]) -> tuple[Pair, ...]:
    """Return images and masks that probably belong together, by what the names of a pair have in common.

    A name may have two mistakes, but names that differ in a number are of different samples.

    Args:
        pairs: The pairs, at least one.
        images: Images without a mask.
        masks: Masks without an image.
    """
    if max(len(images), len(masks)) > _MOST_FILES:
        return ()
    found: list[tuple[int, File, File]] = []
    for image in images:
        wanted = _expected_stems(image, pairs)
        # Beside images, a mask with a mistyped ending passes for an image.
        for mask in (*masks, *(other for other in images if other is not image)):
            edits = [count for count in (_edits(stem, mask.stem) for stem in wanted) if count is not None]
            if edits:
                found.append((min(edits), image, mask))
    taken: set[File] = set()
    likely = []
    for _, image, mask in sorted(found, key=lambda each: each[0]):
        if not taken & {image, mask}:
            taken |= {image, mask}
            likely.append((image, mask))
    return tuple(likely)


def _expected_stems(image: File, pairs: Sequence[Pair]) -> set[str]:
    """The stems that the image's mask may have, with the letters before and behind that the mask of a pair has."""
    one, mask = next((pair for pair in pairs if pair[0].folder == image.folder), pairs[0])
    stems = set()
    for start, mask_start, size in SequenceMatcher(None, one.stem, mask.stem, autojunk=False).get_matching_blocks():
        before, behind = one.stem[:start], one.stem[start + size :]
        if size and image.stem.startswith(before) and image.stem.endswith(behind):
            core = image.stem[len(before) : len(image.stem) - len(behind)]
            stems.add(f"{mask.stem[:mask_start]}{core}{mask.stem[mask_start + size :]}")
    return stems


def _edits(one: str, other: str) -> int | None:
    """How many letters were changed, added, left out, or exchanged with the next; None for more than two."""
    most = _MOST_EDITS if min(len(one), len(other)) > _SHORT else 1
    if abs(len(one) - len(other)) > most or len(one) < _SHORT:
        return None
    numbers = [[int(digits) for digits in _NUMBER.findall(name)] for name in (one, other)]
    if len(numbers[0]) == len(numbers[1]) and numbers[0] != numbers[1]:
        return None
    rows = [list(range(len(other) + 1))]
    for i, letter in enumerate(one, start=1):
        row = [i]
        for j, another in enumerate(other, start=1):
            best = min(rows[-1][j] + 1, row[-1] + 1, rows[-1][j - 1] + (letter != another))
            if i > 1 and j > 1 and letter == other[j - 2] and another == one[i - 2]:
                best = min(best, rows[-2][j - 2] + 1)
            row.append(best)
        # No number of the next row is less than the smallest of this row, or than one more than that of the row before.
        if min(row) > most and min(rows[-1]) >= most:
            return None
        rows.append(row)
    return rows[-1][-1] if rows[-1][-1] <= most else None


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
