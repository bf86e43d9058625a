"""Shapes that annotators draw, and the pixels that they cover.

One rule for all: a pixel belongs to a shape that contains its centre. The pixel in row r and column c covers
[c, c + 1) x [r, r + 1), so that its centre is (c + 0.5, r + 0.5), and a rectangle from (2, 1) to (5, 4) is 3 x 3
pixels. A centre on an edge belongs to the polygon on its right or below it. `PIL.ImageDraw.polygon` is not used: it
truncates coordinates to whole pixels and adds the outline, which makes that rectangle 4 x 4 pixels and moves every
shape up and to the left.

A run-length encoding (RLE) is a region as the lengths of its runs, alternately of 0 and of 1, beginning with 0. COCO
runs down the columns of the whole image, CVAT along the rows of the object's box.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from math import cos, radians, sin
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from segarena.annotations.annotations import Malformed, Mask, Outline
from segarena.formats import plural

#: (H, W), True inside.
Region = NDArray[np.bool_]


class Cover(NamedTuple):
    """The pixels that a shape covers in an image."""

    rows: slice
    columns: slice
    inside: Region
    """(rows, columns), True where the shape covers the pixel."""

    @property
    def area(self) -> int:
        """The number of pixels."""
        return int(np.count_nonzero(self.inside))


class Shape(ABC):
    """Something that covers pixels."""

    @abstractmethod
    def cover(self, height: int, width: int) -> Cover:
        """Return the pixels that the shape covers in an image of this size; what is outside of it is cut off."""

    def paint(self, mask: Mask, label: int) -> None:
        """Set the pixels of the mask (H, W) that the shape covers to `label`."""
        rows, columns, inside = self.cover(*mask.shape)
        mask[rows, columns][inside] = label


@dataclass(frozen=True)
class Polygons(Shape):
    """An object of one or more outlines, each (N, 2) of x and y in pixels; it covers what any of them contains.

    The even-odd rule holds within one outline: a place that it encloses twice is outside. What an outline in `holes`
    contains is outside, too.
    """

    outlines: tuple[Outline, ...]
    holes: tuple[Outline, ...] = ()

    def cover(self, height: int, width: int) -> Cover:
        covers = [_fill(outline, height, width) for outline in self.outlines]
        if len(covers) == 1 and not self.holes:
            return covers[0]
        rows = slice(min(c.rows.start for c in covers), max(c.rows.stop for c in covers))
        columns = slice(min(c.columns.start for c in covers), max(c.columns.stop for c in covers))
        inside = np.zeros((rows.stop - rows.start, columns.stop - columns.start), dtype=np.bool_)
        for cover in covers:
            _within(inside, cover, rows.start, columns.start)[cover.inside] = True
        for hole in self.holes:
            cover = _fill(hole - (columns.start, rows.start), *inside.shape)
            inside[cover.rows, cover.columns] &= ~cover.inside
        return Cover(rows, columns, inside)


@dataclass(frozen=True)
class Ellipse(Shape):
    """An ellipse around (`x`, `y`), radii in pixels, turned clockwise by `degrees`."""

    x: float
    y: float
    radius_x: float
    radius_y: float
    degrees: float = 0.0

    def cover(self, height: int, width: int) -> Cover:
        if self.radius_x <= 0 or self.radius_y <= 0:
            return Cover(slice(0, 0), slice(0, 0), np.zeros((0, 0), dtype=np.bool_))
        reach = max(self.radius_x, self.radius_y)
        rows, columns = _span(self.y, reach, height), _span(self.x, reach, width)
        dy = np.arange(rows.start, rows.stop)[:, None] + 0.5 - self.y
        dx = np.arange(columns.start, columns.stop)[None, :] + 0.5 - self.x
        cosine, sine = cos(radians(self.degrees)), sin(radians(self.degrees))
        along_x, along_y = dx * cosine + dy * sine, dy * cosine - dx * sine
        return Cover(rows, columns, (along_x / self.radius_x) ** 2 + (along_y / self.radius_y) ** 2 <= 1)


@dataclass(frozen=True)
class Patch(Shape):
    """Single pixels: `region` (h, w) with its first pixel at row `top` and column `left`."""

    region: Region
    top: int = 0
    left: int = 0

    def cover(self, height: int, width: int) -> Cover:
        rows, above = _clip(self.top, self.region.shape[0], height)
        columns, before = _clip(self.left, self.region.shape[1], width)
        inside = self.region[above:, before:][: rows.stop - rows.start, : columns.stop - columns.start]
        return Cover(rows, columns, inside)


@dataclass(frozen=True)
class ColumnRuns(Shape):
    """COCO's RLE of the whole mask, down its columns: `counts`, (runs,) int64, not decoded until it is painted."""

    counts: NDArray[np.int64]

    def cover(self, height: int, width: int) -> Cover:
        return crop(decode_runs(self.counts, width, height).T)


