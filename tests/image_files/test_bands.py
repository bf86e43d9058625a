"""Images are read with their own channels, as they are stored."""

from __future__ import annotations

import io
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from PIL import Image

from band_files import bands, save_bands, write_bands
from segarena.checks.channels import check_channels
from segarena.config.channels import read_channels
from segarena.data.channel_statistics import mean_and_std, measure
from segarena.data.folder import FolderSource
from segarena.errors import ConfigError, DataError, ImageTypeError
from segarena.image_files.band_facts import BandFacts, read_band_facts
from segarena.image_files.bands import read_all_bands, select_channels
from segarena.image_files.channel_format import ChannelFormat
from segarena.image_files.composite import composite
from segarena.image_files.in_memory_bands import read_channel_images
from segarena.loading.decoded import DecodedImages
from segarena.loading.disk_cache import DiskCache
from support import refuses

TIFF = {
    "interleaved": {"planarconfig": "contig"},
    "planar": {"planarconfig": "separate"},
    "tiles": {"planarconfig": "contig", "tile": (16, 16), "compression": "zlib"},
    "planar tiles": {"planarconfig": "separate", "tile": (16, 16), "compression": "zlib"},
    "big endian": {"planarconfig": "contig", "byteorder": ">"},
    "BigTIFF": {"planarconfig": "contig", "bigtiff": True},
}


@pytest.mark.parametrize(("channels", "dtype"), [(2, "uint8"), (4, "uint16"), (5, "float32"), (16, "uint16")])
@pytest.mark.parametrize("layout", TIFF)
def test_tiff_is_read_as_stored(tmp_path: Path, layout: str, channels: int, dtype: str) -> None:
    image = bands((20, 30, channels), dtype)
    found = read_all_bands(save_bands(tmp_path / "a.tif", image, **TIFF[layout]))
    assert found.dtype == dtype
    np.testing.assert_array_equal(found, image)


@pytest.mark.parametrize("suffix", [".tif", ".npy"])
@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32"])
def test_one_channel_is_read_as_stored(tmp_path: Path, suffix: str, dtype: str) -> None:
    image = bands((20, 30, 1), dtype)
    np.testing.assert_array_equal(read_all_bands(save_bands(tmp_path / f"a{suffix}", image)), image)


def test_rasterio_reads_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rasterio = pytest.importorskip("rasterio")
    image = bands((40, 50, 5), "uint16")
    for number, options in enumerate(({}, {"compress": "lzw"}, {"tiled": True, "blockxsize": 16, "blockysize": 16})):
        path = tmp_path / f"{number}.tif"
        profile = {"driver": "GTiff", "width": 50, "height": 40, "count": 5, "dtype": "uint16", "crs": "EPSG:32633"}
        transform = rasterio.Affine(10, 0, 500000, 0, -10, 4600000)
        with rasterio.open(path, "w", **profile, transform=transform, **options) as file:
            file.write(np.moveaxis(image, -1, 0))
            file.build_overviews([2], rasterio.enums.Resampling.nearest)
        np.testing.assert_array_equal(read_all_bands(path), image)
    monkeypatch.setitem(sys.modules, "rasterio.io", None)
    with refuses(DataError, where=tmp_path / "1.tif", value="LZW") as caught:
        read_all_bands(tmp_path / "1.tif")
    assert "segarena[geo]" in caught.value.remedy


@given(arrays(np.uint16, st.tuples(st.integers(1, 5), st.integers(1, 5), st.integers(1, 16))))
def test_any_npy_comes_back(tmp_path_factory: pytest.TempPathFactory, image: np.ndarray[Any, Any]) -> None:
    path = save_bands(tmp_path_factory.mktemp("npy") / "a.npy", image)
    np.testing.assert_array_equal(read_all_bands(path), image)


def test_channels_first_and_grey_arrays(tmp_path: Path) -> None:
    image = bands((20, 30, 4), "uint8")
    np.save(tmp_path / "first.npy", np.moveaxis(image, -1, 0))
    np.save(tmp_path / "grey.npy", image[..., 0])
    np.testing.assert_array_equal(read_all_bands(tmp_path / "first.npy"), image)
    np.testing.assert_array_equal(read_all_bands(tmp_path / "grey.npy"), image[..., :1])


