"""A folder of instance masks for each image: the union of the masks of a class is the class."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from segarena.data.converters.annotations import Annotations, LabelledImage, fitting_size, make_classes
from segarena.data.converters.image_index import split_of_folders, walk
from segarena.data.converters.parsing import entry
from segarena.data.converters.rasterize import Mask, Region
from segarena.data.files.images import IMAGE_SUFFIXES
from segarena.data.files.raw_masks import read_plane
from segarena.errors import DataError
from segarena.formats import plural

_IMAGES, _MASKS = frozenset({"image", "images"}), frozenset({"mask", "masks"})
_ONLY_CLASS = "foreground"


@dataclass(frozen=True)
class Union:
    """The masks of one image by label; calling it paints them, later labels over earlier ones."""

    size: tuple[int, int]
    masks: tuple[tuple[Path, int], ...]

    def __call__(self) -> Mask:
        """Return (H, W) uint8. Raises DataError where a mask is damaged."""
        painted = np.zeros(self.size, dtype=np.uint8)
        for path, label in self.masks:
            painted[_read_region(path)] = label
        return painted


def read_instances(src: Path) -> Annotations:
    """Read ID/images/IMAGE with ID/masks/*.png (Data Science Bowl 2018), or images/ID.png with masks/ID/*.png.

    In place of *.png there may be CLASS/*.png, and in place of ID/ CLASS/ID.png: then the folder's name is the class,
    else it is foreground. Each mask is one object: what is above half of its brightest value. Class 0 is the
    background, the others follow by name, later ones over earlier ones. Folders called train, val and test
    (stage1_train) divide the images; images without masks, and masks without an image, are left out. Raises DataError.
    """
    images: dict[Path, list[Path]] = defaultdict(list)
    masks: dict[Path, list[Path]] = defaultdict(list)
    for path in walk(src, IMAGE_SUFFIXES):
        parts = path.relative_to(src).parts
        for depth in range(len(parts) - 2, -1, -1):
            word = parts[depth].lower()
            if word in _IMAGES | _MASKS:
                (images if word in _IMAGES else masks)[src.joinpath(*parts[:depth])].append(path)
                break
    found = [item for folder in sorted(images) for item in _pair(src, folder, images[folder], masks.get(folder, []))]
    labelled = [item for item in found if item[2]]
    if not labelled:
        raise DataError(
            "has no image with a folder of masks",
            where=src,
            remedy="Lay it out as ID/images/IMAGE.png and ID/masks/*.png, or as images/ID.png and masks/ID/*.png; "
            "a folder with one mask for each image needs no conversion",
        )
    names = sorted({name for _, _, objects in labelled for _, name in objects})
    classes, labels = make_classes(names, where=src)
    converted = []
    for image, name, objects in labelled:
        with entry(image, "image"):
            size = fitting_size(image)
        for path, _ in objects:
            with entry(path, "mask"):
                fitting_size(image, *fitting_size(path))
        union = Union(size, tuple(sorted(((path, labels[kind]) for path, kind in objects), key=lambda item: item[1])))
        split = split_of_folders(image.relative_to(src))
        converted.append(LabelledImage(name, split, image, image.suffix.lower(), union))
    bare = len(found) - len(labelled)
    lonely = sum(map(len, masks.values())) - sum(len(objects) for _, _, objects in labelled)
    notes = [f"{plural(bare, 'image')} without masks: left out"] if bare else []
    notes += [f"{lonely} masks without an image: left out"] if lonely else []
    return Annotations(classes, tuple(converted), tuple(notes))


def _pair(
    src: Path, folder: Path, images: list[Path], masks: list[Path]
) -> list[tuple[Path, str, list[tuple[Path, str]]]]:
    """Each image of a folder with its name and its masks, each with the name of its class."""
    relative = folder.relative_to(src)
    within = [(path, path.relative_to(folder).parts[1:-1]) for path in masks]  # the folders between masks/ and the file
    stems = {image.stem for image in images}
    if len(images) == 1 and not any(parts and parts[0] in stems for _, parts in within):
        name = images[0].stem if folder == src else relative.as_posix()
        return [(images[0], name, [(path, parts[0] if parts else _ONLY_CLASS) for path, parts in within])]
    by_image: dict[str, list[tuple[Path, str]]] = defaultdict(list)
    for path, parts in within:
        if parts and parts[0] in stems:
            by_image[parts[0]].append((path, parts[1] if len(parts) > 1 else _ONLY_CLASS))
        elif parts and path.stem in stems:
            by_image[path.stem].append((path, parts[0]))
    return [(image, (relative / image.stem).as_posix(), by_image.get(image.stem, [])) for image in images]


def _read_region(path: Path) -> Region:
    plane = read_plane(path)
    if plane.clear is not None:
        raise DataError(
            "is transparent, so that black and nothing look alike",
            where=path,
            remedy="Save the instance masks without transparency: 0 outside, 255 inside",
        )
    colored = plane.colored or plane.palette is not None
    values = plane.colors(path) if colored else plane.values
    bright = np.max([values >> 16, values >> 8 & 255, values & 255], axis=0) if colored else values
    region: Region = bright > bright.max() / 2
    return region
