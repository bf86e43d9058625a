"""Masks and overlays at the images' own size, for files and folders, the same as the evaluation's."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
from PIL import Image

import segarena
from segarena.errors import RunError
from segarena.records.metrics import Metrics
from segarena.records.run import Data
from support import refuses


def labels(path: Path) -> np.ndarray:
    with Image.open(path) as image:
        assert image.mode == "P"
        return np.asarray(image)


def test_masks_and_overlays_have_the_images_own_size(trained: Path, tmp_path: Path) -> None:
    images = tmp_path / "photos"
    images.mkdir()
    Image.new("RGB", (101, 67), (200, 30, 30)).save(images / "wide.jpg")
    Image.new("L", (33, 90), 120).save(images / "grey.png")
    Image.new("RGBA", (64, 64), (0, 90, 0, 128)).save(images / "alpha.webp")
    (images / "notes.txt").write_text("not an image")
    out = segarena.predict(trained, [images], out=tmp_path / "out", device="cpu")
    assert {path.name for path in out.iterdir()} == {
        *("wide.png", "wide_overlay.jpg", "grey.png", "grey_overlay.jpg", "alpha.png", "alpha_overlay.jpg")
    }
    assert labels(out / "wide.png").shape == (67, 101)
    with Image.open(out / "wide_overlay.jpg") as overlay:
        assert overlay.size == (101, 67)
    assert labels(out / "grey.png").shape == (90, 33)


def test_prediction_is_what_the_evaluation_scored(trained: Path, tmp_path: Path) -> None:
    """The same preprocessing everywhere: predicting the validation images gives the run's own score."""
    data = trained.parent / "data"
    names = Data.read(trained).split.val
    predictor = segarena.load(trained, device="cpu")
    confusion = np.zeros((2, 2), dtype=int)
    for name in names:
        truth = np.asarray(Image.open(data / "masks" / f"{name}.png")) // 255
        predicted = predictor.predict(data / "images" / f"{name}.png")
        np.add.at(confusion, (truth.ravel(), predicted.ravel()), 1)
    assert np.array_equal(confusion, Metrics.read(trained).confusion)


def test_finds_the_square(trained: Path) -> None:
    data = trained.parent / "data"
    predictor = segarena.load(str(trained), device="cpu")
    truth = np.asarray(Image.open(data / "masks" / "square03.png")) > 0
    found = predictor.predict(str(data / "images" / "square03.png")) == 1
    assert (truth & found).sum() / (truth | found).sum() > 0.5


def test_palette_shows_the_class_colours(trained: Path, tmp_path: Path) -> None:
    image = trained.parent / "data" / "images" / "square03.png"
    out = segarena.predict(trained, [image], out=tmp_path / "out")
    with Image.open(out / "square03.png") as mask:
        palette = mask.getpalette()
    assert palette is not None
    assert palette[:6] == segarena.load(trained).classes.palette()[:6]


def test_two_images_of_one_name_keep_two_results(trained: Path, tmp_path: Path) -> None:
    for name in ("a/same.png", "b/same.png", "c/same-2.png"):
        (tmp_path / name).parent.mkdir()
        Image.new("RGB", (40, 40)).save(tmp_path / name)
    out = segarena.predict(trained, [tmp_path / folder for folder in "abc"], out=tmp_path / "out")
    assert {path.name for path in out.glob("*.png")} == {"same.png", "same-2.png", "same-2-2.png"}


def test_predictions_are_never_overwritten(trained: Path) -> None:
    image = trained.parent / "data" / "images" / "square00.png"
    first, second = segarena.predict(trained, [image]), segarena.predict(trained, [image])
    assert first != second
    assert first.parent == second.parent == trained


def test_wrong_input_names_the_file(trained: Path, tmp_path: Path) -> None:
    broken = tmp_path / "broken.png"
    Image.new("RGB", (64, 64)).save(broken)
    broken.write_bytes(broken.read_bytes()[:60])
    with refuses(where=broken):
        segarena.predict(trained, [broken], out=tmp_path / "out")
    with refuses(where=tmp_path / "gone.jpg"):
        segarena.predict(trained, [tmp_path / "gone.jpg"], out=tmp_path / "out2")
    (tmp_path / "empty").mkdir()
    with refuses(where=tmp_path / "empty"):
        segarena.predict(trained, [tmp_path / "empty"], out=tmp_path / "out3")
    with refuses(RunError, where=tmp_path / "empty", value="config.json"):
        segarena.predict(tmp_path / "empty", [broken], out=tmp_path / "out4")
    with refuses(value="(3, 64, 64)"):
        segarena.load(trained).predict(np.zeros((3, 64, 64), dtype=np.float32))


def test_one_image_that_cannot_be_read_does_not_cost_the_others(trained: Path, tmp_path: Path) -> None:
    for name in "abd":
        Image.new("RGB", (64, 64)).save(tmp_path / f"{name}.png")
    for name in "ce":
        (tmp_path / f"{name}.png").write_bytes(b"no picture")
    with refuses(where=tmp_path / "c.png", value="e.png"):
        segarena.predict(trained, [tmp_path], out=tmp_path / "out")
    assert {path.name for path in (tmp_path / "out").glob("?.png")} == {"a.png", "b.png", "d.png"}


def test_damaged_weights_are_one_message(trained: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    shutil.copytree(trained, run)
    weights = run / "best.safetensors"
    weights.write_bytes(weights.read_bytes()[:1000])
    with refuses(RunError, where=run / "best.safetensors"):
        segarena.load(run)
