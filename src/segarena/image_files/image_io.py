"""Open image files: upright, of a safe size, with a single page; damage is reported with the file's name."""

from __future__ import annotations

import io
import re
import struct
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

from PIL import Image, ImageFile, UnidentifiedImageError
from PIL.TiffImagePlugin import BITSPERSAMPLE, IMAGELENGTH, IMAGEWIDTH, PLANAR_CONFIGURATION, TiffImageFile

from segarena.errors import DataError, OutOfMemoryError
from segarena.image_files.arrays import ARRAY_SUFFIXES, array_as_png
from segarena.image_files.checksums import check_checksums
from segarena.image_files.foreign import HEIC_SUFFIXES, describe_unreadable, find_camera_raw
from segarena.image_files.tiff import COPY_OR_TRANSPARENCY, describe_tiff
from segarena.texts import is_lfs_pointer

#: The formats that are decoded, as Pillow names them. Readers of others run programs (EPS), or are rarely used.
FORMATS = (
    *"PNG JPEG MPO WEBP TIFF BMP DIB GIF PPM JPEG2000 AVIF TGA PCX".split(),
    "HEIF",  # of pillow-heif
)

_ORIENTATION_TAG = 0x0112
#: How an image is turned upright, by its EXIF orientation; 1 is upright.
_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
#: What Pillow raises, or warns of where warnings are errors, when the bytes of a file make no sense.
_DAMAGE = (
    *(OSError, EOFError, SyntaxError, ValueError, IndexError, KeyError, TypeError),
    *(struct.error, zlib.error, UserWarning, RuntimeError),
)

#: The pixels of an image in Pillow's message on one of too many.
_STATED_PIXELS = re.compile(r"\((\d+) pixels\)")
#: What is advised for images of too many pixels, unless they have more.
_USUAL_MEGAPIXELS = 500

#: Formats whose further frames are pictures of their own. A phone's JPEG (MPO) holds another view of the same one.
_PAGED = frozenset({"TIFF", "GIF", "WEBP", "PNG"})
#: TIFF's tags of what a page is, and of the pages below it.
_SUBFILE_TYPE, _SUBIFDS = 254, 330
#: Pages are counted up to this number, and of this number of frames: a stack can have thousands.
_MOST_PAGES, _MOST_FRAMES = 10, 1000


def known_formats(formats: Sequence[str] = FORMATS) -> list[str]:
    """Return those of the formats that this installation of Pillow has."""
    Image.init()
    return [name for name in formats if name in Image.OPEN]


@contextmanager
def open_image(path: Path, content: bytes | None = None) -> Iterator[ImageFile.ImageFile]:
    """Open an image file without decoding it.

    Args:
        path: The file.
        content: Its bytes, if they have been read already; then `path` is only used in messages.

    Raises:
        DataError: The file is not an image, is too large to decode safely, has several pages, or is a camera's raw
            file.
    """
    with reading(path):
        size = path.stat().st_size if content is None else len(content)
        if size == 0:
            raise DataError("is empty (0 bytes)", where=path, remedy="Copy the file again, or remove it")
        stream = _open_stream(path, content)
    with stream:
        # A stream and not the path, which Pillow would map into memory: it garbles a turned TIFF then (13.0).
        with reading(path):
            try:
                image = Image.open(stream, formats=known_formats())
            except UnidentifiedImageError as error:
                unsupported = describe_tiff(path, stream)
                stream.seek(0)
                raise unsupported or describe_unreadable(path, stream.read(512)) from error
        if isinstance(image, TiffImageFile):
            raw = find_camera_raw(path, int(image.tag_v2.get(_SUBFILE_TYPE, 0)), _SUBIFDS in image.tag_v2)
            if raw is not None:
                raise raw
        check_pixels(path, image.height, image.width)
        with reading(path):
            pages = _count_pages(image)
        if pages > 1:
            raise DataError(
                f"has {pages} {'or more ' * (pages == _MOST_PAGES)}pages or frames, and it is not clear which to use",
                where=path,
                remedy="Save each page as a file of its own, images and masks alike",
            )
        if _is_garbled(image):
            raise DataError(
                "has its red, green and blue of 16 bits one after the other, uncompressed, which is not supported",
                where=path,
                remedy="Save it with interleaved channels (planar configuration 1), or compressed (LZW or Deflate)",
            )
        yield image


def check_pixels(path: Path, height: int, width: int) -> None:
    """Raise DataError if an image has more pixels than are safe to decode."""
    limit = Image.MAX_IMAGE_PIXELS
    if limit is not None and width * height > limit:
        raise _too_large(path, width * height, f"{width} x {height} pixels")


