"""The regions of a mask: connected pixels of one class, their areas, and their outlines along the pixels' edges.

Two pixels are connected if they share an edge (4-connectivity), as in GDAL's polygonize: only then is a region one
valid polygon. An outline has the corners of the pixels, so that what it encloses is the region, exactly: the pixel in
row r and column c covers [c, c + 1) x [r, r + 1). `scipy.ndimage.label` and OpenCV are not used: the one takes four
bytes for each pixel and gives no outlines, the other has outlines through the centres of pixels.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Self

import numpy as np
from numpy.typing import NDArray

#: Corners of a closed line, (N, 2): x and y in pixels, the first one is not repeated.
Ring = NDArray[np.int32]


@dataclass(frozen=True)
class Polygon:
    """The outline of a region."""

    region: int
    """Its number, from 0."""
    label: int
    """Class index."""
    area: int
    """Number of pixels."""
    rings: tuple[Ring, ...]
    """The outer ring, then the holes. With x to the right and y down, the outer one runs clockwise as seen."""

    @property
    def bounds(self) -> tuple[int, int, int, int]:
        """Left, top, right and bottom, in pixels; the last two are excluded."""
        left, top = self.rings[0].min(axis=0).tolist()
        right, bottom = self.rings[0].max(axis=0).tolist()
        return left, top, right, bottom


@dataclass(frozen=True)
class Regions:
    """The regions of a mask, in the order of their first pixels, row by row."""

    mask: NDArray[np.uint8]
    """Class indices, (H, W)."""
    rows: NDArray[np.int64]
    """(H + 1,): the number of runs above each row. A run is a longest stretch of one class in a row."""
    starts: NDArray[np.int32]
    """(runs,): the column in which each run begins."""
    owners: NDArray[np.int64]
    """(runs,): the region of each run."""

    @classmethod
    def of(cls, mask: NDArray[np.uint8]) -> Self:
        """Find the regions of a mask.

        Args:
            mask: Class indices, (H, W), at least one pixel.
        """
        from segarena.kernels.run_loops import count_runs, find_runs, join_regions

        mask = np.ascontiguousarray(mask)
        rows = np.empty(mask.shape[0] + 1, dtype=np.int64)
        count_runs(mask, rows)
        starts, first = np.empty(rows[-1], dtype=np.int32), np.arange(rows[-1])
        find_runs(mask, rows, starts)
        join_regions(mask, rows, starts, first)
        is_first = first == np.arange(len(first))
        return cls(mask, rows, starts, (np.cumsum(is_first) - 1)[first])

    @cached_property
    def areas(self) -> NDArray[np.int64]:
        """Number of pixels of each region, (regions,)."""
        return np.bincount(self.owners, weights=self._lengths).astype(np.int64)

    @cached_property
    def labels(self) -> NDArray[np.uint8]:
        """Class index of each region, (regions,)."""
        row_of_run = np.repeat(np.arange(self.mask.shape[0]), np.diff(self.rows))
        labels = np.empty(len(self.areas), dtype=np.uint8)
        labels[self.owners] = self.mask[row_of_run, self.starts]
        return labels

    def polygons(self, *, min_area: int = 1, without: int | None = None) -> list[Polygon]:
        """Return the outlines of the regions.

        Args:
            min_area: Regions of fewer pixels are left out.
            without: The class of regions that are left out, e.g. the background.
        """
        from segarena.kernels.outline_loops import count_corners, trace_outlines

        wanted = self.areas >= min_area
        if without is not None:
            wanted &= self.labels != without
        if not wanted.any():
            return []
        total = np.empty(1, dtype=np.int64)
        count_corners(self.mask, total)
        points = np.empty((total[0], 2), dtype=np.int32)
        ends, owners = np.empty(total[0] // 4 + 1, dtype=np.int64), np.empty(total[0] // 4, dtype=np.int64)
        trace_outlines(self.mask, self.rows, self.starts, self.owners, wanted, points, ends, owners)
        number = int(np.count_nonzero(owners >= 0))
        rings = np.split(points[: ends[number]], ends[1:number])
        order = np.argsort(owners[:number], kind="stable")
        groups = np.split(order, np.flatnonzero(np.diff(owners[order])) + 1)
        return [
            Polygon(region, int(self.labels[region]), int(self.areas[region]), tuple(rings[i] for i in group))
            for group in groups
            for region in [int(owners[group[0]])]
        ]

    def patch(self, region: int, bounds: tuple[int, int, int, int]) -> NDArray[np.bool_]:
        """Return the pixels of a region within its bounds, (bottom - top, right - left).

        Args:
            region: Its number.
            bounds: Those of its polygon.
        """
        left, top, right, bottom = bounds
        runs = self.rows[top] + np.flatnonzero(self.owners[self.rows[top] : self.rows[bottom]] == region)
        row = np.searchsorted(self.rows, runs, side="right") - 1
        change = np.zeros((bottom - top, right - left + 1), dtype=np.int8)
        change[row - top, self.starts[runs] - left] += 1
        change[row - top, self.starts[runs] + self._lengths[runs] - left] -= 1
        pixels: NDArray[np.bool_] = np.cumsum(change[:, :-1], axis=1, dtype=np.int8) > 0
        return pixels

    def is_large(self, min_area: int) -> NDArray[np.bool_]:
        """Return which pixels, (H, W), are in a region of at least `min_area` pixels."""
        pixels: NDArray[np.bool_] = np.repeat((self.areas >= min_area)[self.owners], self._lengths)
        return pixels.reshape(self.mask.shape)

    @cached_property
    def _lengths(self) -> NDArray[np.int64]:
        """Pixels of each run."""
        places = self.starts + np.repeat(np.arange(len(self.mask)) * self.mask.shape[1], np.diff(self.rows))
        lengths: NDArray[np.int64] = np.diff(places, append=self.mask.size)
        return lengths
