"""Images that someone made to do harm: what they are, and what reads them.

Each function writes its files into a folder, which is empty, and returns what is called to read them. A file that would
run code makes `folder / RAN`.
"""

from __future__ import annotations

import gzip
import io
import os
import pickle
import struct
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import tifffile
from PIL import Image
from scipy.io import savemat

from segarena.image_files.bands import read_all_bands
from segarena.image_files.image_facts import read_image_facts
from segarena.image_files.mask_facts import read_mask_facts
from support import huge_png

#: The file that code in a hostile file makes.
RAN = "ran"
Read = Callable[[], object]
Make = Callable[[Path], Read]


class Payload:
    """An object whose pickle makes a file when it is loaded."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, (str(self._folder / RAN),)


# Images and masks


def _facts(path: Path) -> None:
    """Read it as all that it could be; the last error counts."""
    content, failure = path.read_bytes(), None
    for read in (read_mask_facts, read_image_facts, read_all_bands):
        try:
            read(path, content)
        except Exception as error:
            failure = failure or error
    if failure is not None:
        raise failure


def image(name: str, content: Callable[[Path], bytes]) -> Make:
    """A file that is read as an image and as a mask."""

    def make(folder: Path) -> Read:
        (folder / name).write_bytes(content(folder))
        return lambda: _facts(folder / name)

    return make


def _saved(kind: str, size: tuple[int, int] = (8, 8), mode: str = "L", **options: Any) -> bytes:
    stream = io.BytesIO()
    Image.new(mode, size).save(stream, format=kind, **options)
    return stream.getvalue()


def _patched(content: bytes, place: int, *numbers: bytes) -> bytes:
    patch = b"".join(numbers)
    return content[:place] + patch + content[place + len(patch) :]


def _png(width: int, height: int, *more: bytes) -> bytes:
    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    parts = [(b"IHDR", header), *((part[:4], part[4:]) for part in more), (b"IDAT", zlib.compress(bytes(9)))]
    packed = (
        struct.pack(">I", len(c)) + k + c + struct.pack(">I", zlib.crc32(k + c)) for k, c in [*parts, (b"IEND", b"")]
    )
    return b"\x89PNG\r\n\x1a\n" + b"".join(packed)


def _tiff(shape: tuple[int, int], strip: bytes, compression: str | None = "zlib") -> bytes:
    stream = io.BytesIO()
    with tifffile.TiffWriter(stream) as writer:
        writer.write(
            iter([strip]), shape=shape, dtype=np.uint8, compression=compression, rowsperstrip=shape[0], metadata=None
        )
    return stream.getvalue()


def _pages(number: int) -> bytes:
    stream = io.BytesIO()
    with tifffile.TiffWriter(stream) as writer:
        for _ in range(number):
            writer.write(np.zeros((2, 2), np.uint8), metadata=None, contiguous=False)
    return stream.getvalue()


def _endless_pages() -> bytes:
    """A TIFF whose first page is followed by itself."""
    content = bytearray(_tiff((2, 2), bytes(4), None))
    start = int.from_bytes(content[4:8], "little")
    end = start + 2 + 12 * int.from_bytes(content[start : start + 2], "little")
    content[end : end + 4] = content[4:8]
    return bytes(content)


def _frames(kind: str, number: int) -> bytes:
    stream = io.BytesIO()
    first, *rest = (Image.new("RGB", (4, 4), (step, 0, 255 - step)) for step in range(number))
    first.save(stream, format=kind, save_all=True, append_images=rest)
    return stream.getvalue()


def _array(header: str, data: bytes = b"") -> bytes:
    text = header.encode().ljust(118) + b"\n"
    return b"\x93NUMPY\1\0" + struct.pack("<H", len(text)) + text + data


def _npy(shape: str, kind: str = "|u1", data: bytes = bytes(64)) -> bytes:
    return _array(f"{{'descr': '{kind}', 'fortran_order': False, 'shape': {shape}}}", data)


def _pickled_array(folder: Path) -> bytes:
    stream = io.BytesIO()
    np.save(stream, np.array([Payload(folder)], dtype=object), allow_pickle=True)
    return stream.getvalue()


def _zip(name: str, content: bytes) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(name, content)
    return stream.getvalue()


def _mat(**variables: Any) -> bytes:
    stream = io.BytesIO()
    savemat(stream, variables)
    return stream.getvalue()


def _mat_bomb(rows: int, columns: int, size: int) -> bytes:
    """A compressed MATLAB file whose numbers are `size` bytes, whatever its dimensions are."""

    def element(kind: int, data: bytes) -> bytes:
        return struct.pack("<II", kind, len(data)) + data + bytes(-len(data) % 8)

    head = element(6, struct.pack("<II", 9, 0)) + element(5, struct.pack("<ii", rows, columns)) + element(1, b"mask")
    inner = struct.pack("<II", 14, len(head) + 8 + size) + head + struct.pack("<II", 2, size) + bytes(size)
    packed = zlib.compress(inner, 9)
    return b"MATLAB 5.0 MAT-file".ljust(124) + b"\0\1IM" + struct.pack("<II", 15, len(packed)) + packed


def _eps() -> bytes:
    return _saved("EPS", mode="RGB")


_BIG = (65_000).to_bytes(2, "little")
_JPEG = _saved("JPEG")
_LAUGHS = "".join(f'<!ENTITY a{level} "{f"&a{level - 1};" * 10}">' for level in range(1, 10))
DOCTYPE = f'<?xml version="1.0"?><!DOCTYPE annotations [<!ENTITY a0 "ha">{_LAUGHS}]>'

#: Files that are refused.
REFUSED_IMAGES: dict[str, Make] = {
    "PNG of 900 megapixels": image("a.png", lambda _: huge_png(30_000)),
    "PNG of 2**31 columns": image("a.png", lambda _: _png(2**31 - 1, 2**31 - 1)),
    "PNG with fewer pixels than it states": image("a.png", lambda _: _png(9_000, 9_000)),
    "TIFF of 3.6 gigapixels": image("a.tif", lambda _: _tiff((60_000, 60_000), zlib.compress(bytes(9)))),
    "TIFF of 300 pages": image("a.tif", lambda _: _pages(300)),
    "GIF of 4 gigapixels": image("a.gif", lambda _: _patched(_saved("GIF"), 6, _BIG, _BIG)),
    "GIF of 250 frames": image("a.gif", lambda _: _frames("GIF", 250)),
    "WebP of 100 frames": image("a.webp", lambda _: _frames("WEBP", 100)),
    "PNG of 100 frames": image("a.png", lambda _: _frames("PNG", 100)),
    "WebP of 268 megapixels": image(
        "a.webp", lambda _: _patched(_saved("WEBP", lossless=True), 21, (0x0FFF_FFFF).to_bytes(4, "little"))
    ),
    "BMP of 2**60 pixels": image("a.bmp", lambda _: _patched(_saved("BMP"), 18, b"\xff\xff\xff\x3f" * 2)),
    "PPM of 10**18 pixels": image("a.ppm", lambda _: b"P5 1000000000 1000000000 255\n"),
    "PPM of a size with a million digits": image("a.ppm", lambda _: b"P5 " + b"9" * 1_000_000),
    "JPEG of 4 gigapixels": image(
        "a.jpg", lambda _: _patched(_JPEG, _JPEG.index(b"\xff\xc0") + 5, _BIG[::-1], _BIG[::-1])
    ),
    "TGA of 4 gigapixels": image("a.tga", lambda _: _patched(_saved("TGA"), 12, _BIG, _BIG)),
    "PCX of 4 gigapixels": image("a.pcx", lambda _: _patched(_saved("PCX"), 8, _BIG, _BIG)),
    "NPY of 10**15 numbers": image("a.npy", lambda _: _npy("(1000, 1000000, 1000000)")),
    "NPY of negative size": image("a.npy", lambda _: _npy("(-4, 4)")),
    "NPY whose header is an expression": image("a.npy", lambda _: _array("__import__('os').mkdir('ran')")),
    "NPY with a pickle": image("a.npy", _pickled_array),
    "NPY with brackets": image("a.npy", lambda _: _array("(" * 110)),
    "NPZ with a pickle": image("a.npz", lambda folder: _zip("mask.npy", _pickled_array(folder))),
    "NPZ of 8 GB": image("a.npz", lambda _: _zip("mask.npy", _npy("(200, 2000, 2500)", "<f8"))),
    "NPZ with fewer bytes than it states": image("a.npz", lambda _: _zip("mask.npy", _npy("(8000, 8000)"))),
    "MAT with objects": image("a.mat", lambda _: _mat(mask=np.array([["a", "b"]], dtype=object))),
    "MAT of 10**12 numbers": image("a.mat", lambda _: _mat_bomb(1_000_000, 1_000_000, 64)),
    "zip called PNG": image("a.png", lambda _: _zip("../../x.png", huge_png(30_000))),
    "gzip called PNG": image("a.png", lambda _: gzip.compress(bytes(10_000_000))),
    "PostScript called PNG": image("a.png", lambda _: _eps()),
    "PDF called PNG": image("a.png", lambda _: b"%PDF-1.7\n"),
    "SVG called PNG": image("a.png", lambda _: f"{DOCTYPE}<svg>&a9;</svg>".encode()),
    "page called PNG": image("a.png", lambda _: b"<!DOCTYPE html><script>alert(1)</script>"),
    "pickle called PNG": image("a.png", lambda folder: pickle.dumps(Payload(folder))),
}
#: Files that are read or refused; nothing more happens.
HARMLESS_IMAGES: dict[str, Make] = {
    "TIFF whose first page follows itself": image("a.tif", lambda _: _endless_pages()),
    "TIFF whose strip unpacks to 20 MB": image("a.tif", lambda _: _tiff((40, 40), zlib.compress(bytes(20_000_000)))),
    "MAT whose numbers are 16 MB": image("a.mat", lambda _: _mat_bomb(8, 8, 16_000_000)),
    "NPZ whose entry is outside": image("a.npz", lambda _: _zip("../../mask.npy", _npy("(8, 8)"))),
    "PNG whose comment unpacks to 16 MB": image(
        "a.png", lambda _: _png(1, 8, b"zTXta\0\0" + zlib.compress(bytes(16_000_000)))
    ),
    "PNG whose profile unpacks to 16 MB": image(
        "a.png", lambda _: _png(1, 8, b"iCCPa\0\0" + zlib.compress(bytes(16_000_000)))
    ),
}