@pytest.mark.parametrize(("mode", "channels"), [("L", 1), ("LA", 2), ("RGB", 3), ("RGBA", 4)])
def test_png_keeps_its_channels(tmp_path: Path, mode: str, channels: int) -> None:
    image = bands((9, 7, channels), "uint8")
    Image.fromarray(image[..., 0] if channels == 1 else image, mode).save(tmp_path / "a.png")
    np.testing.assert_array_equal(read_all_bands(tmp_path / "a.png"), image)


def test_pages_are_channels_unless_they_are_planes(tmp_path: Path) -> None:
    stack = np.moveaxis(bands((20, 30, 3), "uint16"), -1, 0).copy()
    for name, options in (("pages", {}), ("imagej", {"imagej": True, "metadata": {"axes": "CYX"}})):
        tifffile.imwrite(tmp_path / f"{name}.tif", stack, photometric="minisblack", **options)
        np.testing.assert_array_equal(read_all_bands(tmp_path / f"{name}.tif"), np.moveaxis(stack, 0, -1))
    tifffile.imwrite(tmp_path / "z.tif", stack, photometric="minisblack", imagej=True, metadata={"axes": "ZYX"})
    with refuses(DataError, where=tmp_path / "z.tif", value="3 planes in depth"):
        read_all_bands(tmp_path / "z.tif")


@pytest.mark.parametrize("orientation", range(1, 9))
def test_orientation_is_applied_as_by_pillow(tmp_path: Path, orientation: int) -> None:
    image = bands((5, 7, 3), "uint8")
    tags = [(274, "H", 1, orientation, True)]
    tifffile.imwrite(tmp_path / "a.tif", image, photometric="rgb", extratags=tags)
    with Image.open(tmp_path / "a.tif") as opened:
        expected = np.asarray(opened)
    np.testing.assert_array_equal(read_all_bands(tmp_path / "a.tif"), expected)


def test_chosen_channels_in_their_order(tmp_path: Path) -> None:
    image = bands((20, 30, 20), "uint8")
    path = save_bands(tmp_path / "a.npy", image)
    np.testing.assert_array_equal(select_channels(read_all_bands(path), (19, 2), path), image[..., [18, 1]])
    with refuses(DataError, where=path, value="20 channels"):
        select_channels(read_all_bands(path), (), path)
    with refuses(DataError, where=path, value="21"):
        select_channels(read_all_bands(path), (1, 21), path)


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (np.array([[-5, 7]], np.int16), np.float32),
        (np.array([[0.1, 7e3]], np.float64), np.float32),
        (np.array([[True, False]]), np.uint8),
        (np.array([[1, 2**24]], np.int32), np.float32),
    ],
)
def test_other_numbers_become_float32(tmp_path: Path, values: np.ndarray[Any, Any], expected: type) -> None:
    np.save(tmp_path / "a.npy", values)
    found = read_all_bands(tmp_path / "a.npy")
    assert found.dtype == expected
    np.testing.assert_allclose(found[..., 0], values, rtol=1e-7)


@pytest.mark.parametrize("value", [np.nan, np.inf, 1e300, 2**24 + 1])
def test_values_without_float32_are_refused(tmp_path: Path, value: float) -> None:
    np.save(tmp_path / "a.npy", np.array([[value]], np.int64 if value == 2**24 + 1 else np.float64))
    with refuses(DataError, where=tmp_path / "a.npy"):
        read_all_bands(tmp_path / "a.npy")


@pytest.mark.parametrize("text", ["", "0", "1,1", "a", "-1", ",".join(map(str, range(1, 18)))])
def test_names_of_channels_are_checked(text: str) -> None:
    with refuses(ConfigError, where="--channels"):
        read_channels(text)


