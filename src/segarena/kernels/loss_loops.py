"""Loops of `grid_loss` that Numba compiles. One row of pixels at a time is in memory, so that it stays in the cache."""

from __future__ import annotations

from functools import partial

import numpy as np
from numpy.typing import NDArray

from segarena.classes import IGNORE_INDEX
from segarena.kernels.loops import compiled

f32 = np.float32

#: Compile for several numbers at a time: products may be fused with sums; the order of a sum is kept.
vectorized = partial(compiled, error_model="numpy", fastmath={"contract", "nsz", "arcp"})


@vectorized
def exponentials(values: NDArray[np.float32], bits: NDArray[np.int32]) -> None:
    """Replace values of 0 or less by exp(value), with a relative error of about 2e-7; below -87 by exp(-87).

    exp(v) = 2^n exp(r), with n the integer nearest to v / log 2 and r at most log(2) / 2: the power of two is written
    into the exponent of a float32, and the rest is a Taylor polynomial.

    Args:
        values: (L,), changed in place.
        bits: (L,), scratch.
    """
    powers = bits.view(np.float32)
    for i in range(values.size):
        value = max(values[i], f32(-87))
        n = np.floor(value * f32(1 / np.log(2)) + f32(0.5))
        bits[i] = (np.int32(n) + np.int32(127)) << np.int32(23)
        r = (value - n * f32(0.693359375)) + n * f32(2.12194440e-4)  # log 2 in two parts, so that r is not rounded
        values[i] = f32(1) + r * (
            f32(1) + r * (f32(1 / 2) + r * (f32(1 / 6) + r * (f32(1 / 24) + r * (f32(1 / 120) + r * f32(1 / 720)))))
        )
    for i in range(values.size):
        values[i] *= powers[i]


@vectorized
def interpolate_row(
    above: NDArray[np.float32],
    below: NDArray[np.float32],
    fraction: float,
    before: NDArray[np.int64],
    right: NDArray[np.float32],
    wide: NDArray[np.float32],
    row: NDArray[np.float32],
) -> None:
    """Interpolate one row of pixels between two rows of the grid; subtract from each pixel its largest logit.

    Args:
        above: (w, C), the grid's row above the pixels.
        below: (w, C), the one below.
        fraction: Position between the two, float32 in 0..1.
        before: (W,). Column of the grid before each pixel.
        right: (W,), in 0..1: position between that column and the next one.
        wide: (w, C), scratch.
        row: (W, C), written.
    """
    columns, channels = wide.shape
    a, b, mixed = above.reshape(-1), below.reshape(-1), wide.reshape(-1)
    for i in range(mixed.size):
        mixed[i] = a[i] * (f32(1) - fraction) + b[i] * fraction
    for x in range(len(before)):
        i, j = before[x], min(before[x] + 1, columns - 1)
        largest = f32(-np.inf)
        for c in range(channels):
            value = wide[i, c] * (f32(1) - right[x]) + wide[j, c] * right[x]
            row[x, c] = value
            largest = max(largest, value)
        for c in range(channels):
            row[x, c] -= largest


