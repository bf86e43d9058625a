"""PASCAL VOC's layout (VOC2012 development kit, 3.1 and 6.1): JPEGImages, SegmentationClass, ImageSets."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path, PurePath

import numpy as np
from numpy.typing import NDArray

from segarena.classes import IGNORE_INDEX, ClassTable
from segarena.data.converters.annotations import Annotations, Color, LabelledImage, fitting_size, make_classes
from segarena.data.converters.image_index import split_of, walk
from segarena.data.converters.parsing import entry
from segarena.data.converters.rasterize import Malformed
from segarena.data.files.images import IMAGE_SUFFIXES
from segarena.data.files.raw_masks import read_plane
from segarena.data.source import Split
from segarena.errors import DataError
from segarena.formats import plural

VOC_NAMES = (
    *("background", "aeroplane", "bicycle", "bird", "boat", "bottle", "bus", "car", "cat", "chair", "cow"),
    *("diningtable", "dog", "horse", "motorbike", "person", "pottedplant", "sheep", "sofa", "train", "tvmonitor"),
)
_NAMES_FILE = "class_names.txt"


@dataclass(frozen=True)
class IndexMask:
    """A palette or grey mask file whose values become labels by `table`, (256,) uint8; calling it gives the mask."""

    path: Path
    table: NDArray[np.uint8]

    def __call__(self) -> NDArray[np.uint8]:
        labels: NDArray[np.uint8] = self.table[read_indices(self.path)]
        return labels


def read_voc(src: Path) -> Annotations:
    """Read the folder that holds SegmentationClass, wherever it is below `src`.

    Masks are read by index, 255 is void. Of the lists in ImageSets/Segmentation, train, val and test divide the
    images, else those with such a word in their names; else all of them together say which images count. A list of
    which no image has a mask is left out: VOC keeps those of its test to itself. Names are those of class_names.txt
    (one a line, by index), else VOC's 21 where no index is above 20, else class_N for each N that occurs.
    Raises DataError.
    """
    root = _find_root(src)
    masks = {path.stem: path for path in sorted((root / "SegmentationClass").iterdir()) if _is_image(path)}
    images = {path.stem: path for path in sorted((root / "JPEGImages").iterdir()) if _is_image(path)}
    splits, notes = _read_lists(root, masks)
    found = [(stem, split, masks[stem], _find_image(root, stem, images)) for stem, split in splits.items()]
    for stem, _, mask, image in found:
        with entry(mask, stem):
            fitting_size(image, *fitting_size(mask))
    classes, table = _read_classes(root, [mask for _, _, mask, _ in found])
    converted = [
        LabelledImage(stem, split, image, image.suffix.lower(), IndexMask(mask, table))
        for stem, split, mask, image in found
    ]
    left_out = len(masks) - len(found)
    if left_out:
        notes.append(f"{left_out} masks in no list: left out")
    return Annotations(classes, tuple(converted), tuple(notes))


def voc_classes(where: object) -> ClassTable:
    """VOC's 21 classes in its colours; 255 is void."""
    colors = dict(zip(VOC_NAMES, map(voc_color, range(len(VOC_NAMES))), strict=True))
    return make_classes(VOC_NAMES, colors=colors, where=where)[0]


