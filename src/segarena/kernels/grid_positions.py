"""Where the pixels of an image are in a grid of scores, without torch."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


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
