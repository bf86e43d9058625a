"""What one mask file holds: each different value, how much of it, and whether it fills areas or only edges.

Also: Which values of a set of masks are no classes: those of softened edges, of compression, of pictures.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import PIL
from numpy.typing import NDArray

from segarena.data.files.raw_masks import Places, Plane, read_plane

Counts = NDArray[np.int64]

#: Names this file's numbers in the cache; another decoder or another reader may find others.
KIND = f"mask facts 1, Pillow {PIL.__version__}"

_PICTURE_VALUES, _PICTURE_AREAS = 200, 0.1


@dataclass(frozen=True)
class MaskFacts:
    """The K different values of a mask, rising, and for each its number of pixels of several sorts, (K,) int64.

    `inside` pixels have their own value on all four sides; `between` ones lie strictly between their left and right
    or upper and lower neighbour, as the softened edge of a drawing does; `clear` ones are more transparent than
    opaque. `palette` has the packed colour of each value, None for a file without one. `borders` counts the
    neighbouring pixels that differ, `steps` those that differ by 1. The rest is as in `Plane`.
    """

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

    def to_bytes(self) -> bytes:
        """The facts for the cache; `from_bytes` reads them."""
        counts = [self.values, self.pixels, self.inside, self.between, self.clear]
        counts += [] if self.palette is None else [self.palette]
        names = ("colored", "one_bit", "wide", "lossy", "borders", "steps")
        line = json.dumps([len(counts), {name: getattr(self, name) for name in names}])
        return line.encode() + b"\n" + np.stack(counts).astype("<i8").tobytes()

    @classmethod
    def from_bytes(cls, content: bytes) -> MaskFacts:
        """Read what `to_bytes` wrote."""
        line, _, rest = content.partition(b"\n")
        rows, flags = json.loads(line)
        counts = np.frombuffer(rest, dtype="<i8").astype(np.int64).reshape(rows, -1)
        values, pixels, inside, between, clear = counts[:5]
        palette = counts[5] if rows == 6 else None
        return cls(values, pixels, inside, between, clear, palette, **flags)


class Found(NamedTuple):
    """A mask file and what it holds."""

    path: Path
    facts: MaskFacts


def read_facts(path: Path, content: bytes | None = None) -> MaskFacts:
    """Decode a mask file and look at its values; `content` are its bytes if they have been read. Raises DataError."""
    return look_at(read_plane(path, content))


def look_at(plane: Plane) -> MaskFacts:
    """Count the values of a plane."""
    values = plane.values
    right, below = values[:, 1:] == values[:, :-1], values[1:] == values[:-1]
    flat = values.ravel()
    # Masks are made of long runs: sorting one value per run is far cheaper than sorting pixels.
    starts = np.flatnonzero(np.concatenate([[True], flat[1:] != flat[:-1]]))
    different, run_of = np.unique(flat[starts], return_inverse=True)

    def count(chosen: NDArray[np.bool_]) -> Counts:
        in_runs = np.add.reduceat(chosen.ravel(), starts, dtype=np.int64)
        return np.bincount(run_of, weights=in_runs, minlength=len(different)).astype(np.int64)

    lengths = np.diff(starts, append=flat.size)
    return MaskFacts(
        values=different.astype(np.int64),
        pixels=np.bincount(run_of, weights=lengths, minlength=len(different)).astype(np.int64),
        inside=count(_inside(right, below)),
        between=_count_between(plane, right, below, different),
        clear=np.zeros(len(different), dtype=np.int64) if plane.clear is None else count(plane.clear),
        palette=None if plane.palette is None else plane.palette[different].astype(np.int64),
        colored=plane.colored,
        one_bit=plane.one_bit,
        wide=values.dtype != np.uint8,
        lossy=plane.lossy,
        borders=int(right.size - np.count_nonzero(right) + below.size - np.count_nonzero(below)),
        steps=0 if plane.colored else _count_steps(values, right, below),
    )


def _inside(right: NDArray[np.bool_], below: NDArray[np.bool_]) -> NDArray[np.bool_]:
    inside = np.zeros((right.shape[0], below.shape[1]), dtype=bool)
    inside[1:-1, 1:-1] = right[1:-1, :-1] & right[1:-1, 1:]
    inside[1:-1, 1:-1] &= below[:-1, 1:-1] & below[1:, 1:-1]
    return inside


def _count_between(plane: Plane, right: NDArray[np.bool_], below: NDArray[np.bool_], different: Places) -> Counts:
    values = plane.values
    flat, width = values.ravel(), values.shape[1]
    alone = np.zeros((2, *values.shape), dtype=bool)  # along a row, along a column
    alone[0, :, 1:-1] = ~(right[:, :-1] | right[:, 1:])
    alone[1, 1:-1] = ~(below[:-1] | below[1:])
    between = np.zeros(flat.size, dtype=bool)
    for lonely, step in zip(alone, (1, width), strict=True):
        places = np.flatnonzero(lonely)
        one, own, other = flat[places - step], flat[places], flat[places + step]
        ordered = one != other
        for shift in (0, 8, 16) if plane.colored else (0,):
            a, b, c = ((value >> shift & 255 if plane.colored else value) for value in (one, own, other))
            ordered &= (np.minimum(a, c) <= b) & (b <= np.maximum(a, c))
        between[places[ordered]] = True
    found = flat[between]
    return np.bincount(np.searchsorted(different, found), minlength=len(different)).astype(np.int64)


def _count_steps(values: Places, right: NDArray[np.bool_], below: NDArray[np.bool_]) -> int:
    steps = 0
    for same, one, other in ((right, values[:, 1:], values[:, :-1]), (below, values[1:], values[:-1])):
        a, b = one[~same].astype(np.int32), other[~same].astype(np.int32)
        steps += int(np.count_nonzero(np.abs(a - b) == 1))
    return steps


@dataclass(frozen=True)
class Tally:
    """The values of many masks together, rising, with the same counts as `MaskFacts`, summed; each (K,)."""

    values: Counts
    pixels: Counts
    inside: Counts
    between: Counts
    clear: Counts

    @property
    def total(self) -> int:
        """Pixels of all masks."""
        return int(self.pixels.sum())


def add_up(found: Sequence[Found], values: Sequence[NDArray[Any]] | None = None) -> Tally:
    """Sum the counts of all masks; `values` replaces each file's own, e.g. by their colours."""
    own = [facts.values for _, facts in found] if values is None else values
    different, place = np.unique(np.concatenate(own), return_inverse=True)

    def total(name: str) -> Counts:
        summed = np.zeros(len(different), dtype=np.int64)
        np.add.at(summed, place, np.concatenate([getattr(facts, name) for _, facts in found]))
        return summed

    return Tally(different, total("pixels"), total("inside"), total("between"), total("clear"))