def voc_color(index: int) -> Color:
    """The colour of an index: its bits, lowest first, dealt to red, green and blue from the highest bit down.

    VOC devkit, VOClabelcolormap.m. Index 0..255 -> RGB 0..255.
    """
    channels = [0, 0, 0]
    for bit in range(8):
        channels[bit % 3] |= (index >> bit & 1) << (7 - bit // 3)
    return channels[0], channels[1], channels[2]


def read_indices(path: Path) -> NDArray[np.uint8]:
    """A palette or grey file -> (H, W) indices. Raises DataError where it is damaged, lossy or holds no indices."""
    plane = read_plane(path)
    if plane.colored:
        raise DataError(
            "is a colour image, not a palette or grey one",
            where=path,
            remedy="Save one index per class; a folder of colour masks needs no conversion but a classes.yaml",
        )
    if plane.lossy or plane.values.max() > IGNORE_INDEX:
        what = f"is a {plane.lossy}, whose compression changes indices" if plane.lossy else "has indices above 255"
        raise DataError(what, where=path, remedy="Save the masks as PNG with one index per class, 255 for void")
    return plane.values.astype(np.uint8)


def _find_root(src: Path) -> Path:
    folders = {path.parent for path in walk(src, IMAGE_SUFFIXES)}
    roots = sorted({folder.parent for folder in folders if folder.name == "SegmentationClass"})
    if len(roots) != 1 or roots[0] / "JPEGImages" not in folders:
        seen = ", ".join(str(root) for root in roots[:2])
        raise DataError(
            f"has more than one SegmentationClass: {seen}"
            if len(roots) > 1
            else "has no JPEGImages/ with images and SegmentationClass/ with masks beside each other",
            where=src,
            remedy="Name the folder that holds both, e.g. VOCdevkit/VOC2012",
        )
    return roots[0]


def _read_lists(root: Path, masks: dict[str, Path]) -> tuple[dict[str, Split | None], list[str]]:
    """The split of each image with a mask, and notes on what was left out."""
    lists = sorted((root / "ImageSets" / "Segmentation").glob("*.txt"))
    if not lists:
        return dict.fromkeys(masks), []
    divided = [path for path in lists if path.stem in ("train", "val", "test")] or [
        path for path in lists if split_of(PurePath(path.name))
    ]
    splits: dict[str, Split | None] = {}
    source: dict[str, Path] = {}
    notes = []
    for path in divided or lists:
        split = split_of(PurePath(path.name)) if divided else None
        try:
            names = [line.strip() for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
        except (OSError, UnicodeDecodeError) as error:
            raise DataError(f"cannot be read ({error})", where=path, remedy="Copy the list again") from error
        missing = [name for name in names if name not in masks]
        if names and len(missing) == len(names):
            notes.append(f"{path.name}: none of its {plural(len(names), 'image')} has a mask: left out")
            continue
        for name in names:
            with entry(path, name):
                if name in missing:
                    raise Malformed(f"the mask {root / 'SegmentationClass' / name}.png does not exist")
                if source.setdefault(name, path) != path and splits[name] != split:
                    raise Malformed(f"is in {source[name].name}, too; an image belongs to one split")
                splits[name] = split
    return splits, notes


def _find_image(root: Path, stem: str, images: dict[str, Path]) -> Path:
    if stem not in images:
        raise DataError(
            "does not exist, but has a mask",
            where=root / "JPEGImages" / f"{stem}.jpg",
            remedy="Add the image, or remove its mask and its line in ImageSets",
        )
    return images[stem]


def _read_classes(root: Path, masks: list[Path]) -> tuple[ClassTable, NDArray[np.uint8]]:
    """The classes, and the label of each index 0..255."""
    pixels = np.zeros(256, dtype=np.int64)
    last = {}
    for path in masks:
        counts = np.bincount(read_indices(path).ravel(), minlength=256)
        last.update(dict.fromkeys(np.flatnonzero(counts).tolist(), path))
        pixels += counts
    present = [index for index in np.flatnonzero(pixels).tolist() if index != IGNORE_INDEX]
    names = _read_names(root / _NAMES_FILE)
    if names is None and all(index < len(VOC_NAMES) for index in present):
        names = list(VOC_NAMES)
    indices = present if names is None else list(range(len(names)))
    unnamed = [index for index in present if index not in indices]
    if unnamed:
        raise DataError(
            f"has the index {unnamed[0]}, for which {_NAMES_FILE} has no line",
            where=last[unnamed[0]],
            remedy=f"Add the name to {root / _NAMES_FILE}, or mend the mask",
        )
    names = names or [f"class_{index}" for index in present]
    colors = {name: voc_color(index) for name, index in zip(names, indices, strict=True)}
    classes, labels = make_classes(names, colors=colors, background=False, where=root)
    table = np.full(256, IGNORE_INDEX, dtype=np.uint8)
    table[indices] = [labels[name] for name in names]
    return classes, table


def _read_names(path: Path) -> list[str] | None:
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"cannot be read ({error})", where=path, remedy="Copy the list again") from error
    return [line.strip() for line in lines if line.strip() and line.strip() != "__ignore__"]


def _is_image(path: Path) -> bool:
    return path.suffix.lower() in IMAGE_SUFFIXES and path.is_file() and not path.name.startswith(".")
