"""Cross-validation: each image is tested once by a model that never saw it, and the folds are scored as one."""

from __future__ import annotations

import json
from itertools import chain
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

import segarena
from segarena.errors import ConfigError, DataError, RunError
from segarena.scoring.scores import score
from support import write_pair

FOLDS = 2
TINY = {"epochs": 1, "size": 32, "batch_size": 2, "encoder": "resnet18", "weights": "none"}


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Eleven images, some with splits of their own, so that folds are of unlike size."""
    folder = tmp_path_factory.mktemp("data") / "squares"
    for number in range(11):
        write_pair(folder, f"{'train' if number < 8 else 'test'}/square{number:02}", seed=number)
    return folder


@pytest.fixture(scope="module")
def comparison(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("folds") / "out"
    return segarena.compare(data=data, models=("fcn", "unet"), folds=FOLDS, out=out, **TINY)


def read(path: Path) -> dict:
    return json.loads(path.read_text())


def test_each_image_is_tested_once_by_a_model_that_saw_neither_it_nor_chose_its_epoch_by_it(comparison: Path) -> None:
    tested = []
    for fold in range(1, FOLDS + 1):
        split = read(comparison / "unet-seed0" / f"fold{fold}" / "data.json")["split"]
        assert sorted(chain.from_iterable(split.values())) == [f"square{n:02}" for n in range(11)]
        tested += split["test"]
        images = pd.read_csv(comparison / "unet-seed0" / f"fold{fold}" / "images.csv")["image"]
        assert sorted(set(images)) == sorted(split["test"])
    assert len(tested) == len(set(tested)) == 11


def test_models_are_trained_on_the_same_folds(comparison: Path) -> None:
    for fold in range(1, FOLDS + 1):
        fcn, unet = (read(comparison / f"{model}-seed0" / f"fold{fold}" / "data.json") for model in ("fcn", "unet"))
        assert fcn["split"] == unet["split"]


def test_scores_are_those_of_all_pixels_together_and_not_the_mean_of_the_folds(comparison: Path) -> None:
    runs = [comparison / "fcn-seed0" / f"fold{fold}" for fold in range(1, FOLDS + 1)]
    confusions = np.array([read(run / "metrics.json")["confusion"] for run in runs])
    pooled = read(comparison / "fcn-seed0" / "metrics.json")
    assert pooled["confusion"] == confusions.sum(axis=0).tolist()
    assert pooled["miou"] == score(confusions).miou
    assert pooled["images"] == 11
    table = pd.read_csv(comparison / "models.csv").set_index("model")
    assert table.loc["fcn", "miou"] == pooled["miou"]
    assert list(table.index) == ["fcn", "unet"]
    entry = next(e for e in read(comparison / "comparison.json")["ranking"] if e["model"] == "fcn")
    assert entry["miou"] == pooled["miou"]
    assert entry["fold_mious"] == [read(run / "metrics.json")["miou"] for run in runs]


def test_tables_name_the_fold_and_hold_each_image_once_for_each_model(comparison: Path) -> None:
    images = pd.read_csv(comparison / "images.csv")
    assert images.groupby(["model", "seed", "image", "class"]).size().eq(1).all()
    assert images.groupby("model")["image"].nunique().eq(11).all()
    for model, fold, name in images[["model", "fold", "image"]].drop_duplicates().itertuples(index=False):
        assert name in read(comparison / f"{model}-seed0" / f"fold{fold}" / "data.json")["split"]["test"]
    folds = pd.read_csv(comparison / "folds.csv")
    assert folds.groupby("model")["images"].sum().eq(11).all()
    assert len(folds) == 2 * FOLDS


def test_costs_are_those_of_all_folds(comparison: Path) -> None:
    whole = read(comparison / "unet-seed0" / "costs.json")
    parts = [read(comparison / "unet-seed0" / f"fold{fold}" / "costs.json") for fold in range(1, FOLDS + 1)]
    assert whole["train_seconds"] == pytest.approx(sum(part["train_seconds"] for part in parts))
    assert whole["params"] == parts[0]["params"]


def test_trivial_predictor_answers_what_each_fold_was_trained_on(comparison: Path) -> None:
    content = read(comparison / "comparison.json")
    truth = np.array(read(comparison / "unet-seed0" / "metrics.json")["confusion"]).sum(axis=1)
    assert content["majority_baseline"]["class_name"] == "background"
    assert content["trivial_miou"] == pytest.approx(truth[0] / truth.sum() / 2)


def test_page_says_that_all_images_were_tested_and_that_the_own_split_was_set_aside(comparison: Path) -> None:
    content, page = read(comparison / "comparison.json"), (comparison / "report.html").read_text()
    assert "n 11 images in 2 folds, each tested by a model that was not trained on it" in content["verdict"]
    assert any("set aside" in note for note in content["notes"])
    for said in ("11 images, in 2 folds", "Fold by fold", "fold 2", "Cross-validated", "set aside (--folds divides"):
        assert said in page, said
    assert "Scored on validation images" not in page


def test_gallery_shows_what_the_fold_that_tested_an_image_made_of_it(comparison: Path, data: Path) -> None:
    content = read(comparison / "comparison.json")
    for name in content["gallery"][:2]:
        fold = next(
            fold
            for fold in range(1, FOLDS + 1)
            if name in read(comparison / "unet-seed0" / f"fold{fold}" / "data.json")["split"]["test"]
        )
        (image,) = (data / "images").rglob(f"{name}.png")
        labels = segarena.load(comparison / "unet-seed0" / f"fold{fold}").predict(image)
        assert np.array_equal(np.asarray(Image.open(comparison / "gallery" / name / "unet.png")), labels)


def test_a_fold_is_a_run_like_any_other(comparison: Path, data: Path, tmp_path: Path) -> None:
    """Its command, from config.json, trains the same split again; a model's folder stands for its best fold."""
    fold = comparison / "unet-seed0" / "fold2"
    config = read(fold / "config.json")
    assert config["command"].startswith(f"segarena train {data} --splits {fold} ")
    again = segarena.train(data=data, model="unet", splits=fold, out=tmp_path / "again", **TINY)
    assert read(again / "metrics.json") == read(fold / "metrics.json")
    by_val = {
        str(run): read(run / "metrics.json")["val_miou"] for run in sorted((comparison / "unet-seed0").glob("fold*"))
    }
    assert segarena.load(comparison / "unet-seed0").run == Path(max(by_val, key=lambda run: by_val[run]))


