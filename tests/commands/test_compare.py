"""The comparison from folder to page: its files, its ranking, the winner ready to use."""

from __future__ import annotations

import html
import re
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from PIL import Image

import segarena
from segarena.classes import IGNORE_INDEX
from segarena.data.folder import FolderSource
from segarena.errors import RunError
from segarena.records.comparison import ComparisonRecord
from segarena.records.slices import Slices
from segarena.reporting.label_maps import PICTURES, PREDICTIONS, Pictures
from segarena.reporting.style import ARCHITECTURES
from support import (
    QUICK,
    REAL_WEIGHTS,
    SHARED,
    needs_real_data,
    needs_real_weights,
    real_encoders,
    refuses,
    write_squares,
)


@pytest.fixture(scope="module")
def comparison(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two architectures, two seeds, two epochs on twelve squares."""
    folder = tmp_path_factory.mktemp("compare")
    write_squares(folder / "data", 12)
    options = {"seeds": 2, "output_stride": 16, **QUICK}
    return segarena.compare(folder / "data", models=("fcn", "pspnet"), out=folder / "out", **options)


def contents(folder: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_writes_the_files_of_a_comparison(comparison: Path) -> None:
    names = {path.name for path in comparison.iterdir()}
    runs = {"fcn-seed0", "fcn-seed1", "pspnet-seed0", "pspnet-seed1"}
    files = {
        "options.json",
        "comparison.json",
        "models.csv",
        "classes.csv",
        "images.csv",
        "slices.json",
        "suspicious.csv",
        "report.html",
        "figures",
        "gallery",
        "paper",
        "pictures.zip",
        "log.txt",
    }
    assert names - {"suspicious"} == runs | files


def test_errors_are_counted_over_the_seeds_of_a_model(comparison: Path) -> None:
    slices = Slices.read(comparison)
    images = pd.read_csv(comparison / "images.csv", dtype={"image": str})
    assert list(slices.models) == ["fcn", "pspnet"]
    for model, counts in slices.models.items():
        rows = images[images["model"] == model]
        assert counts.images == counts.confidence_images == rows.groupby(["seed", "image"]).ngroups
        for index, entry in enumerate(counts.per_class.values()):
            of_class = rows[rows["class_index"] == index]
            assert sum(one.pixels for one in entry.objects) == (of_class["tp"] + of_class["fn"]).sum()
            assert sum(one.correct for one in entry.objects) == of_class["tp"].sum()
        correct = sum(one.correct for one in counts.distances)
        assert correct == rows["tp"].sum()


def test_suspicious_labels_are_regions_of_the_masks(comparison: Path) -> None:
    rows = pd.read_csv(comparison / "suspicious.csv", dtype={"image": str})
    assert len(rows) == Slices.read(comparison).suspicious
    assert list(rows["rank"]) == list(range(1, len(rows) + 1))
    assert (rows["networks"] == 4).all()
    assert (rows["true_class"] != rows["predicted_class"]).all()


def test_the_labels_that_were_scored_are_kept(comparison: Path) -> None:
    images = pd.read_csv(comparison / "images.csv", dtype={"image": str})
    truth = Pictures([comparison / PICTURES])
    assert sorted(truth.names) == sorted(images["image"].unique())
    for (model, seed), rows in images.groupby(["model", "seed"]):
        kept = Pictures([comparison / f"{model}-seed{seed}" / PREDICTIONS])
        assert sorted(kept.names) == sorted(truth.names)
        for row in rows.itertuples():
            is_true, is_found = (one.labels(row.image) == row.class_index for one in (truth, kept))
            counted = truth.labels(row.image) != IGNORE_INDEX
            found = [(is_true & is_found).sum(), (~is_true & is_found & counted).sum(), (is_true & ~is_found).sum()]
            assert found == [row.tp, row.fp, row.fn]


def test_labels_that_were_not_kept_are_made_again(comparison: Path, tmp_path: Path) -> None:
    folder = tmp_path / "earlier"
    shutil.copytree(comparison, folder)
    lost = [folder / "fcn-seed0" / PREDICTIONS, folder / PICTURES]
    before = [path.read_bytes() for path in lost]
    for path in lost:
        path.unlink()
    assert 'id="v-index"' not in segarena.report(folder).read_text()
    segarena.compare(resume=folder, quiet=True)
    assert [path.read_bytes() for path in lost] == before
    assert 'id="v-index"' in (folder / "report.html").read_text()


def test_runs_of_an_earlier_version_have_no_counts_of_their_errors(comparison: Path, tmp_path: Path) -> None:
    """Nor does what an earlier comparison of other runs left in the folder count."""
    folder = tmp_path / "earlier"
    shutil.copytree(comparison, folder)
    (folder / "fcn-seed1" / "error_analysis.json").unlink()
    segarena.compare(resume=folder, quiet=True)
    assert not (folder / "slices.json").exists()
    assert not (folder / "suspicious.csv").exists()
    assert 'id="errors"' not in (folder / "report.html").read_text()


def test_ranking_is_the_mean_over_seeds(comparison: Path) -> None:
    content, models = ComparisonRecord.read(comparison), pd.read_csv(comparison / "models.csv")
    assert len(models) == 4
    means = models.groupby("model")["miou"].mean().sort_values(ascending=False)
    assert [entry.model for entry in content.ranking] == list(means.index)
    for entry in content.ranking:
        scores = models[models["model"] == entry.model]["miou"]
        assert entry.miou == pytest.approx(scores.mean())
        assert (entry.lowest_miou, entry.highest_miou) == (scores.min(), scores.max())
    assert ARCHITECTURES[content.ranking[0].model].label in content.answer.headline
    assert "validation" in content.answer.headline  # the data has no test split
    assert content.verdict == content.answer.text


def test_costs_are_measured(comparison: Path) -> None:
    models = pd.read_csv(comparison / "models.csv")
    assert (models[["params", "flops", "latency_ms", "train_seconds", "train_cpu_seconds"]] > 0).all(axis=None)
    fcn = models[models["model"] == "fcn"].iloc[0]
    assert fcn["params"] == sum(p.numel() for p in segarena.build_model("fcn", 2, encoder="mobilenet_v2").parameters())


def test_ceilings_are_those_of_the_models_strides(comparison: Path) -> None:
    ranking = {entry.model: entry for entry in ComparisonRecord.read(comparison).ranking}
    assert {model: entry.logit_stride for model, entry in ranking.items()} == {"fcn": 8, "pspnet": 16}
    assert 1 > ranking["fcn"].ceiling > ranking["pspnet"].ceiling > 0


def test_a_chosen_stride_is_shown_and_recorded(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Lines that no model finds in an epoch: those that predict only the background are at their ceiling."""
    for number in range(8):
        mask = np.zeros((64, 64), dtype=np.uint8)
        mask[8 + number :: 24] = 255
        for kind, pixels in (("images", np.full((64, 64, 3), 30 * number, np.uint8)), ("masks", mask)):
            (tmp_path / "data" / kind).mkdir(parents=True, exist_ok=True)
            Image.fromarray(pixels).save(tmp_path / "data" / kind / f"{number}.png")
    options = {**QUICK, "epochs": 1, "size": None}
    out = segarena.compare(tmp_path / "data", models=("fcn", "pspnet"), out=tmp_path / "out", loss="ce", **options)
    record, said = ComparisonRecord.read(out), capsys.readouterr().out
    choices = {choice.name: choice for choice in record.choices}
    stride = record.protocol.network["output_stride"]
    assert (choices["size"].value, choices["output_stride"].value) == (record.protocol.size, stride) == (64, stride)
    assert f"working size 64, output stride {stride}: the lowest resolution ceiling" in said
    assert f"PSPNet stride {stride}" in said
    page = (out / "report.html").read_text()
    assert f"stride {stride}</small>" in page
    assert choices["size"].why.split(";")[0] in html.unescape(page)
    reached = {entry.model for entry in record.ranking if entry.miou >= entry.ceiling - 0.02}
    assert set(record.answer.at_ceiling) == reached
    assert reached
    assert any("resolution" in text and "FCN" in text for text in record.answer.details) == ("fcn" in reached)


def test_scores_follow_from_the_counts_of_the_images(comparison: Path) -> None:
    images = pd.read_csv(comparison / "images.csv")
    models = pd.read_csv(comparison / "models.csv").set_index(["model", "seed"])
    sums = images.groupby(["model", "seed", "class_index"])[["tp", "fp", "fn"]].sum()
    iou = sums["tp"] / (sums["tp"] + sums["fp"] + sums["fn"])
    for key, expected in iou.groupby(level=[0, 1]).mean().items():
        assert models.loc[key, "miou"] == pytest.approx(expected)


def test_every_model_is_scored_on_the_same_pixels(comparison: Path) -> None:
    images = pd.read_csv(comparison / "images.csv")
    images["truth"] = images["tp"] + images["fn"]
    per_run = images.pivot_table(index=["image", "class_index"], columns=["model", "seed"], values="truth")
    assert (per_run.nunique(axis=1) == 1).all()


def test_majority_baseline_is_the_most_frequent_training_class(comparison: Path) -> None:
    content, images = ComparisonRecord.read(comparison), pd.read_csv(comparison / "images.csv")
    one = images[(images["model"] == "fcn") & (images["seed"] == 0)]
    truth = (one["tp"] + one["fn"]).groupby(one["class_index"]).sum()
    assert content.majority_baseline.class_name == "background"
    assert content.majority_baseline.pixel_accuracy == pytest.approx(truth[0] / truth.sum())
    assert content.trivial_miou == pytest.approx(truth[0] / truth.sum() / 2)


def test_resuming_with_fewer_models_and_seeds_keeps_the_others(comparison: Path) -> None:
    before = (comparison / "fcn-seed1" / "metrics.json").stat().st_mtime_ns
    segarena.compare(models=("unet",), seeds=1, resume=comparison)
    record = ComparisonRecord.read(comparison)
    assert {entry.model: entry.seeds for entry in record.ranking} == dict.fromkeys(("fcn", "pspnet", "unet"), (0, 1))
    assert {"--models fcn pspnet unet", "--seeds 2"} <= {part.strip() for part in re.split("(?=--)", record.command)}
    assert (comparison / "fcn-seed1" / "metrics.json").stat().st_mtime_ns == before


@pytest.mark.parametrize(
    ("options", "value"),
    [({"epochs": 7}, "--epochs 2, not 7"), ({"split": 0.5}, "--split 0.8, not 0.5"), ({"folds": 2}, "without --folds")],
)
def test_runs_of_another_protocol_are_never_ranked_beside_new_ones(
    comparison: Path, options: dict[str, Any], value: str
) -> None:
    before, data, models = contents(comparison), comparison.parent / "data", ("fcn", "deeplabv3")
    with refuses(RunError, where=comparison, value=value):
        segarena.compare(data, models=models, seeds=2, out=comparison, resume=True, **{**QUICK, **options})
    assert contents(comparison) == before


def test_gallery_shows_truth_and_each_prediction(comparison: Path) -> None:
    source = FolderSource(comparison.parent / "data")
    by_name = {sample.name: index for index, sample in enumerate(source.samples)}
    for name in ComparisonRecord.read(comparison).gallery:
        folder = comparison / "gallery" / name
        truth = np.asarray(Image.open(folder / "truth.png"))
        np.testing.assert_array_equal(truth, source.read(by_name[name])[1])
        for model in ("fcn", "pspnet"):
            labels = np.asarray(Image.open(folder / f"{model}.png"))
            assert labels.shape == truth.shape
            assert labels.max() < 2


def test_the_winner_is_ready_to_use(comparison: Path) -> None:
    predictor = segarena.load(comparison, device="cpu")
    assert predictor.config.model == ComparisonRecord.read(comparison).ranking[0].model
    mask = predictor.predict(np.zeros((37, 61, 3), dtype=np.uint8))
    assert (mask.shape, mask.dtype) == ((37, 61), np.uint8)


def test_report_is_rebuilt_from_the_files_alone(comparison: Path) -> None:
    (comparison / "report.html").unlink()
    page = segarena.report(comparison)
    assert page == comparison / "report.html"
    assert "mIoU" in page.read_text()


def test_a_finished_comparison_resumes_to_the_same_scores(comparison: Path) -> None:
    def scores() -> pd.DataFrame:
        latencies = ["latency_ms", "latency_low_ms", "latency_high_ms"]
        return pd.read_csv(comparison / "models.csv").drop(columns=latencies).set_index(["model", "seed"])

    before, data = scores(), ComparisonRecord.read(comparison).data
    segarena.compare(resume=comparison)
    pd.testing.assert_frame_equal(before.sort_index(), scores().sort_index())
    assert ComparisonRecord.read(comparison).data == data


@pytest.mark.slow
def test_every_model_beats_the_majority_baseline_on_the_built_in_scenes(tmp_path: Path) -> None:
    content = ComparisonRecord.read(segarena.compare(out=tmp_path / "demo"))
    assert len(content.ranking) == 4
    assert min(entry.miou for entry in content.ranking) >= content.trivial_miou + 0.25


@pytest.mark.slow
@needs_real_data
@needs_real_weights
def test_real_two_level_masks_and_pretrained_encoder(tmp_path: Path) -> None:
    options = {**QUICK, "encoder": "mobilenet_v2", "weights": str(REAL_WEIGHTS), "epochs": 1, "size": 64}
    with real_encoders():
        folder = segarena.compare(SHARED / "data" / "isbi", models=("fcn",), out=tmp_path / "isbi", **options)
    data = ComparisonRecord.read(folder).data
    assert [entry.name for entry in data.classes] == ["background", "foreground"]
    assert data.counts == {"train": 24, "val": 6, "test": 0}
