"""Image files too large to be held as arrays: decoded once by Pillow, and turned into RGB part by part."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from segarena.image_files.image_io import decode, open_image
from segarena.image_files.images import is_deep, rgb_picture
from segarena.image_files.paged import PagedArray
from segarena.image_files.row_bands import row_bands

#: Pixels from which an image is read in parts: Pillow's own limit, above which files are refused unless it is raised.
LARGE = Image.MAX_IMAGE_PIXELS or 1 << 27
#: Pixels of the longer side of the picture that stands for a large image in an overlay.
_PICTURE = 4096
#: Modes of which a pixel takes one byte of memory.
_ONE_BYTE = frozenset({"1", "L", "P"})
#: Modes of 8 bits, without transparency, whose parts can be turned into RGB one by one.
_PLAIN = frozenset({"1", "L", "P", "RGB", "CMYK", "YCbCr", "LAB", "HSV"})


@contextmanager
def pixels_allowed(megapixels: int | None) -> Iterator[None]:
    """Return the context in which files of more pixels than Pillow's limit are decoded.

    Args:
        megapixels: Millions of pixels of an image at most; None for Pillow's limit, which is to protect from small
            files that become huge in memory ("decompression bombs").
    """
    before = Image.MAX_IMAGE_PIXELS
    if megapixels is not None:
        Image.MAX_IMAGE_PIXELS = megapixels * 1_000_000
    try:
        yield
    finally:
        Image.MAX_IMAGE_PIXELS = before


class LargeImage:
    """An image that Pillow has decoded, of which a part at a time is RGB in an array.

    Pillow takes four bytes of memory for each pixel of colour. These are moved to a temporary file, three bytes each,
    where the disk has room; pixels of one byte stay in memory.

    Attributes:
        size: (height, width) in pixels.
    """

    def __init__(self, picture: Image.Image, path: Path) -> None:
        self.size = (picture.height, picture.width)
        self._path = path
        self._picture: Image.Image | None = picture
        if picture.mode in _ONE_BYTE:
            return
        self._stored = PagedArray((*self.size, 3))
        if self._stored.is_in_file:
            for rows in row_bands(*self.size):
                self._stored.array[rows] = self.part(rows.start, rows.stop, 0, self.size[1])
                self._stored.release()
            self._picture = None

    def part(self, top: int, bottom: int, left: int, right: int) -> NDArray[np.uint8]:
        """Return the pixels from `top` to before `bottom`, `left` to before `right`, uint8 (rows, columns, 3)."""
        if self._picture is not None:
            return rgb_picture(self._picture.crop((left, top, right, bottom)), self._path).pixels
        pixels = self._stored.array[top:bottom, left:right].copy()
        self._stored.release()
        return pixels

    def resized(self, height: int, width: int) -> NDArray[np.uint8]:
        """Return the whole image at another size, bilinear with antialiasing, uint8 (height, width, 3)."""
        rows, step, scale = [], max(1, height // 32), self.size[0] / height
        for start in range(0, height, step):
            stop = min(start + step, height)
            first, last = max(0, int((start - 2) * scale)), min(self.size[0], int((stop + 2) * scale) + 1)
            strip = Image.fromarray(self.part(first, last, 0, self.size[1]))
            box = (0, start * scale - first, self.size[1], min(stop * scale - first, last - first))
            rows.append(np.asarray(strip.resize((width, stop - start), Image.Resampling.BILINEAR, box=box)))
        return np.concatenate(rows)

    def picture(self) -> NDArray[np.uint8]:
        """Return a reduced picture of the image, uint8 (h, w, 3)."""
        factor = min(1.0, _PICTURE / max(self.size))
        return self.resized(max(1, round(self.size[0] * factor)), max(1, round(self.size[1] * factor)))


def open_large(path: Path) -> LargeImage | None:
    """Decode an image file that has many pixels.

    Args:
        path: The file.

    Returns:
        The image; None where `read_image` reads it: it has at most `LARGE` pixels, 16 bits per channel, or
        transparency.

    Raises:
        DataError: As `read_image`.
    """
    with open_image(path) as undecoded:
        is_plain = undecoded.mode in _PLAIN and not undecoded.has_transparency_data and not is_deep(undecoded)
        if undecoded.width * undecoded.height <= LARGE or not is_plain:
            return None
        return LargeImage(decode(undecoded, path), path)
