"""Where the crops of a training batch are in a buffer of pixels, and what becomes of them: what the kernels get."""

from __future__ import annotations

from typing import NamedTuple

from torch import Tensor

#: The changes of colour.
BRIGHTNESS, CONTRAST, SATURATION = 0, 1, 2


class Resampling(NamedTuple):
    """How one axis of N crops is resized and padded: a weighted mean of source pixels for each of L pixels."""

    first: Tensor
    """The first source pixel of each mean, relative to the crop's: int32 (N, L)."""
    weights: Tensor
    """The weights of it and the next ones, integers: int32 (N, L, K)."""
    shift: Tensor
    """The power of two that the weights of a crop sum up to: int32 (N,)."""
    nearest: Tensor
    """The nearest source pixel, relative to the crop's, -1 in the padding: int32 (N, L)."""


class CropTables(NamedTuple):
    """Where N crops are in the flat buffers, and what becomes of them. All on the device of the buffers."""

    starts: Tensor
    """The place of each crop's upper left pixel: int64 (N,)."""
    strides: Tensor
    """The width of its image in pixels: int64 (N,)."""
    heights: Tensor
    """The number of its rows in the image: int32 (N,)."""
    rows: Resampling
    columns: Resampling
    order: Tensor
    """The order of the changes of colour, each BRIGHTNESS, CONTRAST or SATURATION: int32 (N, 3)."""
    factors: Tensor
    """The factors of brightness, contrast and saturation: float32 (N, 3)."""
    rests: Tensor
    """1 - factors, rounded once: float32 (N, 3)."""
