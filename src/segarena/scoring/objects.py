"""Which objects of the truth are found, by their size in pixels."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from segarena.classes import IGNORE_INDEX

Counts = NDArray[np.int64]
Labels = NDArray[np.uint8] | NDArray[np.uint16]

#: The smallest area of an object in each bin, in pixels; the largest is one less than that of the next bin.
SIZES = (1, 10, 100, 1_000, 10_000)
#: An object is found if at least this share of its pixels is predicted as its class.
FOUND = 0.5
#: What is counted of the objects of a bin.
COLUMNS = ("objects", "found", "pixels", "correct")


@dataclass(frozen=True, eq=False)
class Objects:
    """The objects of a mask: connected pixels of one class, by runs. A run is a longest stretch of a class in a row."""

    mask: Labels
    """Class indices, (H, W)."""
    rows: NDArray[np.int64]
    """(H + 1,): the number of runs above each row."""
    starts: NDArray[np.int32]
    """(runs,): the column in which each run begins."""
    first: NDArray[np.int64]
    """(runs,): the first run of the object that each run belongs to."""

    @classmethod
    def of(cls, mask: Labels) -> Objects:
        """Find the objects of a mask (H, W). Pixels that share an edge or a corner are connected (8-connectivity)."""
        from segarena.kernels.run_loops import count_runs, find_runs, join_objects

        mask = mask if mask.flags.c_contiguous else mask.copy()
        rows = np.empty(len(mask) + 1, np.int64)
        count_runs(mask, rows)
        starts, first = np.empty(rows[-1], np.int32), np.arange(rows[-1])
        find_runs(mask, rows, starts)
        join_objects(mask, rows, starts, first)
        return cls(mask, rows, starts, first)

    @property
    def labels(self) -> Labels:
        """The class of each run, (runs,)."""
        return self.mask[self.row_of, self.starts]

    @property
    def row_of(self) -> NDArray[np.int64]:
        """The row of each run, (runs,)."""
        return np.repeat(np.arange(len(self.mask)), np.diff(self.rows))

    @property
    def ends(self) -> NDArray[np.int64]:
        """The column after each run, (runs,): where the next one begins, or the width of the mask."""
        begins = np.append(self.row_of[1:] != self.row_of[:-1], True)  # whether the next run is in another row
        return np.where(begins, self.mask.shape[1], np.append(self.starts[1:], 0))

    def sums(self, prediction: Labels) -> NDArray[np.int64]:
        """Return pixels, and pixels predicted as the object's class, (runs, 2); 0 but at an object's first run."""
        from segarena.kernels.run_loops import sum_objects

        sums = np.zeros((len(self.first), 2), np.int64)
        sum_objects(self.mask, np.ascontiguousarray(prediction), self.rows, self.starts, self.first, sums)
        return sums


def count_objects(truth: NDArray[np.uint8], prediction: NDArray[np.uint8], num_classes: int) -> NDArray[np.int64]:
    """Count the objects of the truth, and those that are found, by class and size.

    Args:
        truth: Class indices 0..C-1, (H, W); 255 is void and no object.
        prediction: Class indices, (H, W).
        num_classes: C.

    Returns:
        (C, len(SIZES), 4): objects, objects found, their pixels, and the pixels that are predicted as their class.
    """
    objects = Objects.of(truth)
    sums, labels = objects.sums(prediction), objects.labels
    is_object = (sums[:, 0] > 0) & (labels != IGNORE_INDEX)
    area, correct = sums[is_object].T
    size = np.searchsorted(SIZES, area, side="right") - 1
    counts = np.zeros((num_classes, len(SIZES), len(COLUMNS)), np.int64)
    values = np.stack([np.ones_like(area), correct >= FOUND * area, area, correct], axis=1)
    np.add.at(counts, (labels[is_object], size), values)
    return counts
