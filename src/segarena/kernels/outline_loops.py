"""Loops that trace the outlines of the regions of a mask; Numba compiles them. See `segarena.outputs.regions`."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from segarena.kernels.loops import compiled


@compiled
def _run_at(rows: NDArray[np.int64], starts: NDArray[np.int32], y: int, x: int) -> int:
    """The run in which a pixel is."""
    low, high = rows[y], rows[y + 1]
    while high - low > 1:
        middle = (low + high) // 2
        if starts[middle] <= x:
            low = middle
        else:
            high = middle
    return int(low)


@compiled
def trace_outlines(
    mask: NDArray[np.uint8],
    rows: NDArray[np.int64],
    starts: NDArray[np.int32],
    regions: NDArray[np.int64],
    wanted: NDArray[np.bool_],
    points: NDArray[np.int32],
    ends: NDArray[np.int64],
    owners: NDArray[np.int64],
) -> None:
    """Trace the outlines of regions along the edges of their pixels: the corners of each ring, the outer one first.

    A ring has its region on the right. Where two pixels of a region touch at a corner only, the ring goes on along the
    pixel on its left, so that it passes no point twice: an outer ring and a hole may touch there.

    Args:
        mask: Class indices, (H, W).
        rows: (H + 1,), of `count_runs`.
        starts: (runs,), of `find_runs`.
        regions: (runs,), the region of each run.
        wanted: (regions,), which regions are traced.
        points: (corners, 2), written: x and y of the corners, 0..W and 0..H.
        ends: (rings + 1,), written: where each ring begins in `points`; its end is where the next one begins.
        owners: (rings,), written: the region of each ring; -1 behind the last one.
    """
    height, width = mask.shape
    seen = np.zeros((height, width), np.bool_)  # the upper edges of pixels that are in a ring
    rings, corners = 0, 0
    ends[0] = 0
    for top in range(height):
        for run in range(rows[top], rows[top + 1]):
            if not wanted[regions[run]]:
                continue
            label, region = mask[top, starts[run]], regions[run]
            stop = starts[run + 1] if run + 1 < rows[top + 1] else width
            for left in range(starts[run], stop):
                if seen[top, left] or (top > 0 and mask[top - 1, left] == label):
                    continue
                x, y, dx, dy = left, top, 1, 0
                while True:
                    if dx == 1:
                        if seen[y, x]:
                            break
                        seen[y, x] = True
                    x, y = x + dx, y + dy
                    # The pixels ahead, on the left and on the right of the direction; (x, y) is the corner between.
                    lx, ly = x + (dx + dy - 1) // 2, y + (dy - dx - 1) // 2
                    rx, ry = x + (dx - dy - 1) // 2, y + (dy + dx - 1) // 2
                    is_left = 0 <= lx < width and 0 <= ly < height and mask[ly, lx] == label
                    is_right = 0 <= rx < width and 0 <= ry < height and mask[ry, rx] == label
                    if is_left and not is_right:  # they touch at the corner only, and may be of two regions
                        is_left = regions[_run_at(rows, starts, ly, lx)] == region
                    if is_right and not is_left:
                        continue
                    dx, dy = (dy, -dx) if is_left else (-dy, dx)
                    points[corners, 0], points[corners, 1] = x, y
                    corners += 1
                owners[rings] = region
                rings += 1
                ends[rings] = corners
    owners[rings:] = -1


@compiled
def count_corners(mask: NDArray[np.uint8], total: NDArray[np.int64]) -> None:
    """Count the corners of all outlines, a bound for those of some regions.

    Args:
        mask: Class indices, (H, W).
        total: (1,), written.
    """
    height, width = mask.shape
    total[0] = 0
    for y in range(height):
        for x in range(width):
            label = mask[y, x]
            for dy in (-1, 1):
                below = 0 <= y + dy < height and mask[y + dy, x] == label
                for dx in (-1, 1):
                    beside = 0 <= x + dx < width and mask[y, x + dx] == label
                    if not below and not beside:
                        total[0] += 1
                    if below and beside and mask[y + dy, x + dx] != label:
                        total[0] += 1
