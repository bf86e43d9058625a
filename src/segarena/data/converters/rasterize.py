"""What annotators draw, painted onto a mask. One rule for all: a pixel belongs to a shape that holds its centre.

The pixel in row r and column c covers [c, c + 1) x [r, r + 1); its centre is (c + 0.5, r + 0.5). A rectangle from
(2, 1) to (5, 4) is therefore 3 x 3 pixels. A centre on a border belongs to the polygon on its right or below it.
`PIL.ImageDraw.polygon` is not used: it cuts coordinates to whole pixels and adds the outline, which makes that
rectangle 4 x 4 and moves every shape up and to the left.

Also: Run lengths: a region as the lengths of its runs of 0 and 1 by turns, beginning with 0.

COCO runs down the columns, over the whole image; CVAT along the rows of the object's box. COCO writes the lengths as a
list, or as a string (the COCO API's common/maskApi.c, rleToString): from the fourth on, the difference to the length
two before; in groups of five bits, the lowest first; each group one character, 48 added, 32 more where another
follows; the last group's highest bit is the sign.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import cos, radians, sin
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

Mask = NDArray[np.uint8]
Region = NDArray[np.bool_]
Outline = NDArray[np.float64]


class Malformed(Exception):  # noqa: N818 - never seen by a user: `entry` makes a DataError of it
    """An entry of an annotation file cannot be what it should be; the message says why."""


class Shape(Protocol):
    """Something that covers pixels."""

    def paint(self, mask: Mask, label: int) -> None:
        """Give `label` to the pixels that the shape covers; what lies outside the mask (H, W) is cut off."""


@dataclass(frozen=True)
class Polygons:
    """An object of one or more outlines, each (N, 2) of x and y; it covers what lies in any of them.

    Within one outline the even-odd rule holds: where it runs around a place twice, the place is outside.
    """

    outlines: tuple[Outline, ...]

    def paint(self, mask: Mask, label: int) -> None:
        for outline in self.outlines:
            rows, columns, inside = _fill(outline, *mask.shape)
            mask[rows, columns][inside] = label


@dataclass(frozen=True)
class Ellipse:
    """An ellipse around (`x`, `y`) with the radii `radius_x`, `radius_y`, turned clockwise by `degrees`."""

    x: float
    y: float
    radius_x: float
    radius_y: float
    degrees: float = 0.0

    def paint(self, mask: Mask, label: int) -> None:
        if self.radius_x <= 0 or self.radius_y <= 0:
            return
        reach = max(self.radius_x, self.radius_y)
        rows, columns = _span(self.y, reach, mask.shape[0]), _span(self.x, reach, mask.shape[1])
        down = np.arange(rows.start, rows.stop)[:, None] + 0.5 - self.y
        across = np.arange(columns.start, columns.stop)[None, :] + 0.5 - self.x
        cosine, sine = cos(radians(self.degrees)), sin(radians(self.degrees))
        along, beside = across * cosine + down * sine, down * cosine - across * sine
        mask[rows, columns][(along / self.radius_x) ** 2 + (beside / self.radius_y) ** 2 <= 1] = label


@dataclass(frozen=True)
class Patch:
    """Pixels given one by one: `region` (h, w) with its first pixel at row `top` and column `left`."""

    region: Region
    top: int = 0
    left: int = 0

    def paint(self, mask: Mask, label: int) -> None:
        height, width = mask.shape
        above, before = max(0, -self.top), max(0, -self.left)
        region = self.region[above : max(0, height - self.top), before : max(0, width - self.left)]
        target = mask[self.top + above :, self.left + before :][: region.shape[0], : region.shape[1]]
        target[region] = label


def rectangle(x0: float, y0: float, x1: float, y1: float, degrees: float = 0.0) -> Polygons:
    """The rectangle between two corners, turned clockwise by `degrees` around its middle."""
    corners = np.array([(x0, y0), (x1, y0), (x1, y1), (x0, y1)])
    if degrees:
        middle = corners.mean(axis=0)
        cosine, sine = cos(radians(degrees)), sin(radians(degrees))
        corners = (corners - middle) @ np.array([(cosine, sine), (-sine, cosine)]) + middle
    return Polygons((corners,))


def _fill(outline: Outline, height: int, width: int) -> tuple[slice, slice, Region]:
    """The rows and columns that an outline may touch, and which of their pixels' centres lie inside.

    Each edge is followed through the rows whose centre line it crosses; right of an odd number of crossings is inside.
    """
    (left, top), (right, bottom) = outline.min(axis=0), outline.max(axis=0)
    rows = slice(int(np.clip(np.ceil(top - 0.5), 0, height)), int(np.clip(np.ceil(bottom - 0.5), 0, height)))
    columns = slice(int(np.clip(np.ceil(left - 0.5), 0, width)), int(np.clip(np.ceil(right - 0.5), 0, width)))
    shape = (rows.stop - rows.start, columns.stop - columns.start)
    x0, y0 = outline.T
    x1, y1 = np.roll(outline, -1, axis=0).T
    first = np.clip(np.ceil(np.minimum(y0, y1) - 0.5), rows.start, rows.stop).astype(np.int64)
    last = np.clip(np.ceil(np.maximum(y0, y1) - 0.5), rows.start, rows.stop).astype(np.int64)
    crossed = last - first
    edge = np.repeat(np.arange(len(outline)), crossed)
    row = np.arange(len(edge)) - np.repeat(np.cumsum(crossed) - crossed, crossed) + first[edge]
    share = (row + 0.5 - y0[edge]) / (y1 - y0)[edge]
    column = np.ceil(x0[edge] + share * (x1 - x0)[edge] - 0.5)
    place = (row - rows.start) * (shape[1] + 1) + np.clip(column - columns.start, 0, shape[1]).astype(np.int64)
    crossings = np.bincount(place, minlength=shape[0] * (shape[1] + 1)).reshape(shape[0], shape[1] + 1)
    return rows, columns, np.cumsum(crossings[:, :-1], axis=1) % 2 == 1


def _span(middle: float, reach: float, length: int) -> slice:
    first, last = np.clip((np.floor(middle - reach), np.ceil(middle + reach)), 0, length)
    return slice(int(first), int(last))


_FIRST, _MORE, _SIGN, _BITS = 48, 32, 16, 5
_LONGEST = 13  # characters of one length: beyond 64 bits


@dataclass(frozen=True)
class Runs:
    """A region as `counts`, (runs,) int64, kept short until it is painted: down the columns of the whole mask."""

    counts: NDArray[np.int64]

    def paint(self, mask: Mask, label: int) -> None:
        height, width = mask.shape
        Patch(unroll(self.counts, width, height).T).paint(mask, label)


def unroll(counts: NDArray[np.int64], rows: int, columns: int) -> Region:
    """The region (rows, columns) that the runs fill along the rows. `counts` is what `check_counts` gave."""
    return np.repeat(np.arange(len(counts)) % 2 == 1, counts).reshape(rows, columns)


def check_counts(counts: Sequence[object], height: int, width: int) -> NDArray[np.int64]:
    """The lengths as an array. Raises Malformed where one is no length, or their sum is not height x width."""
    wrong = [count for count in counts if type(count) is not int or not 0 <= count <= height * width]
    if wrong:
        raise Malformed(f"the run length {wrong[0]!r} cannot be in an RLE of {width} x {height} pixels")
    lengths = np.array(counts, dtype=np.int64)
    if lengths.sum() != height * width:
        raise Malformed(f"the RLE has {lengths.sum()} pixels, not {width} x {height} = {width * height}")
    return lengths


def read_string(text: str) -> list[int]:
    """The lengths in a compressed RLE. Raises Malformed where it is none."""
    counts: list[int] = []
    value = shift = 0
    for character in text:
        group = ord(character) - _FIRST
        if not 0 <= group < 2 * _MORE or shift > _BITS * _LONGEST:
            raise Malformed(f"the compressed RLE has the character {character!r} where none can be")
        value |= (group & _MORE - 1) << shift
        shift += _BITS
        if not group & _MORE:
            if group & _SIGN:
                value -= 1 << shift
            counts.append(value + (counts[-2] if len(counts) > 2 else 0))
            value = shift = 0
    if shift:
        raise Malformed("the compressed RLE ends within a number")
    return counts
