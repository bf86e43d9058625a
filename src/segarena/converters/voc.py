"""PASCAL VOC's layout (VOC2012 development kit, 3.1 and 6.1): JPEGImages, SegmentationClass, ImageSets."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePath

import numpy as np
from numpy.typing import NDArray

from segarena.annotations.annotations import (
    Annotations,
    Color,
    LabelledImage,
    LeftOut,
    Malformed,
    Mask,
    check_mask_size,
    entry,
    make_classes,
)
from segarena.annotations.image_index import split_of_file, walk
from segarena.annotations.peek import Peek
from segarena.annotations.reading import Faults
from segarena.classes import IGNORE_INDEX, ClassTable
from segarena.converters.voc_names import VOC_NAMES, Names, are_vocs, read_lines, read_names, voc_color
from segarena.data.source import Split
from segarena.errors import DataError
from segarena.formats import join_words, plural
from segarena.image_files.images import PICTURE_SUFFIXES
from segarena.image_files.raw_masks import read_plane

_IMAGES, _MASKS = "JPEGImages", "SegmentationClass"


def recognise_voc(peek: Peek) -> str | None:
    """Return what shows that there is VOC's layout; None if nothing does."""
    folders = {path.parent for path in peek.images}
    found = next((f for f in sorted(folders) if f.name == _MASKS and f.with_name(_IMAGES) in folders), None)
    return None if found is None else f"{found.parent.resolve().name}/ has {_IMAGES}/ and {_MASKS}/"


def read_voc(src: Path) -> Annotations:
    """Read the folder that holds SegmentationClass, anywhere below `src`. Raises DataError.

    Masks are read by index; 255 is void. Class names are those of labelmap.txt, class_names.txt or the like beside the
    masks, else VOC's 21 if the set is VOC's own, else class_N for each N that occurs. Masks in colours are read by the
    colours of labelmap.txt.

    Splits are the lists train, val and test in ImageSets/Segmentation, else those with such a word in their names. If
    no list is named for a split, the images of all lists are used, without splits; if there is no list, all images
    with a mask. A list of which no image has a mask is left out: the masks of VOC's test are not public.
    """
    root = _find_root(src)
    masks = {path.stem: path for path in sorted((root / "SegmentationClass").iterdir()) if _is_image(path)}
    images = {path.stem: path for path in sorted((root / "JPEGImages").iterdir()) if _is_image(path)}
    splits, notes = _read_lists(root, masks)
    faults = Faults()
    for stem in splits:
        with faults:
            if stem not in images:
                raise DataError(
                    "does not exist, but has a mask",
                    where=root / "JPEGImages" / f"{stem}.jpg",
                    remedy="Add the image, or remove its mask and its lines in ImageSets",
                )
            check_mask_size(masks[stem], images[stem])
    faults.check()
    classes, tables = _read_classes(root, {stem: masks[stem] for stem in splits}, notes)
    converted = [
        LabelledImage(stem, split, images[stem], images[stem].suffix.lower(), tables[stem])
        for stem, split in splits.items()
    ]
    left_out = LeftOut()
    for stem, path in masks.items():
        left_out.add("mask", "in no list: left out", path.name, stem not in splits)
    return Annotations(classes, tuple(converted), (*notes, *left_out.notes()))


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


@dataclass(frozen=True)
class _IndexMask:
    """A palette or grey mask file and the label of each index, (256,) uint8; calling it gives the mask."""

    path: Path
    table: NDArray[np.uint8]

    def __call__(self) -> Mask:
        labels: Mask = self.table[read_indices(self.path)]
        return labels


@dataclass(frozen=True)
class _ColorMask:
    """A mask file in colours and the label of each colour (red in the highest byte); calling it gives the mask."""

    path: Path
    labelmap: Path
    labels: Mapping[int, int]
    shared: Mapping[int, list[str]]
    """Colours that the labelmap gives to several classes, and their names; they have no label."""

    def __call__(self) -> Mask:
        """Return the mask. Raises DataError if a colour is not in the labelmap, or there for several classes."""
        colors = read_plane(self.path).colors(self.path)
        values, place = np.unique(colors, return_inverse=True)
        unknown = [value for value in values.tolist() if value not in self.labels]
        if unknown:
            color = f"{unknown[0] >> 16},{unknown[0] >> 8 & 255},{unknown[0] & 255}"
            if unknown[0] in self.shared:
                raise DataError(
                    f"has the colour {color}, which {self.labelmap.name} gives to"
                    f" {join_words([repr(name) for name in self.shared[unknown[0]]])}",
                    where=self.path,
                    remedy="Give each class a colour of its own in the labelling tool, and export the masks again",
                )
            raise DataError(
                f"has the colour {color}, which is not in {self.labelmap.name}",
                where=self.path,
                remedy=f"Add the colour to {self.labelmap}, or fix the mask",
            )
        table = np.array([self.labels[value] for value in values.tolist()], dtype=np.uint8)
        mask: Mask = table[place].reshape(colors.shape)
        return mask


