"""A small mask in every format that is read, and damage to the bytes of a file."""

from __future__ import annotations

import io
import random
import struct
import zlib
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any, NamedTuple

import numpy as np
import tifffile
from numpy.typing import NDArray
from PIL import Image
from scipy.io import savemat

#: (15, 24) uint8, areas of the classes 0, 1 and 2.
LABELS = np.kron(np.random.default_rng(0).integers(0, 3, (5, 6), dtype=np.uint8), np.ones((3, 4), dtype=np.uint8))
_COLORS = np.array([[0, 0, 0], [250, 120, 0], [0, 90, 255]], dtype=np.uint8)


class Sample(NamedTuple):
    """A file.

    Attributes:
        name: Its name; the ending is that of its format.
        content: Its bytes.
        checked: Whether checksums protect all of its pixels and all that changes their meaning.
    """

    name: str
    content: bytes
    checked: bool = False


def _picture(mode: str) -> Image.Image:
    if mode in ("L", "1"):
        return Image.fromarray(LABELS if mode == "L" else (LABELS > 0)).convert(mode)
    if mode == "I;16":
        return Image.fromarray(LABELS.astype(np.uint16) * 1000)
    if mode == "F":
        return Image.fromarray(LABELS.astype(np.float32))
    if mode == "P":
        picture = Image.fromarray(LABELS)
        picture.putpalette(_COLORS.tobytes())
        return picture
    if mode == "LA":
        return Image.merge(
            "LA", [Image.fromarray(LABELS), Image.fromarray(np.uint8(255) - LABELS // 2 * np.uint8(255))]
        )
    return Image.fromarray(_COLORS[LABELS]).convert(mode)


def _saved(mode: str, kind: str, **options: Any) -> bytes:
    stream = io.BytesIO()
    _picture(mode).save(stream, format=kind, **options)
    return stream.getvalue()


def _tiff(pixels: NDArray[Any], **options: Any) -> bytes:
    stream = io.BytesIO()
    tifffile.imwrite(stream, pixels, metadata=None, **options)
    return stream.getvalue()


def _array(save: Callable[..., Any], *arguments: Any, **named: Any) -> bytes:
    stream = io.BytesIO()
    save(stream, *arguments, **named)
    return stream.getvalue()


def _chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def _grey_png(bits: int) -> bytes:
    """Grey of 1, 2 or 4 bits, with two chunks of pixels; Pillow writes 8 and more."""
    rows = np.unpackbits(LABELS[..., None], axis=2)[..., 8 - bits :].reshape(len(LABELS), -1)
    packed = zlib.compress(b"".join(b"\0" + np.packbits(row).tobytes() for row in rows))
    header = struct.pack(">IIBBBBB", LABELS.shape[1], LABELS.shape[0], bits, 0, 0, 0, 0)
    half = len(packed) // 2
    parts = [(b"IHDR", header), (b"IDAT", packed[:half]), (b"IDAT", packed[half:]), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(*part) for part in parts)


@cache
def samples() -> Mapping[str, Sample]:
    """The files, by what they are."""
    rgb, deep = _COLORS[LABELS], (LABELS.astype(np.uint16) * 1000)
    made: dict[str, Sample] = {
        f"PNG {mode}": Sample("mask.png", _saved(mode, "PNG"), True) for mode in "1 L LA P RGB RGBA I;16".split()
    }
    made |= {f"PNG L;{bits}": Sample("mask.png", _grey_png(bits), True) for bits in (1, 2, 4)}
    made["PNG P;2 transparent"] = Sample("mask.png", _saved("P", "PNG", bits=2, transparency=2), True)
    made |= {
        f"JPEG {mode} {'progressive' * progressive}": Sample("mask.jpg", _saved(mode, "JPEG", progressive=progressive))
        for mode, progressive in (("L", False), ("RGB", False), ("RGB", True), ("CMYK", False))
    }
    exif = Image.Exif()
    exif[0x0112] = 6
    made["JPEG turned"] = Sample("mask.jpg", _saved("RGB", "JPEG", exif=exif))
    for mode, compression in (
        *(("L", one) for one in ("raw", "tiff_lzw", "packbits", "tiff_adobe_deflate", "jpeg", "webp", "zstd")),
        *(("1", "group3"), ("1", "group4"), ("P", "tiff_lzw"), ("RGB", "jpeg"), ("RGBA", "tiff_lzw")),
        *(("CMYK", "raw"), ("I;16", "raw"), ("F", "tiff_lzw")),
    ):
        if compression not in ("webp", "zstd"):
            made[f"TIFF {mode} {compression}"] = Sample("mask.tif", _saved(mode, "TIFF", compression=compression))
    written: dict[str, tuple[NDArray[Any], dict[str, Any]]] = {
        "tiles": (LABELS, {"tile": (16, 16), "compression": "zlib"}),
        "strips": (LABELS, {"rowsperstrip": 4, "compression": "zlib"}),
        "big-endian": (LABELS, {"byteorder": ">"}),
        "BigTIFF": (LABELS, {"bigtiff": True, "compression": "zlib"}),
        "16 bits big-endian": (deep, {"byteorder": ">", "compression": "zlib"}),
        "planes": (np.moveaxis(rgb, -1, 0), {"planarconfig": "separate", "photometric": "rgb", "compression": "zlib"}),
        "16 bits RGB": (rgb.astype(np.uint16) * 256, {"photometric": "rgb", "compression": "zlib"}),
        "predictor": (LABELS, {"compression": "zlib", "predictor": True}),
        "white is zero": (LABELS, {"photometric": "miniswhite"}),
        "five bands": (
            np.repeat(LABELS[..., None], 5, axis=2),
            {"photometric": "minisblack", "planarconfig": "contig"},
        ),
        "int32": (LABELS.astype(np.int32), {}),
        "float64": (LABELS.astype(np.float64), {}),
    }
    made |= {
        f"TIFF {name}": Sample("mask.tif", _tiff(pixels, **options)) for name, (pixels, options) in written.items()
    }
    made |= {f"BMP {mode}": Sample("mask.bmp", _saved(mode, "BMP")) for mode in ("1", "L", "P", "RGB", "RGBA")}
    made["DIB"] = Sample("mask.dib", _saved("P", "DIB"))
    made |= {f"GIF {mode}": Sample("mask.gif", _saved(mode, "GIF")) for mode in ("L", "P")}
    made["GIF interlaced"] = Sample("mask.gif", _saved("P", "GIF", interlace=True, transparency=2))
    made["WebP lossless"] = Sample("mask.webp", _saved("RGBA", "WEBP", lossless=True))
    made["WebP lossy"] = Sample("mask.webp", _saved("RGB", "WEBP"))
    made |= {f"PPM {mode}": Sample("mask.ppm", _saved(mode, "PPM")) for mode in ("1", "L", "I;16", "RGB")}
    plain = f"P2 {LABELS.shape[1]} {LABELS.shape[0]} 255\n" + "\n".join(" ".join(map(str, row)) for row in LABELS)
    made["PPM text"] = Sample("mask.pgm", plain.encode())
    made |= {f"JPEG 2000 {mode}": Sample("mask.jp2", _saved(mode, "JPEG2000")) for mode in ("L", "RGBA")}
    made["AVIF"] = Sample("mask.avif", _saved("RGB", "AVIF"))
    made |= {f"TGA {mode}": Sample("mask.tga", _saved(mode, "TGA")) for mode in ("L", "P", "RGBA")}
    made["TGA runs"] = Sample("mask.tga", _saved("RGB", "TGA", compression="tga_rle"))
    made |= {f"PCX {mode}": Sample("mask.pcx", _saved(mode, "PCX")) for mode in ("1", "L", "P", "RGB")}
    made |= {
        f"NPY {pixels.dtype} {pixels.ndim}": Sample("mask.npy", _array(np.save, pixels))
        for pixels in (LABELS, rgb, deep, LABELS.astype(np.float64), np.asfortranarray(LABELS.astype(np.int64)))
    }
    made["NPZ"] = Sample("mask.npz", _array(np.savez, mask=LABELS, other=rgb))
    made["NPZ compressed"] = Sample("mask.npz", _array(np.savez_compressed, mask=LABELS))
    made["MAT"] = Sample("mask.mat", _array(savemat, {"mask": LABELS}))
    made["MAT compressed"] = Sample("mask.mat", _array(savemat, {"mask": LABELS, "x": [1.5]}, do_compression=True))
    made["MAT 4"] = Sample("mask.mat", _array(savemat, {"mask": LABELS}, format="4"))
    return made


#: What replaces bytes: the smallest and largest numbers, lengths that are too large, beginnings of other formats.
_PIECES = (
    *(b"\0", b"\xff", b"\0\0\0\0", b"\xff\xff\xff\xff", b"\x7f\xff\xff\xff", b"\xff\xff\xff\x7f", b"\0\0\1\0"),
    *(
        b"\0\1\0\0",
        b"\x40\x42\x0f\0",
        b"\x89PNG\r\n\x1a\n",
        b"II*\0\x08\0\0\0",
        b"MM\0+",
        b"BM",
        b"GIF89a",
        b"P6 9 9 255 ",
    ),
    *(
        b"\xff\xd8\xff\xe0",
        b"RIFF\xff\xff\0\0WEBP",
        b"PK\3\4",
        b"\x93NUMPY\1\0",
        b"MATLAB 5.0",
        b"nan",
        b"-1",
        b"9" * 30,
    ),
)
_HEAD = 96  # bytes in which most formats have their sizes


def flip(content: bytes, random: random.Random) -> bytes:
    """One bit flipped."""
    damaged = bytearray(content)
    damaged[random.randrange(len(damaged))] ^= 1 << random.randrange(8)
    return bytes(damaged)


def truncate(content: bytes, random: random.Random) -> bytes:
    """The end cut off."""
    return content[: random.randrange(len(content))]


def overwrite(content: bytes, random: random.Random) -> bytes:
    """A piece in the header overwritten."""
    start, piece = random.randrange(min(_HEAD, len(content))), random.choice(_PIECES)
    return content[:start] + piece + content[start + len(piece) :]


def exchange(content: bytes, random: random.Random) -> bytes:
    """Two parts that follow each other exchanged: chunks of a PNG, pieces of any other file."""
    if content.startswith(b"\x89PNG"):
        chunks, place = [], 8
        while place < len(content):
            end = place + 12 + int.from_bytes(content[place : place + 4])
            chunks.append(content[place:end])
            place = end
        first, second = random.sample(range(len(chunks)), 2)
        chunks[first], chunks[second] = chunks[second], chunks[first]
        return content[:8] + b"".join(chunks)
    a, b, c = sorted(random.randrange(len(content) + 1) for _ in range(3))
    return content[:a] + content[b:c] + content[a:b] + content[c:]


def repeat(content: bytes, random: random.Random) -> bytes:
    """A part repeated, or left out."""
    first, last = sorted(random.randrange(len(content) + 1) for _ in range(2))
    return content[:last] + content[first:] if random.random() < 0.5 else content[:first] + content[last:]


def scatter(content: bytes, random: random.Random) -> bytes:
    """Up to 20 bytes replaced by others."""
    damaged = bytearray(content)
    for _ in range(random.randint(2, 20)):
        damaged[random.randrange(len(damaged))] = random.randrange(256)
    return bytes(damaged)


DAMAGES: tuple[Callable[[bytes, random.Random], bytes], ...] = (
    flip,
    flip,
    truncate,
    overwrite,
    exchange,
    repeat,
    scatter,
)
