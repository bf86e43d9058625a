"""Labels of every pixel from a grid of scores, without torch: the CPU path of `upsample_argmax`."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def label_grid(
    scores: NDArray[np.float32], size: tuple[int, int], extent: tuple[float, float] | None = None
) -> NDArray[np.uint8]:
    """Interpolate scores bilinearly (align_corners=False) and label each pixel with the class of the largest one.

    Only those cells of the grid are interpolated in which more than one class can win.

    Args:
        scores: (h, w, C), finite, C <= 256. The lowest class wins a tie.
        size: (H, W) of the labels, in pixels.
        extent: Rows and columns of the grid, from the upper left, that the size corresponds to: at most (h, w), the
            default, and not always integers.

    Returns:
        (H, W).
    """
    from segarena.kernels.loops import label_cells

    extent = extent or scores.shape[:2]
    rows, down = cell_bounds(scores.shape[0], size[0], extent[0])
    columns, right = cell_bounds(scores.shape[1], size[1], extent[1])
    labels = np.empty(size, np.uint8)
    label_cells(np.ascontiguousarray(scores), rows, columns, down, right, 0, scores.shape[0], labels)
    return labels


def cell_bounds(grid: int, pixels: int, extent: float) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """First pixel of each cell, (grid + 1,), and the position of each pixel in its cell, (pixels,), in 0..1.

    Cell i is between the centres of the grid's points i and i + 1. Centres of pixels are at index + 1/2; pixels before
    the first point have its value.

    Args:
        grid: Points of the grid along one side.
        pixels: Pixels along that side.
        extent: How many cells of the grid the pixels correspond to.
    """
    before, fraction = grid_positions(grid, pixels, extent)
    return np.searchsorted(before, np.arange(grid + 1)), fraction


def grid_positions(
    grid: int, pixels: int, extent: float | None = None
) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """The point of the grid before each pixel, (pixels,), and the pixel's position between it and the next, in 0..1.

    Args:
        grid: Points of the grid along one side.
        pixels: Pixels along that side.
        extent: How many cells of the grid the pixels correspond to; None for all.
    """
    half = np.float32(0.5)
    scale = np.float32((grid if extent is None else extent) / pixels)
    position = ((np.arange(pixels, dtype=np.float32) + half) * scale - half).clip(min=0)
    before = position.astype(np.int64).clip(max=grid - 1)
    return before, position - before.astype(np.float32)
