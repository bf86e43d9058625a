"""What one decoding of an image shows: size, highest value, alpha, and the thumbnail that images are compared by."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, get_args

import numpy as np
import PIL
from numpy.typing import NDArray
from PIL import Image

from segarena.data.files.alpha import AlphaUse
from segarena.data.files.image_io import decode, open_image, shown_size
from segarena.data.files.images import DEPTHS, highest_value, is_deep, read_deep, read_picture, scale_deep

#: Height and width of a thumbnail, in pixels.
SIDE = 32
#: The cache's name for these facts; another version of the decoder may find others.
KIND = f"image facts 2, Pillow {PIL.__version__}"

_HEAD = struct.Struct("<IIiBB")
_ALPHA_USES: tuple[AlphaUse, ...] = get_args(AlphaUse)


@dataclass(frozen=True)
class ImageFacts:
    """What an image file holds.

    Attributes:
        size: (height, width) in pixels, as `read_image` gives it.
        highest: The highest value, 0..65535, of a file of 16 bits per channel, transparency aside; None for others.
        thumbnails: (K, 32, 32) uint8, grey. K is 1; for 16 bits, one for each of the last K `DEPTHS`, into which the
            highest value fits.
        alpha: How its alpha is used.
        extra_bands: The number of bands that are neither colour nor alpha, and left out.
    """

    size: tuple[int, int]
    highest: int | None
    thumbnails: NDArray[np.uint8]
    alpha: AlphaUse = ""
    extra_bands: int = 0
    is_worth_keeping: ClassVar[bool] = True

    def thumbnail(self, bits: int) -> NDArray[np.uint8]:
        """(32, 32) uint8, grey, of the image that `read_image` gives for these `bits`."""
        place = 0 if self.highest is None else DEPTHS.index(bits) - len(DEPTHS)
        shown: NDArray[np.uint8] = self.thumbnails[place]
        return shown

    def to_bytes(self) -> bytes:
        """The facts for the cache; `from_bytes` reads them."""
        highest, use = -1 if self.highest is None else self.highest, _ALPHA_USES.index(self.alpha)
        return _HEAD.pack(*self.size, highest, use, self.extra_bands) + self.thumbnails.tobytes()

    @classmethod
    def from_bytes(cls, content: bytes) -> ImageFacts:
        """Read what `to_bytes` wrote."""
        height, width, highest, use, bands = _HEAD.unpack_from(content)
        thumbnails = np.frombuffer(content, dtype=np.uint8, offset=_HEAD.size).reshape(-1, SIDE, SIDE)
        return cls((height, width), None if highest < 0 else highest, thumbnails, _ALPHA_USES[use], bands)


def read_image_facts(path: Path, content: bytes) -> ImageFacts:
    """Decode the bytes of an image file, whole, once. Raises DataError."""
    with open_image(path, content) as image:
        size, deep = shown_size(image), is_deep(image)
        if image.format == "JPEG":
            # The decoder gives an eighth to a half of the size in a fraction of the time, and still reads all of it.
            image.draft("L", (4 * SIDE, 4 * SIDE))
            return ImageFacts(size, None, _shrink(decode(image, path))[None])
    if not deep:
        picture = read_picture(path, content=content)
        return ImageFacts(
            size, None, _shrink(Image.fromarray(picture.pixels))[None], picture.alpha, picture.extra_bands
        )
    image16 = read_deep(path, content)
    highest = highest_value(image16)
    shown = [scale_deep(image16, bits, path) for bits in DEPTHS if highest < 2**bits]
    thumbnails = np.stack([_shrink(Image.fromarray(picture.pixels)) for picture in shown])
    return ImageFacts(size, highest, thumbnails, shown[0].alpha, shown[0].extra_bands)


def _shrink(image: Image.Image) -> NDArray[np.uint8]:
    return np.asarray(image.convert("L").resize((SIDE, SIDE), Image.Resampling.BOX))
