"""What every reader of annotations returns: the classes, and each image with the way to its mask."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from segarena.classes import DEFAULT_COLORS, IGNORE_INDEX, ClassTable
from segarena.data.converters.rasterize import Malformed, Mask, Shape
from segarena.data.files.image_io import image_size
from segarena.data.source import Split
from segarena.errors import DataError

Color = tuple[int, int, int]

#: Names of the class that is everything else; LabelMe's examples write the second.
BACKGROUND = frozenset({"background", "_background_"})


@dataclass(frozen=True)
class LabelledImage:
    """One image: `name` is its path without the ending, `image` its file or what gives the file's bytes.

    `suffix` is the ending of the file to write. `labels()` gives the mask, (H, W) uint8: class indices, 255 = void, of
    the size at which the image is shown.
    """

    name: str
    split: Split | None
    image: Path | Callable[[], bytes]
    suffix: str
    labels: Callable[[], NDArray[np.uint8]]


@dataclass(frozen=True)
class Annotations:
    """A data set as its annotations tell it; `notes` are sentences on what was left out."""

    classes: ClassTable
    images: tuple[LabelledImage, ...]
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Painting:
    """A mask of `size` (height, width) that is painted object by object, later ones over earlier ones."""

    size: tuple[int, int]
    objects: tuple[tuple[Shape, int], ...]

    def __call__(self) -> Mask:
        mask = np.zeros(self.size, dtype=np.uint8)
        for shape, label in self.objects:
            shape.paint(mask, label)
        return mask


def make_classes(
    names: Sequence[str], *, colors: Mapping[str, Color] | None = None, background: bool = True, where: object
) -> tuple[ClassTable, dict[str, int]]:
    """The class table, and the label of each name. Labels are also the mask values; 255 is void.

    With `background` class 0 is the name that says so, or else one is put in front. Raises DataError where a name
    cannot be shown or is there twice, or where there are too few or too many classes.
    """
    ordered = list(names)
    if background:
        own = next((name for name in ordered if name.lower() in BACKGROUND), None)
        ordered = [own or "background", *(name for name in ordered if name != own)]
    unreadable = [name for name in ordered if not name.strip() or not name.isprintable()]
    if unreadable:
        raise DataError(
            f"a class is called {unreadable[0]!r}", where=where, remedy="Give it a name that can be shown on one line"
        )
    if len(ordered) > IGNORE_INDEX:
        raise DataError(
            f"has {len(ordered)} classes with the background; a mask can tell {IGNORE_INDEX} apart",
            where=where,
            remedy="Merge or remove classes",
        )
    content = {
        "classes": [
            {
                "name": "background" if name.lower() in BACKGROUND else name,
                "value": label,
                "color": list((colors or {}).get(name, DEFAULT_COLORS[label % len(DEFAULT_COLORS)])),
            }
            for label, name in enumerate(ordered)
        ],
        "ignore": [IGNORE_INDEX],
    }
    return ClassTable.from_dict(content, where=where), {name: label for label, name in enumerate(ordered)}


def fitting_size(image: Path, height: object = None, width: object = None) -> tuple[int, int]:
    """The (height, width) at which an image is shown, as the annotation declares it, if it does.

    Raises Malformed where it declares another size, DataError where the image cannot be read.
    """
    size = image_size(image)
    check_size(size, height, width, image)
    return size


def check_size(size: tuple[int, int], height: object, width: object, image: object) -> None:
    """Raise Malformed where a declared height and width are not the `size` at which the image is shown."""
    if None not in (height, width) and (height, width) != size:
        raise Malformed(f"was made for {width} x {height} pixels, but {image} is shown with {size[1]} x {size[0]}")
