"""Fifty uploads that are meant to harm: each is refused with a status of 4xx, and the server lives."""

from __future__ import annotations

import io
import struct
import zipfile
import zlib
from collections.abc import Iterator
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image
from serving_support import Client, Threshold, form, picture, serving, written

from support import huge_png

PNG, JPEG = picture(60, 40), picture(60, 40, kind="JPEG")
TIFF = picture(60, 40, kind="TIFF")


def chunk(kind: bytes, content: bytes, checksum: int | None = None) -> bytes:
    check = zlib.crc32(kind + content) if checksum is None else checksum
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", check)


def png(width: int, height: int, data: bytes, *extra: bytes, depth: int = 8, color: int = 0) -> bytes:
    header = struct.pack(">IIBBBBB", width, height, depth, color, 0, 0, 0)
    ends = chunk(b"IDAT", data), chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + b"".join(extra) + b"".join(ends)


def tiff(pages: int, loop: bool = False) -> bytes:
    """A TIFF that is a chain of small pages."""
    out = bytearray(b"II*\0\x08\0\0\0")
    for page in range(pages):
        entries = [(256, 1), (257, 1), (258, 8), (259, 1), (262, 1), (273, 0), (277, 1), (278, 1), (279, 1)]
        out += struct.pack("<H", len(entries))
        out += b"".join(struct.pack("<HHII", tag, 3, 1, value) for tag, value in entries)
        following = 8 if loop else len(out) + 4
        out += struct.pack("<I", following if loop or page < pages - 1 else 0)
    return bytes(out)


def zip_bomb() -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("image.png", b"\0" * 5_000_000)
    return stream.getvalue()


def animation(kind: str, frames: int = 30) -> bytes:
    pictures = [Image.new("RGB", (4, 4), (8 * n, 0, 0)) for n in range(frames)]
    return written(pictures[0], kind, save_all=True, append_images=pictures[1:])


def scans(count: int) -> bytes:
    end = JPEG.rindex(b"\xff\xd9")
    return JPEG[:end] + b"\xff\xda\0\x08\x01\x01\0\0\x3f\0" * count + JPEG[end:]


def bmp(width: int, height: int) -> bytes:
    return b"BM" + struct.pack("<IHHIIiiHHIIiiII", 54, 0, 0, 54, 40, width, height, 1, 24, 0, 0, 0, 0, 0, 0)


def gif(width: int, height: int) -> bytes:
    return b"GIF89a" + struct.pack("<HHBBB", width, height, 0, 0, 0) + b",\0\0\0\0\1\0\1\0\0\2\0;"


ROWS = zlib.compress(b"\0" * 61 * 40)
#: Name: the body, its type, the path.
UPLOADS: dict[str, tuple[bytes, str, str]] = {
    name: (body, "image/png", "/predict")
    for name, body in {
        "100 megapixels in 400 kB": huge_png(10_000),
        "header of 4 billion pixels": png(65535, 65535, ROWS),
        "header of 2**31 columns": png(2**31 - 1, 1, ROWS),
        "no columns": png(0, 40, ROWS),
        "cut in the middle": PNG[: len(PNG) // 2],
        "cut after the header": PNG[:33],
        "only the signature": PNG[:8],
        "half a signature": PNG[:4],
        "wrong checksum": png(60, 40, ROWS).replace(b"IDAT", b"IDAT"[:3] + b"X"),
        "too little data": png(60, 40, zlib.compress(b"\0" * 100)),
        "no deflate": png(60, 40, b"\x78\x9c" + b"\xff" * 500),
        "unknown depth": png(60, 40, ROWS, depth=7),
        "unknown colours": png(60, 40, ROWS, color=5),
        "text bomb": png(60, 40, ROWS, chunk(b"zTXt", b"a\0\0" + zlib.compress(b"a" * 60_000_000))),
        "chunk longer than the file": b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 2**31) + b"IHDR" + b"\0" * 50,
        "cut JPEG": JPEG[:-300],
        "JPEG without data": JPEG[:20],
        "JPEG of 65500 x 65500": JPEG.replace(struct.pack(">HH", 40, 60), struct.pack(">HH", 65500, 65500), 1),
        "JPEG of 200 scans": scans(200),
        "TIFF of 3,000 pages": tiff(3000),
        "TIFF of 2 pages": tiff(2),
        "TIFF that points to itself": tiff(1, loop=True)[:-20],
        "TIFF without tags": b"II*\0\x08\0\0\0\0\0\0\0\0\0",
        "TIFF that points outside": b"II*\0" + struct.pack("<I", 2**31),
        "cut TIFF": TIFF[:200],
        "TIFF of floats": written(Image.fromarray(np.zeros((9, 9), np.float32)), "TIFF"),
        "animated GIF": animation("GIF"),
        "animated WebP": animation("WEBP"),
        "animated PNG": animation("PNG"),
        "GIF of 65535 x 65535": gif(65535, 65535),
        "GIF without data": gif(20, 20)[:13],
        "BMP of 2 billion pixels": bmp(50_000, 50_000),
        "BMP of negative width": bmp(-60, 40),
        "BMP without data": bmp(60, 40),
        "cut WebP": picture(60, 40, kind="WEBP")[:60],
        "PPM of 10**12 pixels": b"P6 1000000 1000000 255\n" + b"\0" * 99,
        "PPM of words": b"P6 wide high 255\n" + b"\0" * 99,
        "PPM without data": b"P6 60 40 255\n",
        "PostScript": b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 10 10\n(%pipe%id) (r) file\n",
        "SVG": b'<svg xmlns="http://www.w3.org/2000/svg"><image href="file:///etc/passwd"/></svg>',
        "web page": b"<!doctype html><script>alert(1)</script>",
        "pickle": b"\x80\x04\x95\x0f\0\0\0\0\0\0\0\x8c\x02os\x94\x8c\x06system\x94\x93\x94.",
        "NumPy array of objects": b"\x93NUMPY\x01\0" + b"v\0{'descr': '|O', 'fortran_order': False, 'shape': (9,)}",
        "zip bomb": zip_bomb(),
        "zeros": b"\0" * 100_000,
        "random bytes": np.random.default_rng(0).bytes(50_000),
        "PCX": written(Image.new("L", (20, 20)), "PCX"),
        "icon": written(Image.new("RGB", (16, 16)), "ICO"),
    }.items()
}
UPLOADS |= {
    "path of a file as model": (PNG, "image/png", "/predict?model=..%2f..%2fetc%2fpasswd"),
    "null byte as model": (PNG, "image/png", "/predict?model=a%00b"),
    "path as format": (PNG, "image/png", "/predict?format=..%2f..%2fx"),
    "path of a file among models": (PNG, "image/png", "/compare?model=a&model=..%2f..%2fetc%2fpasswd"),
    "1,000 models": (PNG, "image/png", "/compare?" + "&".join(["model=b"] * 1000)),
    "path behind predict": (PNG, "image/png", "/predict/../../etc/passwd"),
    "file by its address": (*form([("image", None, b"file:///etc/passwd")]), "/predict"),
    "form of 1,000 parts": (*form([("model", None, b"a")] * 1000), "/predict"),
    "form of one endless header": (
        b'--frontier\r\nContent-Disposition: form-data; name="' + b"a" * 100_000,
        form([])[1],
        "/predict",
    ),
    "boundary of 5,000 signs": (PNG, f"multipart/form-data; boundary={'a' * 5000}", "/predict"),
}


