"""Images from the bytes of a request, by the project's own readers; what is not safe is refused undecoded."""

from __future__ import annotations

import io
import math
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from segarena.config.channels import MOST_CHANNELS
from segarena.errors import DataError
from segarena.image_files.bit_depth import ChosenBits, highest_values
from segarena.image_files.foreign import describe_unreadable
from segarena.image_files.images import is_deep
from segarena.image_files.tiff_bands import is_tiff
from segarena.serving.models import ServedModel
from segarena.serving.problems import ProblemError, of_error

#: The formats that are decoded. Pillow has others whose readers run programs (EPS) or are rarely used and tested.
FORMATS = ("PNG", "JPEG", "MPO", "WEBP", "TIFF", "BMP", "GIF", "PPM", "JPEG2000", "AVIF", "HEIF")
_NAMES = "PNG, JPEG, WebP, TIFF, BMP, GIF, PPM, JPEG 2000, AVIF or HEIC"

#: A page of TIFF is found by following a chain, a scan of a JPEG by decoding all pixels again: files with many of them
#: cost minutes. Cameras and scanners write one page, and ten scans or fewer.
_MOST_PAGES, _MOST_SCANS = 64, 100
#: The most bytes of a pixel with all of its bands, 16 of float32: a small file can declare or unpack any number.
_MOST_PIXEL_BYTES = 4 * MOST_CHANNELS
#: Bytes per pixel while a file is decoded, relative to one of 8 bits.
_DEEP_WEIGHT = 4
#: What a file is called in messages.
_IMAGE = Path("image")


@dataclass(frozen=True)
class Header:
    """What an image file has before its pixels."""

    format: str
    """As Pillow names it."""
    pixels: int
    """Width times height."""
    is_deep: bool = False
    """Whether it has 16 bits per channel."""
    bytes_per_pixel: int = 3
    """Of all channels, as the network gets them."""

    @property
    def weight(self) -> int:
        """The memory that decoding takes, in pixels of 3 bytes."""
        return self.pixels * (_DEEP_WEIGHT if self.is_deep else 1) * max(1, self.bytes_per_pixel // 3)

    @property
    def path(self) -> Path:
        """The name by which the readers choose how to read it."""
        return Path("image.heic") if self.format == "HEIF" else _IMAGE


@dataclass(frozen=True)
class Decoded:
    """An image as a network sees it."""

    pixels: NDArray[Any]
    """RGB, uint8 (H, W, 3), upright; or the channels of the network's training images, (H, W, C)."""
    warning: str = ""
    """What is unusual about its bits; see `choose_bits`."""


def inspect(content: bytes, max_pixels: int, model: ServedModel) -> Header:
    """Read an image file's header, and refuse what is not to be decoded.

    Args:
        content: The file.
        max_pixels: The most pixels.
        model: The network that it is for.

    Raises:
        ProblemError: 413 for too many pixels, 415 for no image or another format, 422 for damage and several pages.
    """
    try:
        if model.has_channels and is_tiff(_IMAGE, content):
            return _inspect_bands(content, max_pixels)
        with Image.open(io.BytesIO(content), formats=_formats()) as image:
            _refuse_large(image.width, image.height, max_pixels)
            _refuse_slow(image, content)
            return Header(str(image.format), image.width * image.height, is_deep(image))
    except UnidentifiedImageError as error:
        raise _refuse_kind(content) from error
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise _too_large("too many", max_pixels) from error
    except ProblemError:
        raise
    except Exception as error:  # a damaged header can raise almost anything
        raise _damaged(error) from error


def decode(content: bytes, header: Header, model: ServedModel) -> Decoded:
    """Decode an image file as `predict` does a file on disk: EXIF orientation, alpha on white, 16 bits scaled.

    Args:
        content: The file.
        header: What `inspect` returned.
        model: The network that it is for.

    Raises:
        ProblemError: 422, it is damaged, or its pixels are not those of an image.
    """
    chosen = ChosenBits(16)
    try:
        if header.is_deep and not model.has_channels:
            chosen = model.choose_bits(highest_values([header.path], content))
        return Decoded(model.read(header.path, chosen.bits, content), chosen.warning)
    except DataError as error:
        raise of_error(error) from error
    except MemoryError as error:
        raise ProblemError(503, "there is too little memory for the image", "Send a smaller image") from error
    except Exception as error:
        raise _damaged(error) from error


def _formats() -> list[str]:
    with suppress(ImportError):
        from pillow_heif import register_heif_opener

        register_heif_opener()
    Image.init()
    return [name for name in FORMATS if name in Image.OPEN]


def _inspect_bands(content: bytes, max_pixels: int) -> Header:
    """The header of a TIFF of any number of bands."""
    import tifffile

    with tifffile.TiffFile(io.BytesIO(content)) as file:
        page: Any = file.pages[0]
        width, height = page.imagewidth, page.imagelength
        _refuse_large(width, height, max_pixels)
        with suppress(IndexError):  # unlike `len`, it follows the chain no further than to this page
            _ = file.pages[_MOST_PAGES]
            raise _several_pages()
        series = file.series[0]  # what the reader decodes
        decoded = math.prod(series.shape) * series.dtype.itemsize
    if decoded > _MOST_PIXEL_BYTES * max_pixels:
        shape, most = " x ".join(str(length) for length in series.shape), _MOST_PIXEL_BYTES * max_pixels
        raise ProblemError(
            413,
            f"has {shape} values, {decoded:,} bytes, more than the {most:,} that are accepted",
            "Send fewer bands, or a smaller image",
            where="image",
        )
    return Header("TIFF", width * height, bytes_per_pixel=math.ceil(decoded / (width * height)))


def _refuse_large(width: int, height: int, max_pixels: int) -> None:
    if width * height > max_pixels:
        raise _too_large(f"{width} x {height}", max_pixels)


def _refuse_slow(image: Any, content: bytes) -> None:
    pages = 1
    if image.format == "TIFF":
        with suppress(EOFError):
            while pages <= _MOST_PAGES:
                image.seek(pages)
                pages += 1
        image.seek(0)
        if pages <= _MOST_PAGES:
            return  # the readers decide which of them are copies of the first
    elif image.format in ("GIF", "WEBP", "PNG") and getattr(image, "is_animated", False):
        pages = 2
    if pages > 1:
        raise _several_pages()
    if image.format in ("JPEG", "MPO") and content.count(b"\xff\xda") > _MOST_SCANS:
        raise ProblemError(422, f"has more than {_MOST_SCANS} scans", "Save it as a usual JPEG", where="image")


def _several_pages() -> ProblemError:
    return ProblemError(422, "has several pages or frames", "Send each page as an image of its own", where="image")


def _refuse_kind(content: bytes) -> ProblemError:
    error = describe_unreadable(_IMAGE, content[:512])
    remedy = error.remedy if "HEIC" in error.what else f"Send an image in the format {_NAMES}"
    return ProblemError(415, error.what, remedy, where="image")


def _too_large(seen: str, max_pixels: int) -> ProblemError:
    return ProblemError(
        413,
        f"has {seen} pixels, more than the {max_pixels:,} that are accepted",
        "Send a smaller image, or cut it into tiles",
        where="image",
    )


def _damaged(error: Exception) -> ProblemError:
    return ProblemError(422, f"cannot be read ({error})", "Copy or export the file again", where="image")
