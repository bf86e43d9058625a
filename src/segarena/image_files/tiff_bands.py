"""All bands of a TIFF, in whatever order it stores them: tifffile reads most, rasterio those that it cannot."""

from __future__ import annotations

import io
import logging
import lzma
import math
import struct
import warnings
import zlib
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segarena.errors import DataError
from segarena.extras import install_command
from segarena.formats import join_words, plural
from segarena.image_files.foreign import find_camera_raw
from segarena.image_files.image_io import check_pixels, reading
from segarena.image_files.tiff import BEGINNINGS, COPY_OR_TRANSPARENCY

logging.getLogger("tifffile").addHandler(logging.NullHandler())

#: Bytes of the bands of the largest file that is read: a header can state any size.
MOST_BYTES = 4_000_000_000
#: By how much Deflate and LZMA can unpack, by TIFF's numbers for them. tifffile's other decoders know where to stop.
_LZMA = 34925
_RATIOS = {8: 1032, 32946: 1032, _LZMA: 1 << 14}
#: Bytes of a part that is not looked at, that a part may have more than its pixels, and that are unpacked at a time.
_SMALL_PART, _SLACK, _PIECE = 1 << 26, 1 << 16, 1 << 20

_ORIENTATION, _PALETTE = 274, 3
#: Axes of a TIFF that are bands: samples of a pixel; channels, as in ImageJ's and OME's files; pages of no stated kind.
_BANDS = "SCQI"


def is_tiff(path: Path, content: bytes | None = None) -> bool:
    """Whether a file begins as a TIFF does. False where it cannot be read."""
    if content is not None:
        return content[:4] in BEGINNINGS
    try:
        with path.open("rb") as stream:
            return stream.read(4) in BEGINNINGS
    except OSError:
        return False


def stored_bytes(content: bytes) -> int:
    """Return how many bytes the bands of the first page of a TIFF have unpacked, as its header states; 0 if damaged."""
    import tifffile

    try:
        with tifffile.TiffFile(io.BytesIO(content)) as file:
            return int(file.pages.first.nbytes)
    except Exception:  # tifffile raises many kinds; the file is refused later
        return 0


def read_tiff(path: Path, content: bytes | None = None) -> NDArray[Any] | None:
    """Read all bands of a TIFF, its orientation applied.

    Interleaved and planar files are read alike, in strips or tiles, BigTIFF too. Smaller copies (overviews) are left
    out. Pages of one size are bands, as ImageJ, OME and tifffile store them, unless the file declares them as planes
    in depth or time.

    Args:
        path: The file.
        content: Its bytes, if they have been read already; then `path` is only used in messages.

    Returns:
        (H, W) or (H, W, C) as stored; None for a palette, and for a compression that neither tifffile nor an installed
        rasterio reads, of a file that Pillow may read.

    Raises:
        DataError: It is damaged, too large, has several pages, or is a camera's raw file.
    """
    import tifffile

    with reading(path):
        content = path.read_bytes() if content is None else content
    _check_chain(path, content)
    try:
        with tifffile.TiffFile(io.BytesIO(content)) as file:
            page: Any = file.pages[0]
            raw = find_camera_raw(path, int(page.subfiletype), page.subifds is not None)
            if raw is not None:
                raise raw
            if page.photometric == _PALETTE:
                return None
            series = file.series[0]
            sizes = {
                axis: size for axis, size in zip(series.axes, series.shape, strict=True) if size > 1 or axis in "YX"
            }
            rest: Any = file.series[1:]
            others = [one for one in rest if not int(one[0].subfiletype) & COPY_OR_TRANSPARENCY]
            _check_axes(path, sizes, len(others))
            check_pixels(path, sizes["Y"], sizes["X"])
            _check_size(path, int(series.nbytes))
            _check_parts(path, page)
            _check_unpacked(path, page, content)
            turn = int(page.tags[_ORIENTATION].value) if _ORIENTATION in page.tags else 1
            try:
                array, axes = series.asarray(maxworkers=1).reshape(tuple(sizes.values())), "".join(sizes)
            except (ValueError, KeyError) as error:
                if "imagecodecs" not in str(error):
                    raise
                found = _read_with_rasterio(content)
                if found is None and len(sizes) == 3 and sizes.get("S") not in (3, 4):
                    raise _needs_geo(path, page) from error
                if found is None:
                    return None
                array, axes = found, "CYX"
    except DataError:
        raise
    except Exception as error:  # tifffile raises many kinds
        raise DataError(
            f"cannot be read ({error})", where=path, remedy="Copy or export the file again, or remove it"
        ) from error
    band = next((place for place, axis in enumerate(axes) if axis in _BANDS), None)
    return _turn(array if band is None else np.moveaxis(array, band, -1), turn)


