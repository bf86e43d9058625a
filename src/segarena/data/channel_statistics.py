"""Mean and standard deviation of each channel of the training images, exact, while they are decoded."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray


class Moments(NamedTuple):
    """The pixels of an image, and of each of its C channels the sum and the sum of squares.

    Sums of uint8 and uint16 are exact; those of float32 are float64.
    """

    pixels: int
    sums: tuple[int, ...] | tuple[float, ...]
    squares: tuple[int, ...] | tuple[float, ...]
    constants: tuple[float | None, ...] = ()
    """Of float32, the value of each channel that is the same everywhere, None for others; empty for exact sums."""


def measure(image: NDArray[Any]) -> Moments:
    """Sum up an image (H, W, C): all its pixels, void ones too, as a network sees them."""
    flat = image.reshape(-1, image.shape[2])
    if image.dtype.kind == "u":
        # 65535 squared times 2^31 pixels is below 2^63
        columns = [np.ascontiguousarray(flat[:, channel]).astype(np.int64) for channel in range(flat.shape[1])]
        return Moments(len(flat), tuple(int(one.sum()) for one in columns), tuple(int(one @ one) for one in columns))
    wide = [flat[:, channel].astype(np.float64) for channel in range(flat.shape[1])]
    constants = tuple(float(one[0]) if (one == one[0]).all() else None for one in wide)
    return Moments(
        len(flat), tuple(float(one.sum()) for one in wide), tuple(float(one @ one) for one in wide), constants
    )


def mean_and_std(moments: Sequence[Moments]) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Return the mean and the standard deviation (of the population) of each channel over all pixels of all images.

    Args:
        moments: Those of the images, 1 or more.

    Returns:
        Two tuples of C numbers, in the units of the images; a channel that is the same everywhere has the deviation 1.
    """
    total = sum(one.pixels for one in moments)
    means, stds = [], []
    for channel in range(len(moments[0].sums)):
        constants = {one.constants[channel] if one.constants else None for one in moments}
        if len(constants) == 1 and (constant := constants.pop()) is not None:
            means.append(constant)  # the sums of floats are rounded: their deviation would be small, and not 0
            stds.append(1.0)
            continue
        # fractions: the difference of two large sums would lose digits
        mean = sum(Fraction(one.sums[channel]) for one in moments) / total
        square = sum(Fraction(one.squares[channel]) for one in moments) / total
        variance = float(max(Fraction(0), square - mean * mean))
        means.append(float(mean))
        stds.append(variance**0.5 or 1.0)
    return tuple(means), tuple(stds)
