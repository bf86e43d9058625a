"""What a training predicts for a few validation images, kept small, to be looked at while it runs."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

#: Validation images that are shown: the same for all trainings of a split.
IMAGES = 6
#: The longest side of their labels, in pixels.
LONGEST_SIDE = 256


def preview_places(number: int) -> list[int]:
    """Return which of the validation images are shown: evenly spaced ones.

    >>> preview_places(11), preview_places(2)
    ([0, 2, 4, 6, 8, 10], [0, 1])
    """
    places = np.linspace(0, number - 1, min(IMAGES, number)).round()
    return [int(place) for place in places]


def preview_step(height: int, width: int) -> int:
    """Return of how many rows and columns one is kept.

    >>> preview_step(720, 960)
    4
    """
    return -(-max(height, width) // LONGEST_SIDE)


class PreviewLabels:
    """Takes a few images from the labels that a validation predicts anyway; nothing is computed for them.

    Args:
        number: Number of validation images.
    """

    def __init__(self, number: int) -> None:
        self._places = frozenset(preview_places(number))
        self._seen, self._labels = 0, list[NDArray[np.uint8]]()

    def begin(self) -> Callable[[Tensor], None]:
        """Forget the last validation; return what takes the labels, uint8 (N, H, W), of the images in their order."""
        self._seen, self._labels = 0, []
        return self._add

    @property
    def labels(self) -> Sequence[NDArray[np.uint8]]:
        """The labels of the images at `preview_places`, (H, W), one of several rows and columns."""
        return tuple(self._labels)

    def _add(self, labels: Iterable[Tensor]) -> None:
        for one in labels:
            if self._seen in self._places:
                step = preview_step(*one.shape)
                self._labels.append(one[step // 2 :: step, step // 2 :: step].cpu().numpy().copy())
            self._seen += 1
