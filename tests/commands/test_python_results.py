"""What the Python functions return, and what a predictor takes: paths with tables, images of any kind."""

from __future__ import annotations

import copy
import json
import os
import pickle
import shutil
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image

import segarena
from segarena.errors import ConfigError, OptionTypeError, RunError
from segarena.records.comparison import ComparisonRecord
from segarena.records.metrics import Metrics
from support import QUICK, refuses, write_pair


@pytest.fixture(scope="module")
def compared(tmp_path_factory: pytest.TempPathFactory) -> segarena.Comparison:
    folder = tmp_path_factory.mktemp("compared")
    for number in range(8):
        write_pair(folder / "data", f"square{number}", seed=number)
    options = {**QUICK, "epochs": np.int64(1), "size": 32.0}
    return segarena.compare(str(folder / "data"), models="U-Net, FCN", seeds=[0, 1], out=folder / "out", **options)


def text_of(html: str) -> list[str]:
    """The texts of a page, which has to close what it opens."""
    texts: list[str] = []
    opened: list[str] = []

    class Reader(HTMLParser):
        def handle_starttag(self, tag: str, attributes: object) -> None:
            if tag != "br":
                opened.append(tag)

        def handle_endtag(self, tag: str) -> None:
            assert opened.pop() == tag

        def handle_data(self, data: str) -> None:
            texts.append(data)

    Reader().feed(html)
    assert not opened
    return texts


def test_a_comparison_has_its_answer_and_tables(compared: segarena.Comparison) -> None:
    record = ComparisonRecord.read(compared.folder)
    assert compared.verdict == record.verdict
    assert compared.best == record.answer.best
    assert list(compared.ranking["model"]) == [entry.model for entry in record.ranking]
    assert list(compared.ranking.index) == [1, 2]
    assert compared.ranking["miou"].is_monotonic_decreasing
    assert set(compared.ranking["model"]) == {"unet", "fcn"}
    assert len(compared.models) == 4
    assert len(compared.classes) == 8
    assert set(compared.images["image"]) == set(compared.runs[0].metrics.images["image"])
    assert compared.folds is None
    assert compared.report.is_file()


def test_a_comparison_is_read_later_and_gives_its_runs(compared: segarena.Comparison) -> None:
    again = segarena.Comparison(str(compared))
    assert again == compared
    assert again.ranking.equals(compared.ranking)
    assert [(run.model, run.seed) for run in again.runs if run.model == "fcn"] == [("fcn", 0), ("fcn", 1)]
    assert again.run("FCN", 1).folder == compared.folder / "fcn-seed1"
    first = max((run for run in again.runs if run.model == again.ranking["model"][1]), key=lambda run: run.val_miou)
    assert again.run() == first
    assert again.predictor().run == first.folder
    with refuses(ConfigError, where=compared.folder, value="pspnet"):
        again.run("pspnet")
    with refuses(ConfigError, where=compared.folder, value="seed 7"):
        again.run("unet", seed=7)


def test_results_work_as_paths(compared: segarena.Comparison, trained: Path) -> None:
    folder = compared.folder
    assert (os.fspath(compared), str(compared), Path(compared)) == (str(folder), str(folder), folder)
    assert compared / "report.html" == folder / "report.html"
    assert compared == folder
    assert folder == compared
    assert {compared: 1}[folder] == 1
    assert compared != folder.parent
    assert (compared.name, compared.is_dir()) == (folder.name, True)  # type: ignore[attr-defined]
    with pytest.raises(AttributeError, match="rankng"):
        compared.rankng  # type: ignore[attr-defined]  # noqa: B018
    assert pickle.loads(pickle.dumps(compared)) == copy.deepcopy(compared) == compared
    assert segarena.evaluate(compared, out=folder.parent / "scores").miou is not None
    assert segarena.report(compared) == compared.report
    assert trained == segarena.TrainedRun(trained)


def test_a_run_has_scores_and_history(trained: Path) -> None:
    run = segarena.TrainedRun(trained)
    assert (run.model, run.seed) == ("unet", 0)
    assert dict(run.metrics) == Metrics.read(trained).to_json()
    assert run.metrics.miou == run.metrics["miou"]
    assert json.loads(json.dumps(run.metrics)) == run.metrics
    assert list(run.metrics.classes.index) == ["background", "foreground"]
    assert run.metrics.classes.loc["foreground", "tp"] == run.metrics.confusion.loc["foreground", "foreground"]
    assert run.metrics.images["tp"].sum() == np.trace(run.metrics.confusion)
    assert list(run.history["epoch"]) == list(range(1, len(run.history) + 1))
    assert run.predictor(device="cpu").run == trained


