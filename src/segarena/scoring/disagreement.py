"""Regions of an image where a network predicts another class than the truth, confidently; and where all networks do."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from segarena.classes import IGNORE_INDEX
from segarena.scoring.calibration import grid_lines, grid_step
from segarena.scoring.objects import Objects

#: The lowest probability of the predicted class in a pixel that counts as a confident error.
CONFIDENT = 0.5
#: Smaller regions, in pixels, are left out.
SMALLEST = 16
#: No pair of classes.
_NONE = np.iinfo(np.uint16).max


@dataclass(frozen=True, eq=False)
class ConfidentErrors:
    """The confident errors of one image, as stretches of a predicted class in its rows."""

    starts: NDArray[np.int64]
    """(runs,), rising: the first pixel of each stretch, counted row by row."""
    lengths: NDArray[np.int32]
    """(runs,): its pixels."""
    labels: NDArray[np.uint8]
    """(runs,): the predicted class."""
    confidences: NDArray[np.uint8]
    """(runs,): the mean probability of the predicted class, times 255."""

    def paint(self, pixels: int) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
        """Return the predicted class, 255 where there is no confident error, and the confidence, times 255.

        Args:
            pixels: Number of pixels of the image.

        Returns:
            Both (pixels,).
        """
        places = np.repeat(self.starts - np.cumsum(self.lengths) + self.lengths, self.lengths)
        places += np.arange(len(places))
        labels, confidences = np.full(pixels, IGNORE_INDEX, np.uint8), np.zeros(pixels, np.uint8)
        labels[places] = np.repeat(self.labels, self.lengths)
        confidences[places] = np.repeat(self.confidences, self.lengths)
        return labels, confidences


@dataclass(frozen=True)
class Region:
    """A connected region where all networks predict one class, confidently, and the truth is another one."""

    pixels: int
    """Its area."""
    thickness: int
    """The largest distance of one of its pixels to a pixel outside of it, in steps to any of 8 neighbours."""
    confidence: float
    """Mean probability of the predicted class over its pixels and the networks, 0..1."""
    true: int
    """Class index in the mask."""
    predicted: int
    """Class index that all networks predict."""
    box: tuple[int, int, int, int]
    """Left, top, right and bottom, in pixels; the last two are excluded."""
    inside: NDArray[np.bool_] | None = field(default=None, repr=False, compare=False)
    """Which pixels of the box are in the region; None where that is no longer needed."""

    @property
    def score(self) -> float:
        """What regions are ranked by: thickness times confidence. A long thin region is usually a boundary that was
        drawn differently, and a large uncertain one an error of the networks.
        """
        return self.thickness * self.confidence


def find_confident_errors(
    truth: NDArray[np.uint8], prediction: NDArray[np.uint8], confidence: NDArray[np.float32]
) -> ConfidentErrors:
    """Find where a network is confident in another class than the truth, in regions of at least `SMALLEST` pixels.

    Args:
        truth: Class indices, (H, W); 255 is void and no error.
        prediction: Class indices, (H, W).
        confidence: The probability of the predicted class at the pixels of `grid_lines`; between them that of the
            nearest one.
    """
    height, width = truth.shape
    wrong = np.flatnonzero(((prediction != truth) & (truth != IGNORE_INDEX)).ravel())
    sure = np.nan_to_num(_nearest(confidence, wrong, (height, width)))
    chosen = sure >= CONFIDENT
    wrong, sure = wrong[chosen], sure[chosen]
    mask = np.full(height * width, IGNORE_INDEX, np.uint8)
    mask[wrong] = prediction.ravel()[wrong]
    objects = Objects.of(mask.reshape(height, width))
    labels = objects.labels
    is_wrong = labels != IGNORE_INDEX
    starts = (objects.row_of * width + objects.starts)[is_wrong]
    if not len(starts):
        return ConfidentErrors(starts, np.zeros(0, np.int32), np.zeros(0, np.uint8), np.zeros(0, np.uint8))
    first = np.searchsorted(wrong, starts)  # the runs share out the wrong pixels in their order
    lengths = np.diff(np.append(first, len(wrong)))
    mean = np.add.reduceat(sure, first) / lengths
    area = objects.sums(objects.mask)[:, 0][objects.first][is_wrong]
    kept = area >= SMALLEST
    return ConfidentErrors(
        starts[kept],
        lengths[kept].astype(np.int32),
        labels[is_wrong][kept],
        np.round(255 * mean[kept]).astype(np.uint8),
    )


def find_agreement(errors: Sequence[ConfidentErrors], truth: NDArray[np.uint8]) -> list[Region]:
    """Find the regions where all networks are confident in the same class, and the truth is another one.

    Args:
        errors: The confident errors of each network in one image.
        truth: The image's mask, class indices (H, W).

    Returns:
        Regions of one true and one predicted class, of at least `SMALLEST` pixels, the highest `score` first.
    """
    painted = [one.paint(truth.size) for one in errors]
    agreed = painted[0][0]
    for other, _ in painted[1:]:
        agreed = np.where(other == agreed, agreed, IGNORE_INDEX)
    where = np.flatnonzero(agreed != IGNORE_INDEX)
    if len(where) < SMALLEST:
        return []
    pairs = np.full(truth.size, _NONE, np.uint16)
    pairs[where] = agreed[where].astype(np.uint16) * 255 + truth.ravel()[where]
    objects = Objects.of(pairs.reshape(truth.shape))
    labels, areas, confidence = objects.labels, objects.sums(objects.mask)[:, 0], _mean_confidence(painted, truth.shape)
    regions = []
    rows, ends = objects.row_of, objects.ends
    for runs in _by_object(objects, np.flatnonzero(labels != _NONE)):
        area = int(areas[objects.first[runs[0]]])
        if area < SMALLEST:
            continue
        inside, (left, top, right, bottom) = _cut_out(rows[runs], objects.starts[runs], ends[runs])
        predicted, true = divmod(int(labels[runs[0]]), 255)
        regions.append(
            Region(
                pixels=area,
                thickness=_thickness(inside),
                confidence=float(confidence[top:bottom, left:right][inside].mean()),
                true=true,
                predicted=predicted,
                box=(left, top, right, bottom),
                inside=inside,
            )
        )
    return sorted(regions, key=lambda region: (-region.score, -region.pixels))


def _by_object(objects: Objects, runs: NDArray[np.int64]) -> list[NDArray[np.int64]]:
    """Runs, (n,), divided by the object that they belong to; within an object in their order."""
    runs = runs[np.argsort(objects.first[runs], kind="stable")]
    return np.split(runs, np.flatnonzero(np.diff(objects.first[runs])) + 1)


def _cut_out(
    rows: NDArray[np.int64], starts: NDArray[np.int32], ends: NDArray[np.int64]
) -> tuple[NDArray[np.bool_], tuple[int, int, int, int]]:
    """The pixels of runs in their bounding box, and the box: left, top, right, bottom, of which the last two are out.

    Args:
        rows: The row of each run, (n,), rising.
        starts: The column in which each run begins, (n,).
        ends: The column after each run, (n,).
    """
    left, top, right, bottom = int(starts.min()), int(rows[0]), int(ends.max()), int(rows[-1]) + 1
    inside = np.zeros((bottom - top, right - left), np.bool_)
    for row, start, end in zip(rows - top, starts - left, ends - left, strict=True):
        inside[row, start:end] = True
    return inside, (left, top, right, bottom)


def _thickness(inside: NDArray[np.bool_]) -> int:
    """The largest distance of a pixel of a region, given in its bounding box, to a pixel outside of the region."""
    from segarena.kernels.boundary_loops import distance_to_other

    region = np.pad(inside.astype(np.uint8), 1)
    distances = np.empty(region.shape, np.uint16)
    distance_to_other(region, np.iinfo(np.uint16).max, distances)
    return int(distances[region > 0].max())


def _mean_confidence(
    painted: Sequence[tuple[NDArray[np.uint8], NDArray[np.uint8]]], size: tuple[int, ...]
) -> NDArray[np.float64]:
    """The mean confidence of the networks in each pixel, (H, W), 0..1, from what `paint` returns."""
    mean: NDArray[np.float64] = np.mean([sure for _, sure in painted], axis=0, dtype=np.float64)
    return mean.reshape(size) / 255


def _nearest(values: NDArray[np.float32], places: NDArray[np.int64], size: tuple[int, int]) -> NDArray[np.float32]:
    """The value of the nearest pixel of the grid for pixels of an image, which are counted row by row."""
    step = grid_step(*size)
    if step == 1:
        return values.ravel()[places]
    (rows, columns), (y, x) = grid_lines(*size), np.divmod(places, size[1])
    row = np.clip((y - rows.start + step // 2) // step, 0, values.shape[0] - 1)
    column = np.clip((x - columns.start + step // 2) // step, 0, values.shape[1] - 1)
    found: NDArray[np.float32] = values[row, column]
    return found