def _check_chain(path: Path, content: bytes) -> None:
    """Raise DataError if the pages of a TIFF follow each other without end, or lie outside of it: tifffile hangs."""
    order = "<" if content[:2] == b"II" else ">"
    is_big = b"+" in content[:4]
    place, number, entry, link = (8, "Q", 20, "Q") if is_big else (4, "H", 12, "I")
    seen: set[int] = set()
    try:
        (offset,) = struct.unpack_from(order + link, content, place)
        while offset and offset not in seen:
            seen.add(offset)
            (entries,) = struct.unpack_from(order + number, content, offset)
            (offset,) = struct.unpack_from(order + link, content, offset + struct.calcsize(number) + entries * entry)
    except (struct.error, OverflowError):
        offset = -1
    if offset:
        raise DataError(
            "is damaged: its list of pages has no end",
            where=path,
            remedy="Copy or export the file again, or remove it",
        )


def _check_axes(path: Path, sizes: dict[str, int], others: int) -> None:
    """Raise DataError where a TIFF has more than bands: several images, planes in depth or time."""
    further = [axis for axis in sizes if axis not in "YX"]
    if others or len(further) > 1 or any(axis not in _BANDS for axis in further):
        kinds = {"Z": "planes in depth", "T": "moments in time"}
        shown = join_words([f"{sizes[axis]} {kinds.get(axis, 'pages')}" for axis in further]) or f"{others + 1} images"
        raise DataError(
            f"has {shown}, and it is not clear which one to use",
            where=path,
            remedy="Save each one as a file of its own, images and masks alike",
        )


def _check_size(path: Path, size: int) -> None:
    """Raise DataError if the bands take too much memory."""
    if size > MOST_BYTES:
        raise DataError(
            f"has bands of {size / 1e9:,.1f} GB in all, more than the {MOST_BYTES / 1e9:.1f} GB that are safe to read",
            where=path,
            remedy="Cut it, and its mask, into tiles, or save only the bands that are needed",
        )


def _check_parts(path: Path, page: Any) -> None:
    """Raise DataError if strips or tiles are missing: tifffile reads them as zeros."""
    found, needed = len(page.dataoffsets), math.prod(page.chunked)
    if found < needed:
        raise DataError(
            f"is damaged: it has {found} of the {needed} parts of its pixels",
            where=path,
            remedy="Copy or export the file again, or remove it",
        )


def _check_unpacked(path: Path, page: Any, content: bytes) -> None:
    """Raise DataError if a strip or tile would unpack to much more than its pixels, as tifffile unpacks all of it.

    Those that cannot, by their compression and length, are not looked at.
    """
    if int(page.compression) not in _RATIOS:
        return
    expected = math.prod(page.chunks) * page.dtype.itemsize + _SLACK
    for offset, length in zip(page.dataoffsets, page.databytecounts, strict=False):
        if length * _RATIOS[int(page.compression)] <= _SMALL_PART:
            continue
        packed = content[offset : offset + length]
        unpacker: Any = lzma.LZMADecompressor() if int(page.compression) == _LZMA else zlib.decompressobj()
        unpacked = 0
        while unpacked <= expected and not unpacker.eof:
            piece = unpacker.decompress(packed, _PIECE)
            packed = b"" if int(page.compression) == _LZMA else unpacker.unconsumed_tail
            unpacked += len(piece)
            if not piece:
                break
        if unpacked > expected:
            raise DataError(
                f"is damaged: a part of its pixels unpacks to more than {unpacked:,} bytes, and has {expected:,}",
                where=path,
                remedy="Export the file again, or remove it",
            )


def _read_with_rasterio(content: bytes) -> NDArray[Any] | None:
    """(C, H, W); None where rasterio is not installed."""
    try:
        from rasterio.io import MemoryFile
    except ImportError:
        return None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of a file without coordinates
        with MemoryFile(content) as memory, memory.open() as file:
            return np.asarray(file.read())


def _needs_geo(path: Path, page: Any) -> DataError:
    compression = getattr(page.compression, "name", page.compression)
    bands = plural(int(page.samplesperpixel), "band")
    return DataError(
        f"is a TIFF with {bands} and the compression {compression}, for which rasterio is needed",
        where=path,
        remedy=f"Install it, {install_command('geo')}, or save the file with Deflate or uncompressed",
    )


#: The steps along rows and columns that turn an image upright, after rows and columns of 5 to 8 are exchanged.
_STEPS = {2: (1, -1), 3: (-1, -1), 4: (-1, 1), 6: (1, -1), 7: (-1, -1), 8: (-1, 1)}


def steps(orientation: int) -> tuple[int, int]:
    """Return the steps, 1 or -1, along rows and columns that turn an image upright, for an EXIF orientation.

    Of 5 to 8, rows and columns are exchanged before.
    """
    return _STEPS.get(orientation, (1, 1))


def _turn(image: NDArray[Any], orientation: int) -> NDArray[Any]:
    """Turn an image upright, by its EXIF orientation."""
    rows, columns = steps(orientation)
    return (image.swapaxes(0, 1) if orientation >= 5 else image)[::rows, ::columns]


def turn_back(image: NDArray[Any], orientation: int) -> NDArray[Any]:
    """Turn an upright image (H, W) or (H, W, C) as the pixels of a file with that EXIF orientation are stored."""
    rows, columns = steps(orientation)
    stored = image[::rows, ::columns]
    return np.ascontiguousarray(stored.swapaxes(0, 1) if orientation >= 5 else stored)
