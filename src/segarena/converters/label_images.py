"""A label image for each image, as Cellpose, StarDist and ImageJ write them: each object has a number of its own.

Numbers are no classes: object 7 of one image and object 7 of another have nothing in common. All objects become one
class.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from segarena.annotations.annotations import Annotations, LabelledImage, Mask, check_mask_size, make_classes
from segarena.annotations.drawn import ONLY_CLASS
from segarena.annotations.peek import Peek
from segarena.annotations.reading import Faults
from segarena.classes import IGNORE_INDEX
from segarena.data.layout.layout import find_pairs
from segarena.data.source import Sample
from segarena.errors import DataError
from segarena.formats import listing, plural
from segarena.image_files.raw_masks import Places, Plane, read_plane

#: In all masks that are examined: different numbers of objects, and objects in one of them, at least.
_DIFFERENT, _MANY = 3, 8
#: Masks with fewer numbers are those of classes.
_FEW = 3
_SAMPLE = 16
#: Void beside numbers of objects, in 8 and 16 bits.
_VOIDS = (IGNORE_INDEX, 65535)


def recognise_label_images(peek: Peek) -> str | None:
    """Return what shows that masks number objects, from 1 to another number in each mask; None if nothing does."""
    try:
        samples = find_pairs(peek.root).samples
    except DataError:
        return None
    chosen = samples[:: max(1, len(samples) // _SAMPLE)]
    counts = set()
    for path in [sample.files[1] for sample in chosen if not sample.layers]:
        try:
            plane = read_plane(path)
        except DataError:
            return None
        values = _numbers(plane)
        if plane.colored or not np.array_equal(values, np.arange(1, len(values) + 1)):
            return None
        counts.add(len(values))
    if len(counts) < _DIFFERENT or max(counts) < _MANY:
        return None
    return f"masks like {peek.name(chosen[0].files[1])} number objects, up to {max(counts)} in an image"


def may_be_label_images(src: Path) -> bool:
    """Whether each image of a folder has one mask, and their highest numbers differ, unlike those of most classes.

    One mask alone needs several numbers. A folder in which no images and masks are found is no error here.
    """
    highest: set[int] = set()
    try:
        samples = find_pairs(src).samples
        for sample in samples:
            plane = read_plane(sample.files[1])
            if sample.layers or plane.colored:
                return False
            numbers = _numbers(plane)
            highest.add(int(numbers[-1]) if len(numbers) else 0)
            if len(highest) > 1 and max(highest) >= _FEW:
                return True
    except DataError:
        return False
    return len(samples) == 1 and len(numbers) >= _FEW


def _numbers(plane: Plane) -> Places:
    """The different numbers of objects, ascending: without 0, and without void."""
    numbers = np.unique(plane.values[plane.values > 0])
    return numbers if _find_void(numbers) is None else numbers[:-1]


def _find_void(values: Places) -> int | None:
    """The value that is void, 255 or 65535: the highest one, and not the number after that of another object."""
    highest = int(values.max(initial=0))
    return highest if highest in _VOIDS and not (values == highest - 1).any() else None


def read_label_images(src: Path) -> Annotations:
    """Read a folder of images and label images, of 8, 16 or 32 bits, that are paired as the masks of any folder.

    Class 0 is the background, the number 0; class 1, foreground, is every other number. 255 or 65535 is void where it
    is the highest number of a mask and the number before it is missing. Splits are those of any folder. Raises
    DataError.
    """
    layout = find_pairs(src)
    classes, _ = make_classes([ONLY_CLASS], where=src)
    images, faults = [], Faults()
    for sample in layout.samples:
        with faults:
            images.append(_make_image(sample))
    faults.check()
    orphans = ((layout.images_without_mask, "image", "mask"), (layout.masks_without_image, "mask", "image"))
    notes = ["every object is of the class foreground: numbers above 0 are objects"]
    notes += [
        f"{plural(len(left), one)} without {other}: left out ({listing([path.name for path in left])})"
        for left, one, other in orphans
        if left
    ]
    return Annotations(classes, tuple(images), tuple(notes))


def _make_image(sample: Sample) -> LabelledImage:
    image, mask = sample.files
    check_mask_size(mask, image)
    return LabelledImage(sample.name, sample.split, image, image.suffix.lower(), _Foreground(mask))


@dataclass(frozen=True)
class _Foreground:
    """A label image, read when it is written. Calling it raises DataError if it is damaged or has colours."""

    path: Path

    def __call__(self) -> Mask:
        plane = read_plane(self.path)
        if plane.colored:
            raise DataError(
                "has colours, not a number for each object",
                where=self.path,
                remedy="Save the label image with 16 bits of grey, not as a picture in colours",
            )
        if plane.clear is not None:
            raise DataError(
                "has transparent pixels, which may or may not be part of an object",
                where=self.path,
                remedy="Save the label image without transparency",
            )
        labels = (plane.values > 0).astype(np.uint8)
        void = _find_void(plane.values)
        if void is not None:
            labels[plane.values == void] = IGNORE_INDEX
        return labels