def _is_image(path: Path) -> bool:
    return path.suffix.lower() in PICTURE_SUFFIXES and path.is_file() and not path.name.startswith(".")


def _find_root(src: Path) -> Path:
    folders = {path.parent for path in walk(src, PICTURE_SUFFIXES)}
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
    faults = Faults()
    for path in named or lists:
        split = split_of_file(PurePath(path.name)) if named else None
        stems = read_lines(path) or []
        missing = {stem for stem in stems if stem not in masks}
        if stems and missing.issuperset(stems):
            notes.append(f"{path.name}: none of its {plural(len(stems), 'image')} has a mask: left out")
            continue
        for stem in stems:
            with faults, entry(path, stem):
                if stem in missing:
                    raise Malformed(f"the mask {root / 'SegmentationClass' / stem}.png does not exist")
                if list_of.setdefault(stem, path) != path and splits[stem] != split:
                    raise Malformed(f"is in {list_of[stem].name}, too, but an image is in one split only")
                splits[stem] = split
    faults.check()
    return splits, notes


def _read_classes(
    root: Path, masks: Mapping[str, Path], notes: list[str]
) -> tuple[ClassTable, dict[str, Callable[[], Mask]]]:
    """The classes, and for each stem the function that gives the mask."""
    labelmap = read_names(root, ())
    if labelmap is not None and labelmap.colors and _are_in_its_colors(labelmap, masks):
        return _read_colors(labelmap, masks)
    mask_with: dict[int, Path] = {}
    faults = Faults()
    for path in masks.values():
        with faults:
            counts = np.bincount(read_indices(path).ravel())
            mask_with.update(dict.fromkeys(np.flatnonzero(counts).tolist(), path))
    faults.check()
    present = sorted(set(mask_with) - {IGNORE_INDEX})
    found = read_names(root, present)
    names = None if found is None else list(found.names)
    if found is None and are_vocs(list(masks), mask_with):
        names = list(VOC_NAMES)
    indices = present if names is None else list(range(len(names)))
    unnamed = [index for index in present if index not in indices]
    if unnamed and found is not None:
        raise DataError(
            f"has the index {unnamed[0]}, for which {found.path.name} has no line",
            where=mask_with[unnamed[0]],
            remedy=f"Add the name to {found.path}, or fix the mask",
        )
    if names is None:
        notes.append("classes are named by their numbers: the masks are not VOC's, and no labelmap.txt is beside them")
    names = names or [f"class_{index}" for index in present]
    colors = {name: voc_color(index) for name, index in zip(names, indices, strict=True)}
    colors.update(found.colors if found is not None else {})
    classes, labels = make_classes(names, colors=colors, background=False, where=root)
    table = np.full(256, IGNORE_INDEX, dtype=np.uint8)
    table[indices] = [labels[name] for name in names]
    return classes, {stem: _IndexMask(path, table) for stem, path in masks.items()}


def _are_in_its_colors(labelmap: Names, masks: Mapping[str, Path]) -> bool:
    """Whether the masks are colour images, or palette files with no colour but those of the labelmap."""
    known = [_number(color) for color in (*labelmap.colors.values(), voc_color(IGNORE_INDEX))]
    for path in masks.values():
        plane = read_plane(path)
        if plane.colored:
            return True
        if plane.palette is None or not np.isin(plane.colors(path), known).all():
            return False
    return bool(masks)


def _read_colors(labelmap: Names, masks: Mapping[str, Path]) -> tuple[ClassTable, dict[str, Callable[[], Mask]]]:
    """The same for masks in the colours of a labelmap.txt; the colour of index 255 is void."""
    classes, labels = make_classes(labelmap.names, colors=labelmap.colors, background=False, where=labelmap.path)
    names_of: dict[int, list[str]] = defaultdict(list)
    for name, color in labelmap.colors.items():
        names_of[_number(color)].append(name)
    shared = {number: names for number, names in names_of.items() if len({labels[name] for name in names}) > 1}
    label_of = {_number(voc_color(IGNORE_INDEX)): IGNORE_INDEX}
    label_of |= {number: labels[names[0]] for number, names in names_of.items()}
    label_of = {number: label for number, label in label_of.items() if number not in shared}
    return classes, {stem: _ColorMask(path, labelmap.path, label_of, shared) for stem, path in masks.items()}


def _number(color: Color) -> int:
    return color[0] << 16 | color[1] << 8 | color[2]
