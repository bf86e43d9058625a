"""Weaker rules of pairing, for names that are not the same: each pairs one to one, or nothing at all."""

from __future__ import annotations

import os
import re
from collections.abc import Hashable, Iterator, Sequence
from typing import NamedTuple

from segarena.data.layout.tree import File
from segarena.data.layout.vocabulary import without_words

Pair = tuple[File, File]
Found = tuple[tuple[Pair, ...], str]
Key = tuple[str, ...]
Cut = tuple[int, int]
#: A beginning or an ending that all stems have is looked at up to this many letters.
_LONGEST_END = 40
#: A name and a number behind it, as of a second object's mask: a_mask_1, a_mask (2).
NUMBERED = re.compile(r"(.+?)[ _-]?\(?\d{1,3}\)?")
_NUMBER = re.compile(r"\d+")


class Name(NamedTuple):
    """A file as the rules see it: `split` and `folders` have to agree before `stem` is compared."""

    file: File
    split: str
    folders: tuple[str, ...]
    stem: str

    def key(self, core: str) -> Key:
        """What files of one sample have in common, where `core` is what is left of the stem, possibly nothing."""
        return (self.split, *self.folders, *([core] if core else []))


def by_words(images: Sequence[Name], masks: Sequence[Name]) -> Found:
    """Pair names of the same words and numbers, words of their kind left out: `s1_img_left`, `s1_mask_left`."""
    pairs = _one_to_one(
        {name: without_words(name.stem, "image") or None for name in images},
        {name: without_words(name.stem, "mask") or None for name in masks},
    )
    return tuple(
        pairs
    ), "a mask has its image's words and numbers, but for words such as image and mask and for separators"


def by_constant_ends(images: Sequence[Name], masks: Sequence[Name]) -> Found:
    """Pair stems that are equal once an end that all images have, and one that all masks have, is cut off.

    Each split may have ends of its own: 21_training and 21_manual1, 01_test and 01_manual1. A cut is never inside a
    word or a number. There are no pairs where only one would be found, and where two ways of cutting pair equally
    many, and differently.
    """
    found = [
        _constant_ends(*([name for name in names if name.split == split] for names in (images, masks)))
        for split in sorted({name.split for name in images} & {name.split for name in masks})
    ]
    said = dict.fromkeys(sentence for pairs, sentence in found if pairs)
    return tuple(pair for pairs, _ in found for pair in pairs), "; ".join(said)


def _constant_ends(images: Sequence[Name], masks: Sequence[Name]) -> Found:
    image_start, image_end = _common_ends(images)
    mask_start, mask_end = _common_ends(masks)
    cuts_of: dict[Key, list[Cut]] = {}
    for mask in masks:
        for core, cut in _cuts(mask.stem, len(mask_start), len(mask_end)):
            cuts_of.setdefault(mask.key(core), []).append(cut)
    cuts = {
        (*image_cut, *mask_cut)
        for image in images
        for core, image_cut in _cuts(image.stem, len(image_start), len(image_end))
        for mask_cut in cuts_of.get(image.key(core), ())
    }
    ways: list[Found] = []
    for start, end, before, after in sorted(cuts):
        pairs = _one_to_one(
            {name: name.stem[start : len(name.stem) - end] for name in images},
            {name: name.stem[before : len(name.stem) - after] for name in masks},
        )
        image_says = f"{image_start[:start]}*{image_end[len(image_end) - end :]}"
        mask_says = f"{mask_start[:before]}*{mask_end[len(mask_end) - after :]}"
        ways.append((tuple(pairs), f"image {image_says} has mask {mask_says}"))
    most = max((len(pairs) for pairs, _ in ways), default=0)
    best = [way for way in ways if len(way[0]) == most]
    return best[0] if most > 1 and all(set(pairs) == set(best[0][0]) for pairs, _ in best) else ((), "")


