"""Image files as RGB of 8 bits: every mode is converted, 16 bits are scaled by one factor for the whole data set."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFile
from PIL.TiffImagePlugin import PHOTOMETRIC_INTERPRETATION, TiffImageFile

from segarena.errors import DataError
from segarena.image_files.alpha import AlphaUse, count_extra_bands, keep_straight, on_white, straighten
from segarena.image_files.arrays import ARRAY_SUFFIXES
from segarena.image_files.foreign import HEIC_SUFFIXES
from segarena.image_files.image_io import decode, open_image, raw_mode, reading
from segarena.image_files.row_bands import row_bands, to_array

#: The endings, in lower case, of the files taken for images or masks.
IMAGE_SUFFIXES = frozenset(
    {".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff", ".webp", ".gif", ".ppm", ".pgm", ".pbm", ".pnm"}
)

#: The endings of pictures that annotations may refer to: these, and less usual ones.
PICTURE_SUFFIXES = (
    IMAGE_SUFFIXES | HEIC_SUFFIXES | {*(".jfif", ".jpe", ".jp2", ".j2k", ".jpx", ".avif"), *(".tga", ".dib", ".pcx")}
)

#: Those of files that are taken for images or masks where the ones above give no pairs, or fewer.
FURTHER_SUFFIXES = (PICTURE_SUFFIXES - IMAGE_SUFFIXES) | ARRAY_SUFFIXES

#: All endings of files that can be read as images or masks: a name with one of them is the name of such a file.
READABLE_SUFFIXES = IMAGE_SUFFIXES | FURTHER_SUFFIXES

#: The numbers of bits that cameras and scanners store in files of 16 bits per channel.
DEPTHS = (8, 10, 12, 14, 16)

#: Colours of 16 bits, of which Pillow keeps the high byte of each channel.
_DEEP_COLORS = frozenset(f"{mode};16{order}" for mode in ("RGB", "RGBA", "RGBa", "RGBX") for order in "LBN")
#: Grey and alpha of 16 bits in PNG.
_DEEP_GREY_ALPHA = "LA;16B"


class Picture(NamedTuple):
    """A decoded image file.

    Attributes:
        pixels: (H, W, 3) uint8, RGB, 0..255.
        alpha: How its alpha was used.
        extra_bands: The number of bands that are neither colour nor alpha, and left out.
    """

    pixels: NDArray[np.uint8]
    alpha: AlphaUse = ""
    extra_bands: int = 0


class DeepImage(NamedTuple):
    """A decoded file of 16 bits per channel.

    Attributes:
        values: (H, W) or (H, W, 3 or 4), 0..65535, as they are stored.
        white_is_zero: Whether 0 is white (TIFF).
        extra_bands: As in `Picture`.
    """

    values: NDArray[np.uint16]
    white_is_zero: bool = False
    extra_bands: int = 0


def read_image(path: Path, bits: int = 16, content: bytes | None = None) -> NDArray[np.uint8]:
    """Read an image file as RGB, with its EXIF orientation applied.

    Grey becomes three equal channels; transparent parts are shown on white, see `image_files.alpha`.

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
    return read_picture(path, bits, content).pixels


def read_picture(path: Path, bits: int = 16, content: bytes | None = None) -> Picture:
    """Read an image file as `read_image` does, with what was left out of it."""
    with open_image(path, content) as undecoded:
        if not is_deep(undecoded):
            bands, premultiplied = count_extra_bands(undecoded), keep_straight(undecoded)
            image = decode(undecoded, path)
            if image.mode == "La":
                image = Image.fromarray(straighten(to_array(image)[..., [0, 0, 0, 1]], 255))
            elif premultiplied:
                image = Image.fromarray(straighten(to_array(image), 255))
            return rgb_picture(image, path)._replace(extra_bands=bands)
    return scale_deep(read_deep(path, content), bits, path)


def is_deep(image: ImageFile.ImageFile) -> bool:
    """Whether an image that is not decoded yet has 16 bits (or more) per channel."""
    return image.mode.startswith("I") or raw_mode(image) in _DEEP_COLORS or raw_mode(image) == _DEEP_GREY_ALPHA