def test_an_interrupted_run_has_the_scores_and_history_so_far(trained: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(trained, tmp_path / "run"))
    (folder / Metrics.file).unlink()
    run, finished = segarena.TrainedRun(folder), segarena.TrainedRun(trained)
    assert "not finished" in repr(run)
    assert run.val_miou == pytest.approx(finished.val_miou)
    assert run.history.equals(finished.history)
    (folder / "history.csv").unlink()  # interrupted in its first epoch
    run = segarena.TrainedRun(folder)
    assert (run.val_miou, len(run.history)) == (0, 0)
    assert list(run.history) == list(finished.history)
    for fold in (1, 2):
        shutil.copytree(trained if fold == 1 else folder, tmp_path / "folds" / f"fold{fold}")
    run = segarena.TrainedRun(tmp_path / "folds")
    assert run.val_miou == finished.val_miou
    assert list(run.history["fold"]) == [1] * len(finished.history)


def test_what_is_not_a_result_is_refused(trained: Path, compared: segarena.Comparison, tmp_path: Path) -> None:
    for kind, folder in (
        (segarena.Comparison, tmp_path),
        (segarena.Comparison, trained),
        (segarena.TrainedRun, tmp_path),
        (segarena.TrainedRun, compared.folder),
    ):
        with refuses(RunError, where=Path(folder)):
            kind(folder)


def test_findings_are_a_dictionary_with_tables(compared: segarena.Comparison, tmp_path: Path) -> None:
    found = segarena.check(compared.folder.parent / "data", out=tmp_path / "check")
    assert found["pairs"] == 8
    assert isinstance(found.problems, pd.DataFrame)
    assert list(found.problems["code"]) == [problem["code"] for problem in found["problems"]]
    assert list(found.classes["name"]) == ["background", "foreground"]
    assert len(found.samples) == 8
    assert found.sheet == tmp_path / "check" / "check.png"
    assert {"background", "foreground"} <= set(text_of(found._repr_html_()))
    assert "8 images" in repr(found)
    json.dumps(found)


def test_notebooks_show_tables(compared: segarena.Comparison, trained: Path) -> None:
    texts = text_of(compared._repr_html_())
    assert compared.record.answer.headline in texts
    assert {"U-Net", "FCN", str(compared.report), "always 'background'"} <= set(texts)
    texts = text_of(segarena.TrainedRun(trained)._repr_html_())
    assert {"background", "foreground", "mean"} <= set(texts)


def test_representations_are_short(compared: segarena.Comparison, trained: Path) -> None:
    run, predictor = segarena.TrainedRun(trained), segarena.load(trained, device="cpu")
    for shown, *words in (
        (compared, "unet", "fcn", "%"),
        (run, "unet", "seed 0", "%"),
        (run.metrics, "val", "%"),
        (predictor, "unet on mobilenet_v2", "2 classes: background, foreground", "size 32", "cpu", "%", str(trained)),
    ):
        text = repr(shown)
        assert len(text.replace(str(trained), "").replace(str(compared), "")) < 160
        assert "\n" not in text
        assert all(word in text for word in words)


def test_a_predictor_takes_files_images_arrays_and_lists(trained: Path) -> None:
    path = trained.parent / "data" / "images" / "square03.png"
    predictor = segarena.load(trained, device="cpu")
    expected = predictor.predict(path)
    with Image.open(path) as image:
        pixels = np.asarray(image)
        kinds = [str(path), image, pixels, torch.from_numpy(pixels.copy()).permute(2, 0, 1)]
        masks = predictor.predict(kinds)
    assert len(masks) == 4
    for mask in masks:
        assert np.array_equal(mask, expected)
    assert predictor.predict([]) == []


def test_images_in_memory_are_for_the_predictor(trained: Path, tmp_path: Path) -> None:
    image = Image.new("RGB", (40, 40))
    for images in (image, np.asarray(image), [image]):
        with refuses(OptionTypeError, where="images") as caught:
            segarena.predict(trained, images)  # type: ignore[arg-type]
        assert "segarena.load(run).predict(image)" in caught.value.remedy