#: More values than this are believed to be classes only where they fill areas.
MANY = 64

_MOST = 255
_EDGE = 0.5  # of a value's pixels that lie between their neighbours
_AREAS = 0.7  # of all pixels that lie inside areas, in a label map of many classes
_SPECK_INSIDE, _SPECK_SHARE, _SPECK_RATIO = 0.02, 0.005, 20
_FEW_PIXELS = 0.25


def fills_areas(tally: Tally) -> bool:
    """Whether most pixels have neighbours of their own value, as in a label map and unlike in a picture."""
    return bool(tally.inside.sum() >= _AREAS * tally.total)


def are_classes(tally: Tally, points: NDArray[np.int64], near: int) -> bool:
    """Whether each value can be a class; `points` (K, C) places the values, `near` is a distance along one axis.

    A softened edge leaves values that lie between their neighbours; compression leaves rare specks that fill no
    area and resemble a value that does. One such value may be a thin class; two that hold few pixels are strays.
    Where values like that hold many pixels, the masks are no softened drawing: each value is meant.
    """
    if len(points) > _MOST or (len(points) > MANY and not fills_areas(tally)):
        return False
    strays = _find_strays(tally, points, near)
    few = tally.pixels[strays].sum() <= _FEW_PIXELS * tally.total
    return not few or int(strays.sum()) < 2


def _find_strays(tally: Tally, points: NDArray[np.int64], near: int) -> NDArray[np.bool_]:
    pixels = tally.pixels
    edges = tally.between > _EDGE * pixels
    specks = (tally.inside <= _SPECK_INSIDE * pixels) & (pixels < _SPECK_SHARE * tally.total)
    distance = np.abs(points[:, None] - points[None]).max(axis=-1)
    resembled = ((distance <= near) & (pixels[None] > _SPECK_RATIO * pixels[:, None])).any(axis=1)
    strays: NDArray[np.bool_] = edges | (specks & resembled)
    return strays
