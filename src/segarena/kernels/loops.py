"""The loops that Numba compiles. Importing it takes half a second: only what runs one of them does."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numba import njit
from numpy.typing import NDArray


def compiled(function: Callable[..., None]) -> Callable[..., None]:
    """Compile for the arguments it is called with, once a machine: seconds. Threads run it side by side."""
    try:
        return njit(nogil=True, cache=True)(function)
    except RuntimeError:  # there is no folder that Numba could keep the result in
        return njit(nogil=True)(function)


@compiled
def label_cells(
    logits: NDArray[np.float32],
    rows: NDArray[np.int64],
    columns: NDArray[np.int64],
    down: NDArray[np.float32],
    right: NDArray[np.float32],
    first: int,
    last: int,
    labels: NDArray[np.uint8],
) -> None:
    """Write the pixels of the grid's rows `first` to `last` (excluded) into labels (H, W).

    logits (h, w, C), finite. Pixel rows rows[i] to rows[i + 1] lie between the grid's rows i and i + 1, each at the
    fraction down[y] of the way; columns and right likewise. (h + 1,), (w + 1,), (H,), (W,).

    Between four points of the grid a class is never above its largest corner nor below its smallest one. So where one
    class's smallest corner is above another's largest, the other cannot win: mostly a single class is left, and the
    cell is filled with it; else only those left are interpolated.
    """
    height, width, channels = logits.shape
    left_over = np.empty(channels, np.int64)
    for i in range(first, last):
        below = min(i + 1, height - 1)
        for j in range(width):
            if columns[j] == columns[j + 1]:
                continue
            beside = min(j + 1, width - 1)
            a, b, c, d = logits[i, j], logits[i, beside], logits[below, j], logits[below, beside]
            bound = np.float32(-np.inf)
            for k in range(channels):
                bound = max(bound, min(a[k], b[k], c[k], d[k]))
            count = 0
            for k in range(channels):
                if max(a[k], b[k], c[k], d[k]) >= bound:
                    left_over[count] = k
                    count += 1
            if count == 1:
                labels[rows[i] : rows[i + 1], columns[j] : columns[j + 1]] = left_over[0]
                continue
            for y in range(rows[i], rows[i + 1]):
                for x in range(columns[j], columns[j + 1]):
                    best, winner = np.float32(-np.inf), 0
                    for n in range(count):
                        k = left_over[n]
                        upper = a[k] * (np.float32(1) - right[x]) + b[k] * right[x]
                        lower = c[k] * (np.float32(1) - right[x]) + d[k] * right[x]
                        value = upper * (np.float32(1) - down[y]) + lower * down[y]
                        if value > best:
                            best, winner = value, k
                    labels[y, x] = winner


@compiled
def count_pairs(first: NDArray[np.uint8], second: NDArray[np.uint8], counts: NDArray[np.int64]) -> None:
    """Add to counts (65536,) at 256 x first + second, for each place of two arrays of one size, (L,)."""
    for place in range(first.size):
        counts[256 * np.int64(first[place]) + np.int64(second[place])] += 1
