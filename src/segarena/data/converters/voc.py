"""PASCAL VOC's layout (VOC2012 development kit, 3.1 and 6.1): JPEGImages, SegmentationClass, ImageSets."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePath

import numpy as np
from numpy.typing import NDArray

from segarena.classes import IGNORE_INDEX, ClassTable
from segarena.data.converters.annotations import (
    Annotations,
    Color,
    LabelledImage,
    Malformed,
    Mask,
    check_mask_size,
    entry,
    make_classes,
)
from segarena.data.converters.image_index import split_of_file, walk
from segarena.data.converters.peek import Peek
from segarena.data.files.images import IMAGE_SUFFIXES
from segarena.data.files.raw_masks import read_plane
from segarena.data.source import Split
from segarena.errors import DataError
from segarena.formats import plural

VOC_NAMES = tuple(
    "background aeroplane bicycle bird boat bottle bus car cat chair cow diningtable dog horse motorbike person "
    "pottedplant sheep sofa train tvmonitor".split()
)
_NAMES_FILE = "class_names.txt"
_IMAGES, _MASKS = "JPEGImages", "SegmentationClass"


def recognise_voc(peek: Peek) -> str | None:
    """Return what shows that there is VOC's layout; None if nothing does."""
    folders = {path.parent for path in peek.images}
    found = next((f for f in sorted(folders) if f.name == _MASKS and f.with_name(_IMAGES) in folders), None)
    return None if found is None else f"{peek.name(found.parent)}/ has {_IMAGES}/ and {_MASKS}/"


def read_voc(src: Path) -> Annotations:
    """Read the folder that holds SegmentationClass, anywhere below `src`. Raises DataError.

    Masks are read by index; 255 is void. Class names are those of class_names.txt (one a line, by index), else VOC's
    21 if no index is above 20, else class_N for each N that occurs.

    Splits are the lists train, val and test in ImageSets/Segmentation, else those with such a word in their names. If
    no list is named for a split, the images of all lists are used, without splits; if there is no list, all images
    with a mask. A list of which no image has a mask is left out: the masks of VOC's test are not public.
    """
    root = _find_root(src)
    masks = {path.stem: path for path in sorted((root / "SegmentationClass").iterdir()) if _is_image(path)}
    images = {path.stem: path for path in sorted((root / "JPEGImages").iterdir()) if _is_image(path)}
    splits, notes = _read_lists(root, masks)
    for stem in splits:
        if stem not in images:
            raise DataError(
                "does not exist, but has a mask",
                where=root / "JPEGImages" / f"{stem}.jpg",
                remedy="Add the image, or remove its mask and its lines in ImageSets",
            )
        check_mask_size(masks[stem], images[stem])
    classes, table = _read_classes(root, [masks[stem] for stem in splits])
    converted = [
        LabelledImage(stem, split, images[stem], images[stem].suffix.lower(), _IndexMask(masks[stem], table))
        for stem, split in splits.items()
    ]
    left_out = len(masks) - len(splits)
    if left_out:
        notes.append(f"{plural(left_out, 'mask')} in no list: left out")
    return Annotations(classes, tuple(converted), tuple(notes))


def read_indices(path: Path) -> NDArray[np.uint8]:
    """Return the (H, W) indices of a palette or grey file.

    Raises DataError if it is damaged, a colour image, lossily compressed, or has an index above 255.
    """
    plane = read_plane(path)
    if plane.colored:
        raise DataError(
            "is a colour image, not a palette or grey one",
            where=path,
            remedy="Save one index for each class; masks in colours need no conversion, only a classes.yaml",
        )
    if plane.lossy or plane.values.max() > IGNORE_INDEX:
        what = f"is a {plane.lossy}, whose compression changes indices" if plane.lossy else "has indices above 255"
        raise DataError(what, where=path, remedy="Save the masks as PNG, one index for each class and 255 for void")
    return plane.values.astype(np.uint8)


def voc_classes(where: object) -> ClassTable:
    """Return VOC's 21 classes in its colours; 255 is void. `where` is named in messages."""
    colors = dict(zip(VOC_NAMES, map(voc_color, range(len(VOC_NAMES))), strict=True))
    return make_classes(VOC_NAMES, colors=colors, where=where)[0]


