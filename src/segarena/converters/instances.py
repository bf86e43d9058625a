"""A folder of instance masks for each image: the union of the masks of a class is the class."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np

from segarena.annotations.annotations import Annotations, LabelledImage, LeftOut, check_mask_size, make_classes
from segarena.annotations.image_index import split_of_folders, walk
from segarena.annotations.painting import Item, Painting
from segarena.annotations.peek import Peek
from segarena.annotations.rasterize import Cover, Region, Shape, crop
from segarena.annotations.reading import Faults
from segarena.converters.label_images import may_be_label_images, read_label_images, recognise_label_images
from segarena.errors import DataError
from segarena.image_files.headers import image_size
from segarena.image_files.images import PICTURE_SUFFIXES
from segarena.image_files.raw_masks import read_plane

_IMAGE_FOLDERS, _MASK_FOLDERS = frozenset({"image", "images"}), frozenset({"mask", "masks"})
_ONLY_CLASS = "foreground"
_MOST_LOOKED = 5  # images of which two masks are compared


def recognise_instances(peek: Peek) -> str | None:
    """Return what shows that there are several masks for an image, in a folder; None if nothing does."""
    items, _ = _find(peek.root, peek.images)
    most = max(items, key=lambda item: len(item.objects), default=None)
    if most is None or len(most.objects) < 2:
        return recognise_label_images(peek)
    return f"{peek.name(most.image)} has {len(most.objects)} masks in a folder of its own"


def read_instances(src: Path) -> Annotations:
    """Read ID/images/IMAGE with ID/masks/*.png (Data Science Bowl 2018), or images/ID.png with masks/ID/*.png.

    There may be CLASS/*.png in place of *.png, and CLASS/ID.png in place of ID/*.png: then the folder's name is the
    class, else it is foreground. Each mask is one object: its pixels above half of its highest value. Class 0 is the
    background, the others follow by name; the file order of the objects, for `--overlap file-order`, is that of their
    classes. Folders named train, val and test (stage1_train) are splits. Images without masks, and masks without an
    image, are left out. A folder with one mask for each image is read as label images (`label_images`). Raises
    DataError.
    """
    found, masks = _find(src, walk(src, PICTURE_SUFFIXES))
    labelled = [item for item in found if item.objects]
    if all(len(item.objects) < 2 for item in found) and may_be_label_images(src):
        return read_label_images(src)
    if not labelled:
        raise DataError(
            "has no image with a folder of masks",
            where=src,
            remedy="Put them into ID/images/IMAGE.png and ID/masks/*.png, or into images/ID.png and masks/ID/*.png; "
            "a folder with one mask of classes for each image needs no conversion",
        )
    _check_not_inverted(src, labelled)
    classes, labels = make_classes(sorted({name for item in labelled for _, name in item.objects}), where=src)
    converted = []
    faults = Faults()
    for item in labelled:
        for path, _ in item.objects:
            with faults:
                check_mask_size(path, item.image)
        objects = [Item(_MaskFile(path), labels[name]) for path, name in item.objects]
        objects.sort(key=lambda each: each.label)
        union = Painting(image_size(item.image), tuple(objects))
        split = split_of_folders(item.image.relative_to(src))
        converted.append(LabelledImage(item.name, split, item.image, item.image.suffix.lower(), union))
    faults.check()
    left_out = LeftOut()
    for item in found:
        left_out.add("image", "without masks: left out", item.image.relative_to(src), not item.objects)
    used = {path for item in labelled for path, _ in item.objects}
    for path in masks:
        left_out.add("mask", "without an image: left out", path.relative_to(src), path not in used)
    return Annotations(classes, tuple(converted), left_out.notes())


class _Item(NamedTuple):
    """An image with its masks, each with the name of its class."""

    image: Path
    name: str
    objects: list[tuple[Path, str]]


def _find(src: Path, paths: Iterable[Path]) -> tuple[list[_Item], list[Path]]:
    """The images with their masks, and all masks."""
    images: dict[Path, list[Path]] = defaultdict(list)
    masks: dict[Path, list[Path]] = defaultdict(list)
    for path in paths:
        parts = path.relative_to(src).parts
        for depth in range(len(parts) - 2, -1, -1):
            word = parts[depth].lower()
            if word in _IMAGE_FOLDERS | _MASK_FOLDERS:
                (images if word in _IMAGE_FOLDERS else masks)[src.joinpath(*parts[:depth])].append(path)
                break
    items = [item for folder in sorted(images) for item in _pair(src, folder, images[folder], masks.get(folder, []))]
    return items, [path for paths in masks.values() for path in paths]


def _pair(src: Path, folder: Path, images: list[Path], masks: list[Path]) -> list[_Item]:
    """The images of a folder with their masks."""
    relative = folder.relative_to(src)
    within = [(path, path.relative_to(folder).parts[1:-1]) for path in masks]  # the folders between masks/ and the file
    stems = {image.stem for image in images}
    if len(images) == 1 and not any(parts and parts[0] in stems for _, parts in within):
        name = images[0].stem if folder == src else relative.as_posix()
        return [_Item(images[0], name, [(path, parts[0] if parts else _ONLY_CLASS) for path, parts in within])]
    by_image: dict[str, list[tuple[Path, str]]] = defaultdict(list)
    for path, parts in within:
        if parts and parts[0] in stems:
            by_image[parts[0]].append((path, parts[1] if len(parts) > 1 else _ONLY_CLASS))
        elif parts and path.stem in stems:
            by_image[path.stem].append((path, parts[0]))
    return [_Item(image, (relative / image.stem).as_posix(), by_image.get(image.stem, [])) for image in images]


@dataclass(frozen=True)
class _MaskFile(Shape):
    """The mask of one object, read when it is painted. Raises DataError if the file is damaged."""

    path: Path

    def cover(self, height: int, width: int) -> Cover:
        return crop(_read_region(self.path))


def _check_not_inverted(src: Path, items: Sequence[_Item]) -> None:
    """Raise DataError if two masks of an image cover most of it, and each other, in all of the images looked at."""
    looked = 0
    for item in items:
        of_a_class = [path for path, name in item.objects if name == item.objects[0][1]]
        if len(of_a_class) < 2:
            continue
        try:
            one, other = map(_read_region, of_a_class[:2])
        except DataError:  # all damaged masks are named when they are painted
            continue
        if one.shape != other.shape or min(one.mean(), other.mean()) <= 0.5 or (one & other).mean() <= 0.5:
            return
        looked += 1
        if looked == _MOST_LOOKED:
            break
    if looked:
        example = items[0].objects[0][0].relative_to(src).as_posix()
        raise DataError(
            f"each mask covers most of its image and of the other masks, e.g. {example}: they seem to be white outside "
            "the objects",
            where=src,
            remedy="Save each mask with 255 in the object and 0 outside",
        )


def _read_region(path: Path) -> Region:
    plane = read_plane(path)
    if plane.clear is not None:
        raise DataError(
            "has transparent pixels, which may or may not be part of the object",
            where=path,
            remedy="Save the instance masks without transparency: 0 outside, 255 inside",
        )
    is_colored = plane.colored or plane.palette is not None
    values = plane.colors(path) if is_colored else plane.values
    brightness = np.max([values >> 16, values >> 8 & 255, values & 255], axis=0) if is_colored else values
    region: Region = brightness > brightness.max() / 2
    return region
