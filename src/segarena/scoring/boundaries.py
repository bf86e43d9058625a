"""How well boundaries are found: boundary IoU, boundary F1, and accuracy by the distance to a boundary."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from segarena.classes import IGNORE_INDEX

#: Width of the boundary region as a share of the image's diagonal, of Cheng et al. 2021.
REGION = 0.02
#: Distance within which contours match as a share of the image's diagonal, of Csurka et al. 2013.
TOLERANCE = 0.0075
#: The smallest distance to another class in each band, in pixels.
DISTANCES = (1, 2, 3, 5, 9, 17)


@dataclass(frozen=True, eq=False)
class BoundaryCounts:
    """Pixels at the boundaries of one image or more."""

    regions: NDArray[np.int64]
    """(C, 3): of each class the pixels in the boundary regions of both masks, of the prediction's, and of the truth's;
    their IoU is both / (prediction + truth - both)."""
    contours: NDArray[np.int64]
    """(C, 4): contour pixels of the prediction, those matched in the truth; of the truth, those matched."""
    bands: NDArray[np.int64]
    """(len(DISTANCES), 2): pixels at each distance from a boundary of the truth, and the correct ones."""

    @classmethod
    def zero(cls, num_classes: int) -> BoundaryCounts:
        """Return the counts of no image."""
        shapes = ((num_classes, 3), (num_classes, 4), (len(DISTANCES), 2))
        return cls(*(np.zeros(shape, np.int64) for shape in shapes))

    def __add__(self, other: BoundaryCounts) -> BoundaryCounts:
        return BoundaryCounts(self.regions + other.regions, self.contours + other.contours, self.bands + other.bands)


def region_width(height: int, width: int) -> int:
    """Return the width of the boundary region of an image, in pixels.

    >>> region_width(360, 480)
    12
    """
    return max(1, round(REGION * math.hypot(height, width)))


def tolerance(height: int, width: int) -> float:
    """Return the distance within which contours match, in pixels.

    >>> tolerance(360, 480)
    4.5
    """
    return max(1.0, TOLERANCE * math.hypot(height, width))


def count_boundaries(truth: NDArray[np.uint8], prediction: NDArray[np.uint8], num_classes: int) -> BoundaryCounts:
    """Count the pixels at the boundaries of an image. Void is removed from both masks first.

    The boundary region of a class has its pixels that are at most `region_width` from a pixel of another class, from
    void or from beyond the image, in steps to any of 8 neighbours: as by the erosions of Cheng et al. 2021, "Boundary
    IoU", CVPR. A contour pixel shares an edge with another class or void; it matches one of its class in the other mask
    within `tolerance`, Euclidean: Csurka et al. 2013, "What is a good evaluation measure for semantic segmentation?",
    BMVC.

    Args:
        truth: Class indices 0..C-1, (H, W); 255 is void.
        prediction: Class indices 0..C-1, (H, W).
        num_classes: C.
    """
    from segarena.kernels.boundary_loops import count_bands, distance_to_other, index_contours, match_contours

    truth = np.ascontiguousarray(truth)
    prediction = np.where(truth == IGNORE_INDEX, np.uint8(IGNORE_INDEX), prediction)
    height, width = truth.shape
    counts, region = BoundaryCounts.zero(num_classes), region_width(height, width)
    most = min(max(region, DISTANCES[-1]) + 1, np.iinfo(np.uint16).max)
    of_truth, of_prediction = np.empty(truth.shape, np.uint16), np.empty(truth.shape, np.uint16)
    distance_to_other(truth, most, of_truth)
    distance_to_other(prediction, most, of_prediction)
    places = np.searchsorted(DISTANCES, np.arange(most + 1), side="right") - 1
    count_bands(truth, prediction, of_truth, of_prediction, region, places, counts.regions, counts.bands)
    reach = tolerance(height, width)
    reaches = np.sqrt(reach**2 - np.arange(int(reach) + 1.0) ** 2).astype(np.int64)
    begins = np.empty((2, height, num_classes + 1), np.int64)
    predicted, true = index_contours(prediction, begins[0]), index_contours(truth, begins[1])
    match_contours(begins[0], predicted, begins[1], true, reaches, counts.contours[:, :2])
    match_contours(begins[1], true, begins[0], predicted, reaches, counts.contours[:, 2:])
    return counts
