"""Images larger than those of the training are labelled in windows, by `predict` and `evaluate` alike."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

import segarena
from segarena import cli
from segarena.config import PredictOptions
from segarena.errors import ConfigError, OptionTypeError
from segarena.image_files import large_images
from segarena.records.metrics import Metrics
from segarena.records.prediction import PredictionRecord
from segarena.records.run import Data
from segarena.training.predictor import Predictor
from support import QUICK, refuses, write_pair

#: Of the training images of the fixture.
SIDE = 48


@pytest.fixture(scope="module")
def large(trained: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of two images, of 4 x 3 and 2 x 2 images of the size of the training, each with its square."""
    folder = tmp_path_factory.mktemp("large")
    for name, rows, columns in (("wide", 3, 4), ("tall", 2, 2)):
        for number in range(rows * columns):
            write_pair(folder / "parts", f"{number:02}", seed=100 + number)
        for kind in ("images", "masks"):
            parts = [np.asarray(Image.open(path)) for path in sorted((folder / "parts" / kind).iterdir())]
            lines = [np.concatenate(parts[row * columns : (row + 1) * columns], axis=1) for row in range(rows)]
            (folder / "data" / kind).mkdir(parents=True, exist_ok=True)
            Image.fromarray(np.concatenate(lines)).save(folder / "data" / kind / f"{name}.png")
        shutil.rmtree(folder / "parts")
    return folder / "data"


def pixels(folder: Path, name: str) -> np.ndarray[Any, np.dtype[np.uint8]]:
    return np.array(Image.open(folder / name))


