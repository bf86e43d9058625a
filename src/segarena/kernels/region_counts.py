"""Loops that count the regions of a mask row by row, with the memory of two rows, however many regions there are.

Numba compiles them; see `segarena.outputs.areas`. `segarena.outputs.regions` has the same regions with their outlines.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from segarena.kernels.loops import compiled
from segarena.kernels.run_loops import find_root

Numbers = NDArray[np.int64]


@compiled
def count_regions(mask: NDArray[np.uint8], min_area: int, counts: Numbers) -> None:
    """Count the regions of each class.

    Args:
        mask: Class indices, (H, W).
        min_area: Regions of fewer pixels are not counted.
        counts: (classes,), added to.
    """
    width = mask.shape[1]
    # Entries 0..number - 1 are the regions that reach the row above, those after them the runs of the row.
    first, areas, places = np.empty(2 * width, np.int64), np.empty(2 * width, np.int64), np.empty(2 * width, np.int64)
    labels = np.empty(2 * width, np.uint8)
    starts, starts_above, owners = (
        np.empty(width + 1, np.int64),
        np.empty(width + 1, np.int64),
        np.empty(width, np.int64),
    )
    number, runs_above = 0, 0
    for y in range(mask.shape[0]):
        runs = _begin_runs(mask[y], starts, areas[number:], labels[number:])
        first[: number + runs] = np.arange(number + runs)
        _join_rows(starts_above[: runs_above + 1], owners, starts[: runs + 1], number, first, areas, labels)
        places[: number + runs] = -1
        kept = _find_owners(first, number, runs, owners, places)
        for region in range(number):
            if first[region] == region and places[region] < 0 and areas[region] >= min_area:
                counts[labels[region]] += 1  # the row above is its last one
        _keep(places[: number + runs], areas, labels, kept)
        number, runs_above = kept, runs
        starts, starts_above = starts_above, starts
    for region in range(number):
        if areas[region] >= min_area:
            counts[labels[region]] += 1


@compiled
def _begin_runs(row: NDArray[np.uint8], starts: Numbers, areas: Numbers, labels: NDArray[np.uint8]) -> int:
    """Write where each run of a row begins, and the row's end; its pixels and its class. Return the number of runs."""
    runs = 0
    for x in range(len(row)):
        if x == 0 or row[x] != row[x - 1]:
            starts[runs] = x
            runs += 1
    starts[runs] = len(row)
    for run in range(runs):
        areas[run], labels[run] = starts[run + 1] - starts[run], row[starts[run]]
    return runs


@compiled
def _join_rows(
    starts_above: Numbers,
    owners: Numbers,
    starts: Numbers,
    number: int,
    first: Numbers,
    areas: Numbers,
    labels: NDArray[np.uint8],
) -> None:
    """Join each run with the regions of its class that it touches in the row above."""
    above, below = 0, 0
    while above + 1 < len(starts_above) and below + 1 < len(starts):
        if labels[owners[above]] == labels[number + below]:
            one, other = find_root(first, owners[above]), find_root(first, number + below)
            if one != other:
                first[other] = one
                areas[one] += areas[other]
        end_above, end_below = starts_above[above + 1], starts[below + 1]
        above += end_above <= end_below
        below += end_below <= end_above


@compiled
def _find_owners(first: Numbers, number: int, runs: int, owners: Numbers, places: Numbers) -> int:
    """Number the regions of the row, in `places` and for each run in `owners`. Return how many there are."""
    kept = 0
    for run in range(runs):
        root = find_root(first, number + run)
        if places[root] < 0:
            places[root] = kept
            kept += 1
        owners[run] = places[root]
    return kept


@compiled
def _keep(places: Numbers, areas: Numbers, labels: NDArray[np.uint8], kept: int) -> None:
    """Move the regions that go on to their places."""
    kept_areas, kept_labels = np.empty(kept, np.int64), np.empty(kept, np.uint8)
    for region in range(len(places)):
        if places[region] >= 0:
            kept_areas[places[region]], kept_labels[places[region]] = areas[region], labels[region]
    areas[:kept], labels[:kept] = kept_areas, kept_labels
