"""What one decoding of an image shows: size, alpha, grey levels, and the thumbnail that images are compared by."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, get_args

import numpy as np
import PIL
from numpy.typing import NDArray
from PIL import Image

from segarena.image_files.alpha import AlphaUse
from segarena.image_files.image_io import decode, open_image, shown_size
from segarena.image_files.images import DEPTHS, highest_value, is_deep, read_deep, read_picture, scale_deep
from segarena.image_files.row_bands import row_bands

#: Height and width of a thumbnail, in pixels.
SIDE = 64
#: The cache's name for these facts; another version of the decoder may find others.
KIND = f"image facts 5, Pillow {PIL.__version__}"

#: The grey levels are those of a grid with this number of pixels along each side.
SAMPLES = 128

_HISTOGRAM_BYTES = 512
_HEAD = struct.Struct("<IIiBBB")
#: Fewer than this share of the pixels are few.
_FEW = 0.001
_ALPHA_USES: tuple[AlphaUse, ...] = get_args(AlphaUse)


@dataclass(frozen=True)
class ImageFacts:
    """What an image file holds.

    Attributes:
        size: (height, width) in pixels, as `read_image` gives it.
        highest: The highest value, 0..65535, of a file of 16 bits per channel, transparency aside; None for others.
        thumbnails: (K, 64, 64) uint8, grey. K is 1; for 16 bits, one for each of the last K `DEPTHS`, into which the
            highest value fits.
        histograms: (K, 256) uint16, the pixels with each grey level, of 128 x 128 on a grid over the image as it was
            decoded (a JPEG at down to an eighth of its size).
        alpha: How its alpha is used.
        extra_bands: The number of bands that are neither colour nor alpha, and left out.
        stretched: Whether the image is grey, and a few pixels have the lowest value of the scale and a few the highest,
            as after stretching the image to its own range. Not found out for JPEG.
    """

    size: tuple[int, int]
    highest: int | None
    thumbnails: NDArray[np.uint8]
    histograms: NDArray[np.uint16]
    alpha: AlphaUse = ""
    extra_bands: int = 0
    stretched: bool = False
    is_worth_keeping: ClassVar[bool] = True

    def thumbnail(self, bits: int) -> NDArray[np.uint8]:
        """(64, 64) uint8, grey, of the image that `read_image` gives for these `bits`, or its own if they are more."""
        shown: NDArray[np.uint8] = self.thumbnails[self._place(bits)]
        return shown

    def histogram(self, bits: int) -> NDArray[np.float64]:
        """(256,), the share of pixels with each grey level of the image that `read_image` gives for these `bits`."""
        shares: NDArray[np.float64] = self.histograms[self._place(bits)] / SAMPLES**2
        return shares

    def _place(self, bits: int) -> int:
        return 0 if self.highest is None else max(DEPTHS.index(bits) - len(DEPTHS), -len(self.thumbnails))

    def to_bytes(self) -> bytes:
        """The facts for the cache; `from_bytes` reads them."""
        highest, use = -1 if self.highest is None else self.highest, _ALPHA_USES.index(self.alpha)
        head = _HEAD.pack(*self.size, highest, use, self.extra_bands, self.stretched)
        return head + self.histograms.astype("<u2").tobytes() + self.thumbnails.tobytes()

    @classmethod
    def from_bytes(cls, content: bytes) -> ImageFacts:
        """Read what `to_bytes` wrote."""
        height, width, number, use, bands, stretched = _HEAD.unpack_from(content)
        count = (len(content) - _HEAD.size) // (_HISTOGRAM_BYTES + SIDE * SIDE)
        histograms = np.frombuffer(content, dtype="<u2", offset=_HEAD.size, count=256 * count).reshape(count, 256)
        start = _HEAD.size + _HISTOGRAM_BYTES * count
        thumbnails = np.frombuffer(content, dtype=np.uint8, offset=start).reshape(count, SIDE, SIDE)
        size, highest = (height, width), None if number < 0 else number
        return cls(size, highest, thumbnails, histograms, _ALPHA_USES[use], bands, bool(stretched))


def read_image_facts(path: Path, content: bytes) -> ImageFacts:
    """Decode the bytes of an image file, whole, once. Raises DataError."""
    with open_image(path, content) as image:
        size, deep = shown_size(image), is_deep(image)
        if image.format == "JPEG":
            # The decoder gives an eighth to a half of the size in a fraction of the time, and still reads all of it.
            image.draft("L", (2 * SIDE, 2 * SIDE))
            return ImageFacts(size, None, *describe_grey([decode(image, path)]))
    if not deep:
        picture = read_picture(path, content=content)
        shown = describe_grey([_as_grey(picture.pixels)])
        stretched = _is_stretched(picture.pixels, 255)
        return ImageFacts(size, None, *shown, picture.alpha, picture.extra_bands, stretched)
    image16 = read_deep(path, content)
    highest = highest_value(image16)
    grey, uses = [], []
    for bits in (bits for bits in DEPTHS if highest < 2**bits):
        picture = scale_deep(image16, bits, path)
        grey.append(_as_grey(picture.pixels))
        uses.append(picture.alpha)
        del picture  # before the next one is made
    stretched = _is_stretched(image16.values, 65535)
    return ImageFacts(size, highest, *describe_grey(grey), uses[0], image16.extra_bands, stretched)


def _as_grey(pixels: NDArray[np.uint8]) -> Image.Image:
    """(H, W, 3) RGB as grey, band by band."""
    grey = np.empty(pixels.shape[:2], dtype=np.uint8)
    for rows in row_bands(*pixels.shape[:2]):
        grey[rows] = np.asarray(Image.fromarray(pixels[rows]).convert("L"))
    return Image.fromarray(grey)


def _is_stretched(values: NDArray[Any], top: int) -> bool:
    if values.min() > 0 or values.max() < top:
        return False
    bands = list(row_bands(*values.shape[:2]))
    if values.ndim == 3 and not all((values[rows, :, :1] == values[rows, :, 1:3]).all() for rows in bands):
        return False
    counts = (sum(int(np.count_nonzero(values[rows] == end)) for rows in bands) for end in (0, top))
    return all(count < _FEW * values.size for count in counts)


def describe_grey(images: Sequence[Image.Image]) -> tuple[NDArray[np.uint8], NDArray[np.uint16]]:
    """Return the thumbnails and the histograms of K images, as `ImageFacts` has them."""
    grey = [image if image.mode == "L" else image.convert("L") for image in images]
    thumbnails = [np.asarray(image.resize((SIDE, SIDE), Image.Resampling.BOX)) for image in grey]
    histograms = [image.resize((SAMPLES, SAMPLES), Image.Resampling.NEAREST).histogram() for image in grey]
    return np.array(thumbnails), np.array(histograms, dtype=np.uint16)
