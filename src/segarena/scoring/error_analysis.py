"""Counts of where the errors are, of images, folds and seeds together, and the record of them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import astuple, dataclass
from itertools import zip_longest

import numpy as np

from segarena.records.error_analysis import (
    BoundaryPixels,
    ClassErrors,
    ConfidenceBin,
    DistanceBin,
    ErrorCounts,
    ObjectBin,
)
from segarena.scoring.boundaries import DISTANCES, BoundaryCounts
from segarena.scoring.calibration import ConfidenceCounts
from segarena.scoring.objects import SIZES, Counts


@dataclass(frozen=True, eq=False)
class ErrorTotals:
    """The counts of one image or more."""

    images: int
    objects: Counts
    """(C, len(SIZES), 4), of `count_objects`."""
    boundaries: BoundaryCounts
    confidence: ConfidenceCounts
    confidence_images: int

    @classmethod
    def zero(cls, num_classes: int) -> ErrorTotals:
        """Return the counts of no image."""
        objects = np.zeros((num_classes, len(SIZES), 4), np.int64)
        return cls(0, objects, BoundaryCounts.zero(num_classes), ConfidenceCounts.zero(num_classes), 0)

    def __add__(self, other: ErrorTotals) -> ErrorTotals:
        return ErrorTotals(
            self.images + other.images,
            self.objects + other.objects,
            self.boundaries + other.boundaries,
            self.confidence + other.confidence,
            self.confidence_images + other.confidence_images,
        )

    def to_record(self, class_names: Sequence[str]) -> ErrorCounts:
        """Return the counts as they are written.

        Args:
            class_names: The C names, in the order of the class indices.
        """
        return ErrorCounts(
            images=self.images,
            confidence_images=self.confidence_images,
            surprise=self.confidence.surprise if math.isfinite(self.confidence.surprise) else None,
            per_class={name: self._class(index) for index, name in enumerate(class_names)},
            distances=tuple(
                DistanceBin(nearest=low, farthest=high, pixels=int(pixels), correct=int(correct))
                for low, high, (pixels, correct) in zip(
                    DISTANCES, _ends(DISTANCES), self.boundaries.bands.tolist(), strict=True
                )
            ),
        )

    @classmethod
    def from_record(cls, record: ErrorCounts) -> ErrorTotals:
        """Return the counts of a record; the inverse of `to_record`."""
        classes = list(record.per_class.values())
        bins = np.array([[astuple(one) for one in entry.confidence] for entry in classes], np.float64)
        return cls(
            record.images,
            np.array([[astuple(one)[2:] for one in entry.objects] for entry in classes], np.int64),
            BoundaryCounts(
                np.array([astuple(entry.boundary)[:3] for entry in classes], np.int64),
                np.array([astuple(entry.boundary)[3:] for entry in classes], np.int64),
                np.array([(one.pixels, one.correct) for one in record.distances], np.int64),
            ),
            ConfidenceCounts(
                bins[..., 0].astype(np.int64),
                bins[..., 1].astype(np.int64),
                bins[..., 2],
                math.nan if record.surprise is None else record.surprise,
            ),
            record.confidence_images,
        )

    def _class(self, index: int) -> ClassErrors:
        regions, contours = self.boundaries.regions[index].tolist(), self.boundaries.contours[index].tolist()
        sure = self.confidence
        return ClassErrors(
            objects=tuple(
                ObjectBin(smallest=low, largest=high, objects=objects, found=found, pixels=pixels, correct=correct)
                for low, high, (objects, found, pixels, correct) in zip(
                    SIZES, _ends(SIZES), self.objects[index].tolist(), strict=True
                )
            ),
            boundary=BoundaryPixels(
                region_both=regions[0],
                region_predicted=regions[1],
                region_true=regions[2],
                contour_predicted=contours[0],
                contour_predicted_matched=contours[1],
                contour_true=contours[2],
                contour_true_matched=contours[3],
            ),
            confidence=tuple(
                ConfidenceBin(pixels=int(pixels), correct=int(correct), confidence=float(total))
                for pixels, correct, total in zip(
                    sure.pixels[index], sure.correct[index], sure.confidence[index], strict=True
                )
            ),
        )


def _ends(starts: Sequence[int]) -> list[int | None]:
    """The last value of each bin, None of the last bin.

    >>> _ends((1, 10, 100))
    [9, 99, None]
    """
    return [None if following is None else following - 1 for _, following in zip_longest(starts, starts[1:])]
