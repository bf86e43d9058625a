"""What all readers of annotations share: the data set that they return, its notes, and how they check entries."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from math import isfinite
from pathlib import Path, PurePath
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segarena.classes import IGNORE_INDEX, ClassTable
from segarena.data.source import Split
from segarena.errors import DataError
from segarena.formats import listing, plural, shorten
from segarena.image_files.headers import image_size

#: (H, W), class indices, 255 = void.
Mask = NDArray[np.uint8]
#: (N, 2), x and y of each corner, in pixels.
Outline = NDArray[np.float64]
#: Red, green, blue, 0..255.
Color = tuple[int, int, int]

#: Names of the class of all pixels without an object; LabelMe's examples use the second.
BACKGROUND = frozenset({"background", "_background_"})

_FARTHEST = 1e7  # pixels
_MOST_NAMES = 5
#: What is counted where an object is left out, for `LeftOut`.
_OBJECTS = frozenset({"object", "tag", "shape"})


@dataclass(frozen=True)
class LabelledImage:
    """One image and its mask."""

    name: str
    """The image's path without its ending, `/` between folders."""
    split: Split | None
    image: Path | Callable[[], bytes]
    """The image file, or a function that returns its bytes."""
    suffix: str
    """The ending of the image file to write, with its dot."""
    labels: Callable[[], Mask]
    """A function that returns the mask, of the size at which the image is displayed."""


@dataclass(frozen=True)
class Annotations:
    """A data set as its annotations describe it."""

    classes: ClassTable
    images: tuple[LabelledImage, ...]
    notes: tuple[str, ...] = ()
    """Sentences on what is left out."""


class LeftOut:
    """Counts of what is left out, for the notes of `Annotations`."""

    def __init__(self) -> None:
        self._counts: Counter[tuple[str, str]] = Counter()
        self._names: dict[tuple[str, str], dict[str, None]] = {}

    def add(self, noun: str, reason: str, name: object = None, count: int = 1) -> None:
        """Count something.

        Args:
            noun: What it is, in the singular: "polyline".
            reason: What is done with it and why: "without an area: left out".
            name: The file that it is in.
            count: How many there are.
        """
        if count:
            self._counts[noun, reason] += count
            self._names.setdefault((noun, reason), {})
            if name is not None:
                self._names[noun, reason][name.as_posix() if isinstance(name, PurePath) else str(name)] = None

    def check_objects(self, any_left: bool, where: object) -> None:
        """Raise DataError if there are objects and none is left: every mask would be all background.

        Args:
            any_left: Whether any object is painted.
            where: The file or folder, for the message.
        """
        if any_left or not any(noun in _OBJECTS for noun, _ in self._counts):
            return
        sentences = [note for (noun, _), note in zip(self._counts, self.notes(), strict=True) if noun in _OBJECTS]
        raise DataError(
            f"has no object with an area: {'; '.join(sentences)}",
            where=where,
            remedy="Export polygons or masks: points, lines, tags and boxes do not say which pixels an object has",
        )

    def notes(self) -> tuple[str, ...]:
        """Return a sentence for each reason, in the order in which they were met."""
        notes = []
        for (noun, reason), count in self._counts.items():
            names = list(self._names[noun, reason])
            where = f" ({listing(names, _MOST_NAMES)})" if names else ""
            notes.append(f"{plural(count, noun)} {reason}{where}")
        return tuple(notes)


def make_classes(
    names: Sequence[str], *, colors: Mapping[str, Color] | None = None, background: bool = True, where: object
) -> tuple[ClassTable, dict[str, int]]:
    """Make the class table. A label is also the value in the masks to write; 255 is void.

    Args:
        names: The classes in the order of their labels.
        colors: Colours by name; other classes get default colours.
        background: Whether class 0 is the background: the name in `BACKGROUND`, or else one that is added. Several of
            these names are one class.
        where: The file or folder, for messages.

    Returns:
        The table, and the label of each name.

    Raises:
        DataError: A name cannot be displayed or occurs twice, or there is only one class, or more than 255.
    """
    ordered = list(names)
    grounds = [name for name in ordered if name.lower() in BACKGROUND]
    ordered = [name for name in ordered if name not in grounds[1:]]
    if background:
        own = grounds[0] if grounds else "background"
        ordered = [own, *(name for name in ordered if name != own)]
    unreadable = [name for name in ordered if not name.strip() or not name.isprintable()]
    if unreadable:
        raise DataError(
            f"has a class named {unreadable[0]!r}", where=where, remedy="Give it a name that can be displayed"
        )
    if len(ordered) < 2:
        only = f"only the class {ordered[0]!r}" if ordered else "no class"
        raise DataError(
            f"has {only}",
            where=where,
            remedy="Check that these are the right annotations: at least two classes are needed, background included",
        )
    if len(ordered) > IGNORE_INDEX:
        raise DataError(
            f"has {len(ordered)} classes, background included; a mask can hold {IGNORE_INDEX}",
            where=where,
            remedy="Merge or remove classes",
        )
    content = {
        "classes": [
            {
                "name": "background" if name.lower() in BACKGROUND else name,
                "value": label,
                "color": list((colors or {}).get(name, ())),
                "background": background and label == 0,
            }
            for label, name in enumerate(ordered)
        ],
        "ignore": [IGNORE_INDEX],
    }
    labels = {name: label for label, name in enumerate(ordered)}
    for name in grounds[1:]:
        labels[name] = labels[grounds[0]]
    return ClassTable.from_dict(content, where=where), labels