@given(st.lists(arrays(np.uint16, st.tuples(st.integers(1, 4), st.integers(1, 4), st.just(3))), min_size=1, max_size=4))
def test_statistics_are_numpys(images: list[np.ndarray[Any, Any]]) -> None:
    mean, std = mean_and_std([measure(image) for image in images])
    pixels = np.concatenate([image.reshape(-1, 3) for image in images]).astype(np.float64)
    np.testing.assert_allclose(mean, pixels.mean(axis=0), rtol=1e-12)
    expected = pixels.std(axis=0)
    np.testing.assert_allclose(std, np.where(expected == 0, 1, expected), rtol=1e-9)


def test_statistics_of_float32_with_an_offset() -> None:
    image = (3000 + np.random.default_rng(0).normal(0, 1, (64, 64, 2))).astype(np.float32)
    mean, std = mean_and_std([measure(image[:20]), measure(image[20:])])
    np.testing.assert_allclose(mean, image.mean(axis=(0, 1), dtype=np.float64), rtol=1e-9)
    np.testing.assert_allclose(std, image.std(axis=(0, 1), dtype=np.float64), rtol=1e-5)


@pytest.mark.parametrize("value", [0.1, 0.3, 0.7, -9999.9])
@pytest.mark.parametrize("rows", [(31, 30), (100,), (101, 99, 3)])
def test_a_float32_channel_of_one_value_has_the_deviation_1(rows: tuple[int, ...], value: float) -> None:
    """Sums of floats are rounded: the deviation was 1e-8 to 3e-3, and another value far from all others."""
    images = [np.full((height, 97, 2), value, np.float32) for height in rows]
    images[-1][0, 0, 1] = 5
    mean, std = mean_and_std([measure(image) for image in images])
    assert (mean[0], std[0]) == (np.float32(value), 1)
    pixels = np.concatenate(images)[..., 1].astype(np.float64)
    assert (mean[1], std[1]) == pytest.approx((pixels.mean(), pixels.std()))


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32"])
def test_facts_survive_the_cache(tmp_path: Path, dtype: str) -> None:
    path = save_bands(tmp_path / "a.npy", bands((33, 44, 5), dtype))
    facts = read_band_facts(path, path.read_bytes())
    again = BandFacts.from_bytes(facts.to_bytes())
    assert (again.size, again.channels, again.dtype, again.highest) == ((33, 44), 5, dtype, facts.highest)
    np.testing.assert_array_equal(again.ranges, facts.ranges)
    np.testing.assert_array_equal(again.thumbnails, facts.thumbnails)


def test_a_folder_with_channels(tmp_path: Path) -> None:
    root = write_bands(tmp_path / "data", 5, "uint16")
    source = FolderSource(root, channels=())
    image, mask = source.read(0)
    assert (image.shape, image.dtype, mask.shape) == ((64, 64, 5), np.uint16, (64, 64))
    assert source.shown(image).shape == (64, 64, 3)
    some = FolderSource(root, channels=(5, 1))
    np.testing.assert_array_equal(some.read(0)[0], image[..., [4, 0]])
    assert some.decoding_digest != source.decoding_digest
    assert source.describe()["channels"].startswith("all 5, 16 bits")


