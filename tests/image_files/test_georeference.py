"""The mask of a GeoTIFF has its image's place on the earth."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile

from segarena.classes import ClassTable
from segarena.errors import DataError
from segarena.image_files.bands import read_all_bands
from segarena.image_files.georeference import is_georeferenced, read_georeference
from segarena.outputs.geotiff import GeoTiffWriter
from segarena.outputs.result import Result
from support import refuses

CLASSES = ClassTable.from_dict(
    {"classes": [{"name": "soil", "value": 0, "color": "#dddddd"}, {"name": "crop", "value": 1, "color": "#4477aa"}]},
    where="classes",
)
#: TIFF's tags of the pixel scale and of a tie point.
PLACE = [(33550, "d", 3, (10.0, 10.0, 0.0), True), (33922, "d", 6, (0.0, 0.0, 0.0, 5e5, 46e5, 0.0), True)]
UTM = (10.0, 0.0, 500000.0, 0.0, -10.0, 4600000.0)


def write_geotiff(path: Path, *, side: tuple[int, int] = (30, 40), transform: Any = UTM, **options: Any) -> Path:
    rasterio = pytest.importorskip("rasterio")
    height, width = side
    profile = {"driver": "GTiff", "height": height, "width": width, "count": 4, "dtype": "uint16", **options}
    with rasterio.open(path, "w", crs="EPSG:32633", transform=rasterio.Affine(*transform), **profile) as file:
        file.write(np.random.default_rng(0).integers(0, 4000, (4, height, width), np.uint16))
    return path


def write_mask(path: Path, mask: np.ndarray[Any, Any], folder: Path) -> Path:
    GeoTiffWriter(CLASSES).write(Result("a", path, np.zeros((*mask.shape, 3), np.uint8), mask), folder)
    return folder / "a.tif"


@pytest.mark.parametrize("transform", [UTM, (7.0, 7.0, 5e5, 7.0, -7.0, 46e5)])
def test_the_mask_has_the_place_and_the_colours(tmp_path: Path, transform: Any) -> None:
    path = write_geotiff(tmp_path / "image.tif", transform=transform)
    rasterio = pytest.importorskip("rasterio")
    mask = np.random.default_rng(1).integers(0, 2, (30, 40), np.uint8)
    with rasterio.open(path) as image, rasterio.open(write_mask(path, mask, tmp_path)) as written:
        assert (written.crs, written.transform) == (image.crs, image.transform)
        assert (written.count, written.dtypes, written.nodata) == (1, ("uint8",), None)
        np.testing.assert_array_equal(written.read(1), mask)
        assert written.colormap(1)[1] == (0x44, 0x77, 0xAA, 255)
        assert written.profile["tiled"]
        assert written.compression.name == "deflate"
        assert written.tags(1)["class_1"] == "crop"


@pytest.mark.parametrize("orientation", range(1, 9))
def test_pixels_are_stored_as_the_image_stores_them(tmp_path: Path, orientation: int) -> None:
    rasterio = pytest.importorskip("rasterio")
    stored = np.random.default_rng(0).integers(0, 4000, (30, 40, 4), np.uint16)
    tags = [(274, "H", 1, orientation, True), *PLACE]
    path = tmp_path / "image.tif"
    tifffile.imwrite(path, stored, photometric="minisblack", planarconfig="contig", extratags=tags)
    upright = read_all_bands(path)
    mask = (upright[..., 0] > 2000).astype(np.uint8)
    with rasterio.open(path) as image, rasterio.open(write_mask(path, mask, tmp_path)) as written:
        np.testing.assert_array_equal(written.read(1), image.read(1) > 2000)
        assert written.transform == image.transform
        place = read_georeference(path)
        assert place is not None
        a, b, c, d, e, f = place.upright_transform(*mask.shape) or ()
        for y, x in ((3, 5), (20, 11)):
            [value] = image.sample([(a * (x + 0.5) + b * (y + 0.5) + c, d * (x + 0.5) + e * (y + 0.5) + f)])
            np.testing.assert_array_equal(value, upright[y, x])


def test_other_images_have_no_place(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "plain.tif", np.zeros((9, 9), np.uint8))
    (tmp_path / "text.tif").write_text("II*\0 and nothing more")
    assert not is_georeferenced(tmp_path / "plain.tif")
    assert not is_georeferenced(tmp_path / "text.tif")
    assert read_georeference(tmp_path / "plain.tif") is None
    assert not write_mask(tmp_path / "plain.tif", np.zeros((9, 9), np.uint8), tmp_path).exists()


def test_without_rasterio_the_command_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tifffile.imwrite(tmp_path / "a.tif", np.zeros((9, 9), np.uint8), extratags=PLACE)
    assert is_georeferenced(tmp_path / "a.tif")
    monkeypatch.setitem(__import__("sys").modules, "rasterio", None)
    with refuses(DataError, where=tmp_path / "a.tif") as caught:
        read_georeference(tmp_path / "a.tif")
    assert "segarena[geo]" in caught.value.remedy