def voc_color(index: int) -> Color:
    """Return the colour of an index 0..255 as RGB, 0..255.

    Its bits go in turn, from the lowest on, to red, green and blue, from their highest bit down. Source: VOC
    development kit, VOClabelcolormap.m.
    """
    channels = [0, 0, 0]
    for bit in range(8):
        channels[bit % 3] |= (index >> bit & 1) << (7 - bit // 3)
    return channels[0], channels[1], channels[2]


@dataclass(frozen=True)
class _IndexMask:
    """A palette or grey mask file and the label of each index, (256,) uint8; calling it gives the mask."""

    path: Path
    table: NDArray[np.uint8]

    def __call__(self) -> Mask:
        labels: Mask = self.table[read_indices(self.path)]
        return labels


def _is_image(path: Path) -> bool:
    return path.suffix.lower() in IMAGE_SUFFIXES and path.is_file() and not path.name.startswith(".")


def _find_root(src: Path) -> Path:
    folders = {path.parent for path in walk(src, IMAGE_SUFFIXES)}
    roots = sorted({folder.parent for folder in folders if folder.name == "SegmentationClass"})
    if len(roots) != 1 or roots[0] / "JPEGImages" not in folders:
        raise DataError(
            f"has more than one folder SegmentationClass, in {roots[0]} and {roots[1]}"
            if len(roots) > 1
            else "has no JPEGImages/ with images and SegmentationClass/ with masks in one folder",
            where=src,
            remedy="Name the folder that holds both, e.g. VOCdevkit/VOC2012",
        )
    return roots[0]


def _read_lists(root: Path, masks: Mapping[str, Path]) -> tuple[dict[str, Split | None], list[str]]:
    """The split of each image with a mask that is used, and notes on lists that are left out."""
    lists = sorted((root / "ImageSets" / "Segmentation").glob("*.txt"))
    if not lists:
        return dict.fromkeys(masks), []
    named = [path for path in lists if path.stem in ("train", "val", "test")]
    named = named or [path for path in lists if split_of_file(PurePath(path.name))]
    splits: dict[str, Split | None] = {}
    list_of: dict[str, Path] = {}
    notes = []
    for path in named or lists:
        split = split_of_file(PurePath(path.name)) if named else None
        stems = _read_lines(path) or []
        missing = {stem for stem in stems if stem not in masks}
        if stems and missing.issuperset(stems):
            notes.append(f"{path.name}: none of its {plural(len(stems), 'image')} has a mask: left out")
            continue
        for stem in stems:
            with entry(path, stem):
                if stem in missing:
                    raise Malformed(f"the mask {root / 'SegmentationClass' / stem}.png does not exist")
                if list_of.setdefault(stem, path) != path and splits[stem] != split:
                    raise Malformed(f"is in {list_of[stem].name}, too, but an image is in one split only")
                splits[stem] = split
    return splits, notes


def _read_classes(root: Path, masks: list[Path]) -> tuple[ClassTable, NDArray[np.uint8]]:
    """The classes, and the label of each index, (256,) uint8."""
    mask_with: dict[int, Path] = {}
    for path in masks:
        counts = np.bincount(read_indices(path).ravel())
        mask_with.update(dict.fromkeys(np.flatnonzero(counts).tolist(), path))
    present = sorted(set(mask_with) - {IGNORE_INDEX})
    names = _read_names(root / _NAMES_FILE)
    if names is None and all(index < len(VOC_NAMES) for index in present):
        names = list(VOC_NAMES)
    indices = present if names is None else list(range(len(names)))
    unnamed = [index for index in present if index not in indices]
    if unnamed:
        raise DataError(
            f"has the index {unnamed[0]}, for which {_NAMES_FILE} has no line",
            where=mask_with[unnamed[0]],
            remedy=f"Add the name to {root / _NAMES_FILE}, or fix the mask",
        )
    names = names or [f"class_{index}" for index in present]
    colors = {name: voc_color(index) for name, index in zip(names, indices, strict=True)}
    classes, labels = make_classes(names, colors=colors, background=False, where=root)
    table = np.full(256, IGNORE_INDEX, dtype=np.uint8)
    table[indices] = [labels[name] for name in names]
    return classes, table


def _read_names(path: Path) -> list[str] | None:
    lines = _read_lines(path)
    return None if lines is None else [line for line in lines if line != "__ignore__"]


def _read_lines(path: Path) -> list[str] | None:
    """The lines of a text file that are not empty; None if there is no file."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"cannot be read ({error})", where=path, remedy="Copy the list again") from error
    return [line.strip() for line in lines if line.strip()]
