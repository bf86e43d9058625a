"""What image files state about their pixels and decoders do not compare: checksums, the order and number of parts.

Pillow reads the pixels of a PNG without its CRCs. Of all single bits that flip in the file of a mask, every twentieth
then gives other labels without an error. A palette behind the pixels is ignored, and so are strips that a TIFF lacks:
their pixels stay 0. Deflate in TIFF has an Adler-32. JPEG, BMP, GIF, WebP and TIFF with other compressions have no
checksums.
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
    IMAGELENGTH,
    IMAGEWIDTH,
    PLANAR_CONFIGURATION,
    ROWSPERSTRIP,
    SAMPLESPERPIXEL,
    STRIPBYTECOUNTS,
    STRIPOFFSETS,
    TILEBYTECOUNTS,
    TILELENGTH,
    TILEOFFSETS,
    TILEWIDTH,
    TiffImageFile,
)

_PNG_SIGNATURE = 8  # bytes
#: Chunks that are not critical, as their names begin with a small letter, and change what is decoded.
_USED = frozenset({b"tRNS", b"eXIf"})
#: Chunks that are ignored behind the pixels.
_BEFORE_PIXELS = frozenset({b"IHDR", b"PLTE", b"tRNS"})
#: TIFF's numbers for Deflate.
_DEFLATE = frozenset({8, 32946})
_PIECE = 1 << 20  # bytes


def check_checksums(image: Image.Image) -> None:
    """Compare the checksums of an image that is opened and not decoded yet, and the order and number of its parts.

    Args:
        image: The image; the position in its file stays what it was.

    Raises:
        ValueError: A checksum is not that of the content, a part is missing or in the wrong place.
        OSError: The file cannot be read.
    """
    stream: IO[bytes] | None = getattr(image, "fp", None)
    if stream is None or not isinstance(image, (PngImageFile, TiffImageFile)):
        return
    place = stream.tell()
    try:
        if isinstance(image, PngImageFile):
            _check_png(stream, is_indexed=image.mode == "P")
            return
        _check_number_of_parts(image.tag_v2)
        if image.tag_v2.get(COMPRESSION) in _DEFLATE:
            for offset, length in _parts(image.tag_v2):
                _check_deflate(stream, offset, length)
    finally:
        stream.seek(place)


def _check_png(stream: IO[bytes], *, is_indexed: bool) -> None:
    stream.seek(_PNG_SIGNATURE)
    before: set[bytes] = set()
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
        if not before and kind != b"IHDR":
            raise ValueError(f"damaged: it begins with its part {kind.decode('latin-1')!r}")
        if kind in _BEFORE_PIXELS and b"IDAT" in before:
            raise ValueError(f"damaged: its part {kind.decode('latin-1')!r} is behind its pixels")
        if kind == b"IDAT" and is_indexed and b"PLTE" not in before:
            raise ValueError("damaged: it has no palette before its pixels")
        before.add(kind)
        if kind == b"IEND":
            return


def _check_number_of_parts(tags: Any) -> None:
    """Raise ValueError if a TIFF has fewer strips or tiles than its size needs."""
    height, width = tags[IMAGELENGTH], tags[IMAGEWIDTH]
    planes = tags.get(SAMPLESPERPIXEL, 1) if tags.get(PLANAR_CONFIGURATION) == 2 else 1
    if TILEOFFSETS in tags:
        across, down = tags.get(TILEWIDTH, width), tags.get(TILELENGTH, height)
        found, needed = len(tags[TILEOFFSETS]), -(-width // max(1, across)) * -(-height // max(1, down)) * planes
    else:
        found = len(tags.get(STRIPOFFSETS, ()))
        needed = -(-height // max(1, tags.get(ROWSPERSTRIP, height))) * planes
    if found < needed:
        raise ValueError(f"damaged: it has {found} of the {needed} parts of its pixels")


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
