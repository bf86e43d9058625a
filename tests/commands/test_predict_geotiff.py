"""`predict` on GeoTIFFs: masks with the projection of their images, or one message where rasterio is missing."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image

import segarena
from segarena.errors import DataError
from segarena.image_files import georeference
from segarena.outputs import labelling
from support import refuses, scene

#: TIFF's tags of the pixel scale and of a tie point.
PLACE = [(33550, "d", 3, (10.0, 10.0, 0.0), True), (33922, "d", 6, (0.0, 0.0, 0.0, 5e5, 46e5, 0.0), True)]


@pytest.fixture
def maps(tmp_path: Path) -> Path:
    """An image with a place, and one without."""
    (tmp_path / "maps").mkdir()
    pixels = np.random.default_rng(0).integers(0, 255, (48, 60, 3), np.uint8)
    tifffile.imwrite(tmp_path / "maps" / "map.tif", pixels, photometric="rgb", extratags=PLACE)
    Image.fromarray(pixels).save(tmp_path / "maps" / "photo.png")
    return tmp_path / "maps"


def test_the_mask_of_a_geotiff_is_one(trained: Path, maps: Path, tmp_path: Path) -> None:
    rasterio = pytest.importorskip("rasterio")
    segarena.predict(trained, maps, out=tmp_path / "out")
    with rasterio.open(tmp_path / "out" / "map.tif") as mask, Image.open(tmp_path / "out" / "map.png") as same:
        np.testing.assert_array_equal(mask.read(1), np.asarray(same))
        assert tuple(mask.transform)[:6] == (10.0, 0.0, 5e5, 0.0, -10.0, 46e5)
    assert (tmp_path / "out" / "photo.png").exists()
    assert not (tmp_path / "out" / "photo.tif").exists()


def test_without_rasterio_it_is_a_png_and_a_message(
    trained: Path, maps: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    find = importlib.util.find_spec
    monkeypatch.setattr(
        georeference.importlib.util, "find_spec", lambda name: None if name == "rasterio" else find(name)
    )
    segarena.predict(trained, maps, out=tmp_path / "out")
    assert sorted(path.name for path in (tmp_path / "out").glob("map*")) == ["map.png", "map_overlay.jpg"]
    printed = capsys.readouterr()
    assert (printed.out + printed.err).count("segarena[geo]") == 1


def test_polygons_of_a_geotiff_have_map_coordinates(trained: Path, tmp_path: Path) -> None:
    rasterio = pytest.importorskip("rasterio")
    pixels = np.asarray(Image.open(trained.parent / "data" / "images" / "square03.png"))
    profile = {"driver": "GTiff", "height": 48, "width": 48, "count": 3, "dtype": "uint8", "crs": "EPSG:32632"}
    transform = rasterio.Affine(0.5, 0, 500_000, 0, -0.5, 5_000_000)
    with rasterio.open(tmp_path / "map.tif", "w", transform=transform, **profile) as file:
        file.write(pixels.transpose(2, 0, 1))
    out = segarena.predict(trained, [tmp_path / "map.tif"], out=tmp_path / "out", device="cpu", polygons="geojson")
    content = json.loads((out / "map.geojson").read_text())
    assert content["crs"]["properties"]["name"] == "urn:ogc:def:crs:EPSG::32632"
    rings = [np.array(ring) for each in content["features"] for ring in each["geometry"]["coordinates"]]
    points = np.concatenate(rings)
    assert np.all(points.min(axis=0) >= [500_000, 5_000_000 - 24])
    assert np.all(points.max(axis=0) <= [500_000 + 24, 5_000_000])


def test_a_projection_that_cannot_be_read_does_not_cost_the_others(
    trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def read(path: Path) -> None:
        if path.name == "a.tif":
            raise DataError("has a projection that cannot be read", where=path, remedy="Export the file again")

    monkeypatch.setattr(labelling, "has_rasterio", lambda: True)
    monkeypatch.setattr(labelling, "read_georeference", read)
    for name in "abc":
        scene(1, 48).save(tmp_path / f"{name}.tif")
    with refuses(DataError, where=tmp_path / "a.tif"):
        segarena.predict(trained, [tmp_path / f"{name}.tif" for name in "abc"], out=tmp_path / "out", device="cpu")
    assert sorted(path.name for path in (tmp_path / "out").glob("?.png")) == ["b.png", "c.png"]
