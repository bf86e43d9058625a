"""A large image is read in parts, which are those of `read_image`."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from segarena.errors import DataError
from segarena.image_files import large_images
from segarena.image_files import paged as paged_arrays
from segarena.image_files.images import read_image
from segarena.image_files.large_images import open_large, pixels_allowed
from segarena.image_files.paged import PagedArray
from support import huge_png, refuses, scene

HEIGHT, WIDTH = 130, 210


@pytest.fixture(autouse=True)
def _large_is_small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(large_images, "LARGE", 96 * 96)


def picture(mode: str) -> Image.Image:
    return scene(1).resize((WIDTH, HEIGHT)).convert(mode)


@pytest.mark.parametrize(
    ("mode", "ending"),
    [("RGB", "png"), ("L", "png"), ("P", "png"), ("1", "png"), ("CMYK", "tif"), ("RGB", "tif"), ("RGB", "jpg")],
)
def test_parts_and_pictures_are_those_of_the_whole(tmp_path: Path, mode: str, ending: str) -> None:
    path = tmp_path / f"a.{ending}"
    picture(mode).save(path)
    whole, large = read_image(path), open_large(path)
    assert large is not None
    assert large.size == (HEIGHT, WIDTH)
    assert np.array_equal(large.part(11, 90, 5, 200), whole[11:90, 5:200])
    expected = np.asarray(Image.fromarray(whole).resize((70, 50), Image.Resampling.BILINEAR))
    assert np.abs(large.resized(50, 70).astype(int) - expected).max() <= 1
    assert np.array_equal(large.picture(), whole)


@pytest.mark.parametrize(("mode", "is_stored"), [("RGB", True), ("L", False), ("P", False)])
def test_colours_are_moved_to_a_file(tmp_path: Path, mode: str, is_stored: bool) -> None:
    picture(mode).save(tmp_path / "a.png")
    large = open_large(tmp_path / "a.png")
    assert large is not None
    assert (large._picture is None) == is_stored


def test_without_room_on_the_disk_colours_stay_in_pillow(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    picture("RGB").save(tmp_path / "a.png")
    monkeypatch.setattr(paged_arrays, "_reserve", no_room)
    large = open_large(tmp_path / "a.png")
    assert large is not None
    assert large._picture is not None
    assert np.array_equal(large.part(3, 40, 5, 60), read_image(tmp_path / "a.png")[3:40, 5:60])
    assert np.array_equal(large.picture(), read_image(tmp_path / "a.png"))


def no_room(*arguments: object) -> None:
    raise OSError("no space left on device")


def test_the_picture_of_a_large_image_is_reduced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(large_images, "_PICTURE", 70)
    picture("RGB").save(tmp_path / "a.png")
    large = open_large(tmp_path / "a.png")
    assert large is not None
    assert large.picture().shape == (43, 70, 3)


def test_an_image_is_turned_as_its_orientation_has_it(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    picture("RGB").save(tmp_path / "a.jpg", exif=exif)
    large = open_large(tmp_path / "a.jpg")
    assert large is not None
    assert np.array_equal(large.part(0, WIDTH, 0, HEIGHT), read_image(tmp_path / "a.jpg"))


@pytest.mark.parametrize("kind", ["small", "alpha", "deep"])
def test_other_images_are_read_as_ever(tmp_path: Path, kind: str) -> None:
    if kind == "small":
        scene(1, 96).save(tmp_path / "a.png")
    elif kind == "alpha":
        picture("RGBA").save(tmp_path / "a.png")
    else:
        Image.fromarray(np.zeros((HEIGHT, WIDTH), np.uint16)).save(tmp_path / "a.png")
    assert open_large(tmp_path / "a.png") is None


@pytest.mark.parametrize("allowed", [None, 500], ids=["Pillow's limit", "too few allowed"])
def test_the_advice_for_a_very_large_image_allows_it(allowed: int | None, tmp_path: Path) -> None:
    """500 megapixels were advised for any image."""
    path = tmp_path / "huge.png"
    path.write_bytes(huge_png(25_000))
    with pixels_allowed(allowed), refuses(DataError, where=path, value="million") as caught:
        open_large(path)
    assert "--max-megapixels 625`" in caught.value.remedy


def test_more_pixels_than_pillows_limit_have_to_be_allowed(tmp_path: Path) -> None:
    path, before = tmp_path / "huge.png", Image.MAX_IMAGE_PIXELS
    path.write_bytes(huge_png(9_600))
    with refuses(DataError, where=path, value="million") as caught:
        open_large(path)
    assert "--max-megapixels 500`" in caught.value.remedy
    with pixels_allowed(93):
        large = open_large(path)
    assert large is not None
    assert large.part(9_599, 9_600, 0, 2).shape == (1, 2, 3)
    assert before == Image.MAX_IMAGE_PIXELS
    with pixels_allowed(92), refuses(DataError, where=path, value="million"):
        open_large(path)


def test_an_array_in_a_file_keeps_what_was_written() -> None:
    paged = PagedArray((100, 5000))
    for row in range(100):
        paged.array[row] = row
        paged.release()
    array = paged.array
    del paged
    assert np.array_equal(array, np.repeat(np.arange(100, dtype=np.uint8)[:, None], 5000, axis=1))


def test_without_room_on_the_disk_an_array_is_in_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(paged_arrays, "_reserve", no_room)
    paged = PagedArray((3, 4))
    paged.array[:] = 7
    paged.release()
    assert paged.array.tolist() == [[7] * 4] * 3
