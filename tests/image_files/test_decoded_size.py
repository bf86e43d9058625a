"""The memory that decoding takes: PNG and JPEG are looked up in their headers, with what Pillow would say."""

from __future__ import annotations

import io
import zlib
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from segarena.image_files import decoded_size
from segarena.image_files.decoded_size import decoded_bytes


def encoded(mode: str, kind: str, **options: Any) -> bytes:
    stream = io.BytesIO()
    Image.new(mode, (70, 30)).save(stream, kind, **options)
    return stream.getvalue()


def exif() -> Image.Exif:
    """An orientation, and a description that makes the header long."""
    found = Image.Exif()
    found[0x0112], found[0x010E] = 6, "x" * 3000
    return found


def png_chunk(name: bytes, content: bytes) -> bytes:
    return len(content).to_bytes(4) + name + content + zlib.crc32(name + content).to_bytes(4)


FILES = {
    **{f"png-{mode}": encoded(mode, "PNG") for mode in ("1", "L", "LA", "P", "RGB", "RGBA", "I;16")},
    **{f"jpeg-{mode}": encoded(mode, "JPEG") for mode in ("L", "RGB", "CMYK")},
    "jpeg-progressive": encoded("RGB", "JPEG", progressive=True),
    "jpeg-exif": encoded("RGB", "JPEG", exif=exif(), comment=b"c" * 500, quality=20),
    "bmp": encoded("RGB", "BMP"),
}


@pytest.mark.parametrize("name", FILES)
def test_a_header_gives_what_opening_the_file_gives(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    path, content = Path("a.png"), FILES[name]
    found = decoded_bytes(path, content)
    assert found == 2100 * (4 if name.startswith("jpeg") else 24 if name.endswith("I;16") else 12)
    monkeypatch.setattr(decoded_size, "_png_bytes", lambda _: None)
    monkeypatch.setattr(decoded_size, "_jpeg_bytes", lambda _: None)
    assert decoded_bytes(path, content) == found


@pytest.mark.parametrize("name", [name for name in FILES if name != "bmp"])
def test_pillow_is_not_asked_where_a_header_is_enough(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(decoded_size, "open_image", None)
    assert decoded_bytes(Path("a.png"), FILES[name]) > 0


def test_a_second_header_is_not_overlooked() -> None:
    content = FILES["png-L"]
    large = png_chunk(b"IHDR", (9000).to_bytes(4) + (8000).to_bytes(4) + bytes([8, 0, 0, 0, 0]))
    twice = content[:33] + large + content[33:]
    assert decoded_bytes(Path("a.png"), twice) == 12 * 9000 * 8000
    content = FILES["jpeg-L"]
    place = content.index(b"\xff\xc0")
    frame = content[place : place + 2 + int.from_bytes(content[place + 2 : place + 4])]
    larger = frame[:5] + (8000).to_bytes(2) + (9000).to_bytes(2) + frame[9:]
    twice = content[:place] + frame + larger + content[place + len(frame) :]
    assert decoded_bytes(Path("a.jpg"), twice) == 4 * 9000 * 8000


@pytest.mark.parametrize("name", [name for name in FILES if name != "bmp"])
def test_a_file_that_ends_anywhere_in_its_header_has_a_size_or_none(name: str) -> None:
    for end in range(0, min(4000, len(FILES[name])), 7):
        assert decoded_bytes(Path("a.png"), FILES[name][:end]) in (0, decoded_bytes(Path("a.png"), FILES[name]))
