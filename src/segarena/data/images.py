"""Image files to RGB arrays: orientation applied, every mode converted, damage reported with the file's name."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError
from PIL.TiffImagePlugin import IMAGELENGTH, IMAGEWIDTH, TiffImageFile

from segarena.errors import DataError

#: The endings, in lower case, of the files taken for images or masks.
IMAGE_SUFFIXES = frozenset(
    {".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff", ".webp", ".gif", ".ppm", ".pgm", ".pbm", ".pnm"}
)

_ORIENTATION_TAG = 0x0112
_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_DAMAGE = (OSError, EOFError, SyntaxError, ValueError, IndexError, struct.error, zlib.error)


def read_image(path: Path) -> NDArray[np.uint8]:
    """Read an image file -> (H, W, 3) uint8, RGB, turned the way its EXIF orientation says.

    Grey becomes three equal channels; transparent parts are laid on white, as a page would show them; 16-bit
    grey is divided by 257, the same for every file, so that brightness stays comparable between images.
    Raises DataError where the file is missing, empty, truncated, no image, too large, or of 32 bits per channel.
    """
    with open_image(path) as undecoded:
        image = decode(undecoded, path)
    if image.mode.startswith("I"):
        return _from_16_bit(image, path)
    with _reading(path):
        if image.mode == "F":
            raise DataError(
                "has 32-bit floating-point pixels, whose range is anybody's guess",
                where=path,
                remedy="Save it with 8 bits per channel",
            )
        if image.has_transparency_data:
            layer = image.convert("RGBA")
            image = Image.alpha_composite(Image.new("RGBA", layer.size, (255, 255, 255, 255)), layer)
        return np.array(image.convert("RGB"))


def image_size(path: Path) -> tuple[int, int]:
    """Return (height, width) in pixels as `read_image` would give them, from the header alone. Raises DataError."""
    with open_image(path) as image:
        width, height = image.size
        if isinstance(image, TiffImageFile):
            # The size as stored: of a file to be turned, only newer Pillows give the size as shown.
            width, height = image.tag_v2[IMAGEWIDTH], image.tag_v2[IMAGELENGTH]
        return (width, height) if _orientation(image) >= 5 else (height, width)


@contextmanager
def open_image(path: Path) -> Iterator[Image.Image]:
    """Open a file without decoding it, and refuse what would decode into hundreds of megabytes. Raises DataError."""
    with _reading(path):
        if path.stat().st_size == 0:
            raise DataError("is empty (0 bytes)", where=path, remedy="Copy the file again, or remove it")
        stream = path.open("rb")
    with stream:
        # A stream and not the path, which Pillow would map into memory: it garbles a turned TIFF then (13.0).
        with _reading(path):
            image = Image.open(stream)
        limit = Image.MAX_IMAGE_PIXELS
        if limit is not None and image.width * image.height > limit:
            raise _too_large(path, f"{image.width} x {image.height} pixels")
        yield image


def decode(image: Image.Image, path: Path) -> Image.Image:
    """Decode what `open_image` gave, in its own mode, with its EXIF orientation applied. Raises DataError."""
    # Pillow turns TIFF by itself as it decodes, and nothing else.
    turn = None if isinstance(image, TiffImageFile) else _TURNS.get(_orientation(image))
    with _reading(path):
        image.load()
        return image if turn is None else image.transpose(turn)


@contextmanager
def _reading(path: Path) -> Iterator[None]:
    try:
        yield
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise _too_large(path, "too many pixels") from error
    except FileNotFoundError as error:
        raise DataError("does not exist", where=path, remedy="Check the path") from error
    except UnidentifiedImageError as error:
        raise DataError(
            "is not an image that can be read", where=path, remedy="Save it as PNG or JPEG, or remove it"
        ) from error
    except _DAMAGE as error:
        raise DataError(
            f"cannot be read ({error})", where=path, remedy="Copy or export the file again, or remove it"
        ) from error


def _too_large(path: Path, seen: str) -> DataError:
    limit = (Image.MAX_IMAGE_PIXELS or 0) // 1_000_000
    return DataError(
        f"has {seen}, more than the {limit} million that are safe to decode",
        where=path,
        remedy="Cut it, and its mask, into tiles",
    )


def _orientation(image: Image.Image) -> int:
    """The EXIF orientation 1..8 from the header; 1 where there is none or it cannot be read."""
    try:
        # The base class's getexif: PNG's own decodes the whole image in search of a late chunk.
        value = Image.Image.getexif(image).get(_ORIENTATION_TAG, 1)
    except _DAMAGE:
        return 1
    return value if value in _TURNS else 1


def _from_16_bit(image: Image.Image, path: Path) -> NDArray[np.uint8]:
    values = np.asarray(image)
    if values.min() < 0 or values.max() > 65535:
        raise DataError(
            f"has 32-bit pixels, {values.min()} to {values.max()}", where=path, remedy="Save it with 8 or 16 bits"
        )
    grey = ((values.astype(np.uint32) + 128) // 257).astype(np.uint8)
    return np.repeat(grey[..., None], 3, axis=2)
