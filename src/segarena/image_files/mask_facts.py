"""What one decoding of a mask shows: each different value, how much of it, and whether it fills areas or only edges."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
import PIL
from numpy.typing import NDArray

from segarena.image_files.raw_masks import Places, Plane, read_plane
from segarena.image_files.row_bands import row_bands

Counts = NDArray[np.int64]
#: Places in a flattened mask.
Indices = NDArray[np.intp]

#: The cache's name for these facts; another version of the decoder or of the counting may find others.
KIND = f"mask facts 7, Pillow {PIL.__version__}"

#: Height and width of a thumbnail, in pixels.
SIDE = 64

_PICTURE_VALUES, _PICTURE_AREAS = 200, 0.1
_MOST_KEPT = 2**14


@dataclass(frozen=True)
class MaskFacts:
    """The K different values of a mask and the number of pixels that have each.

    Attributes:
        size: (height, width) in pixels, as the file is shown.
        values: (K,) int64, rising: numbers, or packed colours where `colored`.
        pixels: (K,) int64, the pixels with each value.
        inside: (K,) int64, those of them that have their own value on all four sides.
        between: (K,) int64, those strictly between their left and right or their upper and lower neighbour, as in the
            softened edge of a drawing.
        clear: (K,) int64, those that are more transparent than opaque.
        palette: (K,) int64, the packed colour of each value; None for a file without a palette.
        colored: Whether the values are packed colours.
        one_bit: Whether the values are 0 and 255, which the file stores as one bit.
        wide: Whether the values need more than 8 bits.
        lossy: The name of a compression that changes values, if the file has one.
        borders: The number of neighbouring pixels that differ.
        steps: The number of neighbouring pixels that differ by 1.
        thumbnail: (64, 64) uint16, which of the K values is at the centre of each cell of a grid over the mask.
        white_is_zero: Whether the file stores the opposite of the values (TIFF).
        object_in_alpha: Whether the values are 0 and 255 for transparent and opaque.
        minus_one: Whether values of `raw_masks.WRAPPED_MINUS_ONE` are -1 in the file.
    """

    size: tuple[int, int]
    values: Counts
    pixels: Counts
    inside: Counts
    between: Counts
    clear: Counts
    palette: Counts | None
    colored: bool
    one_bit: bool
    wide: bool
    lossy: str | None
    borders: int
    steps: int
    thumbnail: NDArray[np.uint16]
    minus_one: bool = False
    white_is_zero: bool = False
    object_in_alpha: bool = False

    @property
    def is_picture(self) -> bool:
        """Whether these are the values of a photograph: very many, and hardly one that fills an area."""
        return len(self.values) >= _PICTURE_VALUES and self.inside.sum() < _PICTURE_AREAS * self.pixels.sum()

    @property
    def is_worth_keeping(self) -> bool:
        """Whether the cache should have these facts: those of pictures, and of very many values, would fill it."""
        return len(self.values) <= _MOST_KEPT and not self.is_picture

    def to_bytes(self) -> bytes:
        """The facts for the cache; `from_bytes` reads them."""
        counts = [self.values, self.pixels, self.inside, self.between, self.clear]
        counts += [] if self.palette is None else [self.palette]
        names = (
            "size",
            "colored",
            "one_bit",
            "wide",
            "lossy",
            "borders",
            "steps",
            "minus_one",
            "white_is_zero",
            "object_in_alpha",
        )
        line = json.dumps([len(counts), len(self.values), {name: getattr(self, name) for name in names}])
        kind = "u1" if len(self.values) <= 256 else "<u2"
        places = self.thumbnail.astype(kind).tobytes()
        return line.encode() + b"\n" + np.stack(counts).astype("<i8").tobytes() + places

    @classmethod
    def from_bytes(cls, content: bytes) -> MaskFacts:
        """Read what `to_bytes` wrote."""
        line, _, rest = content.partition(b"\n")
        rows, number, facts = json.loads(line)
        height, width = facts.pop("size")
        end = 8 * rows * number
        counts = np.frombuffer(rest[:end], dtype="<i8").astype(np.int64).reshape(rows, number)
        kind = "u1" if number <= 256 else "<u2"
        places = np.frombuffer(rest[end:], dtype=kind).astype(np.uint16).reshape(SIDE, SIDE)
        values, pixels, inside, between, clear = counts[:5]
        palette = counts[5] if rows == 6 else None
        return cls((height, width), values, pixels, inside, between, clear, palette, thumbnail=places, **facts)


class CountedMask(NamedTuple):
    """A mask file and what it holds."""

    path: Path
    facts: MaskFacts


def read_mask_facts(path: Path, content: bytes | None = None) -> MaskFacts:
    """Decode a mask file and count its values; `content` are its bytes, if they have been read. Raises DataError."""
    return count_values(read_plane(path, content))


def count_values(plane: Plane) -> MaskFacts:
    """Count the values of a decoded mask.

    Masks are made of areas: all is counted by the runs of equal values and by the pixels at borders, which are far
    fewer than the pixels. Large masks are counted a band of rows at a time, as one of noise has no areas.
    """
    height, width = plane.values.shape
    bands = [_count_band(plane, rows) for rows in row_bands(height, width)]
    different = bands[0].different if len(bands) == 1 else np.unique(np.concatenate([one.different for one in bands]))

    def total(name: str) -> Counts:
        counts = np.zeros(len(different), dtype=np.int64)
        for one in bands:
            counts[np.searchsorted(different, one.different)] += getattr(one, name)
        return counts

    return MaskFacts(
        size=(height, width),
        values=different.astype(np.int64),
        pixels=total("pixels"),
        inside=total("inside"),
        between=total("between"),
        clear=total("clear"),
        palette=None if plane.palette is None else plane.palette[different].astype(np.int64),
        colored=plane.colored,
        one_bit=plane.one_bit,
        wide=plane.values.dtype != np.uint8,
        lossy=plane.lossy,
        borders=sum(one.borders for one in bands),
        steps=sum(one.steps for one in bands),
        thumbnail=_thumbnail(plane.values, different),
        minus_one=plane.minus_one,
        white_is_zero=plane.white_is_zero,
        object_in_alpha=plane.object_in_alpha,
    )


class _Band(NamedTuple):
    """What is counted of some rows of a mask; the fields are those of `MaskFacts`, of the values that it has."""

    different: Places
    pixels: Counts
    inside: Counts
    between: Counts
    clear: Counts
    borders: int
    steps: int


def _count_band(plane: Plane, rows: slice) -> _Band:
    """Count the rows, and look at the one above and the one below. A border between two rows is the upper one's."""
    height, width = plane.values.shape
    above, below = min(rows.start, 1), min(height - rows.stop, 1)
    window = plane.values[rows.start - above : rows.stop + below]
    own = slice(above, above + rows.stop - rows.start)
    flat, first, last = window.ravel(), own.start * width, own.stop * width
    values = flat[first:last]
    starts = np.concatenate([[0], np.flatnonzero(values[1:] != values[:-1]) + 1])  # a run may go on in the next row
    different, count = _counter(values[starts])
    pixels = count(values[starts], np.append(starts[1:], values.size) - starts)
    unlike_next = starts[starts % width > 0] - 1 + first
    unlike_below = np.flatnonzero(flat[width:] != flat[:-width])
    own_below = unlike_below[unlike_below >= first]
    outside = np.ones(window.shape, dtype=bool)  # at the frame, or beside another value
    outside[1:-1, 1:-1] = False
    for places in (unlike_next, unlike_next + 1, unlike_below, unlike_below + width):
        outside.ravel()[places] = True
    return _Band(
        different=different,
        pixels=pixels,
        inside=pixels - count(window[own][outside[own]]),
        between=count(flat[_find_between(flat, width, plane.colored, unlike_next, unlike_below)]),
        clear=np.zeros_like(pixels) if plane.clear is None else count(window[own][plane.clear[rows]]),
        borders=len(unlike_next) + len(own_below),
        steps=0 if plane.colored else _count_steps(flat, unlike_next, 1) + _count_steps(flat, own_below, width),
    )


