"""What one decoding of an image with its own channels shows: their number and type, and the range of each."""

from __future__ import annotations

import math
import struct
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, TypeAlias, cast, get_args

import numpy as np
import PIL
from numpy.typing import NDArray
from PIL import Image

from segarena.image_files.bands import read_all_bands
from segarena.image_files.image_facts import ImageFacts, describe_grey
from segarena.image_files.images import DEPTHS
from segarena.image_files.row_bands import row_bands

#: The cache's name for these facts.
KIND = f"band facts 2, Pillow {PIL.__version__}"

#: The types of the values.
ValueType: TypeAlias = Literal["uint8", "uint16", "float32"]
DTYPES: tuple[ValueType, ...] = get_args(ValueType)
#: The percentiles between which a channel is shown, from black to white.
SHOWN = (2, 98)
#: Numbers of all channels that the percentiles are taken of, at most: 256 x 256 places of up to 32 channels.
_GRID = 32 << 16

_HEAD = struct.Struct("<BI")


@dataclass(frozen=True)
class BandFacts(ImageFacts):
    """What an image file with its own channels holds; the grey levels are those of the mean of all channels.

    Attributes:
        dtype: The type of its values: uint8, uint16 or float32.
        ranges: (C, 2) float32, the 2nd and the 98th percentile of each channel of the file.
    """

    dtype: ValueType = "uint8"
    ranges: NDArray[np.float32] = field(default_factory=lambda: np.zeros((0, 2), np.float32))

    @property
    def channels(self) -> int:
        """The number of channels of the file."""
        return len(self.ranges)

    def to_bytes(self) -> bytes:
        """The facts for the cache; `from_bytes` reads them."""
        head = _HEAD.pack(DTYPES.index(self.dtype), len(self.ranges))
        return head + self.ranges.astype("<f4").tobytes() + super().to_bytes()

    @classmethod
    def from_bytes(cls, content: bytes) -> BandFacts:
        """Read what `to_bytes` wrote."""
        kind, count = _HEAD.unpack_from(content)
        end = _HEAD.size + 8 * count
        ranges = np.frombuffer(content[_HEAD.size : end], "<f4").reshape(count, 2)
        facts = ImageFacts.from_bytes(content[end:])
        return cls(**vars(facts), dtype=DTYPES[kind], ranges=ranges)


def read_band_facts(path: Path, content: bytes) -> BandFacts:
    """Decode the bytes of an image file, whole, once. Raises DataError."""
    image = read_all_bands(path, content)
    side = min(256, math.isqrt(_GRID // image.shape[2]))
    grid = image[_spread(image.shape[0], side), :][:, _spread(image.shape[1], side)]
    ranges = np.percentile(grid.reshape(-1, image.shape[2]), SHOWN, axis=0).T.astype(np.float32)
    highest, pictures = _grey(image, grid)
    shown = describe_grey([Image.fromarray(picture) for picture in pictures])
    return BandFacts(
        (image.shape[0], image.shape[1]), highest, *shown, dtype=cast(ValueType, str(image.dtype)), ranges=ranges
    )


def _spread(length: int, most: int) -> NDArray[np.int64]:
    """At most `most` places, at least one, evenly spaced."""
    return np.linspace(0, length - 1, max(1, min(length, most))).round().astype(np.int64)


def _grey(image: NDArray[Any], grid: NDArray[Any]) -> tuple[int | None, list[NDArray[np.uint8]]]:
    """The highest value of 16 bits, and the mean of all channels as 8 bits: for each depth that the values fit into.

    Of float32, whose values have no common range, from the 2nd to the 98th percentile of the image itself.
    """
    if image.dtype == np.uint8:
        return None, [_show(image, lambda mean: mean.round())]
    if image.dtype == np.uint16:
        highest = int(image.max())
        tops = [2**bits - 1 for bits in DEPTHS if highest < 2**bits]
        return highest, [_show(image, lambda mean, scale=255 / top: (mean * scale).round()) for top in tops]
    low, high = np.percentile(grid.mean(axis=2, dtype=np.float64), SHOWN)
    scale = 255 / max(high - low, 1e-12)
    return None, [_show(image, lambda mean: ((mean - low) * scale).clip(0, 255))]


def _show(image: NDArray[Any], scaled: Callable[..., NDArray[Any]]) -> NDArray[np.uint8]:
    """(H, W) of 8 bits: what becomes of the mean of all channels, band by band."""
    grey = np.empty(image.shape[:2], dtype=np.uint8)
    for rows in row_bands(*image.shape[:2]):
        grey[rows] = scaled(image[rows].mean(axis=2, dtype=np.float32)).astype(np.uint8)
    return grey
