"""A closer look at some pairs at full size: do mask borders lie on image edges, which side of them is the object?"""

from __future__ import annotations

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from segarena.classes import IGNORE_INDEX
from segarena.data.folder import FolderSource
from segarena.errors import DataError

#: The longest shift of a mask that is tried, in pixels, along rows and columns.
REACH = 8

_WINDOW = 1024  # of a larger image the middle is enough
_MIN_POINTS, _MOST_POINTS = 50, 1000


@dataclass(frozen=True)
class Look:
    """What one pair shows.

    `edges` (2 REACH + 1, 2 REACH + 1): how strong the image's edges are under the mask's borders when the mask is
    moved up to REACH pixels down (rows) and right (columns), as a multiple of the image's mean gradient; [REACH, REACH]
    is the mask as it is. None where there are too few borders, or no edges.
    `frame` (num_classes,): the share of each class in the outermost labelled pixels.
    `colors` (num_classes, 3): mean RGB of each class, NaN where it is absent.
    """

    index: int
    edges: NDArray[np.float64] | None
    frame: NDArray[np.float64]
    colors: NDArray[np.float64]


def look_at(source: FolderSource, indices: Sequence[int]) -> list[Look]:
    """Read these pairs and measure them; one that cannot be read is passed over."""

    def look(index: int) -> Look | None:
        try:
            image, mask = source.read(index)
        except DataError:  # listed as what it is, elsewhere
            return None
        image, mask = _middle(image), _middle(mask)
        frame = np.concatenate([mask[0], mask[-1], mask[1:-1, 0], mask[1:-1, -1]])
        shares = np.bincount(frame, minlength=256)[: source.classes.num_classes]
        colors = _mean_colors(image, mask, source.classes.num_classes)
        return Look(index, edge_strengths(image, mask), shares / max(1, shares.sum()), colors)

    with ThreadPoolExecutor(min(8, os.cpu_count() or 1)) as threads:
        return [found for found in threads.map(look, indices) if found is not None]


def edge_strengths(image: NDArray[np.uint8], mask: NDArray[np.uint8]) -> NDArray[np.float64] | None:
    """`Look.edges` of an image (H, W, 3) and its mask (H, W)."""
    rows, columns = np.nonzero(_borders(mask))
    low, high_row, high_column = REACH, mask.shape[0] - REACH, mask.shape[1] - REACH
    inside = (rows >= low) & (rows < high_row) & (columns >= low) & (columns < high_column)
    rows, columns = rows[inside], columns[inside]
    if len(rows) < _MIN_POINTS:
        return None
    gradient = np.hypot(*np.gradient(image.astype(np.float32).mean(axis=2)))
    if not gradient.any():
        return None
    chosen = np.random.default_rng(0).permutation(len(rows))[:_MOST_POINTS]
    places = rows[chosen] * mask.shape[1] + columns[chosen]
    steps = np.arange(-REACH, REACH + 1)
    shifts = steps[:, None, None] * mask.shape[1] + steps[:, None]
    strengths: NDArray[np.float64] = gradient.ravel()[shifts + places].mean(axis=2, dtype=np.float64)
    return strengths / float(gradient.mean())


def _borders(mask: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Where a pixel and its left or upper neighbour are of different classes, void aside."""
    borders = np.zeros(mask.shape, dtype=bool)
    known = mask != IGNORE_INDEX
    borders[:, 1:] |= (mask[:, 1:] != mask[:, :-1]) & known[:, 1:] & known[:, :-1]
    borders[1:] |= (mask[1:] != mask[:-1]) & known[1:] & known[:-1]
    return borders


def _mean_colors(image: NDArray[np.uint8], mask: NDArray[np.uint8], num_classes: int) -> NDArray[np.float64]:
    labels = mask.ravel()
    pixels = np.bincount(labels, minlength=256)[:num_classes].astype(np.float64)
    sums = [np.bincount(labels, image[..., channel].ravel(), minlength=256)[:num_classes] for channel in range(3)]
    pixels[pixels == 0] = np.nan
    return np.stack(sums, axis=1) / pixels[:, None]


def _middle(array: NDArray[np.uint8]) -> NDArray[np.uint8]:
    top, left = (max(0, size - _WINDOW) // 2 for size in array.shape[:2])
    return array[top : top + _WINDOW, left : left + _WINDOW]
