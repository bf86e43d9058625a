"""Cross-validation: each image is tested once by a model that never saw it, and the folds are scored as one."""

from __future__ import annotations

import re
from html import unescape
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from PIL import Image

import segarena
from segarena.errors import DataError, RunError, SegarenaError
from segarena.records.comparison import ComparisonRecord
from segarena.records.config import Config
from segarena.records.error_analysis import ErrorAnalysis
from segarena.records.metrics import Metrics
from segarena.records.run import Costs, Data
from segarena.records.slices import Slices
from segarena.scoring.scores import score
from support import refuses, write_pair

FOLDS = 2
TINY: dict[str, Any] = {"epochs": 1, "size": 32, "batch_size": 2, "encoder": "mobilenet_v2", "weights": "none"}


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Eleven images, some with splits of their own, so that folds differ in size."""
    folder = tmp_path_factory.mktemp("data") / "squares"
    for number in range(11):
        write_pair(folder, f"{'train' if number < 8 else 'test'}/square{number:02}", seed=number)
    return folder


@pytest.fixture(scope="module")
def comparison(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("folds") / "out"
    return segarena.compare(data=data, models=("fcn", "unet"), folds=FOLDS, out=out, **TINY)


def folds(run: Path) -> list[Path]:
    return [run / f"fold{fold}" for fold in range(1, FOLDS + 1)]


def contents(folder: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_errors_are_counted_over_all_folds(comparison: Path) -> None:
    slices = Slices.read(comparison)
    for model, counts in slices.models.items():
        parts = [ErrorAnalysis.read(run) for run in folds(comparison / f"{model}-seed0")]
        assert counts.images == sum(part.images for part in parts) == 11
        assert counts.distances[0].pixels == sum(part.distances[0].pixels for part in parts)
    rows = pd.read_csv(comparison / "suspicious.csv", dtype={"image": str})
    assert len(rows) == slices.suspicious
    assert (rows["networks"] == 2).all()  # of each model, that of the fold which tested the image


def test_each_image_is_tested_once_by_a_model_that_never_saw_it(comparison: Path) -> None:
    tested: list[str] = []
    for fold in folds(comparison / "unet-seed0"):
        split = Data.read(fold).split
        assert sorted(chain(split.train, split.val, split.test)) == [f"square{n:02}" for n in range(11)]
        assert set(pd.read_csv(fold / "images.csv")["image"]) == set(split.test)
        assert Data.read(comparison / "fcn-seed0" / fold.name).split == split
        tested += split.test
    assert len(tested) == len(set(tested)) == 11


def test_scores_are_of_all_pixels_together_not_means_of_the_folds(comparison: Path) -> None:
    parts = [Metrics.read(run) for run in folds(comparison / "fcn-seed0")]
    confusions = np.array([part.confusion for part in parts])
    pooled = Metrics.read(comparison / "fcn-seed0")
    assert np.array_equal(pooled.confusion, confusions.sum(axis=0))
    assert pooled.images == 11
    table = pd.read_csv(comparison / "models.csv").set_index("model")
    assert list(table.index) == ["fcn", "unet"]
    entry = next(e for e in ComparisonRecord.read(comparison).ranking if e.model == "fcn")
    assert pooled.miou == score(confusions).miou == table.loc["fcn", "miou"] == entry.miou
    assert entry.fold_mious == tuple(part.miou for part in parts)


def test_tables_name_the_fold_and_have_each_image_once_per_model(comparison: Path) -> None:
    images = pd.read_csv(comparison / "images.csv")
    assert images.groupby(["model", "seed", "image", "class"]).size().eq(1).all()
    assert images.groupby("model")["image"].nunique().eq(11).all()
    for model, fold, name in images[["model", "fold", "image"]].drop_duplicates().itertuples(index=False):
        assert name in Data.read(comparison / f"{model}-seed0" / f"fold{fold}").split.test
    by_fold = pd.read_csv(comparison / "folds.csv")
    assert by_fold.groupby("model")["images"].sum().eq(11).all()
    assert len(by_fold) == 2 * FOLDS


def test_costs_are_of_all_folds(comparison: Path) -> None:
    whole, parts = Costs.read(comparison / "unet-seed0"), [Costs.read(run) for run in folds(comparison / "unet-seed0")]
    assert whole.train_seconds == pytest.approx(sum(part.train_seconds for part in parts))
    assert whole.train_cpu_seconds == pytest.approx(sum(part.train_cpu_seconds for part in parts))
    assert (whole.latency_low_ms, whole.latency_ms) in {(part.latency_low_ms, part.latency_ms) for part in parts}
    assert whole.peak_memory_mib == max({part.peak_memory_mib for part in parts} - {None}, default=None)
    assert whole.params == parts[0].params


def test_majority_baseline_is_of_the_classes_each_fold_was_trained_on(comparison: Path) -> None:
    content = ComparisonRecord.read(comparison)
    truth = np.array(Metrics.read(comparison / "unet-seed0").confusion).sum(axis=1)
    assert content.majority_baseline.class_name == "background"
    assert content.trivial_miou == pytest.approx(truth[0] / truth.sum() / 2)


def test_page_says_that_all_images_were_tested_and_the_own_split_unused(comparison: Path) -> None:
    content, page = ComparisonRecord.read(comparison), (comparison / "report.html").read_text()
    page = unescape(re.sub(r'<span class="option">(.*?)</span>', r"\1", page))
    assert "on 11 images in 2 folds" in content.answer.headline
    for said in ("11 images, in 2 folds", "mIoU of each fold", "fold 2", "Cross-validated", content.notes[-1]):
        assert said in page, said
    assert "--folds" in content.notes[-1]
    assert "Scored on validation images" not in page


def test_gallery_shows_the_prediction_of_the_fold_that_tested(comparison: Path, data: Path) -> None:
    for name in ComparisonRecord.read(comparison).gallery[:2]:
        fold = next(run for run in folds(comparison / "unet-seed0") if name in Data.read(run).split.test)
        (image,) = (data / "images").rglob(f"{name}.png")
        shown = np.asarray(Image.open(comparison / "gallery" / name / "unet.png"))
        assert np.array_equal(shown, segarena.load(fold).predict(image))


def test_a_fold_is_a_run_like_any_other(comparison: Path, data: Path, tmp_path: Path) -> None:
    """Its command trains the same split again; for predictions a model's folder is its best fold."""
    runs = folds(comparison / "unet-seed0")
    command = Config.read(runs[1]).command
    assert command.startswith(f"segarena train {data} ")
    assert f" --splits {runs[1]} " in command
    again = segarena.train(data=data, model="unet", splits=runs[1], out=tmp_path / "again", **TINY)
    assert Metrics.read(again) == Metrics.read(runs[1])
    best = max(runs, key=lambda run: Metrics.read(run).val_miou or 0)
    assert segarena.load(comparison / "unet-seed0").run == best


