"""What `predict` writes beside masks and overlays: areas, probabilities, polygons, pre-annotations."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from scipy import ndimage

import segarena
from segarena.errors import ConfigError
from support import refuses


@pytest.fixture
def images(trained: Path) -> list[Path]:
    return [trained.parent / "data" / "images" / f"square{number:02}.png" for number in (3, 4)]


def test_areas_are_those_of_the_masks(trained: Path, images: list[Path], tmp_path: Path) -> None:
    out = segarena.predict(trained, images, out=tmp_path / "out", device="cpu", min_area=4, no_overlay=True)
    assert not list(out.glob("*_overlay.jpg"))
    table = pd.read_csv(out / "areas.csv")
    assert list(table) == ["image", "class_index", "class", "pixels", "share", "objects"]
    assert len(table) == 4
    for row in table.itertuples():
        with Image.open(out / f"{row.image}.png") as picture:
            region = np.asarray(picture) == row.class_index
        numbers, _ = ndimage.label(region)
        assert row.pixels == region.sum()
        assert row.share == region.mean()
        assert row.objects == np.count_nonzero(np.bincount(numbers.ravel())[1:] >= 4)


def test_probabilities_are_those_of_the_predictor(trained: Path, images: list[Path], tmp_path: Path) -> None:
    plain = segarena.predict(trained, images, out=tmp_path / "plain", device="cpu")
    out = segarena.predict(trained, images, out=tmp_path / "npz", device="cpu", probabilities="npz")
    pngs = segarena.predict(trained, images, out=tmp_path / "png8", device="cpu", probabilities="png8")
    model = segarena.load(trained, device="cpu")
    for image in images:
        with np.load(out / f"{image.stem}_probabilities.npz") as arrays:
            assert np.abs(arrays["probabilities"] - model.probabilities(image)).max() < 1e-3
            assert tuple(arrays["classes"]) == model.classes.names
        masks = [np.asarray(Image.open(folder / f"{image.stem}.png")) for folder in (plain, out, pngs)]
        assert np.mean(masks[0] == masks[1]) > 0.999  # where two classes are equal, it may be the other one
        assert np.array_equal(masks[1], masks[2])
        assert len(list((pngs / f"{image.stem}_probabilities").iterdir())) == 3


def test_polygons_and_labels_are_of_the_masks(trained: Path, images: list[Path], tmp_path: Path) -> None:
    out = segarena.predict(trained, images, out=tmp_path / "a", device="cpu", polygons="coco", labels="labelstudio")
    foreground = [int((np.asarray(Image.open(out / f"{image.stem}.png")) > 0).sum()) for image in images]
    coco = json.loads((out / "coco.json").read_text())
    assert [image["file_name"] for image in coco["images"]] == [image.name for image in images]
    areas = [sum(each["area"] for each in coco["annotations"] if each["image_id"] == number) for number in (1, 2)]
    assert areas == foreground
    tasks = json.loads((out / "labelstudio.json").read_text())
    assert [task["data"]["image"] for task in tasks] == [f"/data/local-files/?d={image.name}" for image in images]
    out = segarena.predict(trained, images, out=tmp_path / "b", device="cpu", polygons="geojson", labels="coco")
    assert {path.stem for path in out.glob("*.geojson")} == {image.stem for image in images}
    assert json.loads((out / "coco.json").read_text()) == coco


def test_parquet_has_the_rows_of_csv(trained: Path, images: list[Path], tmp_path: Path) -> None:
    pytest.importorskip("pyarrow")
    plain = segarena.predict(trained, images, out=tmp_path / "csv", device="cpu")
    out = segarena.predict(trained, images, out=tmp_path / "parquet", device="cpu", tables="parquet")
    pd.testing.assert_frame_equal(pd.read_parquet(out / "areas.parquet"), pd.read_csv(plain / "areas.csv"))


def test_parquet_without_pyarrow_is_refused(
    trained: Path, images: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("segarena.outputs.table.find_spec", lambda name: None)
    with refuses(ConfigError, where="--tables") as caught:
        segarena.predict(trained, images, out=tmp_path / "out", tables="parquet")
    assert 'python -m pip install "segarena[parquet]"' in caught.value.remedy
    assert not (tmp_path / "out").exists()