# Checks


class Malformed(Exception):  # noqa: N818 - no user sees it: `entry` makes a DataError of it
    """An entry of an annotation file is wrong; the message describes how."""

    def __init__(self, what: str, remedy: str = "Fix or remove the entry, or export the annotations again") -> None:
        super().__init__(what)
        self.remedy = remedy


@contextmanager
def entry(path: Path, name: str) -> Iterator[None]:
    """Turn a Malformed within into a DataError that names the file and the entry."""
    try:
        yield
    except Malformed as error:
        raise DataError(f"{name}: {error}", where=path, remedy=error.remedy) from error


def read_member(content: object, key: str, *kinds: type) -> Any:
    """Return `content[key]`. Raises Malformed if it is missing or is not one of `kinds`."""
    if not isinstance(content, dict) or key not in content:
        raise Malformed(f"has no {key!r}")
    value = content[key]
    if not isinstance(value, kinds) or isinstance(value, bool):
        raise Malformed(f"{key!r} is {show(value)}")
    return value


def read_id(content: object, key: str) -> int | str:
    """Return an id, `content[key]`: a number written as text is that number. Raises Malformed if it is no id."""
    value: int | str = read_member(content, key, int, str)
    return int(value) if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 19 else value


def read_coordinate(value: object) -> float:
    """Return a coordinate in pixels from a number or its text. Raises Malformed if it is none, or far off any image."""
    try:
        result = float(value) if isinstance(value, (int, float, str)) and not isinstance(value, bool) else float("nan")
    except (ValueError, OverflowError):
        result = float("nan")
    if not isfinite(result) or abs(result) > _FARTHEST:
        raise Malformed(f"{show(value)} is not a coordinate in pixels")
    return result


def read_outline(coordinates: Sequence[object]) -> Outline:
    """Return x0, y0, x1, y1, ... as (N, 2). Raises Malformed for an odd count or something that is no coordinate."""
    if len(coordinates) % 2:
        raise Malformed(f"the polygon has {plural(len(coordinates), 'coordinate')}, an odd number")
    if {int, float}.issuperset(map(type, coordinates)):  # of numbers alone, in a tenth of the time
        with suppress(OverflowError):
            corners = np.array(coordinates, dtype=np.float64)
            if (np.abs(corners) <= _FARTHEST).all():  # NaN is not
                return corners.reshape(-1, 2)
    return np.array([read_coordinate(value) for value in coordinates]).reshape(-1, 2)


def read_size(image: Path, height: object = None, width: object = None) -> tuple[int, int]:
    """Return the (height, width) at which an image is displayed.

    Raises Malformed if `height` and `width`, as declared by the annotation, differ, DataError if the image cannot be
    read.
    """
    size = image_size(image)
    check_size(size, height, width, image)
    return size


def check_size(size: tuple[int, int], height: object, width: object, image: object) -> None:
    """Raise Malformed if a declared height and width are not the `size` at which the image is displayed.

    Exporters without access to the image write None, 0 or -1, which declares nothing.
    """
    if is_size(height, width) and (height, width) != size:
        raise Malformed(
            f"was annotated at {width} x {height} pixels, but {image} is displayed at {size[1]} x {size[0]}",
            remedy="Use the images that were annotated, not resized or turned, or export the annotations again",
        )


def is_size(height: object, width: object) -> bool:
    """Whether a height and a width are declared at all: neither is None, 0 or negative."""
    return all(value is not None and not (isinstance(value, (int, float)) and value <= 0) for value in (height, width))


def check_mask_size(mask: Path, image: Path) -> None:
    """Raise DataError if a mask file has not the size at which its image is displayed."""
    (height, width), (image_height, image_width) = image_size(mask), image_size(image)
    if (height, width) != (image_height, image_width):
        raise DataError(
            f"is {width} x {height} pixels, but its image {image} is {image_width} x {image_height}",
            where=mask,
            remedy="Export the mask in the size at which the image is displayed",
        )


def show(value: object) -> str:
    """Return a value as messages show it, on one line and of at most 60 characters."""
    return shorten(repr(value), 60)