def decode(image: Image.Image, path: Path) -> Image.Image:
    """Decode what `open_image` yielded, in its own mode, with its EXIF orientation applied. Raises DataError."""
    # Of all formats, Pillow itself applies the orientation of TIFF only.
    turn = None if isinstance(image, TiffImageFile) else _TURNS.get(_orientation(image))
    with reading(path):
        check_checksums(image)
        image.load()
        return image if turn is None else image.transpose(turn)


def shown_size(image: Image.Image) -> tuple[int, int]:
    """Return (height, width) of an image that is not decoded yet, with its EXIF orientation applied."""
    width, height = image.size
    if isinstance(image, TiffImageFile):
        # The size as stored. `image.size` of a file with an orientation depends on the version of Pillow.
        width, height = image.tag_v2[IMAGEWIDTH], image.tag_v2[IMAGELENGTH]
    return (width, height) if _orientation(image) >= 5 else (height, width)


def raw_mode(image: ImageFile.ImageFile) -> str:
    """Return how Pillow will unpack the pixels of an image that is not decoded yet, e.g. "L;4"; "" if unknown."""
    if not image.tile:
        return ""
    arguments = image.tile[0][3]
    return str(arguments[0] if isinstance(arguments, tuple) and arguments else arguments)


@contextmanager
def reading(path: Path) -> Iterator[None]:
    """Turn errors from reading a file into a DataError that names it."""
    try:
        yield
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        stated = _STATED_PIXELS.search(str(error))
        pixels = int(stated[1]) if stated else 0
        raise _too_large(path, pixels, f"{pixels:,} pixels" if stated else "too many pixels") from error
    except FileNotFoundError as error:
        raise DataError("does not exist", where=path, remedy="Check the path") from error
    except PermissionError as error:
        raise DataError(
            "cannot be read (permission denied)", where=path, remedy="Change its permissions, e.g. by `chmod u+r`"
        ) from error
    except UnidentifiedImageError as error:
        raise DataError(
            "is not an image that can be read", where=path, remedy="Save it as PNG or JPEG, or remove it"
        ) from error
    except MemoryError as error:
        raise OutOfMemoryError(
            "does not fit into memory", where=path, remedy="Close other programs, or cut it, and its mask, into tiles"
        ) from error
    except _DAMAGE as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else error
        raise DataError(
            f"cannot be read ({reason})", where=path, remedy="Copy or export the file again, or remove it"
        ) from error


def _open_stream(path: Path, content: bytes | None) -> IO[bytes]:
    """The bytes that Pillow decodes: those of the file, or of a PNG that is made of an array."""
    suffix = path.suffix.lower()
    if suffix in ARRAY_SUFFIXES:
        head = path.read_bytes() if content is None else content
        if is_lfs_pointer(head):
            raise describe_unreadable(path, head)
        return io.BytesIO(array_as_png(path, head))
    if suffix in HEIC_SUFFIXES:
        with suppress(ImportError):
            from pillow_heif import register_heif_opener

            register_heif_opener()
    return path.open("rb") if content is None else io.BytesIO(content)


def _count_pages(image: Image.Image) -> int:
    """Pages or frames; smaller copies of a page, as maps in TIFF have, are not counted."""
    if image.format not in _PAGED or not getattr(image, "is_animated", False):
        return 1
    pages = 1
    with suppress(EOFError):
        for frame in range(1, _MOST_FRAMES):
            image.seek(frame)
            kind = int(image.tag_v2.get(_SUBFILE_TYPE, 0)) if isinstance(image, TiffImageFile) else 0
            pages += not kind & COPY_OR_TRANSPARENCY
            if pages == _MOST_PAGES:
                break
    image.seek(0)
    return pages


def _is_garbled(image: Image.Image) -> bool:
    """Whether Pillow would garble a TIFF: it reads uncompressed planes of 16 bits as if they had 8."""
    if not isinstance(image, TiffImageFile) or image.tag_v2.get(PLANAR_CONFIGURATION) != 2:
        return False
    return image.info.get("compression") == "raw" and max(image.tag_v2.get(BITSPERSAMPLE, (8,))) > 8


def _too_large(path: Path, pixels: int, seen: str) -> DataError:
    limit = (Image.MAX_IMAGE_PIXELS or 0) // 1_000_000
    enough = max(_USUAL_MEGAPIXELS, -(-pixels // 1_000_000))
    return DataError(
        f"has {seen}, more than the {limit} million that are safe to decode",
        where=path,
        remedy="Cut it, and its mask, into tiles. To label a file that you trust: "
        f"`segarena predict RUN IMAGES --max-megapixels {enough}`",
    )


def _orientation(image: Image.Image) -> int:
    """The EXIF orientation 1..8 from the header; 1 where there is none or it cannot be read."""
    try:
        # The base class's getexif: PNG's own decodes the whole image in search of a late chunk.
        value = Image.Image.getexif(image).get(_ORIENTATION_TAG, 1)
    except _DAMAGE:
        return 1
    return value if value in _TURNS else 1
