"""How much memory decoding a file takes, from its header and before it is decoded."""

from __future__ import annotations

import struct
from contextlib import suppress
from pathlib import Path

from segarena.errors import DataError
from segarena.image_files.arrays import ARRAY_SUFFIXES
from segarena.image_files.image_io import open_image
from segarena.image_files.images import is_deep
from segarena.image_files.tiff_bands import is_tiff, stored_bytes

#: Bytes of a pixel at the peak: those of the decoder, of the arrays made of them, and of what is counted.
_PIXEL, _DEEP_PIXEL = 12, 24
#: A JPEG is decoded at a part of its size where it is an image, and grey where it is a mask.
_JPEG_PIXEL = 4
#: Copies of an array at the peak: as numbers, as a PNG, and as what is decoded of it.
_COPIES = 4
#: The most that Deflate unpacks of a byte.
_DEFLATE = 1032

#: Bytes of a PNG up to the end of its header.
_PNG_HEADER = 33
#: The markers of JPEG that begin a frame and hold its size, and the one that begins its pixels.
_FRAMES, _PIXELS = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}, 0xDA


def decoded_bytes(path: Path, content: bytes) -> int:
    """Return about how many bytes of memory finding the facts of a file takes at its peak; 0 where it is refused.

    Args:
        path: The file; its ending states whether it is an array.
        content: Its bytes.
    """
    suffix = path.suffix.lower()
    if suffix in ARRAY_SUFFIXES:
        return _COPIES * len(content) * (1 if suffix == ".npy" else _DEFLATE)
    if (known := _png_bytes(content) or _jpeg_bytes(content)) is not None:
        return known
    with suppress(DataError), open_image(path, content) as image:
        pixels = image.width * image.height
        if image.format in ("JPEG", "MPO"):
            return _JPEG_PIXEL * pixels
        return (_DEEP_PIXEL if is_deep(image) else _PIXEL) * pixels
    return _COPIES * stored_bytes(content) if is_tiff(path, content) else 0


def _png_bytes(content: bytes) -> int | None:
    """`decoded_bytes` of a PNG with one header, where it must be, without Pillow; None for other files."""
    is_png = content[:8] == b"\x89PNG\r\n\x1a\n" and content[12:16] == b"IHDR" and len(content) >= _PNG_HEADER
    if not is_png or content.count(b"IHDR") > 1:
        return None
    width, height, depth = struct.unpack_from(">IIB", content, 16)
    return int((_DEEP_PIXEL if depth == 16 else _PIXEL) * width * height)


def _jpeg_bytes(content: bytes) -> int | None:
    """`decoded_bytes` of a JPEG with one frame, without Pillow; None for other files."""
    found: list[int] = []
    place = 2 if content[:2] == b"\xff\xd8" else len(content)
    while place + 9 <= len(content) and content[place] == 0xFF:
        marker, length = content[place + 1], int.from_bytes(content[place + 2 : place + 4])
        if marker == _PIXELS:
            return found[0] if len(found) == 1 else None
        if marker in _FRAMES:
            height, width = struct.unpack_from(">HH", content, place + 5)
            found.append(_JPEG_PIXEL * width * height)
        place += 2 + length
    return None