def one_in_each_folder(images: Sequence[Name], masks: Sequence[Name]) -> Found:
    """Pair the only image and the only mask of each folder, where two folders or more have one of each."""
    pairs = _one_to_one(
        {name: (name.folders,) if name.folders else None for name in images},
        {name: (name.folders,) if name.folders else None for name in masks},
        whatever_folder=True,
    )
    return tuple(pairs if len(pairs) > 1 else ()), "a folder for each sample holds one image and one mask"


def by_numbers(images: Sequence[Name], masks: Sequence[Name]) -> Found:
    """Pair equal numbers, `image_001` and `gt_1`, where nothing but one number differs within a kind.

    Every file of the kind that has fewer must find its partner, and there are two pairs or more.
    """
    pairs = _one_to_one(_numbers(images), _numbers(masks))
    complete = len(pairs) == min(len(images), len(masks)) and 2 * len(pairs) >= max(len(images), len(masks))
    return tuple(pairs if complete and len(pairs) > 1 else ()), "a mask has its image's number"


def _one_to_one(
    images: dict[Name, Hashable], masks: dict[Name, Hashable], *, whatever_folder: bool = False
) -> list[Pair]:
    """Pairs of equal values in equal folders; none at all where a value occurs twice on a side and on the other too."""
    tables: list[dict[Hashable, list[Name]]] = []
    for side in (images, masks):
        table: dict[Hashable, list[Name]] = {}
        for name, value in side.items():
            if value is not None:
                table.setdefault((name.split, () if whatever_folder else name.folders, value), []).append(name)
        tables.append(table)
    shared = [(tables[0][key], tables[1][key]) for key in tables[0] if key in tables[1]]
    if any(len(names) > 1 for pair in shared for names in pair):
        return []
    return [(image.file, mask.file) for (image,), (mask,) in shared]


def _common_ends(names: Sequence[Name]) -> tuple[str, str]:
    stems = [name.stem for name in names]
    start = os.path.commonprefix(stems)  # noqa: RUF071 - of letters, not of folders
    end = os.path.commonprefix([stem[::-1] for stem in stems])[::-1]  # noqa: RUF071
    return start[:_LONGEST_END], end[-_LONGEST_END:]


def _cuts(stem: str, longest_start: int, longest_end: int) -> Iterator[tuple[str, Cut]]:
    """What is left of a stem, and how much was cut off its two ends, so that no word or number is cut in two."""
    ends = [end for end in range(min(longest_end, len(stem)) + 1) if is_edge(stem, len(stem) - end)]
    for start in range(min(longest_start, len(stem)) + 1):
        if is_edge(stem, start):
            yield from ((stem[start : len(stem) - end], (start, end)) for end in ends if start + end < len(stem))


def is_edge(stem: str, position: int) -> bool:
    """Whether the stem may be cut there: beside a separator, between letters and digits, at a change of case."""
    if position in (0, len(stem)):
        return True
    before, after = stem[position - 1], stem[position]
    if before.isdigit() or after.isdigit():
        return before.isdigit() != after.isdigit()
    return not (before.isalpha() and after.isalpha()) or (before.islower() and after.isupper())


def _numbers(names: Sequence[Name]) -> dict[Name, Hashable]:
    """The number of each name; None for all where more than one number, or anything else, differs between them.

    None for all, too, where the numbers are not written in one way, padded with zeros to one width or not at all: 1
    beside 000 are names, not numbers.
    """
    found = {name: _NUMBER.findall(name.stem) for name in names}
    texts = {_NUMBER.sub("#", name.stem) for name in names}
    columns = list(zip(*found.values(), strict=True)) if len(texts) == 1 else []
    varying = [column for column, values in enumerate(columns) if len(set(values)) > 1]
    if len(varying) != 1:
        return dict.fromkeys(names)
    written = columns[varying[0]]
    width = min(map(len, written))
    if any(digits != str(int(digits)).zfill(width) for digits in written):
        return dict.fromkeys(names)
    return {name: int(numbers[varying[0]]) for name, numbers in found.items()}