@pytest.fixture(scope="module")
def client() -> Iterator[Client]:
    """The limits are those of the defaults, but for the bytes."""
    with serving(Threshold(), max_bytes=1_000_000) as client:
        yield client
        assert client.post(PNG).status == 200


def test_there_are_fifty() -> None:
    assert len(UPLOADS) >= 50


@pytest.mark.parametrize("name", UPLOADS)
def test_a_hostile_upload_is_refused_and_the_server_lives(client: Client, name: str) -> None:
    body, kind, path = UPLOADS[name]
    for asked in [path, "/compare", "/preview"] if path == "/predict" else [path]:
        reply = client.post(body, asked, Content_Type=kind)
        assert 400 <= reply.status < 500, (asked, reply)
        assert set(reply.json) == {"what", "where", "remedy"}
    assert client.get("/healthz").status == 200


def bands(count: int, declared: int | None = None) -> bytes:
    """A TIFF of zeros with this many bands, or with one that declares others as OME does."""
    import tifffile

    stream = io.BytesIO()
    ome = "http://www.openmicroscopy.org/Schemas/OME/2016-06"
    text = (
        f'<?xml version="1.0"?><OME xmlns="{ome}"><Image ID="Image:0"><Pixels ID="Pixels:0" DimensionOrder="XYCZT"'
        f' Type="uint8" SizeX="64" SizeY="48" SizeC="{declared}" SizeZ="1" SizeT="1"><TiffData IFD="0" PlaneCount="1"/>'
        "</Pixels></Image></OME>"
    )
    options = {} if declared is None else {"description": text, "metadata": None}
    shape = (48, 64) if count == 1 else (48, 64, count)
    zeros = np.zeros(shape, np.uint8)
    tifffile.imwrite(stream, zeros, compression="zlib", photometric="minisblack", **options)
    return stream.getvalue()


BANDS = {
    "many bands": (bands(20_000), 413),
    "many declared bands": (bands(1, declared=20_000), 413),
    "many pages": (tiff(3000), 422),
}


@pytest.mark.parametrize("name", BANDS)
def test_bands_are_refused_before_they_are_decoded(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from segarena.serving import decoding
    from segarena.serving.problems import ProblemError

    followed: list[int] = []
    monkeypatch.setattr("tifffile.TiffPages.__len__", lambda pages: followed.append(1) or 3000)
    content, status = BANDS[name]
    with pytest.raises(ProblemError) as caught:
        decoding.inspect(content, 500_000, SimpleNamespace(has_channels=True))
    assert caught.value.status == status
    assert not followed or status == 413  # a chain of pages is followed to the limit only


def test_bands_count_in_the_memory_of_an_image() -> None:
    from segarena.serving import decoding

    header = decoding.inspect(bands(30), 500_000, SimpleNamespace(has_channels=True))
    assert header.weight == 10 * 48 * 64
