"""Image files as RGB of 8 bits: every mode is converted, 16 bits are scaled by one factor for the whole data set."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFile

from segarena.data.files.image_io import decode, open_image, raw_mode, reading
from segarena.errors import DataError

#: The endings, in lower case, of the files taken for images or masks.
IMAGE_SUFFIXES = frozenset(
    {".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff", ".webp", ".gif", ".ppm", ".pgm", ".pbm", ".pnm"}
)

#: The numbers of bits that cameras and scanners store in files of 16 bits per channel.
DEPTHS = (8, 10, 12, 14, 16)

#: Colours of 16 bits, of which Pillow keeps the high byte of each channel.
_DEEP_COLORS = frozenset(f"{mode};16{order}" for mode in ("RGB", "RGBA", "RGBX") for order in "LBN")


def read_image(path: Path, bits: int = 16, content: bytes | None = None) -> NDArray[np.uint8]:
    """Read an image file as RGB, with its EXIF orientation applied.

    Grey becomes three equal channels; transparent parts are shown on white.

    Args:
        path: The file.
        bits: Files of 16 bits per channel, and no others, are scaled from 0..2**bits - 1 to 0..255; higher values
            become 255. One number for all images that a network sees (`common_bits`), so that brightness stays
            comparable.
        content: The file's bytes, where they have been read already.

    Returns:
        (H, W, 3) uint8, RGB, 0..255.

    Raises:
        DataError: The file is missing, empty, truncated, no image, too large, of several pages, or of 32 bits per
            channel.
    """
    with open_image(path, content) as undecoded:
        if not is_deep(undecoded):
            return _to_rgb(decode(undecoded, path), path)
    return scale_deep(read_deep(path, content), bits, path)


def is_deep(image: ImageFile.ImageFile) -> bool:
    """Whether an image that is not decoded yet has 16 bits (or more) per channel."""
    return image.mode.startswith("I") or raw_mode(image) in _DEEP_COLORS


def read_deep(path: Path, content: bytes | None = None) -> NDArray[np.uint32]:
    """Decode a file of 16 bits per channel -> (H, W) or (H, W, 3 or 4), values 0..65535. Raises DataError."""
    with open_image(path, content) as undecoded:
        values = np.asarray(decode(undecoded, path))
    if values.ndim == 3:
        with open_image(path, content) as undecoded:
            _take_low_bytes(undecoded)
            low = np.asarray(decode(undecoded, path))
        both: NDArray[np.uint32] = values.astype(np.uint32) << 8 | low
        return both
    if values.min() < 0 or values.max() > 65535:
        raise DataError(
            f"has 32-bit pixels, {values.min()} to {values.max()}", where=path, remedy="Save it with 8 or 16 bits"
        )
    return values.astype(np.uint32)


def scale_deep(values: NDArray[np.uint32], bits: int, path: Path) -> NDArray[np.uint8]:
    """Scale what `read_deep` returned from 0..2**bits - 1 to 0..255; higher values become 255.

    Args:
        values: (H, W) or (H, W, 3 or 4).
        bits: One of `DEPTHS`.
        path: The file, for messages.

    Returns:
        (H, W, 3) uint8, RGB.
    """
    top = 2**bits - 1
    scaled = (np.minimum(values, top) * 255 + top // 2) // top
    return _to_rgb(Image.fromarray(scaled.astype(np.uint8)), path)


def highest_value(values: NDArray[np.uint32]) -> int:
    """Return the highest value of what `read_deep` returned, transparency aside."""
    return int(values.max() if values.ndim == 2 else values[..., :3].max())


def common_bits(highest: Iterable[int]) -> int:
    """Return the fewest bits, one of `DEPTHS`, for the `highest` values of all 16-bit images; 16 without images.

    Cameras store 10 to 14 bits in files of 16; divided by 257 they would be nearly black. All images of a data set
    share one number, so that a dark image stays darker than a bright one.

    >>> common_bits([900, 4095])
    12
    """
    limit = max(highest, default=65535)
    return next(bits for bits in DEPTHS if limit < 2**bits)


def find_bits(path: Path) -> int:
    """Return `common_bits` of a single image file. Raises DataError."""
    with open_image(path) as image:
        deep = is_deep(image)
    return common_bits([highest_value(read_deep(path))] if deep else [])


def _to_rgb(image: Image.Image, path: Path) -> NDArray[np.uint8]:
    if image.mode == "F":
        raise DataError(
            "has 32-bit floating-point pixels, whose value range is unknown",
            where=path,
            remedy="Save it with 8 bits per channel",
        )
    with reading(path):
        if image.has_transparency_data:
            layer = image.convert("RGBA")
            image = Image.alpha_composite(Image.new("RGBA", layer.size, (255, 255, 255, 255)), layer)
        return np.array(image.convert("RGB"))


def _take_low_bytes(image: ImageFile.ImageFile) -> None:
    """Make Pillow, which keeps the high byte of a 16-bit channel, keep the low one, by naming the other byte order."""
    mode, _, order = raw_mode(image).partition(";16")
    if order == "N":
        order = "L" if sys.byteorder == "little" else "B"
    other = f"{mode};16{'B' if order == 'L' else 'L'}"
    for place, tile in enumerate(image.tile):
        arguments = (other, *tile[3][1:]) if isinstance(tile[3], tuple) else other
        image.tile[place] = type(tile)(tile[0], tile[1], tile[2], arguments)
