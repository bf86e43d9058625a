"""Which image a mask belongs to, and what else its name has, where an image has several masks."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from segarena.data.layout.fuzzy_pairing import Key, Name
from segarena.data.layout.tree import File, relative_name
from segarena.data.layout.vocabulary import SEPARATORS, folder_kind, split_of_name, strip_kind_words, to_nfc, word_edges

_ZEROS = re.compile(r"(?<!\d)0+(?=\d)")


class Part(NamedTuple):
    """A mask's image, and what else the mask's name has."""

    image: File
    label: str
    is_folder: bool
    """Whether the label is the name of a folder."""


#: What each way of naming finds: for some masks, their parts.
Parts = dict[File, Part]
#: Images by what a mask's name may have of them.
ByKey = dict[Key, File]


def _by_class_folder(images: Sequence[Name], by_key: ByKey, masks: Sequence[Name]) -> Parts:
    """`masks/CLASS/IMAGE.png`: the image's folders and name, one more folder, and in the name perhaps its ending."""
    found: Parts = {}
    endings: dict[str, set[str]] = defaultdict(set)
    for mask in masks:
        if not mask.folders:
            continue
        cores = dict.fromkeys([*(part.core for part in strip_kind_words(mask.stem, "mask")), *beginnings(mask.stem)])
        for place in reversed(range(len(mask.folders))):
            bare = mask._replace(folders=mask.folders[:place] + mask.folders[place + 1 :])
            core = next((core for core in cores if bare.key(core) in by_key), None)
            if core is not None:
                found[mask.file] = Part(by_key[bare.key(core)], mask.folders[place], True)
                endings[mask.folders[place]].add(mask.stem.replace(core, "", 1))
                break
    labels, stems = {part.label for part in found.values()}, {image.stem for image in images}
    if labels <= stems and 2 * len(labels) >= len(stems):
        return {}  # masks/3/1.png is object 1 of image 3, not image 1 in class 3
    return {file: part for file, part in found.items() if len(endings[part.label]) == 1}


def _by_affix(images: Sequence[Name], by_key: ByKey, masks: Sequence[Name]) -> Parts:
    """`IMAGE_CLASS.png` or `CLASS_IMAGE.png`: the image's folders, and its name at one end of the mask's."""
    found: Parts = {}
    for mask in masks:
        edges = word_edges(mask.stem)
        starts = [(mask.stem[:cut], mask.stem[cut:]) for cut in reversed(edges)]
        ends = [(mask.stem[cut:], mask.stem[:cut]) for cut in edges]
        for name, label in sorted([*starts, *ends], key=lambda both: -len(both[0])):
            image = by_key.get(mask.key(name.strip(SEPARATORS)))
            # The 1 in img3_1 is a number of image 3, not image 1.
            is_number = name.strip(SEPARATORS).isdigit() and mask.stem.endswith(name) and has_digit(label)
            if image and image is not mask.file and not is_number:
                found[mask.file] = Part(image, label, False)
                break
    return found


def _by_sample_folder(images: Sequence[Name], by_key: ByKey, masks: Sequence[Name]) -> Parts:
    """`ID/masks/CLASS.png` or `ID/masks/CLASS/*.png`: the folder has one image."""
    crowds = Counter((image.split, image.folders) for image in images)
    alone = {(image.split, image.folders): image.file for image in images if crowds[image.split, image.folders] == 1}
    if 2 * len(alone) < len(images) or len(alone) < 2:
        return {}
    found: Parts = {}
    for mask in masks:
        if (mask.split, mask.folders) in alone:
            found[mask.file] = Part(alone[mask.split, mask.folders], mask.stem, False)
        elif (mask.split, mask.folders[:-1]) in alone and mask.folders:
            found[mask.file] = Part(alone[mask.split, mask.folders[:-1]], mask.folders[-1], True)
    return found


def _by_image_folder(images: Sequence[Name], by_key: ByKey, masks: Sequence[Name]) -> Parts:
    """`masks/IMAGE/CLASS.png` or `masks/IMAGE/CLASS/*.png`: a folder in the image's name.

    Nothing where most images have none: the folders 0, 1, 2 of CelebAMask-HQ are parts of the set, not images.
    """
    found: Parts = {}
    for mask in masks:
        for depth, label in ((1, mask.stem), (2, mask.folders[-1] if mask.folders else "")):
            if len(mask.folders) >= depth:
                folders = mask.folders[: len(mask.folders) - depth]
                image = by_key.get(mask._replace(folders=folders).key(mask.folders[-depth]))
                if image:
                    found[mask.file] = Part(image, label, depth == 2)
                    break
    return found if 2 * len({part.image for part in found.values()}) >= len(images) else {}


#: The ways of naming, by what they are in words.
WAYS = {
    "a folder for each class has a mask with the image's stem": _by_class_folder,
    "a mask has its image's stem and the name of its class": _by_affix,
    "the masks in the folder of an image are its own": _by_sample_folder,
    "the masks in a folder with the image's stem are its own": _by_image_folder,
}
#: The rules by which all masks of a folder belong to one image.
OF_ONE_IMAGE = frozenset(list(WAYS)[2:])


def with_class_folders(names: Sequence[Name], root: Path) -> list[Name]:
    """The names with what folders for masks are named besides: `crack` of `crack_masks` and of `masks_crack`."""
    folders = {parent: _class_folders(parent, root) for parent in {name.file.folder for name in names}}
    return [name._replace(folders=folders[name.file.folder]) for name in names]


def _class_folders(folder: Path, root: Path) -> tuple[str, ...]:
    found = []
    for part in Path(relative_name(root, folder)).parts:
        if folder_kind(part) == "mask":
            cores = [stripped.core.strip(SEPARATORS) for stripped in strip_kind_words(to_nfc(part), "mask")]
            rest = min(cores, key=len)
            found += [rest] if rest and split_of_name(part) is None else []
        elif folder_kind(part) is None and split_of_name(part) is None:
            found.append(to_nfc(part))
    return tuple(found)


def with_bare_numbers(images: Sequence[Name], masks: Sequence[Name]) -> tuple[list[Name], list[Name]]:
    """The names with numbers of one width, and the images' without the word before the number: `tile_07` -> 7."""
    starts = {re.match(r"\D*", image.stem).group() for image in images}  # type: ignore[union-attr]
    start = starts.pop() if len(starts) == 1 else ""
    bare = [image._replace(stem=image.stem.removeprefix(start) or image.stem) for image in images]
    widened = ([name._replace(stem=_ZEROS.sub("", name.stem)) for name in side] for side in (bare, masks))
    return next(widened), next(widened)


def has_digit(label: str) -> bool:
    """Whether a label has a digit."""
    return any(letter.isdigit() for letter in label)


def by_core(images: Sequence[Name]) -> ByKey:
    """The images by their stems, and by their stems without words for images at the ends."""
    found: dict[Key, File] = {}
    for place in range(2):
        for image in images:
            for part in strip_kind_words(image.stem, "image")[place : 1 if place == 0 else None]:
                if part.core:
                    found.setdefault(image.key(part.core), image.file)
    return found


def beginnings(stem: str) -> Iterator[str]:
    """The beginnings of a stem that end with a word, the longest first."""
    for cut in reversed(word_edges(stem)):
        yield stem[:cut].rstrip(SEPARATORS)
