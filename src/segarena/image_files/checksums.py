"""Checksums that image files have and decoders do not compare: CRC-32 of PNG's chunks, Adler-32 of Deflate in TIFF.

Pillow reads the pixels of a PNG without its CRCs. Of all single bits that flip in the file of a mask, every twentieth
then gives other labels without an error. JPEG, BMP, GIF, WebP and TIFF with other compressions have no checksums.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from typing import IO, Any

from PIL import Image
from PIL.PngImagePlugin import PngImageFile
from PIL.TiffImagePlugin import (
    COMPRESSION,
    STRIPBYTECOUNTS,
    STRIPOFFSETS,
    TILEBYTECOUNTS,
    TILEOFFSETS,
    TiffImageFile,
)

_PNG_SIGNATURE = 8  # bytes
#: Chunks that are not critical, as their names begin with a small letter, and change what is decoded.
_USED = frozenset({b"tRNS", b"eXIf"})
#: TIFF's numbers for Deflate.
_DEFLATE = frozenset({8, 32946})
_PIECE = 1 << 20  # bytes


def check_checksums(image: Image.Image) -> None:
    """Compare the checksums of an image that is opened and not decoded yet.

    Args:
        image: The image; the position in its file stays what it was.

    Raises:
        ValueError: A checksum is not that of the content.
        OSError: The file cannot be read.
    """
    stream: IO[bytes] | None = getattr(image, "fp", None)
    if stream is None or not isinstance(image, (PngImageFile, TiffImageFile)):
        return
    place = stream.tell()
    try:
        if isinstance(image, PngImageFile):
            _check_png(stream)
        elif image.tag_v2.get(COMPRESSION) in _DEFLATE:
            for offset, length in _parts(image.tag_v2):
                _check_deflate(stream, offset, length)
    finally:
        stream.seek(place)


def _check_png(stream: IO[bytes]) -> None:
    stream.seek(_PNG_SIGNATURE)
    while len(head := stream.read(8)) == 8:
        length, kind = struct.unpack(">I4s", head)
        is_used = kind[:1].isupper() or kind in _USED
        crc, left = zlib.crc32(kind), length
        while left and (piece := stream.read(min(left, _PIECE))):
            crc, left = zlib.crc32(piece, crc), left - len(piece)
        stored = stream.read(4)
        if is_used and len(stored) < 4:
            raise ValueError(f"damaged: truncated in its part {kind.decode('latin-1')!r}")
        if is_used and crc != int.from_bytes(stored):
            raise ValueError(f"damaged: the checksum of its part {kind.decode('latin-1')!r} is wrong")
        if kind == b"IEND":
            return


def _parts(tags: Any) -> Iterator[tuple[int, int]]:
    """Where the strips or tiles of a page begin, and their bytes."""
    for offsets, counts in ((STRIPOFFSETS, STRIPBYTECOUNTS), (TILEOFFSETS, TILEBYTECOUNTS)):
        if offsets in tags and counts in tags:
            yield from zip(tags[offsets], tags[counts], strict=False)


def _check_deflate(stream: IO[bytes], offset: int, length: int) -> None:
    """Unpack a part to its end, where its checksum is; what it holds is forgotten piece by piece."""
    stream.seek(offset)
    unpacker, packed = zlib.decompressobj(), stream.read(length)
    try:
        unpacker.decompress(packed, _PIECE)
        while unpacker.unconsumed_tail:
            unpacker.decompress(unpacker.unconsumed_tail, _PIECE)
    except zlib.error as error:
        raise ValueError(f"damaged: a part of its pixels cannot be unpacked ({error})") from None
    if not unpacker.eof:
        raise ValueError("damaged: a part of its pixels ends too early")
