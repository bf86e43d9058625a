"""`train --like COMPARISON --all-images`: the model of a comparison, trained on every labelled image, for use."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import signal
import sys
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import torch
import yaml
from safetensors.torch import load_file

import segarena
from segarena import cli
from segarena.commands import compare
from segarena.errors import ConfigError, Interrupted, RunError
from segarena.experiment import calibration
from segarena.formats import percent
from segarena.records.comparison import ComparisonRecord
from segarena.records.config import Config
from segarena.records.expected import Expected
from segarena.records.metrics import Metrics
from segarena.records.options import OptionsRecord
from segarena.records.run import Data
from segarena.reporting.page import build_report
from segarena.reuse.like import read_like
from segarena.training import engine
from support import QUICK, refuses, write_pair, write_squares

#: What a run on all images has of its own.
OWN = ("cache_gib", "epochs", "patience", "crop", "input_size")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with twelve squares in `data`, a comparison of two seeds in `out`, and its FCN trained on all images."""
    place = tmp_path_factory.mktemp("all images")
    write_squares(place / "data", 12)
    options = {**QUICK, "epochs": 3, "class_weights": "median"}
    segarena.compare(place / "data", models=("fcn", "pspnet"), seeds=2, out=place / "out", **options)
    for seed, best_epoch in enumerate((2, 3)):
        run = place / "out" / f"fcn-seed{seed}"
        replace(Metrics.read(run), best_epoch=best_epoch).write(run)
    segarena.train(like=place / "out", model="FCN", all_images=True)
    return place


@pytest.fixture
def place(made: Path, tmp_path: Path) -> Path:
    """A copy to be changed, without the run on all images."""
    place = tmp_path / "it's a place"
    shutil.copytree(made, place)
    shutil.rmtree(place / "out" / "fcn-all-images")
    for file in place.rglob("*.json"):
        text = file.read_text()
        file.write_text(text.replace(str(made), str(place)))
    return place


def decide(folder: Path, **answer: Any) -> None:
    """Change the verdict of a comparison."""
    record = ComparisonRecord.read(folder)
    replace(record, answer=replace(record.answer, **answer)).write(folder)


def test_all_images_train_with_the_settings_of_the_comparison(made: Path) -> None:
    run, earlier = made / "out" / "fcn-all-images", made / "out" / "fcn-seed0"
    assert Data.read(run).counts == {"train": 12, "val": 0, "test": 0}
    now, before = Config.read(run), Config.read(earlier)
    assert {name: value for name, value in asdict(now.protocol).items() if name not in OWN} == {
        name: value for name, value in asdict(before.protocol).items() if name not in OWN
    }
    assert now.data.all_images
    assert not before.data.all_images
    assert "--all-images" in now.command
    assert now.seed == 0
    assert now.protocol.epochs == 3  # the mean of 2 and 3, rounded up
    [choice] = [choice for choice in now.choices if choice.name == "epochs"]
    assert "2 and 3" in choice.why


def test_the_last_weights_are_kept_and_there_is_no_score(made: Path) -> None:
    run = made / "out" / "fcn-all-images"
    last = torch.load(run / "last" / "state.pt", weights_only=True)["model"]
    kept = load_file(run / "best.safetensors")
    assert all(torch.equal(kept[name], last[name]) for name in kept)
    history = pd.read_csv(run / "history.csv")
    assert len(history) == Config.read(run).protocol.epochs
    assert history["val_miou"].isna().all()
    metrics, expected = Metrics.read(run), Expected.read(run)
    assert (metrics.split, metrics.images, metrics.miou, metrics.val_miou) == ("none", 0, None, None)
    [entry] = [entry for entry in ComparisonRecord.read(made / "out").ranking if entry.model == "fcn"]
    assert (expected.miou, expected.train_images, expected.seeds) == (entry.miou, 10, (0, 1))
    assert (expected.low, expected.high) == (None, None)  # too few validation images for an interval
    for text in (percent(entry.miou), "10 images", "validation"):
        assert text in (metrics.note or "")
    result = segarena.TrainedRun(run)
    assert "all images" in repr(result)
    assert result.metrics.caveat == metrics.note
    assert result.metrics._repr_html_()


