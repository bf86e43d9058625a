"""The encoding of mask files: the classes, and a table with the label of each value; reading a mask with it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from segarena.classes import IGNORE_INDEX, ClassTable, Value
from segarena.classes.values import MINUS_ONE
from segarena.data.source import MaskFiles
from segarena.errors import DataError
from segarena.formats import command, join_words, listing, plural, shorten
from segarena.image_files.layers import read_layers
from segarena.image_files.raw_masks import Places, read_plane

EncodingKind = Literal["index", "two-level", "color", "layer"]

#: Part of the remedies of errors about the values in masks.
DECLARE = "declare what each value means in a classes.yaml beside the folders of images and masks"

_UNDECLARED = -1


class MergedValue(NamedTuple):
    """A value that is not a class and counts as one, though its pixels are not those of soft edges.

    Attributes:
        value: RGB of 0..255, or a number.
        pixels: How many pixels have it, or nearly.
        name: The class that they count as, or "void".
        masks: The files that have it.
    """

    value: Value
    pixels: int
    name: str
    masks: tuple[Path, ...]


@dataclass(frozen=True)
class MaskEncoding:
    """The classes of mask files, and how their values become labels.

    Attributes:
        kind: "index" (a number per class), "two-level" (a low and a high grey, e.g. 0 and 255), "color" ([r, g, b]) or
            "layer" (a file per class).
        classes: The classes and the values that are void.
        lookup: int16, the label of each value: (65536,), or (2**24,) for colours packed as r * 65536 + g * 256 + b;
            for layers (2**K,), where bit k is set in the pixels of layer k. 255 is void, -1 a value that is not
            allowed.
        by_grey: Whether the numbers of palette files are the greys of their palettes, not the indices.
        note: How values are treated that are neither a class nor void, "" if there are none.
        own_numbers: By mask file, for files in which the numbers have meanings of their own: (65536,), the number of
            `classes` for each of them.
        merged: Rare values that count as the nearest class.
    """

    kind: EncodingKind
    classes: ClassTable
    lookup: NDArray[np.int16] = field(repr=False, compare=False)
    by_grey: bool = False
    note: str = ""
    own_numbers: Mapping[Path, NDArray[np.uint16]] = field(default_factory=dict, repr=False, compare=False)
    merged: tuple[MergedValue, ...] = field(default=(), repr=False, compare=False)

    @property
    def sentence(self) -> str:
        """The kind, each value with its class, and the void values, as messages and reports show them."""
        shown = listing([f"{show_all(entry.values)} = {shorten(entry.name, 40)}" for entry in self.classes.classes], 12)
        void = ", ".join(show(value) for value in self.classes.ignore)
        note = f"; {self.note}" if self.note else ""
        kind = "a mask per class" if self.kind == "layer" else f"{self.kind} masks"
        return f"{kind}: {shown}; " + (f"void: {void}" if void else "no void") + note

    def labels(self, places: Places, one_bit: bool, path: Path) -> NDArray[np.int16]:
        """Return the labels of values, 255 for void.

        Args:
            places: Numbers or packed colours, of any shape.
            one_bit: Whether they are the 0 and 255 of a file of 1 bit; the classes may be 0 and 1 all the same.
            path: The file, for the message.

        Raises:
            DataError: A value is neither a class nor void.
        """
        if one_bit and not 0 <= self.lookup[IGNORE_INDEX] < IGNORE_INDEX:
            places = places // 255  # the classes are the bit itself, 0 and 1
        if path in self.own_numbers:
            places = self.own_numbers[path][places]
        labels = np.take(self.lookup, places)
        if labels.size and labels.min() == _UNDECLARED:
            raise undeclared(path, int(places[labels == _UNDECLARED][0]), self.kind)
        return labels


def read_mask(path: MaskFiles, encoding: MaskEncoding) -> NDArray[np.uint8]:
    """Read a mask.

    Args:
        path: Its file, or its layers.
        encoding: The encoding of the set that the mask is in.

    Returns:
        (H, W) uint8 labels: 0..num_classes - 1, and 255 for void.

    Raises:
        DataError: A file is damaged, or has a value that is neither a class nor void.
    """
    if not isinstance(path, Path):
        return encoding.labels(read_layers(path).values, False, path[0].path).astype(np.uint8)
    plane = read_plane(path)
    color = encoding.kind == "color"
    places = plane.colors(path) if color else plane.numbers(path, encoding.by_grey)
    return encoding.labels(places, plane.one_bit and not color, path).astype(np.uint8)


def resize_mask(labels: NDArray[np.uint8], height: int, width: int) -> NDArray[np.uint8]:
    """Resize labels (H, W) to (height, width): each pixel gets the label at its centre (nearest neighbour)."""
    rows = ((np.arange(height) + 0.5) * labels.shape[0] / height).astype(np.intp)
    columns = ((np.arange(width) + 0.5) * labels.shape[1] / width).astype(np.intp)
    resized: NDArray[np.uint8] = labels[rows[:, None], columns]
    return resized


def exact_encoding(kind: EncodingKind, classes: ClassTable) -> MaskEncoding:
    """Make an encoding in which only the values of `classes` are allowed, void included."""
    lookup = np.full(2**24 if kind == "color" else 2**16, _UNDECLARED, dtype=np.int16)
    lookup[[place_of(value) for value in classes.ignore if value != MINUS_ONE]] = IGNORE_INDEX
    for label, entry in enumerate(classes.classes):
        lookup[[place_of(value) for value in entry.values]] = label
    return MaskEncoding(kind, classes, lookup)


def cut_encoding(classes: ClassTable, cut: float, num_levels: int, *, strays: str = "") -> MaskEncoding:
    """Make an encoding of two levels with soft edges.

    Args:
        classes: Two classes.
        cut: Numbers below this are the class with the lower value, all others the class with the higher value.
        num_levels: The number of different values, for the note.
        strays: The values that are neither of the two, if they are strays and not of soft edges.
    """
    low, high = np.argsort([place_of(entry.value) for entry in classes.classes])
    lookup = np.where(np.arange(2**16) < cut, low, high).astype(np.int16)
    note = f"{num_levels} grey levels of soft edges are cut halfway, at {cut:g}"
    if strays:
        note = f"{strays} in few pixels count as the nearer of the two"
    return MaskEncoding("two-level", classes, lookup, note=note)


def snapped_encoding(classes: ClassTable, strays: NDArray[np.int64], labels: NDArray[np.int64]) -> MaskEncoding:
    """Make an encoding of colours in which softening or compression made others.

    Args:
        classes: The classes.
        strays: (S,), packed colours, those of classes possibly included.
        labels: (S,), the label of each stray.
    """
    encoding = exact_encoding("color", classes)
    own = encoding.lookup[strays] != _UNDECLARED
    encoding.lookup[strays[~own]] = labels[~own]
    number = int((~own).sum())
    counts = "counts" if number == 1 else "count"
    note = f"{plural(number, 'other colour')}, of soft edges or compression, {counts} as the nearest of these"
    return MaskEncoding("color", classes, encoding.lookup, note=note)


def place_of(value: Value) -> int:
    """Return the place of a value in the lookup table: a number itself, a colour packed."""
    return value if isinstance(value, int) else value[0] << 16 | value[1] << 8 | value[2]


def unpack(places: NDArray[Any]) -> NDArray[np.int64]:
    """Return the channels, 0..255, of packed colours: (...) -> (..., 3)."""
    wide = np.asarray(places, dtype=np.int64)
    return np.stack([wide >> 16, wide >> 8 & 255, wide & 255], axis=-1)


def show(value: Value) -> str:
    """Return a mask value as it is written in classes.yaml."""
    return str(value) if isinstance(value, int) else f"[{value[0]}, {value[1]}, {value[2]}]"


def show_all(values: Sequence[Value]) -> str:
    """Return the values of one class as a sentence has them."""
    return join_words([show(value) for value in values])


def show_place(place: int, kind: EncodingKind) -> str:
    """Return the value at a place of the lookup table as it is written in classes.yaml."""
    return show((place >> 16, place >> 8 & 255, place & 255) if kind == "color" else place)


def write_classes(values: Sequence[int], ignore: Sequence[int]) -> str:
    """Return the part of a remedy that has the whole content of a classes.yaml."""
    return f"Write `{class_list(values, ignore)}` to classes.yaml in the data folder"


def class_list(values: Sequence[int], ignore: Sequence[int]) -> str:
    """Return the content of a classes.yaml in one line."""
    classes = ", ".join(f"{{name: class_{value}, value: {value}}}" for value in values)
    void = f", ignore: [{', '.join(map(str, ignore))}]" if ignore else ""
    return f"{{classes: [{classes}]{void}}}"


def undeclared(path: Path, place: int, kind: EncodingKind) -> DataError:
    """Return the error for a value that is neither a class nor void."""
    return DataError(
        f"has the value {show_place(place, kind)}, which is neither a class nor void",
        where=path,
        remedy="Add it to `classes` or to `ignore` in classes.yaml, or correct the mask",
    )


def one_class(paths: Sequence[Path], seen: str) -> DataError:
    """Return the error for masks with only one class, or only void; `seen` is what they have."""
    return DataError(
        f"the mask has {seen}" if len(paths) == 1 else f"all {len(paths):,} masks have {seen}",
        where=paths[0].parent,
        remedy="Check that these are the masks; at least two classes are needed to train. A trained run counts "
        f"false positives on images without any object: {command('segarena', 'evaluate', 'RUN', 'DATA')}",
    )
