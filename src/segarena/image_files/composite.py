"""An image of any channels as RGB, to be looked at: up to three channels, each between two levels."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

#: (low, high) of each channel: what is shown as black and as white.
Ranges = Sequence[Sequence[float]]


def composite(image: NDArray[Any], ranges: Ranges) -> NDArray[np.uint8]:
    """Show an image: its first three channels as red, green and blue; of one or two channels the first one as grey.

    Args:
        image: (H, W, C), any type.
        ranges: C pairs, in the units of the image; lower values are black, higher ones white.

    Returns:
        (H, W, 3) uint8.
    """
    shown = range(3) if image.shape[2] >= 3 else (0, 0, 0)
    planes = {}
    for channel in dict.fromkeys(shown):
        low, high = ranges[channel]
        scale = 255 / (high - low) if high > low else 0.0
        level = (image[..., channel].astype(np.float32) - np.float32(low)) * np.float32(scale)
        planes[channel] = level.clip(0, 255).round().astype(np.uint8)
    return np.stack([planes[channel] for channel in shown], axis=-1)


def describe_shown(numbers: Sequence[int]) -> str:
    """Return which channels `composite` shows, in words.

    Args:
        numbers: The number of each channel in the files.

    >>> describe_shown([4, 3, 2, 1]), describe_shown([1, 2])
    ('channels 4, 3 and 2 as red, green and blue', 'channel 1 as grey')
    """
    if len(numbers) < 3:
        return f"channel {numbers[0]} as grey"
    return "channels {}, {} and {} as red, green and blue".format(*numbers[:3])