def test_train_with_folds_is_what_compare_trains(
    comparison: Path, data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = segarena.train(data=data, model="fcn", folds=FOLDS, out=tmp_path / "fcn", **TINY)
    assert "11 images in 2 folds, mIoU" in capsys.readouterr().out
    assert read(folder / "metrics.json") == read(comparison / "fcn-seed0" / "metrics.json")
    assert segarena.load(folder).run.parent == folder
    segarena.train(data=data, model="fcn", folds=FOLDS, out=folder, resume=True, **TINY)
    assert "finished already" in capsys.readouterr().out
    with pytest.raises(RunError, match="was started with --folds"):
        segarena.train(data=data, model="fcn", out=folder, resume=True, **TINY)


def test_what_is_finished_is_not_trained_again(comparison: Path, data: Path) -> None:
    before = {path: path.stat().st_mtime_ns for path in comparison.rglob("best.safetensors")}
    scores = read(comparison / "unet-seed0" / "metrics.json")
    segarena.compare(data=data, models=("fcn", "unet"), folds=FOLDS, out=comparison, resume=True, **TINY)
    assert {path: path.stat().st_mtime_ns for path in comparison.rglob("best.safetensors")} == before
    assert read(comparison / "unet-seed0" / "metrics.json") == scores


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"folds": 3}, "other data: a file, .* or the split has changed"),
        ({"folds": None}, "was started with --folds"),
        ({"folds": FOLDS, "epochs": 2}, "was started with epochs 1, not 2"),
    ],
)
def test_a_finished_comparison_goes_on_with_its_own_protocol_only(
    comparison: Path, data: Path, options: dict, said: str
) -> None:
    before = {path: path.read_bytes() for path in comparison.rglob("*") if path.is_file()}
    with pytest.raises(RunError, match=said):
        segarena.compare(data=data, models=("fcn", "unet"), out=comparison, resume=True, **{**TINY, **options})
    assert {path: path.read_bytes() for path in comparison.rglob("*") if path.is_file()} == before


@pytest.mark.parametrize(
    ("options", "error", "said"),
    [
        ({"folds": 1}, ConfigError, "1 is too small"),
        ({"folds": 3, "test_fraction": 0.2}, ConfigError, "each image is tested once"),
        ({"folds": 3, "splits": "split.json"}, ConfigError, "each image is tested once"),
        ({"folds": 12}, DataError, "11 labelled images are too few for 12 folds"),
        ({"folds": 3, "group_by": "folder"}, DataError, "too few for 3 folds"),
    ],
)
def test_what_cannot_be_divided_into_folds_is_refused_before_the_training(
    data: Path, tmp_path: Path, options: dict, error: type[Exception], said: str
) -> None:
    with pytest.raises(error, match=said):
        segarena.compare(data=data, out=tmp_path / "out", **TINY, **options)
    assert not (tmp_path / "out").exists()