def test_train_with_folds_is_what_compare_trains(
    comparison: Path, data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = segarena.train(data=data, model="fcn", folds=FOLDS, out=tmp_path / "fcn", **TINY)
    assert "11 images in 2 folds, mIoU" in capsys.readouterr().out
    assert Metrics.read(folder) == Metrics.read(comparison / "fcn-seed0")
    assert segarena.load(folder).run.parent == folder
    segarena.train(data=data, model="fcn", folds=FOLDS, out=folder, resume=True, **TINY)
    assert capsys.readouterr().out.count("finished already") == FOLDS
    segarena.train(resume=folder)
    assert capsys.readouterr().out.count("finished already") == FOLDS


def test_what_is_finished_is_not_trained_again(comparison: Path, data: Path) -> None:
    before, scores = contents(comparison / "unet-seed0"), Metrics.read(comparison / "unet-seed0")
    segarena.compare(data=data, models=("fcn", "unet"), folds=FOLDS, out=comparison, resume=True, **TINY)
    assert contents(comparison / "unet-seed0") == before
    assert Metrics.read(comparison / "unet-seed0") == scores


@pytest.mark.parametrize(
    ("options", "value"),
    [
        ({"folds": 3}, "--folds 2, not 3"),
        ({"folds": FOLDS, "epochs": 2}, "--epochs 1, not 2"),
    ],
)
def test_a_comparison_is_resumed_with_its_own_protocol_only(
    comparison: Path, data: Path, options: dict[str, Any], value: str
) -> None:
    before = contents(comparison)
    with refuses(RunError, value=value):
        segarena.compare(data=data, models=("fcn", "unet"), out=comparison, resume=True, **{**TINY, **options})
    assert contents(comparison) == before


@pytest.mark.parametrize(
    ("options", "kind", "value"),
    [({"folds": 12}, DataError, "12 folds"), ({"folds": 3, "group_by": "folder"}, DataError, "3 folds")],
)
def test_folds_that_cannot_be_made_are_refused_before_the_training(
    data: Path, tmp_path: Path, options: dict[str, Any], kind: type[SegarenaError], value: str
) -> None:
    with refuses(kind, value=value):
        segarena.compare(data=data, out=tmp_path / "out", **TINY, **options)
    assert not (tmp_path / "out").exists()
