"""Loops over the runs of a mask that Numba compiles; see `segarena.outputs.regions` and `segarena.scoring.objects`.

A run is a longest stretch of one class in a row. A region is connected along the edges of its pixels, an object along
their edges or corners.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from segarena.kernels.loops import compiled

#: Class indices, or codes of pairs of classes.
Labels = NDArray[np.uint8] | NDArray[np.uint16]


@compiled
def count_runs(mask: Labels, rows: NDArray[np.int64]) -> None:
    """Count the runs of each row.

    Args:
        mask: Class indices, (H, W).
        rows: (H + 1,), written: the number of runs above each row.
    """
    rows[0] = 0
    for y in range(mask.shape[0]):
        runs = 1
        for x in range(1, mask.shape[1]):
            runs += mask[y, x] != mask[y, x - 1]
        rows[y + 1] = rows[y] + runs


@compiled
def find_runs(mask: Labels, rows: NDArray[np.int64], starts: NDArray[np.int32]) -> None:
    """Find where each run begins.

    Args:
        mask: Class indices, (H, W).
        rows: (H + 1,), of `count_runs`.
        starts: (runs,), written: the column.
    """
    for y in range(mask.shape[0]):
        run = rows[y]
        for x in range(mask.shape[1]):
            if x == 0 or mask[y, x] != mask[y, x - 1]:
                starts[run] = x
                run += 1


@compiled
def find_root(first: NDArray[np.int64], run: int) -> int:
    """The first run of the region or object as far as it is known; the way to it gets shorter."""
    while first[run] != run:
        first[run] = first[first[run]]
        run = int(first[run])
    return run


@compiled
def join_regions(
    mask: NDArray[np.uint8], rows: NDArray[np.int64], starts: NDArray[np.int32], first: NDArray[np.int64]
) -> None:
    """Find the first run of the region of each run.

    Args:
        mask: Class indices, (H, W).
        rows: (H + 1,), of `count_runs`.
        starts: (runs,), of `find_runs`.
        first: (runs,), the number of each run, replaced by that of the first run of its region.
    """
    height, width = mask.shape
    for y in range(1, height):
        above, below = rows[y - 1], rows[y]
        while above < rows[y] and below < rows[y + 1]:
            end_above = starts[above + 1] if above + 1 < rows[y] else width
            end_below = starts[below + 1] if below + 1 < rows[y + 1] else width
            if mask[y - 1, starts[above]] == mask[y, starts[below]]:
                one, other = find_root(first, above), find_root(first, below)
                first[max(one, other)] = min(one, other)
            above += end_above <= end_below
            below += end_below <= end_above
    for run in range(len(first)):
        first[run] = first[first[run]]


@compiled
def join_objects(mask: Labels, rows: NDArray[np.int64], starts: NDArray[np.int32], first: NDArray[np.int64]) -> None:
    """Find the first run of the object of each run.

    Args:
        mask: Class indices, (H, W).
        rows: (H + 1,), of `count_runs`.
        starts: (runs,), of `find_runs`.
        first: (runs,), the number of each run, replaced by that of the first run of its object.
    """
    height, width = mask.shape
    for y in range(1, height):
        start = rows[y - 1]
        for below in range(rows[y], rows[y + 1]):
            begin = starts[below]
            end = starts[below + 1] if below + 1 < rows[y + 1] else width
            # Runs above that end before this one begins touch none of the next ones either.
            while start + 1 < rows[y] and starts[start + 1] < begin:
                start += 1
            above = start
            while above < rows[y] and starts[above] <= end:
                if mask[y - 1, starts[above]] == mask[y, begin]:
                    one, other = find_root(first, above), find_root(first, below)
                    first[max(one, other)] = min(one, other)
                above += 1
    for run in range(len(first)):
        first[run] = first[first[run]]


@compiled
def sum_objects(
    mask: Labels,
    prediction: Labels,
    rows: NDArray[np.int64],
    starts: NDArray[np.int32],
    first: NDArray[np.int64],
    sums: NDArray[np.int64],
) -> None:
    """Sum the pixels of each object, and those that are predicted as its class.

    Args:
        mask: Class indices, (H, W).
        prediction: Class indices, (H, W).
        rows: (H + 1,), of `count_runs`.
        starts: (runs,), of `find_runs`.
        first: (runs,), of `join_objects`.
        sums: (runs, 2), added to at the first run of each object.
    """
    width = mask.shape[1]
    for y in range(mask.shape[0]):
        for run in range(rows[y], rows[y + 1]):
            begin = starts[run]
            end = starts[run + 1] if run + 1 < rows[y + 1] else width
            hits = 0
            for x in range(begin, end):
                hits += prediction[y, x] == mask[y, begin]
            sums[first[run], 0] += end - begin
            sums[first[run], 1] += hits
