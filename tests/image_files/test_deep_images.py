"""Images of 16 bits per channel: both bytes are read, and one scale holds for all images of a set."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from segarena.image_files.image_facts import ImageFacts, read_image_facts
from segarena.image_files.images import common_bits, find_bits, read_image
from support import refuses

RANDOM = np.random.default_rng(0)


def save_png(path: Path, values: NDArray[np.uint16]) -> Path:
    """Write RGB or RGBA of 16 bits, which Pillow does not."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    height, width, channels = values.shape
    header = struct.pack(">IIBBBBB", width, height, 16, {3: 2, 4: 6}[channels], 0, 0, 0)
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in values)
    chunks = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + chunks)
    return path


def save_tiff(path: Path, values: NDArray[np.uint16], order: str, compressed: bool) -> Path:
    """Write RGB of 16 bits in the byte order "<" or ">", which Pillow does not."""
    height, width, channels = values.shape
    pixels = values.astype(f"{order}u2").tobytes()
    pixels = zlib.compress(pixels) if compressed else pixels
    first = 8 + 2 + 12 * 9 + 4
    tags = [(256, 4, width), (257, 4, height), (258, 3, first), (259, 3, 8 if compressed else 1), (262, 3, 2)]
    tags += [(273, 4, first + 2 * channels), (277, 3, channels), (278, 4, height), (279, 4, len(pixels))]
    content = (b"II" if order == "<" else b"MM") + struct.pack(f"{order}HIH", 42, 8, len(tags))
    for tag, kind, value in tags:
        count = channels if tag == 258 else 1
        packed = struct.pack(f"{order}HH", value, 0) if kind == 3 and count == 1 else struct.pack(f"{order}I", value)
        content += struct.pack(f"{order}HHI", tag, kind, count) + packed
    content += struct.pack(f"{order}I", 0) + struct.pack(f"{order}{channels}H", *[16] * channels)
    path.write_bytes(content + pixels)
    return path


def expected(values: NDArray[np.uint16], bits: int) -> NDArray[np.float64]:
    return np.minimum(np.floor(values * 255.0 / (2**bits - 1) + 0.5), 255)


@pytest.mark.parametrize("bits", [12, 16])
@pytest.mark.parametrize("kind", ["png", "little tif", "big tif", "deflated tif", "deflated big tif"])
def test_colour_of_16_bits_keeps_its_low_bytes_which_pillow_drops(tmp_path: Path, kind: str, bits: int) -> None:
    values = RANDOM.integers(0, 2**bits, (9, 7, 3)).astype(np.uint16)
    path = tmp_path / f"a.{kind[-3:]}"
    if kind == "png":
        save_png(path, values)
    else:
        save_tiff(path, values, ">" if "big" in kind else "<", compressed="deflated" in kind)
    assert find_bits(path) == bits
    np.testing.assert_array_equal(read_image(path, bits), expected(values, bits))


def test_grey_of_12_bits_is_not_nearly_black(tmp_path: Path) -> None:
    values = RANDOM.integers(0, 4096, (9, 7)).astype(np.uint16)
    for suffix in ("png", "tif"):
        path = tmp_path / f"a.{suffix}"
        Image.fromarray(values).save(path)
        assert find_bits(path) == 12
        np.testing.assert_array_equal(read_image(path, 12)[..., 0], expected(values, 12))
        assert read_image(path).max() <= 16


def test_one_scale_holds_for_a_whole_set_so_dark_images_stay_dark(tmp_path: Path) -> None:
    levels, paths = (200, 900, 5000), []
    for highest in levels:
        paths.append(tmp_path / f"{highest}.png")
        Image.fromarray(np.full((2, 2), highest, dtype=np.uint16)).save(paths[-1])
    assert [common_bits(levels[:count]) for count in range(4)] == [16, 8, 10, 14]
    assert [common_bits([highest]) for highest in (255, 256, 4095, 4096)] == [8, 10, 12, 14]
    assert [int(read_image(path, 14)[0, 0, 0]) for path in paths] == [3, 14, 78]


def test_what_is_brighter_than_the_scale_becomes_white_and_does_not_wrap(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    Image.fromarray(np.array([[4095, 4096, 65535]], dtype=np.uint16)).save(path)
    assert read_image(path, 12)[0, :, 0].tolist() == [255, 255, 255]


def test_8_bit_images_do_not_know_of_the_scale(tmp_path: Path) -> None:
    Image.new("L", (2, 2), 77).save(tmp_path / "a.png")
    assert find_bits(tmp_path / "a.png") == 16
    assert read_image(tmp_path / "a.png", 12)[0, 0].tolist() == [77, 77, 77]


def test_transparency_of_16_bits_is_laid_on_white(tmp_path: Path) -> None:
    values = np.array([[[1000, 2000, 3000, 65535], [1000, 2000, 3000, 0]]], dtype=np.uint16)
    path = save_png(tmp_path / "a.png", values)
    assert find_bits(path) == 12, "opacity is no brightness"
    image = read_image(path, 12)
    assert image[0, 0].tolist() == [62, 125, 187]
    assert image[0, 1].tolist() == [255, 255, 255]


@pytest.mark.parametrize(("top", "half"), [(65535, 32768), (4095, 2048)])
def test_half_of_an_opacity_of_16_bits_stays_half_when_read_as_12_bits(tmp_path: Path, top: int, half: int) -> None:
    values = np.array([[[1000, 2000, 3000, alpha] for alpha in (top, half, 0)]], dtype=np.uint16)
    image = read_image(save_png(tmp_path / "a.png", values), 12)
    assert image[0, 0].tolist() == [62, 125, 187]
    assert np.abs(image[0, 1].astype(int) - [158, 190, 221]).max() <= 1
    assert image[0, 2].tolist() == [255, 255, 255]


def test_a_thumbnail_is_of_the_image_at_the_bits_of_its_set(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    Image.fromarray(RANDOM.integers(0, 4096, (64, 64)).astype(np.uint16)).save(path)
    facts = read_image_facts(path, path.read_bytes())
    for found in (facts, ImageFacts.from_bytes(facts.to_bytes())):
        for bits in (12, 14, 16):
            np.testing.assert_array_equal(found.thumbnail(bits), read_image(path, bits)[..., 0])


@pytest.mark.parametrize("kept", [0.3, 0.8])
def test_a_truncated_file_is_an_error_that_names_it(tmp_path: Path, kept: float) -> None:
    path = save_png(tmp_path / "a.png", RANDOM.integers(0, 65536, (40, 40, 3)).astype(np.uint16))
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * kept)])
    for read in (read_image, find_bits):
        with refuses(where=path, value="cannot be read"):
            read(path)