def read_deep(path: Path, content: bytes | None = None) -> DeepImage:
    """Decode a file of 16 bits per channel. Raises DataError."""
    with open_image(path, content) as undecoded:
        white_is_zero = isinstance(undecoded, TiffImageFile) and undecoded.tag_v2.get(PHOTOMETRIC_INTERPRETATION) == 0
        bands, premultiplied = count_extra_bands(undecoded), keep_straight(undecoded)
        pairs = raw_mode(undecoded) == _DEEP_GREY_ALPHA
        if pairs:
            _unpack_as(undecoded, "RGBA")  # the four bytes of a pixel: grey and alpha, each with its high byte first
        values = to_array(decode(undecoded, path))
    if pairs:
        wide = values.astype(np.uint16)
        grey, alpha = wide[..., 0] << 8 | wide[..., 1], wide[..., 2] << 8 | wide[..., 3]
        return DeepImage(np.stack([grey, grey, grey, alpha], axis=-1))
    if values.ndim == 3:
        with open_image(path, content) as undecoded:
            keep_straight(undecoded)
            _take_low_bytes(undecoded)
            low = to_array(decode(undecoded, path))
        both: NDArray[np.uint16] = values.astype(np.uint16)
        both <<= 8
        both |= low
        return DeepImage(straighten(both, 65535) if premultiplied else both, extra_bands=bands)
    if values.min() < 0 or values.max() > 65535:
        raise DataError(
            f"has values from {values.min()} to {values.max()}, but those of an image are between 0 and 65535",
            where=path,
            remedy="Save it with 8 or 16 bits per channel, without negative values",
        )
    return DeepImage(values.astype(np.uint16, copy=False), white_is_zero)


def scale_deep(image: DeepImage, bits: int, path: Path) -> Picture:
    """Scale what `read_deep` returned from 0..2**bits - 1 to 0..255; higher values become 255.

    Alpha is no brightness: it is scaled from all 16 bits where it has values above 2**bits - 1.

    Args:
        image: The decoded file.
        bits: One of `DEPTHS`.
        path: The file, for messages.
    """
    top = 2**bits - 1
    scaled = _to_bytes(image.values, top)
    if image.values.ndim == 3 and image.values.shape[2] == 4 and image.values[..., 3].max() > top:
        scaled[..., 3] = _to_bytes(image.values[..., 3], 65535)
    picture = rgb_picture(Image.fromarray(255 - scaled if image.white_is_zero else scaled), path)
    return picture._replace(extra_bands=image.extra_bands)


def _to_bytes(values: NDArray[np.uint16], top: int) -> NDArray[np.uint8]:
    scaled = np.empty(values.shape, dtype=np.uint8)
    for rows in row_bands(*values.shape[:2]):
        wide = np.minimum(values[rows], top).astype(np.uint32)
        scaled[rows] = (wide * 255 + top // 2) // top
    return scaled


def highest_value(image: DeepImage) -> int:
    """Return the highest value of what `read_deep` returned, transparency aside."""
    values = image.values
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


def rgb_picture(image: Image.Image, path: Path) -> Picture:
    """Convert a decoded image of 8 bits per channel to RGB; transparent parts are shown on white.

    Args:
        image: Decoded, in any mode.
        path: The file, for messages.

    Raises:
        DataError: Its pixels are floating-point numbers, or its mode cannot be converted.
    """
    if image.mode == "F":
        raise DataError(
            "has 32-bit floating-point pixels, whose value range is unknown",
            where=path,
            remedy="Save it with 8 bits per channel",
        )
    with reading(path):
        if image.has_transparency_data:
            return Picture(*on_white(image))
        return Picture(to_array(image, lambda band: band.convert("RGB")))


def _take_low_bytes(image: ImageFile.ImageFile) -> None:
    """Make Pillow, which keeps the high byte of a 16-bit channel, keep the low one, by naming the other byte order."""
    mode, _, order = raw_mode(image).partition(";16")
    if order == "N":
        order = "L" if sys.byteorder == "little" else "B"
    _unpack_as(image, f"{mode};16{'B' if order == 'L' else 'L'}")


def _unpack_as(image: ImageFile.ImageFile, raw: str) -> None:
    """Make Pillow unpack the pixels of an image that is not decoded yet in another way."""
    for place, tile in enumerate(image.tile):
        arguments: Any = (raw, *tile[3][1:]) if isinstance(tile[3], tuple) else raw
        image.tile[place] = type(tile)(tile[0], tile[1], tile[2], arguments)
