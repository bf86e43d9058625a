"""Every kind of image file becomes RGB, turned upright; every kind of damage is reported with the file's name."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from PIL.GifImagePlugin import GifImageFile
from PIL.TiffImagePlugin import TiffImageFile

from segarena.errors import DataError
from segarena.image_files.headers import image_size
from segarena.image_files.images import read_image
from support import huge_png, refuses

ORIENTATION = 0x0112


def test_rgb_is_read_as_it_is(tmp_path: Path) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (5, 7, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(tmp_path / "a.png")
    image = read_image(tmp_path / "a.png")
    assert image.dtype == np.uint8
    assert image.flags.writeable
    np.testing.assert_array_equal(image, pixels)
    assert image_size(tmp_path / "a.png") == (5, 7)


@pytest.mark.parametrize(
    ("mode", "color", "suffix", "expected"),
    [
        ("1", 1, "png", (255, 255, 255)),
        ("L", 77, "png", (77, 77, 77)),
        ("LA", (10, 255), "png", (10, 10, 10)),
        ("RGBA", (200, 100, 0, 255), "png", (200, 100, 0)),
        ("RGBA", (200, 100, 0, 0), "png", (200, 100, 0)),
        ("RGBA", (255, 0, 0, 51), "png", (255, 0, 0)),
        ("CMYK", (255, 0, 0, 0), "tif", (0, 255, 255)),
        ("CMYK", (0, 0, 0, 255), "jpg", (0, 0, 0)),
        ("I;16", 65535, "png", (255, 255, 255)),
        ("I;16", 32896, "tif", (128, 128, 128)),
        ("I", 257, "tif", (1, 1, 1)),
    ],
)
def test_each_pixel_format_becomes_rgb_of_8_bits(
    tmp_path: Path, mode: str, color: int | tuple[int, ...], suffix: str, expected: tuple[int, int, int]
) -> None:
    path = tmp_path / f"a.{suffix}"
    Image.new(mode, (3, 2), color).save(path)
    image = read_image(path)
    assert image.shape == (2, 3, 3)
    assert image.dtype == np.uint8
    np.testing.assert_array_equal(image, np.broadcast_to(np.uint8(expected), (2, 3, 3)))


def test_a_palette_image_is_read_by_its_colours_on_white(tmp_path: Path) -> None:
    image = Image.fromarray(np.array([[0, 1, 2]], dtype=np.uint8))
    image.putpalette([10, 20, 30, 40, 50, 60, 70, 80, 90])
    image.save(tmp_path / "plain.png")
    image.save(tmp_path / "clear.png", transparency=bytes([255, 0, 255]))
    assert read_image(tmp_path / "plain.png").tolist() == [[[10, 20, 30], [40, 50, 60], [70, 80, 90]]]
    assert read_image(tmp_path / "clear.png").tolist() == [[[10, 20, 30], [255, 255, 255], [70, 80, 90]]]


@pytest.mark.parametrize("suffix", ["jpg", "png", "tif", "webp"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation_is_applied_and_the_header_says_the_same_size(
    tmp_path: Path, orientation: int, suffix: str
) -> None:
    stored = np.zeros((32, 48), dtype=np.uint8)
    stored[:16, :24] = 255
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    path = tmp_path / f"a.{suffix}"
    Image.fromarray(stored).save(path, exif=exif)
    # What each of the eight values means, by the corner in which the stored top left is shown.
    shown = {1: "top left", 2: "top right", 3: "bottom right", 4: "bottom left"}
    shown |= {5: "top left", 6: "top right", 7: "bottom right", 8: "bottom left"}
    image = read_image(path)
    height, width = (32, 48) if orientation <= 4 else (48, 32)
    assert image.shape == (height, width, 3)
    assert image_size(path) == (height, width)
    bright = {
        f"{vertical} {horizontal}"
        for vertical, y in (("top", 4), ("bottom", height - 4))
        for horizontal, x in (("left", 4), ("right", width - 4))
        if image[y, x, 0] > 128
    }
    assert bright == {shown[orientation]}


def test_a_transposing_orientation_is_no_mere_turn(tmp_path: Path) -> None:
    stored = np.arange(6, dtype=np.uint8).reshape(2, 3)
    for orientation, expected in ((5, stored.T), (6, np.rot90(stored, -1)), (7, stored[::-1, ::-1].T)):
        exif = Image.Exif()
        exif[ORIENTATION] = orientation
        Image.fromarray(stored).save(tmp_path / "a.png", exif=exif)
        np.testing.assert_array_equal(read_image(tmp_path / "a.png")[..., 0], expected)


def test_an_exif_block_that_is_damaged_leaves_the_image_as_it_is(tmp_path: Path) -> None:
    Image.new("RGB", (4, 2)).save(tmp_path / "a.jpg", exif=b"Exif\0\0nonsense")
    assert read_image(tmp_path / "a.jpg").shape == (2, 4, 3)
    assert image_size(tmp_path / "a.jpg") == (2, 4)


@pytest.mark.parametrize("suffix", ["png", "jpg", "tif", "webp", "bmp", "gif"])
@pytest.mark.parametrize("kept", [0.1, 0.6, 0.9])
def test_a_truncated_file_is_an_error_that_names_it(tmp_path: Path, suffix: str, kept: float) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (40, 40), dtype=np.uint8)
    path = tmp_path / f"half.{suffix}"
    Image.fromarray(pixels).save(path)
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * kept)])
    with refuses(where=path):
        read_image(path)


@pytest.mark.parametrize(
    ("content", "seen"), [(b"", "0 bytes"), (b"hello", "not an image"), (b"\x89PNG\r\n\x1a\n", "")]
)
def test_a_file_that_is_no_image_is_an_error_that_names_it(tmp_path: Path, content: bytes, seen: str) -> None:
    (tmp_path / "a.png").write_bytes(content)
    for read in (read_image, image_size):
        with refuses(where=tmp_path / "a.png", value=seen):
            read(tmp_path / "a.png")


def test_a_missing_file_is_an_error_that_names_it(tmp_path: Path) -> None:
    with refuses(where=tmp_path / "gone.png", value="does not exist"):
        read_image(tmp_path / "gone.png")


def test_float_and_true_32_bit_pixels_are_refused(tmp_path: Path) -> None:
    Image.new("F", (2, 2), 0.5).save(tmp_path / "f.tif")
    Image.new("I", (2, 2), 70000).save(tmp_path / "i.tif")
    with refuses(where=tmp_path / "f.tif", value="floating-point"):
        read_image(tmp_path / "f.tif")
    with refuses(where=tmp_path / "i.tif", value=70000):
        read_image(tmp_path / "i.tif")


@pytest.mark.parametrize("suffix", ["tif", "gif", "png", "webp"])
def test_a_file_of_several_pages_is_refused_since_only_one_could_be_meant(tmp_path: Path, suffix: str) -> None:
    pages = [Image.new("RGB", (4, 3), color) for color in ("red", "blue", "green")]
    pages[0].save(tmp_path / f"a.{suffix}", save_all=True, append_images=pages[1:])
    with refuses(where=tmp_path / f"a.{suffix}", value="3 pages"):
        read_image(tmp_path / f"a.{suffix}")


def test_smaller_copies_in_a_tiff_are_no_pages(tmp_path: Path) -> None:
    copy = Image.new("RGB", (2, 2))
    copy.encoderinfo = {"tiffinfo": {254: 1}}
    Image.new("RGB", (4, 4), "red").save(tmp_path / "a.tif", save_all=True, append_images=[copy])
    with Image.open(tmp_path / "a.tif") as image:
        assert image.n_frames == 2
    assert read_image(tmp_path / "a.tif")[0, 0].tolist() == [255, 0, 0]


def test_a_phones_jpeg_with_a_second_view_is_read_by_its_first(tmp_path: Path) -> None:
    Image.new("RGB", (8, 8), "red").save(
        tmp_path / "a.jpg", format="MPO", save_all=True, append_images=[Image.new("RGB", (8, 8), "blue")]
    )
    assert read_image(tmp_path / "a.jpg")[0, 0, 0] > 250


def test_a_file_that_may_not_be_read_is_an_error_that_names_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*arguments: object, **options: object) -> None:
        raise PermissionError(13, "Permission denied")

    Image.new("L", (2, 2)).save(tmp_path / "a.png")
    monkeypatch.setattr(Path, "open", refuse)  # root may read anything
    with refuses(where=tmp_path / "a.png", value="permission denied"):
        read_image(tmp_path / "a.png")


def test_a_link_to_itself_is_an_error_that_names_it(tmp_path: Path) -> None:
    (tmp_path / "a.png").symlink_to(tmp_path / "a.png")
    with refuses(where=tmp_path / "a.png", value="symbolic links"):
        read_image(tmp_path / "a.png")


@pytest.mark.parametrize("side", [10_000, 20_000])
@pytest.mark.parametrize("filter_", ["error", "ignore"])
def test_a_decompression_bomb_is_an_error_and_not_a_warning(tmp_path: Path, side: int, filter_: str) -> None:
    # Pillow raises from 179 megapixels on, and only warns from 89: a warning that a program may have switched off.
    path = tmp_path / "bomb.png"
    path.write_bytes(huge_png(side))
    assert path.stat().st_size < 500_000
    for read in (read_image, image_size):
        with warnings.catch_warnings():
            warnings.simplefilter(filter_)  # type: ignore[arg-type]
            with refuses(where=path, value="89 million"):
                read(path)


@pytest.mark.parametrize("kind", ["TIFF", "GIF"])
def test_of_a_long_stack_only_the_first_pages_are_counted(
    tmp_path: Path, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    pages = [Image.new("L", (2, 2), number) for number in range(60)]
    path = tmp_path / f"stack.{kind.lower()}"
    pages[0].save(path, kind, save_all=True, append_images=pages[1:])
    seen: list[int] = []
    plugin = {"TIFF": TiffImageFile, "GIF": GifImageFile}[kind]
    seek = plugin.seek

    def count(self: Any, frame: int) -> None:
        seen.append(frame)
        seek(self, frame)

    monkeypatch.setattr(plugin, "seek", count)
    with refuses(DataError, where=path, value="10 or more pages"):
        read_image(path)
    assert len(seen) < 15
