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

from segarena.data.files.raw_masks import Places, Plane, read_plane

Counts = NDArray[np.int64]

#: The cache's name for these facts; another version of the decoder or of the counting may find others.
KIND = f"mask facts 2, Pillow {PIL.__version__}"

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
        names = ("size", "colored", "one_bit", "wide", "lossy", "borders", "steps")
        line = json.dumps([len(counts), {name: getattr(self, name) for name in names}])
        return line.encode() + b"\n" + np.stack(counts).astype("<i8").tobytes()

    @classmethod
    def from_bytes(cls, content: bytes) -> MaskFacts:
        """Read what `to_bytes` wrote."""
        line, _, rest = content.partition(b"\n")
        rows, facts = json.loads(line)
        height, width = facts.pop("size")
        counts = np.frombuffer(rest, dtype="<i8").astype(np.int64).reshape(rows, -1)
        values, pixels, inside, between, clear = counts[:5]
        palette = counts[5] if rows == 6 else None
        return cls((height, width), values, pixels, inside, between, clear, palette, **facts)


class CountedMask(NamedTuple):
    """A mask file and what it holds."""

    path: Path
    facts: MaskFacts


def read_mask_facts(path: Path, content: bytes | None = None) -> MaskFacts:
    """Decode a mask file and count its values; `content` are its bytes, if they have been read. Raises DataError."""
    return count_values(read_plane(path, content))


def count_values(plane: Plane) -> MaskFacts:
    """Count the values of a decoded mask."""
    values, flat = plane.values, plane.values.ravel()
    signed = np.int16 if values.dtype == np.uint8 else np.int32
    along = np.subtract(values[:, 1:], values[:, :-1], dtype=signed)
    down = np.subtract(values[1:], values[:-1], dtype=signed)
    right, below = along == 0, down == 0
    # Masks are made of long runs: counting runs, and the pixels beside a border, is far cheaper than counting pixels.
    starts = np.flatnonzero(np.concatenate([[True], flat[1:] != flat[:-1]]))
    different, count = _counter(flat[starts])
    pixels = count(flat[starts], np.diff(starts, append=flat.size))
    return MaskFacts(
        size=(values.shape[0], values.shape[1]),
        values=different.astype(np.int64),
        pixels=pixels,
        inside=pixels - count(flat[_beside_border(right, below).ravel()]),
        between=count(flat[_between(plane, right, below)]),
        clear=np.zeros_like(pixels) if plane.clear is None else count(values[plane.clear]),
        palette=None if plane.palette is None else plane.palette[different].astype(np.int64),
        colored=plane.colored,
        one_bit=plane.one_bit,
        wide=values.dtype != np.uint8,
        lossy=plane.lossy,
        borders=int(right.size - np.count_nonzero(right) + below.size - np.count_nonzero(below)),
        steps=0 if plane.colored else sum(int(np.count_nonzero(np.abs(step) == 1)) for step in (along, down)),
    )


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


def _beside_border(right: NDArray[np.bool_], below: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Where a pixel is at the frame, or one of its four neighbours has another value."""
    beside = np.ones((right.shape[0], below.shape[1]), dtype=bool)
    inside = right[1:-1, :-1] & right[1:-1, 1:]
    inside &= below[:-1, 1:-1]
    inside &= below[1:, 1:-1]
    np.logical_not(inside, out=beside[1:-1, 1:-1])
    return beside


def _between(plane: Plane, right: NDArray[np.bool_], below: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Where (H * W,) a pixel is strictly between two opposite neighbours, in each channel."""
    flat, (height, width) = plane.values.ravel(), plane.values.shape
    alone = np.zeros((2, height, width), dtype=bool)  # unlike its neighbours along a row, along a column
    alone[0, :, 1:-1] = ~(right[:, :-1] | right[:, 1:])
    alone[1, 1:-1] = ~(below[:-1] | below[1:])
    between = np.zeros(flat.size, dtype=bool)
    for candidates, step in zip(alone, (1, width), strict=True):
        places = np.flatnonzero(candidates)
        one, own, other = flat[places - step], flat[places], flat[places + step]
        ordered = one != other
        for shift in (0, 8, 16) if plane.colored else (0,):
            a, b, c = ((value >> shift & 255 if plane.colored else value) for value in (one, own, other))
            ordered &= (np.minimum(a, c) <= b) & (b <= np.maximum(a, c))
        between[places[ordered]] = True
    return between
