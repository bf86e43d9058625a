"""Images in memory are read as their files are; what could mean several things is a TypeError with the conversion."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from segarena.errors import DataError, ImageTypeError
from segarena.image_files.bit_depth import choose_bits, highest_values
from segarena.image_files.images import read_image
from segarena.image_files.in_memory import read_images
from support import refuses, scene

RGB = np.asarray(scene(1, 24).resize((24, 16)))  # (16, 24, 3)
GREY = RGB[..., 0]
ALPHA = np.dstack([RGB, np.where(np.arange(24) < 12, 255, 0).repeat(16).reshape(24, 16).T]).astype(np.uint8)


def read(*images: Any, bits: int = 16) -> list[np.ndarray]:
    return list(read_images(images, lambda highest: choose_bits(highest, bits, None).bits))


def saved(image: Image.Image, path: Path, **options: Any) -> Path:
    image.save(path, **options)
    return path


@pytest.mark.parametrize(
    "mode", ["1", "L", "LA", "P", "RGB", "RGBA", "RGBa", "La", "CMYK", "YCbCr", "HSV", "LAB", "I;16"]
)
def test_a_pil_image_of_any_mode_is_rgb(mode: str) -> None:
    source = Image.fromarray(ALPHA)
    if mode in ("RGBa", "RGBA"):
        image = source.convert(mode)
    elif mode == "La":
        image = source.convert("LA").convert("La")
    elif mode == "I;16":
        image = Image.fromarray(GREY.astype(np.uint16) * 257)
    else:
        image = Image.fromarray(RGB).convert(mode)
    [found] = read(image)
    assert found.shape == (16, 24, 3)
    assert found.dtype == np.uint8
    if mode == "RGB":
        assert np.array_equal(found, RGB)
    if mode == "I;16":
        assert np.array_equal(found, np.dstack([GREY] * 3))


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "I;16"])
def test_a_pil_image_is_what_its_file_is(mode: str, tmp_path: Path) -> None:
    image = Image.fromarray(GREY.astype(np.uint16) * 16) if mode == "I;16" else Image.fromarray(ALPHA).convert(mode)
    path = saved(image, tmp_path / "image.png")
    bits = choose_bits(highest_values([path]), 12, None).bits
    with Image.open(path) as opened:
        [found] = read(opened, bits=12)
    assert np.array_equal(found, read_image(path, bits))


def test_the_low_bytes_of_a_deep_colour_image_are_not_dropped(tmp_path: Path) -> None:
    path = tmp_path / "deep.png"
    path.write_bytes(deep_png(RGB.astype(np.uint16) * 16))
    with Image.open(path) as opened:
        [found] = read(opened, bits=12)
    assert np.array_equal(found, read_image(path, 12))
    assert np.abs(found.astype(int) - RGB).max() <= 1


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_of_several_pages_the_current_one_is_read(dtype: type, tmp_path: Path) -> None:
    pages = [Image.fromarray(np.full((5, 6), value, dtype)) for value in (10, 200)]
    path = saved(pages[0], tmp_path / "pages.tif", save_all=True, append_images=pages[1:])
    with Image.open(path) as opened:
        for page, value in enumerate((10, 200)):
            opened.seek(page)
            assert (read(opened, bits=8)[0] == value).all()


def deep_png(values: np.ndarray) -> bytes:
    """A PNG of 16 bits per channel, which Pillow cannot write."""
    import struct
    import zlib

    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in values)
    header = struct.pack(">IIBBBBB", values.shape[1], values.shape[0], 16, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


def test_the_orientation_of_a_pil_image_is_applied() -> None:
    exif, stream = Image.Exif(), io.BytesIO()
    exif[0x0112] = 6
    Image.fromarray(RGB).save(stream, "PNG", exif=exif)
    [found] = read(Image.open(stream))
    assert np.array_equal(found, np.rot90(RGB, -1))


@pytest.mark.parametrize(
    ("array", "expected"),
    [
        (RGB, RGB),
        (GREY, np.dstack([GREY] * 3)),
        (GREY[..., None], np.dstack([GREY] * 3)),
        (ALPHA, np.where(ALPHA[..., 3:] == 255, RGB, 255)),
        (RGB[:, ::-1], RGB[:, ::-1]),
        (GREY.astype(np.uint16) * 257, np.dstack([GREY] * 3)),
        (RGB.astype(np.uint16) * 257, RGB),
        ((GREY.astype(np.uint16) * 257).astype(">u2"), np.dstack([GREY] * 3)),
        (torch.from_numpy(RGB.copy()).permute(2, 0, 1), RGB),
        (torch.from_numpy(GREY.copy())[None], np.dstack([GREY] * 3)),
        (torch.from_numpy(GREY.copy()), np.dstack([GREY] * 3)),
    ],
    ids=[
        "rgb",
        "grey",
        "one channel",
        "alpha",
        "flipped",
        "16 bits",
        "16 bits rgb",
        "big-endian",
        "tensor",
        "grey tensor",
        "plane",
    ],
)
def test_arrays_and_tensors(array: Any, expected: np.ndarray) -> None:
    assert np.array_equal(read(array)[0], expected)


def test_deep_images_of_a_list_share_their_bits(tmp_path: Path) -> None:
    dark, bright = GREY.astype(np.uint16) * 4, GREY.astype(np.uint16) * 16
    path = saved(Image.fromarray(bright), tmp_path / "bright.png")
    found = read(dark, path, RGB, bits=12)
    assert np.abs(found[1][..., 0].astype(int) - GREY).max() <= 1
    assert np.abs(found[0][..., 0].astype(int) - GREY // 4).max() <= 1
    assert np.array_equal(found[2], RGB)


@pytest.mark.parametrize(
    ("image", "value", "remedy"),
    [
        (RGB / 255, "float64", '(image * 255).round().astype("uint8")'),
        (RGB.astype(np.float32), "float32", 'image.round().astype("uint8")'),
        ((RGB / 255 - 0.45) / 0.22, "float64", "normalised"),
        (RGB.astype(np.int64), "int64", 'image.astype("uint8")'),
        (RGB.astype(np.int32) * 16, "int32", "highest"),
        (GREY > 90, "bool", 'image.astype("uint8") * 255'),
        (RGB.transpose(2, 0, 1), "(3, 16, 24)", "image.transpose(1, 2, 0)"),
        (np.stack([RGB, RGB]), "(2, 16, 24, 3)", "list(batch)"),
        (np.zeros((0, 4, 3), np.uint8), "(0, 4, 3)", "uint8 (H, W, 3)"),
        (np.zeros((9, 4, 2), np.uint8), "2 channels", "uint8 (H, W, 3)"),
        (np.array(["a", "b"]), "(2,)", "uint8 (H, W, 3)"),
        (torch.from_numpy(RGB.copy()), "16 channels", "image.permute(2, 0, 1)"),
        (torch.zeros(3, 8, 8), "float32", "(image * 255).round().to(torch.uint8)"),
        (torch.zeros(3, 8, 8, dtype=torch.bfloat16), "torch.bfloat16", "(image * 255).round().to(torch.uint8)"),
        (torch.zeros(3, 8, 8).to_sparse(), "(3, 8, 8)", "uint8 (3, H, W)"),
        (np.where(RGB > 90, np.nan, RGB), "float64", "NaN"),
        (np.where(RGB > 90, np.inf, RGB), "float64", "infinite"),
        (np.array([[np.inf, -np.inf]]), "float64", "infinite"),
        (torch.zeros(1, 3, 8, 8, dtype=torch.uint8), "(1, 3, 8, 8)", "list(batch)"),
        (Image.new("F", (4, 4)), "floating", "8 bits"),
        (Image.fromarray(np.full((4, 4), -5, np.int32)), "-5", "0..255"),
        (Image.new("RGB", (0, 4)), "0 x 4", "cut"),
        (None, "None", "cv2.imread"),
        (3, "int", "a PIL image"),
        (b"\x89PNG", "bytes", "a PIL image"),
        ([RGB], "list", "a PIL image"),
        ({"image": RGB}, "dict", "a PIL image"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_is_not_clear_is_refused(image: Any, value: str, remedy: str) -> None:
    kind = DataError if value == "floating" else ImageTypeError
    with refuses(kind, value=value) as caught:
        read(image)
    assert remedy in caught.value.remedy
    assert kind is DataError or isinstance(caught.value, TypeError)


def test_an_image_that_was_closed_is_refused(tmp_path: Path) -> None:
    with Image.open(saved(Image.fromarray(RGB), tmp_path / "a.png")) as image:
        pass
    image.close()
    with refuses(value="closed") as caught:
        read(image)
    assert "do not close it" in caught.value.remedy


def test_a_folder_is_refused_with_the_call_for_folders(tmp_path: Path) -> None:
    with refuses(DataError, where=tmp_path) as caught:
        read(tmp_path)
    assert f"segarena.predict(RUN, {str(tmp_path)!r})" in caught.value.remedy
