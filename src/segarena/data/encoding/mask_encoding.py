"""What the values in mask files mean: the classes, and a table from each value to its label. Masks read by it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from segarena.classes import IGNORE_INDEX, ClassTable, Value
from segarena.data.files.raw_masks import Places, read_plane
from segarena.errors import DataError
from segarena.formats import listing

EncodingKind = Literal["index", "two-level", "color"]

#: What an error about mask values advises.
DECLARE = "declare what each value means in a classes.yaml beside the folders of images and masks"

_UNDECLARED = -1


@dataclass(frozen=True)
class MaskEncoding:
    """What the values in the mask files mean.

    `kind`: "index" (a number per class), "two-level" (a low and a high grey, e.g. 0 and 255) or "color" ([r, g, b]).
    `lookup`: the label of each file value, -1 where it is undeclared; int16, 65536 entries, or 2**24 for colours,
    whose place is r * 65536 + g * 256 + b. `by_grey`: the numbers of palette files are the greys of their palettes and
    not the indices. `note` says what was done with values that are no class's own, if any.
    """

    kind: EncodingKind
    classes: ClassTable
    lookup: NDArray[np.int16] = field(repr=False, compare=False)
    by_grey: bool = False
    note: str = ""

    @property
    def sentence(self) -> str:
        """One sentence for people: the kind, each value and its class, the void values."""
        shown = listing([f"{show(entry.value)} = {entry.name}" for entry in self.classes.classes], 12)
        void = ", ".join(show(value) for value in self.classes.ignore)
        note = f"; {self.note}" if self.note else ""
        return f"{self.kind} masks: {shown}; " + (f"void: {void}" if void else "no void") + note

    def labels(self, places: Places, one_bit: bool, path: Path) -> NDArray[np.int16]:
        """Look up numbers or packed colours, of any shape; 255 is void. Raises DataError for an undeclared one."""
        if one_bit and not 0 <= self.lookup[IGNORE_INDEX] < IGNORE_INDEX:
            places = places // 255  # the classes are the bit itself, 0 and 1
        labels = np.take(self.lookup, places)
        if labels.size and labels.min() == _UNDECLARED:
            raise undeclared(path, int(places[labels == _UNDECLARED][0]), self.kind)
        return labels


def read_mask(path: Path, encoding: MaskEncoding) -> NDArray[np.uint8]:
    """Read a mask file.

    Args:
        path: The file. One with a palette is read by its indices, unless the classes are colours.
        encoding: What the values of all masks of its set mean.

    Returns:
        (H, W) uint8 labels: 0..num_classes - 1, and 255 for void.

    Raises:
        DataError: The file is damaged, or holds a value that the encoding does not have.
    """
    plane = read_plane(path)
    color = encoding.kind == "color"
    places = plane.colors(path) if color else plane.numbers(path, encoding.by_grey)
    return encoding.labels(places, plane.one_bit and not color, path).astype(np.uint8)


def resize_mask(labels: NDArray[np.uint8], height: int, width: int) -> NDArray[np.uint8]:
    """(H, W) labels -> (height, width), each the label at its pixel's centre: never a mixture of two."""
    rows = ((np.arange(height) + 0.5) * labels.shape[0] / height).astype(np.intp)
    columns = ((np.arange(width) + 0.5) * labels.shape[1] / width).astype(np.intp)
    resized: NDArray[np.uint8] = labels[rows[:, None], columns]
    return resized


def exact_encoding(kind: EncodingKind, classes: ClassTable) -> MaskEncoding:
    """Each class and each void value is one value in the files, and nothing else is allowed."""
    lookup = np.full(2**24 if kind == "color" else 2**16, _UNDECLARED, dtype=np.int16)
    lookup[[place_of(value) for value in classes.ignore]] = IGNORE_INDEX
    lookup[[place_of(entry.value) for entry in classes.classes]] = np.arange(classes.num_classes)
    return MaskEncoding(kind, classes, lookup)


def cut_encoding(classes: ClassTable, cut: float, num_levels: int) -> MaskEncoding:
    """Two levels with soft edges: numbers below `cut` belong to the class of the lower value, others to the upper."""
    low, high = np.argsort([place_of(entry.value) for entry in classes.classes])
    lookup = np.where(np.arange(2**16) < cut, low, high).astype(np.int16)
    note = f"{num_levels} grey levels of soft edges are cut halfway, at {cut:g}"
    return MaskEncoding("two-level", classes, lookup, note=note)


def snapped_encoding(classes: ClassTable, strays: NDArray[np.int64], labels: NDArray[np.int64]) -> MaskEncoding:
    """Colours exactly, and `strays` (S,), packed colours that softening or compression made, with their `labels`."""
    encoding = exact_encoding("color", classes)
    own = encoding.lookup[strays] != _UNDECLARED
    encoding.lookup[strays[~own]] = labels[~own]
    note = f"{int((~own).sum())} other colours, of soft edges or compression, count as the nearest of these"
    return MaskEncoding("color", classes, encoding.lookup, note=note)


def place_of(value: Value) -> int:
    """A number itself, a colour packed into one number."""
    return value if isinstance(value, int) else value[0] << 16 | value[1] << 8 | value[2]


def unpack(places: NDArray[Any]) -> NDArray[np.int64]:
    """Packed colours (...) -> (..., 3), 0..255."""
    wide = np.asarray(places, dtype=np.int64)
    return np.stack([wide >> 16, wide >> 8 & 255, wide & 255], axis=-1)


def show(value: Value) -> str:
    """A mask value as classes.yaml has it."""
    return str(value) if isinstance(value, int) else f"[{value[0]}, {value[1]}, {value[2]}]"


def show_place(place: int, kind: EncodingKind) -> str:
    """The mask value at a place of the lookup table, as classes.yaml has it."""
    return show((place >> 16, place >> 8 & 255, place & 255) if kind == "color" else place)


def undeclared(path: Path, place: int, kind: EncodingKind) -> DataError:
    """The error about a value that no class has."""
    return DataError(
        f"holds the value {show_place(place, kind)}, which is neither a class nor void",
        where=path,
        remedy="Add it to `classes` or to `ignore` in classes.yaml, or mend the mask",
    )


def one_class(paths: Sequence[Path], seen: str) -> DataError:
    """The error about masks in which nothing can be told apart."""
    return DataError(
        f"all {len(paths)} masks hold {seen}",
        where=paths[0].parent,
        remedy="Check that these are the masks; a comparison needs two classes at least",
    )
