"""Whether a probability means what it should: reliability, expected calibration error, negative log-likelihood."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from segarena.classes import IGNORE_INDEX

#: Equal bins of confidence from 0 to 1, as in Guo et al. 2017.
BINS = 15
#: Pixels of an image that the confidence is computed of at most, on a regular grid.
MOST_PIXELS = 1 << 14


@dataclass(frozen=True, eq=False)
class ConfidenceCounts:
    """How often the predicted classes are right, by confidence: the probability of the predicted class."""

    pixels: NDArray[np.int64]
    """(C, BINS): pixels of each predicted class and bin. Bin b has confidences above b / BINS, up to (b + 1) / BINS."""
    correct: NDArray[np.int64]
    """(C, BINS): those whose true class is the predicted one."""
    confidence: NDArray[np.float64]
    """(C, BINS): the sum of their confidences."""
    surprise: float
    """The sum over the pixels of -ln of the probability of their true class."""

    @classmethod
    def zero(cls, num_classes: int) -> ConfidenceCounts:
        """Return the counts of no pixel."""
        shape = (num_classes, BINS)
        return cls(np.zeros(shape, np.int64), np.zeros(shape, np.int64), np.zeros(shape), 0.0)

    def __add__(self, other: ConfidenceCounts) -> ConfidenceCounts:
        return ConfidenceCounts(
            self.pixels + other.pixels,
            self.correct + other.correct,
            self.confidence + other.confidence,
            self.surprise + other.surprise,
        )

    @property
    def ece(self) -> float:
        """The expected calibration error of all classes together; NaN without pixels."""
        return _error(self.pixels.sum(axis=0), self.correct.sum(axis=0), self.confidence.sum(axis=0))

    @property
    def class_ece(self) -> NDArray[np.float64]:
        """The expected calibration error among the pixels predicted as each class, (C,); NaN without pixels."""
        rows = zip(self.pixels, self.correct, self.confidence, strict=True)
        return np.array([_error(*row) for row in rows], np.float64)

    @property
    def nll(self) -> float:
        """The mean negative log-likelihood of a pixel, in nats; NaN without pixels."""
        total = int(self.pixels.sum())
        return self.surprise / total if total else math.nan


def grid_step(height: int, width: int) -> int:
    """Return how many pixels apart the confidence of an image is computed, along both sides.

    >>> grid_step(128, 128), grid_step(360, 480), grid_step(3000, 4000)
    (1, 4, 28)
    """
    return max(1, math.ceil(math.sqrt(height * width / MOST_PIXELS)))


def grid_lines(height: int, width: int) -> tuple[slice, slice]:
    """Return the rows and columns at which the confidence of an image is computed: the middle ones of squares.

    >>> grid_lines(3000, 4000)
    (slice(14, 3000, 28), slice(14, 4000, 28))
    """
    step = grid_step(height, width)
    rows, columns = (slice(min(step, length) // 2, length, step) for length in (height, width))
    return rows, columns


def count_confidence(
    truth: NDArray[np.uint8],
    prediction: NDArray[np.uint8],
    confidence: NDArray[np.float32],
    surprise: NDArray[np.float32],
    num_classes: int,
) -> ConfidenceCounts:
    """Count correct pixels by predicted class and confidence.

    Args:
        truth: Class indices 0..C-1, any shape; 255 is void and not counted.
        prediction: The class with the largest probability, 0..C-1, the same shape.
        confidence: Its probability, 0..1.
        surprise: -ln of the probability of the true class, from 0; any number where the truth is void.
        num_classes: C.
    """
    counted = truth != IGNORE_INDEX
    confidence = np.nan_to_num(confidence)  # of a network that diverged
    truth, prediction, sure = truth[counted], prediction[counted], confidence[counted].astype(np.float64)
    bins = np.clip(np.ceil(sure * BINS).astype(np.int64) - 1, 0, BINS - 1)
    cell, size = prediction.astype(np.int64) * BINS + bins, num_classes * BINS
    shape = (num_classes, BINS)
    return ConfidenceCounts(
        np.bincount(cell, minlength=size).reshape(shape),
        np.bincount(cell[truth == prediction], minlength=size).reshape(shape),
        np.bincount(cell, weights=sure, minlength=size).reshape(shape).astype(np.float64),
        float(surprise[counted].sum(dtype=np.float64)),
    )


def _error(pixels: NDArray[np.int64], correct: NDArray[np.int64], confidence: NDArray[np.float64]) -> float:
    """The mean over the pixels of the difference between share of correct pixels and mean confidence of their bin."""
    total = int(pixels.sum())
    return float(np.abs(correct - confidence).sum() / total) if total else math.nan