def crop(region: Region) -> Cover:
    """Return the pixels of a region of the whole image, (H, W), within the rows and columns that they occupy."""
    rows, columns = (_extent(np.asarray(region.any(axis=axis))) for axis in (1, 0))
    return Cover(rows, columns, region[rows, columns].copy())


def rectangle(x0: float, y0: float, x1: float, y1: float, degrees: float = 0.0) -> Polygons:
    """Return the rectangle between two corners, turned clockwise by `degrees` around its centre."""
    corners = np.array([(x0, y0), (x1, y0), (x1, y1), (x0, y1)])
    if degrees:
        centre = corners.mean(axis=0)
        cosine, sine = cos(radians(degrees)), sin(radians(degrees))
        corners = (corners - centre) @ np.array([(cosine, sine), (-sine, cosine)]) + centre
    return Polygons((corners,))


# Run lengths


def check_counts(counts: Sequence[object], height: int, width: int) -> NDArray[np.int64]:
    """Return the lengths of an RLE, (runs,) int64.

    Raises Malformed if one is no length, or their sum is not height x width.
    """
    wrong = [count for count in counts if type(count) is not int or not 0 <= count <= height * width]
    if wrong:
        raise Malformed(f"the run length {wrong[0]!r} cannot be in an RLE of {width} x {height} pixels")
    lengths = np.array(counts, dtype=np.int64)
    if lengths.sum() != height * width:
        raise Malformed(f"the RLE has {plural(int(lengths.sum()), 'pixel')}, not {width} x {height} = {width * height}")
    return lengths


def decode_runs(counts: NDArray[np.int64], rows: int, columns: int) -> Region:
    """Return the region (rows, columns) of runs along the rows; `counts` is what `check_counts` returned."""
    return np.repeat(np.arange(len(counts)) % 2 == 1, counts).reshape(rows, columns)


_FIRST_CHARACTER = 48
_GROUP_BITS, _SIGN_BIT, _CONTINUES_BIT = 5, 16, 32
_MAX_CHARACTERS = 13  # of one length: more would be beyond 64 bits


def decompress_counts(text: str) -> list[int]:
    """Return the lengths in COCO's compressed RLE. Raises Malformed if it is none.

    Source: COCO API, common/maskApi.c, rleToString. From the fourth on, a length is the difference to the length two
    before. It is written in groups of five bits, the lowest first, one character each: 48 plus the group, plus 32 if
    another group follows. The highest bit of the last group is the sign.
    """
    counts: list[int] = []
    value = shift = 0
    for character in text:
        group = ord(character) - _FIRST_CHARACTER
        if not 0 <= group < 2 * _CONTINUES_BIT or shift > _GROUP_BITS * _MAX_CHARACTERS:
            raise Malformed(f"the compressed RLE has an unexpected character {character!r}")
        value |= (group & _CONTINUES_BIT - 1) << shift
        shift += _GROUP_BITS
        if not group & _CONTINUES_BIT:
            if group & _SIGN_BIT:
                value -= 1 << shift
            counts.append(value + (counts[-2] if len(counts) > 2 else 0))
            value = shift = 0
    if shift:
        raise Malformed("the compressed RLE ends within a number")
    return counts


# Filling


def _fill(outline: Outline, height: int, width: int) -> Cover:
    """The rows and columns that an outline may cover, and which of their pixels' centres are inside.

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
    return Cover(rows, columns, np.cumsum(crossings[:, :-1], axis=1) % 2 == 1)


def _within(inside: Region, cover: Cover, top: int, left: int) -> Region:
    """The part of `inside`, whose first pixel is at row `top` and column `left`, that a cover is about."""
    return inside[
        cover.rows.start - top : cover.rows.stop - top, cover.columns.start - left : cover.columns.stop - left
    ]


def _clip(first: int, length: int, limit: int) -> tuple[slice, int]:
    """The rows of an image that are in [first, first + length), and how many of the latter are before them."""
    start = min(max(first, 0), limit)
    return slice(start, min(max(first + length, start), limit)), min(max(-first, 0), length)


def _extent(occupied: NDArray[np.bool_]) -> slice:
    places = np.flatnonzero(occupied)
    return slice(int(places[0]), int(places[-1]) + 1) if len(places) else slice(0, 0)


def _span(middle: float, reach: float, length: int) -> slice:
    first, last = np.clip((np.floor(middle - reach), np.ceil(middle + reach)), 0, length)
    return slice(int(first), int(last))