def _thumbnail(values: Places, different: Places) -> NDArray[np.uint16]:
    """Places of values above 65,535, of a picture, are 65,535."""
    rows, columns = (((2 * np.arange(SIDE) + 1) * length) // (2 * SIDE) for length in values.shape)
    seen = values[rows[:, None], columns]
    if values.dtype == np.uint8:
        table = np.zeros(256, dtype=np.uint16)
        table[different] = np.arange(len(different))
        shown: NDArray[np.uint16] = table[seen]
    else:
        shown = np.minimum(np.searchsorted(different, seen), 65535).astype(np.uint16)
    return shown


def _counter(values: Places) -> tuple[Places, Callable[..., Counts]]:
    """The different ones of `values`, rising, and a function that counts each of them in an array, with weights."""
    if values.dtype == np.uint8:
        different: Places = np.flatnonzero(np.bincount(values, minlength=256))

        def count(some: Places, weights: Counts | None = None) -> Counts:
            return np.bincount(some, weights, minlength=256)[different].astype(np.int64)
    else:
        different = np.unique(values)

        def count(some: Places, weights: Counts | None = None) -> Counts:
            return np.bincount(np.searchsorted(different, some), weights, minlength=len(different)).astype(np.int64)

    return different, count


def _find_between(flat: Places, width: int, colored: bool, unlike_next: Indices, unlike_below: Indices) -> Indices:
    """The pixels, by their index, that are strictly between two opposite neighbours in each channel."""
    marked = np.zeros(flat.size, dtype=bool)
    found = []
    for unlike, step in ((unlike_next, 1), (unlike_below, width)):
        marked[unlike] = True
        places = unlike[unlike >= step]
        places = places[marked[places - step]]  # unlike the next pixel, and the one before is unlike them
        marked[unlike] = False
        one, own, other = flat[places - step], flat[places], flat[places + step]
        ordered = one != other
        for shift in (0, 8, 16) if colored else (0,):
            a, b, c = ((value >> shift & 255 if colored else value) for value in (one, own, other))
            ordered &= (np.minimum(a, c) <= b) & (b <= np.maximum(a, c))
        found.append(places[ordered])
    along, down = found
    marked[along] = True
    return np.concatenate([along, down[~marked[down]]])


def _count_steps(flat: Places, unlike: Indices, step: int) -> int:
    """How many of the pixels `unlike` the one `step` places further differ from it by 1."""
    difference = flat[unlike].astype(np.int32) - flat[unlike + step]
    return int(np.count_nonzero(np.abs(difference) == 1))
