"""Count where the errors of an evaluation are, image by image as it goes on."""

from __future__ import annotations

from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType
from typing import NamedTuple, Self

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from segarena.config.devices import device_type
from segarena.cores import count_cores
from segarena.image_files.brightness import brightness
from segarena.loading.dataset import EvaluationItem
from segarena.records.error_analysis import ImageProperties
from segarena.scoring.boundaries import count_boundaries
from segarena.scoring.calibration import ConfidenceCounts, count_confidence, grid_lines
from segarena.scoring.disagreement import ConfidentErrors, find_confident_errors
from segarena.scoring.error_analysis import ErrorTotals
from segarena.scoring.objects import count_objects
from segarena.training.confidence import Confidence

#: Threads that count while a GPU labels the next images, at most.
_MOST_THREADS = 4

Bytes = NDArray[np.uint8]


class ImageErrors(NamedTuple):
    """What was counted in one image."""

    totals: ErrorTotals
    properties: ImageProperties
    confident: ConfidentErrors | None
    """None where the confidence was not computed."""


class ErrorCollector:
    """Collects the errors of an evaluation; an instance is the `observe` of `evaluate`.

    On a GPU the images are counted in threads while the next ones are labelled. Memory is that of a few images.

    Args:
        num_classes: Number of classes.
        device: The device of the evaluation.
    """

    def __init__(self, num_classes: int, device: str) -> None:
        self.num_classes = num_classes
        self.totals = ErrorTotals.zero(num_classes)
        #: By the position of each image.
        self.properties: dict[int, ImageProperties] = {}
        self.confident: dict[int, ConfidentErrors] = {}
        threads = min(_MOST_THREADS, count_cores() - 1) if device_type(device) == "cuda" else 0
        self._threads = ThreadPoolExecutor(threads) if threads > 0 else None
        self._waiting: deque[tuple[int, Future[ImageErrors]]] = deque()
        self._most = 2 * threads

    def __call__(self, item: EvaluationItem, labels: Tensor, confidence: Confidence | None) -> None:
        """Count the errors of an image.

        Args:
            item: The image and its mask.
            labels: The predicted classes, uint8 (H, W).
            confidence: That of the predicted and the true classes.
        """
        found = None if confidence is None else (confidence.predicted.cpu().numpy(), confidence.surprise.cpu().numpy())
        arguments = (item.mask.cpu().numpy(), labels.cpu().numpy(), found, _brightness(item.image), self.num_classes)
        if self._threads is None:
            self.add(item.position, count_errors(*arguments))
            return
        self._waiting.append((item.position, self._threads.submit(count_errors, *arguments)))
        self._take(self._most)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Wait for what is being counted, unless there was an error."""
        if self._threads is not None:
            try:
                if error is None:
                    self._take(0)
            finally:
                self._threads.shutdown(cancel_futures=True)

    def _take(self, left: int) -> None:
        """Add what was counted, in the order of the images, until only that many are waited for."""
        while len(self._waiting) > left:
            position, future = self._waiting.popleft()
            self.add(position, future.result())

    def add(self, position: int, found: ImageErrors) -> None:
        """Add what was counted in an image.

        Args:
            position: The position of the image in the evaluation.
            found: What `count_errors` returned for it.
        """
        self.totals = self.totals + found.totals
        self.properties[position] = found.properties
        if found.confident is not None:
            self.confident[position] = found.confident


def count_errors(
    truth: Bytes,
    prediction: Bytes,
    confidence: tuple[NDArray[np.float32], NDArray[np.float32]] | None,
    grey: float | None,
    num_classes: int,
) -> ImageErrors:
    """Count the errors of one image.

    Args:
        truth: Class indices 0..C-1, (H, W); 255 is void.
        prediction: Class indices 0..C-1, (H, W).
        confidence: The two arrays of `Confidence`, or None.
        grey: Brightness of the image.
        num_classes: C.
    """
    height, width = truth.shape
    confident, sure = None, ConfidenceCounts.zero(num_classes)
    if confidence is not None:
        confident = find_confident_errors(truth, prediction, confidence[0])
        lines = grid_lines(height, width)
        sure = count_confidence(truth[lines], prediction[lines], *confidence, num_classes)
    return ImageErrors(
        ErrorTotals(
            1,
            count_objects(truth, prediction, num_classes),
            count_boundaries(truth, prediction, num_classes),
            sure,
            int(confidence is not None),
        ),
        ImageProperties(height=height, width=width, brightness=grey),
        confident,
    )


def _brightness(image: Tensor) -> float | None:
    """The mean grey level of an image (C, H, W), 0..255; None if it is not RGB of 8 bits."""
    if image.shape[0] != 3 or image.is_floating_point():
        return None
    return brightness(image.permute(1, 2, 0).cpu().numpy())
