"""How a TIFF begins, and what one holds that Pillow cannot read: its bands, bits and kind of numbers."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import IO

from PIL.TiffImagePlugin import (
    BITSPERSAMPLE,
    COMPRESSION,
    COMPRESSION_INFO,
    SAMPLEFORMAT,
    SAMPLESPERPIXEL,
    ImageFileDirectory_v2,
)

from segarena.errors import DataError
from segarena.formats import plural

# Pillow logs what it cannot read, and Python prints that if no handler is set.
logging.getLogger("PIL").addHandler(logging.NullHandler())

#: The first bytes of a TIFF: of either byte order, and of BigTIFF.
BEGINNINGS = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
#: The bits of a page's type (tag 254) for a smaller copy, or a transparency mask, of another page.
COPY_OR_TRANSPARENCY = 0b101
#: TIFF's kinds of numbers.
_KINDS = {1: "unsigned integers", 2: "signed integers", 3: "floating-point numbers", 5: "complex numbers"}


def describe_tiff(path: Path, stream: IO[bytes]) -> DataError | None:
    """Return the error for a TIFF whose pixels cannot be read, None for a file that is damaged or no TIFF.

    Args:
        path: The file, for the message.
        stream: Its bytes.
    """
    stream.seek(0)
    head = stream.read(8)
    if not head.startswith(BEGINNINGS):
        return None
    try:
        tags = ImageFileDirectory_v2(head + (stream.read(8) if b"+" in head[:4] else b""))
        stream.seek(tags.next)
        tags.load(stream)
        bands = int(tags.get(SAMPLESPERPIXEL, 1))
        bits = max(tags.get(BITSPERSAMPLE, (1,)))
        kind = _KINDS.get(max(tags.get(SAMPLEFORMAT, (1,))), "numbers")
        compression = COMPRESSION_INFO.get(tags.get(COMPRESSION, 1))
    except Exception:  # whatever is wrong with the tags, the file is damaged
        return None
    if compression is None:
        return DataError(
            f"is a TIFF with compression {tags.get(COMPRESSION)}, which is not supported",
            where=path,
            remedy="Save it without compression, or with LZW or Deflate",
        )
    remedy = "Save it as PNG or TIFF with 8 or 16 bits per channel, without negative values"
    if bands > 1:
        remedy = "Save it as PNG with " + ("three of the bands as red, green and blue" if bands > 2 else "one band")
        remedy += ". For all bands of images: `segarena train DATA --channels all`"
    return DataError(
        f"is a TIFF of {plural(bands, 'band')} of {bits}-bit {kind}, which is not supported",
        where=path,
        remedy=remedy,
    )
