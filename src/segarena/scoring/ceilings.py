"""The resolution ceiling: the scores that a grid of logits allows, computed from true masks alone.

A network that computes its logits at output stride s has one score per class for each cell of s x s pixels of the image
at the working size. Everything finer comes from bilinear interpolation. Whatever such a network learns, it can hardly
label objects that are small beside a cell. No training is needed to see how much is lost: the true masks are brought
to the grid and back.

Two values, both mIoU over all masks together, as in `scoring.scores`:

- *averaged*: the score of a class in a cell is its share of the cell's counted pixels. This is about what a network can
  be expected to reach: cross-entropy is smallest where the probabilities are these shares.
- *optimised* (`scoring.optimised_ceilings`): the logits on the grid are fitted to the masks themselves. Networks cannot
  be expected to reach it, but it is possible.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from segarena.classes import IGNORE_INDEX
from segarena.kernels.grid_positions import cell_bounds


class Grid(NamedTuple):
    """Where a network computes its logits."""

    size: int
    """Working size: the shorter side of the image in pixels, as the network sees it."""
    stride: int
    """Pixels of that image from one logit to the next."""


@dataclass(frozen=True)
class Ceiling:
    """The best that can be expected on one grid.

    Args:
        grid: The grid.
        miou: Mean of `ious` over the classes with truth pixels; NaN if there are none.
        ious: For each class the IoU, (num_classes,), in 0..1; NaN for a class without truth pixels.
    """

    grid: Grid
    miou: float
    ious: NDArray[np.float64]


def averaged_counts(
    mask: NDArray[np.uint8], working_sizes: Sequence[tuple[int, int]], strides: Sequence[int], num_classes: int
) -> NDArray[np.int64]:
    """Bring one mask to each grid by averaging and back by interpolation, and count the pixels that are right.

    Args:
        mask: Class indices, (H, W); 255 is void and counts nowhere.
        working_sizes: G, the (height, width) of the image at the working size of each grid, in pixels.
        strides: G, the pixels from one logit to the next.
        num_classes: C.

    Returns:
        (G, 3, C): for each grid the true positives, false positives and false negatives of each class.
    """
    counts = np.zeros((len(strides), 3, num_classes), dtype=np.int64)
    pixels = np.bincount(mask.ravel(), minlength=256)[:IGNORE_INDEX]
    present = np.flatnonzero(pixels).astype(np.uint8)
    if present.size:
        own, totals = places_among(present, mask), pixels[present]  # the grids have the mask's own classes alone
        for number, (size, stride) in enumerate(zip(working_sizes, strides, strict=True)):
            if (size, stride) == (mask.shape, 1):  # each pixel is a cell
                counts[number][0, present] = totals
                continue
            false, missed = _count_errors(own, len(present), size, stride)
            counts[number][:, present] = [totals - missed, false, missed]
    return counts


def cell_shares(
    mask: NDArray[np.uint8], classes: NDArray[np.uint8], working_size: tuple[int, int], stride: int
) -> NDArray[np.float32]:
    """Average a mask over the cells of a grid.

    Args:
        mask: Class indices, (H, W); 255 is void.
        classes: The K classes that occur in the mask.
        working_size: (height, width) of the image at the working size, in pixels.
        stride: Pixels of that image in a side of a cell.

    Returns:
        The share of each class among the pixels of the cell that count, (h, w, K), in 0..1; all zero in a cell that is
        void. Cells of the last row and column may extend beyond the image.
    """
    return _share(places_among(classes, mask), len(classes), working_size, stride)[0]


def count_errors(labels: NDArray[np.uint8], mask: NDArray[np.uint8], num_classes: int) -> NDArray[np.int64]:
    """Count the errors of labels; void pixels are not counted.

    Args:
        labels: Class indices 0..C-1, (H, W).
        mask: The truth, class indices or 255 for void, (H, W).
        num_classes: C.

    Returns:
        True positives, false positives and false negatives of each class, in pixels, (3, C).
    """
    truth, answer = mask.ravel(), labels.ravel()
    totals = np.bincount(truth, minlength=256)[:num_classes]
    wrong = np.flatnonzero((truth != answer) & (truth != IGNORE_INDEX))
    missed, false = (np.bincount(which[wrong], minlength=num_classes) for which in (truth, answer))
    return np.stack([totals - missed, false, missed])


def to_ceilings(grids: Iterable[Grid], counts: NDArray[np.int64]) -> list[Ceiling]:
    """Compute the ceiling of each grid from the counts of all masks together.

    Args:
        grids: G grids.
        counts: Sums of what `averaged_counts` returned, (G, 3, C).
    """
    ceilings = []
    for grid, (hits, false, missed) in zip(grids, counts, strict=True):
        has_truth = hits + missed > 0
        ious = np.full(len(hits), np.nan)
        ious[has_truth] = hits[has_truth] / (hits + false + missed)[has_truth]
        ceilings.append(Ceiling(grid, float(ious[has_truth].mean()) if has_truth.any() else float("nan"), ious))
    return ceilings


def places_among(classes: NDArray[np.uint8], mask: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return the place of each pixel's class among these, (H, W); 255 is void.

    Args:
        classes: The K classes that occur in the mask.
        mask: Class indices, (H, W); 255 is void.
    """
    places = np.full(256, IGNORE_INDEX, dtype=np.uint8)
    places[classes] = np.arange(len(classes))
    return np.asarray(places[mask])


def _share(
    places: NDArray[np.uint8], number: int, working_size: tuple[int, int], stride: int
) -> tuple[NDArray[np.float32], NDArray[np.uint8]]:
    """`cell_shares` of labels 0 to number - 1, and the one that a whole cell has, (h, w); 255 where there are more."""
    from segarena.kernels.loops import share_cells

    rows, columns = (_edges(*sides, stride) for sides in zip(places.shape, working_size, strict=True))
    cells = len(rows) - 1, len(columns) - 1
    shares, only = np.empty((*cells, number), dtype=np.float32), np.empty(cells, dtype=np.uint8)
    share_cells(places, rows, columns, shares, only)
    return shares, only


def _count_errors(
    places: NDArray[np.uint8], number: int, working_size: tuple[int, int], stride: int
) -> NDArray[np.int64]:
    """The pixels whose interpolated label is wrong, by that label and by their own: (2, number)."""
    from segarena.kernels.loops import count_cell_errors

    shares, only = _share(places, number, working_size, stride)
    (rows, down), (columns, right) = (
        cell_bounds(cells, pixels, working / stride)
        for cells, pixels, working in zip(only.shape, places.shape, working_size, strict=True)
    )
    errors = np.zeros((2, number), dtype=np.int64)
    count_cell_errors(places, shares, only, rows, columns, down, right, errors)
    return errors


def _edges(pixels: int, working: int, stride: int) -> NDArray[np.float64]:
    """Where the cells of a grid begin and end in the mask, in its pixels, along one side."""
    cells = -(-working // stride)
    edges: NDArray[np.float64] = np.minimum(np.arange(cells + 1) * (stride * pixels / working), pixels)
    return edges