def test_the_comparison_prefers_it_for_prediction_only(
    made: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder, run = made / "out", made / "out" / "fcn-all-images"
    image = made / "data" / "images" / "square03.png"
    result = segarena.Comparison(folder)
    for found in (segarena.load(folder), result.predictor(), result.predictor("fcn")):
        assert found.run == run
    assert result.predictor("pspnet").run.parent == result.predictor("fcn", seed=1).run.parent == folder
    assert result.predictor("fcn", seed=1).run.name == "fcn-seed1"
    segarena.predict(folder, [image], out=tmp_path / "masks")
    assert "trained on all 12 images" in capsys.readouterr().out
    assert segarena.evaluate(folder, out=tmp_path / "scores")["split"] == "val"


def test_its_own_images_are_recognised_as_training_images(made: Path, tmp_path: Path) -> None:
    run = made / "out" / "fcn-all-images"
    for data in ((), (made / "data",)):
        with refuses(ConfigError, where="split", value="12 images trained the model"):
            segarena.evaluate(run, *data, out=tmp_path / "none")
    for part in ("val", "test"):
        with refuses(ConfigError, where="split", value="all images") as raised:
            segarena.evaluate(run, split=part, out=tmp_path / "none")
        assert "train" in raised.value.remedy
    scores = segarena.evaluate(run, split="train", out=tmp_path / "train")
    assert (scores["train_images"], scores["images"]) == (12, 12)
    for number in range(2):
        write_pair(tmp_path / "new", f"new{number}", seed=100 + number)
    assert segarena.evaluate(run, tmp_path / "new", out=tmp_path / "new scores").caveat == ""


def test_without_validation_images_there_is_no_export_with_8_bits(made: Path, tmp_path: Path) -> None:
    pytest.importorskip("onnxscript", reason="onnxscript is not installed")
    pytest.importorskip("onnxruntime", reason="ONNX Runtime is not installed")
    with refuses(RunError, where=made / "out" / "fcn-all-images", value="all images"):
        segarena.export(made / "out", int8=True, out=tmp_path / "a.onnx")
    assert not list(tmp_path.iterdir())


def test_the_page_shows_the_command_and_then_the_run(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = place / "out"
    decide(folder, claim="best_network", best="pspnet")
    section = re.search(r'<section id="use".*?</section>', build_report(folder).read_text(), re.DOTALL)
    assert section is not None
    [line] = [line for line in re.findall("<code>(.*?)</code>", section[0]) if " train " in line]
    for other in ("predict", "export", "serve"):
        assert re.search(rf"segarena {other} \S*out\b", section[0])
    monkeypatch.chdir(place)
    monkeypatch.setattr(sys, "argv", shlex.split(line))
    assert cli.main() == 0
    assert Config.read(folder / "pspnet-all-images").model == "pspnet"
    section = re.search(r'<section id="use".*?</section>', (folder / "report.html").read_text(), re.DOTALL)
    assert section is not None
    assert "pspnet-all-images" in section[0]
    assert str(place) not in section[0]


def test_the_command_at_the_end_of_a_comparison_works(
    place: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = place / "out"
    decide(folder, claim="undecided", best=None, candidates=("pspnet", "fcn"))
    record = ComparisonRecord.read(folder)
    compare._show(record, folder, folder / "report.html")
    [line] = [text for text in capsys.readouterr().out.splitlines() if "--all-images" in text]
    assert "12 labelled images" in line
    monkeypatch.setattr(sys, "argv", shlex.split(line.partition(": ")[2]))
    assert cli.main() == 0
    assert (folder / f"{record.ranking[0].model}-all-images" / "costs.json").exists()


@pytest.mark.parametrize(
    ("answer", "model", "expected", "why"),
    [
        ({"claim": "best_network", "best": "fcn"}, None, "fcn", "best model"),
        ({"claim": "best_network", "best": "fcn"}, "FCN", "fcn", "best model"),  # as it is read again for the training
        ({"claim": "undecided", "best": None, "candidates": ("fcn", "pspnet")}, None, "first", "may be as good"),
        ({"claim": "best_network", "best": "fcn"}, "PSPNet", "pspnet", "named"),
        ({"claim": "no_better_than_baseline", "best": None}, "fcn", "fcn", "named"),
        ({"claim": "no_better_than_baseline", "best": None}, None, None, ""),
        ({"claim": "no_score", "best": None}, None, None, ""),
        ({"claim": "best_network", "best": "fcn"}, "unet", None, ""),
    ],
)
def test_the_model_is_that_of_the_verdict_or_named(
    place: Path, answer: dict[str, Any], model: str | None, expected: str | None, why: str
) -> None:
    decide(place / "out", **answer)
    if expected is None:
        with refuses(ConfigError, where="--model"):
            read_like(place / "out", model, all_images=True)
        return
    found = read_like(place / "out", model, all_images=True).expected
    first = ComparisonRecord.read(place / "out").ranking[0].model
    assert found.model == (first if expected == "first" else expected)
    assert why in found.why


def test_interrupted_and_resumed_it_ends_in_the_same_bits(
    made: Path, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, steps = place / "out", 0
    step = engine.Trainer._train_step

    def stop_at_the_second(self: engine.Trainer, *arguments: object) -> object:
        nonlocal steps
        steps += 1
        if steps == 4:
            os.kill(os.getpid(), signal.SIGINT)
        return step(self, *arguments)

    monkeypatch.setattr(engine.Trainer, "_train_step", stop_at_the_second)
    with pytest.raises(Interrupted) as stopped:
        segarena.train(like=folder, model="fcn", all_images=True)
    monkeypatch.setattr(engine.Trainer, "_train_step", step)
    part = folder / "fcn-all-images"
    assert segarena.load(folder).run.name != part.name  # it is not finished
    assert "after epoch 1" in segarena.load(part).unfinished
    with refuses(RunError, where=part, value="not empty"):
        segarena.train(like=folder, model="fcn", all_images=True)
    monkeypatch.setattr(sys, "argv", shlex.split(str(stopped.value).partition("in a shell: ")[2]))
    assert cli.main() == 0
    assert (part / "best.safetensors").read_bytes() == (
        made / "out" / "fcn-all-images" / "best.safetensors"
    ).read_bytes()
    assert Expected.read(part).miou == Expected.read(made / "out" / "fcn-all-images").miou
    assert segarena.load(folder).run == part


def test_data_that_has_changed_is_used_and_named(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_pair(place / "data", "square99", seed=99)
    (place / "data" / "images" / "square03.png").unlink()
    (place / "data" / "masks" / "square03.png").unlink()
    write_pair(place / "data", "square04", seed=98)
    run = segarena.train(like=place / "out", model="fcn", all_images=True)
    expected = Expected.read(Path(run))
    for text in ("square04 is changed", "square03 is not there", "square99 is new"):
        assert text in expected.changed
        assert text in (Metrics.read(Path(run)).note or "")
    assert "square99 is new" in "".join(capsys.readouterr()).replace("\n", " ")


def test_data_of_other_classes_is_refused(place: Path) -> None:
    classes = [{"name": "ground", "value": 0}, {"name": "square", "value": 255}]
    (place / "data" / "classes.yaml").write_text(yaml.safe_dump({"classes": classes}))
    with refuses(RunError, where=place / "out", value="other classes"):
        segarena.train(like=place / "out", model="fcn", all_images=True)
    assert not (place / "out" / "fcn-all-images").exists()


def test_data_that_was_moved_is_asked_for_and_then_used(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    moved = (place / "data").rename(place / "moved data")
    with refuses(RunError, where=place / "out", value=str(place / "data")) as caught:
        segarena.train(like=place / "out", model="fcn", all_images=True)
    line = caught.value.remedy.partition(": ")[2].replace("NEW_FOLDER", shlex.quote(str(moved)))
    monkeypatch.setattr(sys, "argv", shlex.split(line))
    assert cli.main() == 0
    assert Expected.read(place / "out" / "fcn-all-images").changed == ""


def test_what_is_typed_replaces_what_was_learned(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(calibration, "FEWEST_STEPS", 0)  # its time is predicted, which short trainings are spared
    out = place / "mine"
    run = segarena.train(like=place / "out", model="fcn", all_images=True, epochs=1, seed=7, out=out)
    config = Config.read(Path(run))
    assert (config.protocol.epochs, config.seed, Path(run)) == (1, 7, out)
    options = OptionsRecord.read(out).options
    assert options["all_images"] is True
    assert segarena.load(place / "out").run.parent == place / "out"  # a run elsewhere is used by its own name


def test_without_all_images_a_run_is_repeated(place: Path) -> None:
    earlier = place / "out" / "pspnet-seed1"
    run = segarena.train(like=place / "out", model="pspnet", seed=1, out=place / "again")
    assert Metrics.read(Path(run)) == Metrics.read(earlier)
    final = segarena.train(like=run, all_images=True, out=place / "final")
    assert Config.read(Path(final)).protocol.epochs == Metrics.read(earlier).best_epoch
    with refuses(RunError, where=final.folder, value="trained on all images"):
        segarena.train(like=final, all_images=True, out=place / "another")


def test_folds_give_the_mean_of_their_best_epochs(squares: Path, tmp_path: Path) -> None:
    folder = tmp_path / "out"
    segarena.compare(squares, models="fcn", folds=2, out=folder, **QUICK)
    like = read_like(folder, "fcn", all_images=True)
    best = [Metrics.read(folder / "fcn-seed0" / f"fold{fold}").best_epoch or 0 for fold in (1, 2)]
    assert like.expected.best_epochs == tuple(best)
    assert like.choices["epochs"].value == -(-sum(best) // 2)
    run = segarena.train(like=folder, model="fcn", all_images=True)
    assert Data.read(Path(run)).counts["train"] == 12
    for earlier in (folder, folder / "fcn-seed0"):
        repeated = read_like(earlier, "fcn", all_images=False).options
        assert (repeated["folds"], repeated["data"], "splits" in repeated) == (2, squares, False)


@pytest.mark.parametrize(
    ("option", "value"),
    [("patience", 3), ("folds", 2), ("test_fraction", 0.2), ("group_by", "prefix"), ("splits", "data.json")],
)
def test_options_that_hold_images_out_are_refused(squares: Path, tmp_path: Path, option: str, value: object) -> None:
    with refuses(ConfigError, where=option, value="all_images"):
        segarena.train(squares, model="fcn", all_images=True, out=tmp_path / "out", **{option: value})


def test_a_folder_without_a_finished_training_is_refused(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with refuses(RunError, where=tmp_path / "empty"):
        segarena.train(like=tmp_path / "empty", all_images=True)