def test_images_of_two_scales_are_not_said_to_be_scaled(tmp_path: Path) -> None:
    root = write_bands(tmp_path / "data", 4, "uint16", suffix=".npy")
    for number in (1, 4):
        path = root / "images" / f"0{number}.npy"
        np.save(path, np.load(path) // 64)
    [problem] = check_channels(FolderSource(root, channels=()))
    assert problem.code == "mixed-scales"
    assert "read as" not in problem.message


def test_images_of_other_channels_are_named(tmp_path: Path) -> None:
    root = write_bands(tmp_path / "data", 4, "uint8")
    odd = save_bands(root / "images" / "03.tif", bands((64, 64, 5), "uint8"))
    with refuses(DataError, where=odd, value="5 channels of 8 bits"):
        FolderSource(root, channels=())
    assert FolderSource(root, channels=(1, 4)).format is not None
    save_bands(odd, bands((64, 64, 4), "uint16"))
    with refuses(DataError, where=odd, value="4 channels of 16 bits"):
        FolderSource(root, channels=(1, 4))


@pytest.mark.parametrize(("dtype", "channels"), [("uint16", 5), ("float32", 2), ("uint8", 3), ("uint8", 4)])
def test_decoded_channels_on_disk_and_in_shared_memory(tmp_path: Path, dtype: str, channels: int) -> None:
    image, mask = bands((7, 5, channels), dtype), np.ones((7, 5), np.uint8)
    cache = DiskCache(tmp_path, 1e6)
    cache.recall("k", lambda: (image, mask))
    found = DiskCache(tmp_path, 1e6).recall("k", lambda: pytest.fail("is not in the cache"))
    np.testing.assert_array_equal(found[0], image)
    np.testing.assert_array_equal(found[1], mask)

    class Two:
        def read(self, index: int) -> tuple[Any, Any]:
            return image, mask

    kept = DecodedImages(Two(), [0, 1], limit_bytes=1e6)  # type: ignore[arg-type]
    state = kept.__getstate__()
    kept.kept = {}
    kept.__setstate__(state)
    np.testing.assert_array_equal(kept.pair(1)[0], image)
    assert str(kept[1][0].dtype) == ("torch.uint8" if dtype == "uint8" else "torch.float32")


def test_composite_shows_the_first_three_channels() -> None:
    image = np.array([[[0, 50, 100, 7], [100, 100, 100, 7]]], np.float32)
    ranges = [(0, 100), (0, 50), (100, 200), (0, 1)]
    assert composite(image, ranges).tolist() == [[[0, 255, 0], [255, 255, 0]]]
    assert composite(image[..., :2], ranges[:2]).tolist() == [[[0, 0, 0], [255, 255, 255]]]


@pytest.mark.parametrize("kind", ["truncated", "bfloat16", "sparse", "empty", "nothing"])
def test_what_is_no_image_in_memory_is_refused(kind: str) -> None:
    """A truncated file and tensors that are no arrays ended in the errors of Pillow and torch."""
    pixels = torch.arange(3 * 32 * 32, dtype=torch.float32).reshape(3, 32, 32)
    stream = io.BytesIO()
    Image.fromarray(pixels[0].numpy().astype(np.uint8)).save(stream, format="BMP")
    image = {
        "truncated": lambda: Image.open(io.BytesIO(stream.getvalue()[:-200])),
        "bfloat16": pixels.bfloat16,
        "sparse": pixels.to_sparse,
        "empty": lambda: Image.new("L", (4, 0)),
        "nothing": lambda: None,
    }[kind]()
    with refuses(DataError if kind == "truncated" else ImageTypeError):
        list(read_channel_images([image], ChannelFormat((1, 2, 3), "float32", ((0.0, 1.0),) * 3)))


@pytest.mark.parametrize("mode", ["1", "L", "P", "PA", "LA", "RGBA", "CMYK", "YCbCr", "I;16", "F"])
def test_a_pil_image_has_the_channels_of_its_file(tmp_path: Path, mode: str) -> None:
    values = np.arange(0, 240, 2, dtype=np.uint8).reshape(12, 10)
    if mode in ("I;16", "F"):
        image = Image.fromarray(values.astype(np.uint16 if mode == "I;16" else np.float32))
    else:
        image = Image.merge("RGB", [Image.fromarray(plane) for plane in (values, values[::-1], values[:, ::-1])])
        image = image.convert("P").convert("PA") if mode == "PA" else image.convert(mode)
    path = tmp_path / ("a.png" if mode in ("1", "L", "P", "LA", "RGBA", "I;16") else "a.tif")
    stored = image if mode not in ("PA", "YCbCr") else image.convert("RGBA" if mode == "PA" else "RGB")
    stored.save(path)
    expected = read_all_bands(path)
    form = ChannelFormat(tuple(range(1, expected.shape[2] + 1)), expected.dtype.name, ((0.0, 1.0),) * expected.shape[2])
    [found] = read_channel_images([image], form)
    assert np.array_equal(found, expected)