def confusion(masks: list[Any], truths: list[Any]) -> Any:
    found = np.zeros((2, 2), dtype=int)
    for mask, truth in zip(masks, truths, strict=True):
        np.add.at(found, ((truth // 255).ravel(), mask.ravel()), 1)
    return found


def test_a_run_records_the_size_of_its_training_images(trained: Path) -> None:
    expected = {"shorter": SIDE, "longest_shorter": SIDE, "longest": SIDE}
    assert Data.read(trained).description["train_sides"] == expected


@pytest.mark.parametrize(
    ("views", "recorded"),
    [
        ({}, None),
        ({"tta": "flip"}, "--tta flip"),
        ({"scale": 0.5, "window": 64}, "--scale 0.5 --window 64"),
        ({"scale": "whole"}, "--scale whole"),
    ],
)
def test_evaluate_scores_the_labels_of_predict(
    trained: Path, large: Path, tmp_path: Path, views: dict[str, Any], recorded: str | None
) -> None:
    out = segarena.predict(trained, large / "images", out=tmp_path / "masks", device="cpu", **views)
    scores = segarena.evaluate(trained, large, out=tmp_path / "scores", device="cpu", **views)
    names = ("tall.png", "wide.png")
    expected = confusion([pixels(out, name) for name in names], [pixels(large / "masks", name) for name in names])
    metrics = Metrics.read(scores.folder)
    assert np.array_equal(metrics.confusion, expected)
    assert metrics.views == recorded


def test_windows_find_what_is_lost_where_the_image_is_squeezed(trained: Path, large: Path) -> None:
    predictor = segarena.load(trained, device="cpu")
    image, truth = pixels(large / "images", "wide.png"), pixels(large / "masks", "wide.png")

    def iou(way: Predictor) -> float:
        matrix = confusion([way.predict(image)], [truth])
        return float(matrix[1, 1] / (matrix.sum() - matrix[0, 0]))

    assert iou(predictor) > 0.5
    assert iou(predictor) > iou(predictor.with_views(scale="whole")) + 0.1


@pytest.mark.parametrize(
    ("views", "kind"),
    [
        ({"window": "64"}, OptionTypeError),
        ({"window": (64, 64.5)}, OptionTypeError),
        ({"window": 31}, ConfigError),
        ({"tta": 5}, OptionTypeError),
        ({"tta": "turned"}, ConfigError),
        ({"scale": True}, OptionTypeError),
        ({"scale": float("nan")}, ConfigError),
    ],
)
def test_views_that_are_not_possible(trained: Path, views: dict[str, Any], kind: type[ConfigError]) -> None:
    with refuses(kind, where=f"--{next(iter(views))}"):
        segarena.load(trained, device="cpu").with_views(**views)


def test_views_are_given_as_options_are(trained: Path) -> None:
    predictor = segarena.load(trained, device="cpu").with_views(scale=1, window=np.int64(64), tta="scales,flip")
    assert (predictor.scale, predictor.window, predictor.tta) == (1, (64, 64), ("scales", "flip"))


def test_mirrored_views_are_refused_where_no_crop_was_mirrored(trained: Path) -> None:
    """Left and right may be two classes there."""
    predictor = segarena.load(trained, device="cpu")
    protocol = replace(predictor.config.protocol, flip="none")
    predictor = replace(predictor, config=replace(predictor.config, protocol=protocol))
    assert predictor.with_views(tta="scales").tta == ("scales",)
    with refuses(ConfigError, where="--tta flip", value="without mirrored crops"):
        predictor.with_views(tta=("scales", "flip"))


def test_probabilities_in_windows_give_the_labels(trained: Path, large: Path) -> None:
    predictor = segarena.load(trained, device="cpu").with_views(tta=("flip", "scales"))
    found = predictor.probabilities(large / "images" / "tall.png")
    assert found.shape == (2, 2 * SIDE, 2 * SIDE)
    assert np.abs(found.sum(axis=0) - 1).max() < 1e-5
    assert np.array_equal(found.argmax(axis=0), predictor.predict(large / "images" / "tall.png"))


def test_an_image_like_those_of_the_training_has_the_same_labels_as_ever(trained: Path) -> None:
    """Up to 1.5 times as large, it is labelled as a whole."""
    predictor = segarena.load(trained, device="cpu")
    whole = predictor.with_views(scale="whole")
    for size in ((SIDE, SIDE), (SIDE * 3 // 2, SIDE), (20, 30)):
        image = np.random.default_rng(0).integers(0, 256, (*size, 3), dtype=np.uint8)
        assert predictor.scaling.explain(*size) == ""
        assert np.array_equal(predictor.predict(image), whole.predict(image))
    assert str(2 * SIDE) in predictor.scaling.explain(2 * SIDE, SIDE)


def test_the_choice_is_printed_with_its_reason(
    trained: Path, large: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    segarena.predict(trained, large / "images", out=tmp_path / "masks", device="cpu")
    printed = " ".join(capsys.readouterr().out.split())
    for words in ("96 × 96", "windows of 32 × 32", "48 × 48", "--scale whole", "2 of 2 images"):
        assert words in printed


def test_windows_that_are_asked_for_and_not_needed_are_pointed_out(
    trained: Path, large: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for number in range(3):
        write_pair(tmp_path / "small", f"{number}", seed=50 + number)
    for data, is_used in ((tmp_path / "small", False), (large, True)):
        for out, call in ((f"{data.name}-masks", segarena.predict), (f"{data.name}-scores", segarena.evaluate)):
            place = data / "images" if call is segarena.predict else data
            call(trained, place, window=64, out=tmp_path / out, device="cpu")  # type: ignore[operator]
            assert ("--window had no effect" in " ".join(capsys.readouterr().out.split())) != is_used


@pytest.fixture
def old(trained: Path, tmp_path: Path) -> Path:
    """The run, as a version before recorded it: without sizes."""
    shutil.copytree(trained, tmp_path / "old", ignore=shutil.ignore_patterns("last"))
    data = json.loads((tmp_path / "old" / "data.json").read_text())
    data["description"] = {key: value for key, value in data["description"].items() if "size" not in key}
    del data["description"]["train_sides"]
    (tmp_path / "old" / "data.json").write_text(json.dumps(data))
    return tmp_path / "old"


def test_a_run_without_recorded_sizes_labels_images_as_a_whole(
    old: Path, large: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    image = pixels(large / "images", "wide.png")
    predictor = segarena.load(old, device="cpu")
    assert np.array_equal(predictor.predict(image), predictor.with_views(scale="whole").predict(image))
    segarena.predict(old, large / "images", out=tmp_path / "masks", device="cpu")
    assert "no record" in capsys.readouterr().out
    with refuses(ConfigError, where="--scale", value="no record"):
        segarena.predict(old, large / "images", scale=1, out=tmp_path / "more")


@pytest.mark.parametrize(
    ("views", "where", "value"),
    [
        ({"scale": "half"}, "--scale", "half"),
        ({"scale": -1}, "--scale", "-1"),
        ({"scale": float("nan")}, "--scale", "nan"),
        ({"scale": 100}, "--scale", "100"),
        ({"window": 31}, "--window", "31"),
        ({"window": (64, 64, 64)}, "--window", "3"),
        ({"window": 64, "scale": "whole"}, "--window", "windows"),
        ({"tta": "rotate"}, "--tta", "rotate"),
    ],
)
def test_impossible_views_are_refused(trained: Path, views: dict[str, Any], where: str, value: str) -> None:
    with refuses(ConfigError, where=where, value=value):
        segarena.predict(trained, trained.parent / "data" / "images", **views)


@pytest.mark.parametrize("device", [pytest.param("cuda", marks=pytest.mark.gpu), "cpu"])
def test_windows_have_the_same_labels_in_batches_of_any_size(trained: Path, large: Path, device: str) -> None:
    predictor = segarena.load(trained, device=device)
    plan = predictor.scaling.plan(3 * SIDE, 4 * SIDE)
    assert plan is not None
    image = pixels(large / "images", "wide.png")
    assert np.array_equal(predictor.label_by(plan, image), predictor.predict(image))
    assert not torch.is_inference_mode_enabled()


@pytest.mark.parametrize("scale", ["auto", "whole"])
def test_a_large_image_has_the_labels_of_a_small_one(
    trained: Path, large: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, scale: Any
) -> None:
    """Read in parts, with a reduced overlay, from a file of more pixels than Pillow's limit."""
    predictor = segarena.load(trained, device="cpu").with_views(scale=scale)
    path = large / "images" / "wide.png"
    expected = predictor.predict(path)
    monkeypatch.setattr(large_images, "LARGE", 96 * 96)
    monkeypatch.setattr(large_images, "_PICTURE", 60)
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 20_000)
    with refuses(where=path, value="million"):
        segarena.predict(trained, path, out=tmp_path / "refused", scale=scale, device="cpu")
    out = segarena.predict(
        trained, path, max_megapixels=1, no_legend=True, scale=scale, out=tmp_path / "out", device="cpu"
    )
    assert Image.MAX_IMAGE_PIXELS == 20_000
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 1_000_000)
    found = pixels(out, "wide.png")
    with Image.open(out / "wide_overlay.jpg") as overlay:
        assert overlay.size == (60, 45)
    assert (found == expected).mean() > (0.999 if scale == "auto" else 0.98)
    assert np.array_equal(predictor.predict(path), found)


def test_a_training_labels_large_test_images_as_predict_does(
    large: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for number in range(6):
        write_pair(tmp_path / "data" / "train", f"{number:02}", seed=number)
    for part, name in (("val", "tall"), ("test", "wide")):
        for kind in ("images", "masks"):
            (tmp_path / "data" / part / kind).mkdir(parents=True)
            shutil.copy(large / kind / f"{name}.png", tmp_path / "data" / part / kind)
    run = segarena.train(tmp_path / "data", model="fcn", out=tmp_path / "run", **{**QUICK, "epochs": 1})
    assert "2 of 2 images" in " ".join(capsys.readouterr().out.split())
    mask = segarena.load(tmp_path / "run", device="cpu").predict(large / "images" / "wide.png")
    expected = confusion([mask], [pixels(large / "masks", "wide.png")])
    assert np.array_equal(Metrics.read(run.folder).confusion, expected)
    assert Data.read(run.folder).description["train_sides"]["longest"] == SIDE


@pytest.mark.parametrize(("words", "value"), [("0.5", 0.5), ("2", 2.0), ("auto", "auto"), ("Auto", "auto")])
def test_scale_is_read_from_the_command_line(words: str, value: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    line = f"segarena predict run image.png --scale {words} --tta flip scales --window 64"
    monkeypatch.setattr("sys.argv", line.split())
    options = cli._parse()
    assert isinstance(options, PredictOptions)
    assert options.scale == value
    assert (options.tta, options.window_size) == (("flip", "scales"), (64, 64))


def test_the_bits_of_a_large_image_are_those_of_a_small_one(
    trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    values = np.linspace(0, 4095, 160 * 160).astype(np.uint16).reshape(160, 160)
    Image.fromarray(values).save(tmp_path / "deep.png")
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 20_000)
    out = segarena.predict(trained, tmp_path / "deep.png", max_megapixels=1, out=tmp_path / "out", device="cpu")
    assert PredictionRecord.read(out).image_bits == 12