@vectorized
def sum_loss(
    grid: NDArray[np.float32],
    above: NDArray[np.int64],
    down: NDArray[np.float32],
    before: NDArray[np.int64],
    right: NDArray[np.float32],
    mask: NDArray[np.uint8],
    weights: NDArray[np.float32],
    entropy: NDArray[np.float64],
    areas: NDArray[np.float64],
) -> None:
    """Sum what the losses of one image are made of.

    Args:
        grid: (h, w, C), finite logits.
        above: (H,). Row of the grid above each row of pixels.
        down: (H,), in 0..1: position between that row and the next one.
        before: (W,), as `above`, for columns.
        right: (W,), as `down`, for columns.
        mask: (H, W), class indices below C, or IGNORE_INDEX.
        weights: (C,), class weights.
        entropy: (2,). Added to: the weighted cross-entropy, and the sum of the weights.
        areas: (3, C). Added to, for each class: its probability where it is true, everywhere, and its pixels.
    """
    height, columns, channels = grid.shape
    width = len(before)
    wide, row = np.empty((columns, channels), f32), np.empty((width, channels), f32)
    bits, of_truth, area = np.empty(width * channels, np.int32), np.empty(width, f32), np.empty(channels, f32)
    for y in range(len(above)):
        below = min(above[y] + 1, height - 1)
        interpolate_row(grid[above[y]], grid[below], down[y], before, right, wide, row)
        for x in range(width):
            if mask[y, x] != IGNORE_INDEX:
                of_truth[x] = row[x, mask[y, x]]
        exponentials(row.reshape(-1), bits)
        area[:] = 0
        for x in range(width):
            label = mask[y, x]
            if label == IGNORE_INDEX:
                continue
            total = f32(0)
            for c in range(channels):
                total += row[x, c]
            for c in range(channels):
                area[c] += row[x, c] * (f32(1) / total)
            entropy[0] += weights[label] * (np.log(total) - of_truth[x])
            entropy[1] += weights[label]
            areas[0, label] += row[x, label] / total
            areas[2, label] += 1
        for c in range(channels):
            areas[1, c] += area[c]


@vectorized
def spread_gradient(
    grid: NDArray[np.float32],
    above: NDArray[np.int64],
    down: NDArray[np.float32],
    before: NDArray[np.int64],
    right: NDArray[np.float32],
    mask: NDArray[np.uint8],
    weights: NDArray[np.float32],
    on_truth: NDArray[np.float32],
    everywhere: NDArray[np.float32],
    gradient: NDArray[np.float32],
) -> None:
    """Compute the gradient by the logits of one image's grid.

    For a pixel of class t with probabilities p, cross-entropy has the derivatives weights[t] (p_c - [c = t]) by the
    logits, and Dice everywhere[c] + on_truth[c] [c = t] by the probabilities.

    Args:
        grid: (h, w, C), finite logits.
        above: (H,), as in `sum_loss`.
        down: (H,), as in `sum_loss`.
        before: (W,), as in `sum_loss`.
        right: (W,), as in `sum_loss`.
        mask: (H, W), class indices below C, or IGNORE_INDEX.
        weights: (C,). Class weights, divided by their sum over the pixels.
        on_truth: (C,). Derivative of the Dice loss by a class's probability where it is true.
        everywhere: (C,). The part of this derivative that every pixel has.
        gradient: (h, w, C), added to in place.
    """
    height, columns, channels = grid.shape
    width = len(before)
    wide, row = np.empty((columns, channels), f32), np.empty((width, channels), f32)
    bits, spread = np.empty(width * channels, np.int32), np.empty((columns, channels), f32)
    for y in range(len(above)):
        below = min(above[y] + 1, height - 1)
        interpolate_row(grid[above[y]], grid[below], down[y], before, right, wide, row)
        exponentials(row.reshape(-1), bits)
        spread[:] = 0
        for x in range(width):
            label = mask[y, x]
            if label == IGNORE_INDEX:
                continue
            total = mean = f32(0)
            for c in range(channels):
                total += row[x, c]
                mean += row[x, c] * everywhere[c]
            extra = row[x, label] / total * on_truth[label]
            base = weights[label] - (mean / total + extra)
            for c in range(channels):
                row[x, c] *= f32(1) / total * (base + everywhere[c])
            row[x, label] += extra - weights[label]
            i, j = before[x], min(before[x] + 1, columns - 1)
            for c in range(channels):
                spread[i, c] += row[x, c] * (f32(1) - right[x])
            for c in range(channels):
                spread[j, c] += row[x, c] * right[x]
        upper, lower, parts = gradient[above[y]].reshape(-1), gradient[below].reshape(-1), spread.reshape(-1)
        for i in range(parts.size):
            upper[i] += parts[i] * (f32(1) - down[y])
        for i in range(parts.size):
            lower[i] += parts[i] * down[y]
