"""How much memory decoding a file takes, from its header and before it is decoded."""

from __future__ import annotations

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


def decoded_bytes(path: Path, content: bytes) -> int:
    """Return about how many bytes of memory finding the facts of a file takes at its peak; 0 where it is refused.

    Args:
        path: The file; its ending states whether it is an array.
        content: Its bytes.
    """
    suffix = path.suffix.lower()
    if suffix in ARRAY_SUFFIXES:
        return _COPIES * len(content) * (1 if suffix == ".npy" else _DEFLATE)
    with suppress(DataError), open_image(path, content) as image:
        pixels = image.width * image.height
        if image.format in ("JPEG", "MPO"):
            return _JPEG_PIXEL * pixels
        return (_DEEP_PIXEL if is_deep(image) else _PIXEL) * pixels
    return _COPIES * stored_bytes(content) if is_tiff(path, content) else 0
