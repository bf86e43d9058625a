"""What is measured on some pairs of image and mask at full size: edges below boundaries, and the colours of classes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import PIL
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from segarena.classes import IGNORE_INDEX
from segarena.data.folder import FolderSource
from segarena.errors import DataError
from segarena.image_files.cache import recall_array
from segarena.threads import thread_pool

#: The largest shift of a mask that is tried, in pixels, along rows and along columns.
MAX_SHIFT = 8

#: The cache's name for measurements; another version of them, or of the decoder, may find others.
_KIND = f"measured pairs 2, Pillow {PIL.__version__}, NumPy {np.__version__}"
_MOST_POINTS, _MIN_POINTS = 1000, 50
_WINDOW = 1024  # of a larger image the center is enough
_COLOR_SIDE = 128  # rows or columns, of the shorter side, whose pixels are enough for a mean color, ...
_FEW_PIXELS = 10  # ... of a class that has this number of them


@dataclass(frozen=True)
class PairMeasurement:
    """What is measured on one image and its mask.

    Attributes:
        index: of the sample.
        edges: `edge_strengths`.
        border: (num_classes,), the share of each class in the outermost labelled pixels.
        colors: (num_classes, 3), mean RGB of each class, 0 to 255, NaN where it has hardly a pixel.
    """

    index: int
    edges: NDArray[np.float64] | None
    border: NDArray[np.float64]
    colors: NDArray[np.float64]


def recall_pairs(source: FolderSource, indices: Sequence[int]) -> list[PairMeasurement]:
    """What `measure_pairs` returns, from the cache where the same pairs have been measured before."""
    shape, num_classes = (2 * MAX_SHIFT + 1, 2 * MAX_SHIFT + 1), source.classes.num_classes
    width = shape[0] * shape[1]

    def measure() -> NDArray[np.float64]:
        return np.array([_flatten(pair, width) for pair in measure_pairs(source, indices)])

    try:
        parts = [source.decoding_digest, *(f"{index} {source.digest(index)}" for index in indices)]
    except DataError:  # a file that cannot be read
        return measure_pairs(source, indices)
    rows = recall_array(_KIND, [part.encode() for part in parts], measure)
    pairs = []
    for row in rows.reshape(-1, 1 + width + 4 * num_classes):
        edges, border, colors = np.split(row[1:], [width, width + num_classes])
        strengths = None if np.isnan(edges).all() else edges.reshape(shape)
        pairs.append(PairMeasurement(int(row[0]), strengths, border, colors.reshape(num_classes, 3)))
    return pairs


def _flatten(pair: PairMeasurement, width: int) -> NDArray[np.float64]:
    edges = np.full(width, np.nan) if pair.edges is None else pair.edges.ravel()
    return np.concatenate([[pair.index], edges, pair.border, pair.colors.ravel()])


def measure_pairs(source: FolderSource, indices: Sequence[int]) -> list[PairMeasurement]:
    """Read these pairs and measure them; pairs that cannot be read are left out."""

    def measure(index: int) -> PairMeasurement | None:
        try:
            image, mask = source.read(index)
        except DataError:  # reported as an unreadable file
            return None
        image, mask = source.shown(_center(image)), _center(mask)
        border = np.concatenate([mask[0], mask[-1], mask[1:-1, 0], mask[1:-1, -1]])
        counts = np.bincount(border, minlength=256)[: source.classes.num_classes]
        colors = _mean_colors(image, mask, source.classes.num_classes)
        return PairMeasurement(index, edge_strengths(image, mask), counts / max(1, counts.sum()), colors)

    with thread_pool(max((math.prod(source.sizes[index]) for index in indices), default=0)) as threads:
        return [pair for pair in threads.map(measure, indices) if pair is not None]


def edge_strengths(image: NDArray[np.uint8], mask: NDArray[np.uint8]) -> NDArray[np.float64] | None:
    """Measure the image's edges under the mask's class boundaries, for each shift of the mask.

    Args:
        image: (H, W, 3), RGB.
        mask: (H, W), class indices and 255 for void.

    Returns:
        (2 MAX_SHIFT + 1, 2 MAX_SHIFT + 1): the mean gradient under the boundaries, as a multiple of the image's mean
        gradient, for the mask shifted down (rows) and right (columns) by -MAX_SHIFT to MAX_SHIFT pixels; the mask as it
        is is in the center. None if the mask has too few boundaries, or the image no edges.
    """
    rows, columns = np.divmod(np.flatnonzero(_boundaries(mask)), mask.shape[1])  # np.nonzero takes twice as long
    low, high_row, high_column = MAX_SHIFT, mask.shape[0] - MAX_SHIFT, mask.shape[1] - MAX_SHIFT
    inside = (rows >= low) & (rows < high_row) & (columns >= low) & (columns < high_column)
    rows, columns = rows[inside], columns[inside]
    if len(rows) < _MIN_POINTS:
        return None
    grey = (image[..., 0].astype(np.float32) + image[..., 1] + image[..., 2]) / 3  # mean(axis=2) takes 10 times as long
    down, right = np.gradient(grey)
    gradient = np.sqrt(down * down + right * right)
    if not gradient.any():
        return None
    chosen = np.random.default_rng(0).permutation(len(rows))[:_MOST_POINTS]
    around = sliding_window_view(gradient, (2 * MAX_SHIFT + 1, 2 * MAX_SHIFT + 1))  # a place in it is its upper left
    near = around[rows[chosen] - MAX_SHIFT, columns[chosen] - MAX_SHIFT]
    strengths: NDArray[np.float64] = near.mean(axis=0, dtype=np.float64)
    return strengths / float(gradient.mean())


def _boundaries(mask: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Where a pixel and its left or upper neighbour have different classes; void has no boundaries."""
    boundaries = np.zeros(mask.shape, dtype=bool)
    labelled = mask != IGNORE_INDEX
    boundaries[:, 1:] |= (mask[:, 1:] != mask[:, :-1]) & labelled[:, 1:] & labelled[:, :-1]
    boundaries[1:] |= (mask[1:] != mask[:-1]) & labelled[1:] & labelled[:-1]
    return boundaries


def _mean_colors(image: NDArray[np.uint8], mask: NDArray[np.uint8], num_classes: int) -> NDArray[np.float64]:
    """Mean RGB of each class -> (num_classes, 3), by pixels on a grid; NaN for a class with hardly any."""
    step = max(1, min(mask.shape) // _COLOR_SIDE)
    image, labels = image[::step, ::step], mask[::step, ::step].ravel()
    pixels = np.bincount(labels, minlength=256)[:num_classes].astype(np.float64)
    sums = [np.bincount(labels, image[..., channel].ravel(), minlength=256)[:num_classes] for channel in range(3)]
    pixels[pixels < _FEW_PIXELS] = np.nan
    return np.stack(sums, axis=1) / pixels[:, None]


def _center(array: NDArray[np.uint8]) -> NDArray[np.uint8]:
    top, left = (max(0, size - _WINDOW) // 2 for size in array.shape[:2])
    return array[top : top + _WINDOW, left : left + _WINDOW]
