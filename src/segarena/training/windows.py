"""Where overlapping windows are along one side of an image, and how much each counts at each pixel."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

#: The least share of a window that it has in common with the next one, before its beginning is rounded.
OVERLAP = 0.5


def window_bounds(length: int, window: int, multiple: int, overlap: float = OVERLAP) -> list[tuple[int, int]]:
    """Place windows at about equal distances.

    They begin at multiples of a number of pixels, at which the grid of a network's logits is that of the whole image.
    The last one ends with the image, and is up to that number longer.

    Args:
        length: Of the side of the image, in pixels.
        window: Of a window, in pixels.
        multiple: The number of pixels; a quarter of the window at most is used, halved as often as necessary.
        overlap: The share of a window that it has in common with the next one, 0.25 to below 1.

    Returns:
        The first pixel of each window and the one after its last; one window for an image that is not longer.

    >>> window_bounds(300, 128, 32)
    [(0, 128), (32, 160), (96, 224), (160, 300)]
    """
    if length <= window:
        return [(0, length)]
    while multiple > 1 and 4 * multiple > window:
        multiple = -(-multiple // 2)
    gaps = -(-(length - window) // max(1, int(window * (1 - overlap))))
    starts = [step * (length - window) // gaps // multiple * multiple for step in range(gaps + 1)]
    starts = sorted(set(starts))
    return [(start, start + window) for start in starts[:-1]] + [(starts[-1], length)]


def window_weights(bounds: list[tuple[int, int]]) -> list[NDArray[np.float32]]:
    """Return how much each window counts at each of its pixels; at each pixel of the image the sum is 1.

    The weight falls from the middle of a window to its ends as a squared cosine (Hann), so that labels do not jump
    where a window ends. Over an image the weights of rows and columns are multiplied.

    Args:
        bounds: The first pixel of each window and the one after its last, in order, without gaps.

    Returns:
        float32, of the length of each window.
    """
    total = np.zeros(bounds[-1][1])
    found = []
    for start, stop in bounds:
        weight = np.sin(np.pi * ((np.arange(stop - start) + 0.5) / (stop - start))) ** 2
        total[start:stop] += weight
        found.append(weight)
    return [
        (weight / total[first:last]).astype(np.float32) for weight, (first, last) in zip(found, bounds, strict=True)
    ]
