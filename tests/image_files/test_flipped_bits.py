"""No flipped bit of a mask file changes labels unnoticed, where its format has a checksum."""

from __future__ import annotations

import io
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from segarena.errors import DataError
from segarena.image_files.images import read_image
from segarena.image_files.raw_masks import Plane, read_plane
from support import refuses

LABELS = np.repeat(np.repeat(np.random.default_rng(0).integers(0, 3, (5, 6), dtype=np.uint8), 3, axis=0), 4, axis=1)


def saved(mode: str, **options: Any) -> bytes:
    picture = Image.fromarray(LABELS)
    if mode == "P":
        picture.putpalette([0, 0, 0, 255, 0, 0, 0, 255, 0])
        picture.info["transparency"] = 2
    elif mode == "I;16":
        picture = Image.fromarray(LABELS.astype(np.uint16) * 1000)
    elif mode != "L":
        picture = picture.point([0, 90, 255] + [0] * 253).convert(mode)
    stream = io.BytesIO()
    picture.save(stream, **{"format": "PNG", **options})
    return stream.getvalue()


PNGS = {mode: saved(mode) for mode in ("L", "P", "RGB", "RGBA", "1", "I;16")}


def flips(content: bytes, places: range) -> Iterator[tuple[int, bytes]]:
    for bit in places:
        flipped = bytearray(content)
        flipped[bit // 8] ^= 1 << bit % 8
        yield bit, bytes(flipped)


def shows(plane: Plane) -> tuple[Any, ...]:
    palette = None if plane.palette is None else plane.palette[np.unique(plane.values)].tolist()
    clear = None if plane.clear is None else plane.clear.tolist()
    return plane.values.tolist(), plane.colored, palette, clear, plane.one_bit


def count_changed(content: bytes, places: range, name: str) -> tuple[int, int]:
    """How many flips are refused, and how many change what is read."""
    path, refused, changed = Path(name), 0, 0
    expected = shows(read_plane(path, content))
    for _, flipped in flips(content, places):
        try:
            changed += shows(read_plane(path, flipped)) != expected
        except DataError:
            refused += 1
    return refused, changed


@pytest.mark.parametrize("mode", PNGS)
def test_flipped_bits_of_a_png_change_no_label(mode: str) -> None:
    content = PNGS[mode]
    refused, changed = count_changed(content, range(8 * len(content)), "mask.png")
    assert changed == 0
    assert refused > 0.8 * 8 * len(content)


@pytest.mark.parametrize("tile", [None, 16], ids=["strips", "tiles"])
def test_flipped_bits_in_deflated_tiff_change_no_label(tile: int | None) -> None:
    import tifffile

    stream = io.BytesIO()
    kind = {} if tile is None else {"tile": (tile, tile)}
    tifffile.imwrite(stream, LABELS, compression="zlib", metadata=None, **kind)
    content = stream.getvalue()
    with tifffile.TiffFile(io.BytesIO(content)) as opened:
        page = opened.pages.first
        parts = list(zip(page.dataoffsets, page.databytecounts, strict=True))
    for offset, length in parts:
        refused, changed = count_changed(content, range(8 * offset, 8 * (offset + length)), "mask.tif")
        assert changed == 0
        assert refused > 0.7 * 8 * length


def test_a_png_without_its_last_checksum_is_damaged(tmp_path: Path) -> None:
    content = PNGS["L"]
    end = content.index(b"IEND") - 4
    path = tmp_path / "mask.png"
    path.write_bytes(content[: end - 2])
    with refuses(DataError, where=path):
        read_plane(path)
    with refuses(DataError, where=path):
        read_image(path)


def test_a_wrong_checksum_of_a_comment_is_no_damage(tmp_path: Path) -> None:
    content = PNGS["L"]
    end = content.index(b"IEND") - 4
    comment = b"\0\0\0\5" + b"tEXt" + b"a\0wow" + (zlib.crc32(b"other")).to_bytes(4)
    path = tmp_path / "mask.png"
    path.write_bytes(content[:end] + comment + content[end:])
    assert np.array_equal(read_plane(path).values, LABELS)


def test_postscript_called_png_is_not_decoded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "image.png"
    Image.new("RGB", (8, 8)).save(path, format="EPS")
    monkeypatch.setattr("PIL.EpsImagePlugin.Ghostscript", lambda *_, **__: pytest.fail("a program is started"))
    with refuses(DataError, where=path):
        read_image(path)
