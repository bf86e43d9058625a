"""A user's module in a comparison: trained, resumed, measured, ranked, drawn, loaded again, as the others."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import segarena
from band_files import write_bands
from own_modules import Answering, Tied, Tiny
from segarena.errors import ConfigError, OptionTypeError, RunError
from segarena.records.comparison import ComparisonRecord
from segarena.records.config import Config
from segarena.records.metrics import Metrics
from segarena.results.comparison import Comparison
from support import QUICK, refused, refuses, write_squares

ONCE: dict[str, Any] = {**QUICK, "epochs": 1}
ALONE = {name: value for name, value in ONCE.items() if name != "encoder"}


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_squares(tmp_path_factory.mktemp("data") / "squares", 10)


@pytest.fixture(scope="module")
def compared(data: Path) -> Comparison:
    """FCN and a module with logits at stride 4."""
    return segarena.compare(data, models=["fcn", ("mine", Tiny)], out=data.parent / "compared", **ONCE)


def test_a_module_stands_in_all_tables(compared: Comparison) -> None:
    record = ComparisonRecord.read(compared.folder)
    mine = next(entry for entry in record.ranking if entry.model == "mine")
    assert {entry.model for entry in record.ranking} == {"fcn", "mine"}
    assert (mine.params, mine.logit_stride) == (sum(p.numel() for p in Tiny(2).parameters()), 4)
    assert mine.flops > 0
    assert mine.latency_ms > 0
    assert mine.ceiling is not None
    for table in (compared.ranking, compared.models, compared.classes, compared.images):
        assert set(table["model"]) == {"fcn", "mine"}
    page = compared.report.read_text(encoding="utf-8")
    assert page.count("mine") > 5
    assert list(compared.glob("gallery/*/mine.png"))
    assert record.command.startswith("segarena.compare(")
    assert "('mine', mine)" in record.command


def test_its_weights_label_images_with_the_function(compared: Comparison, data: Path, tmp_path: Path) -> None:
    image = data / "images" / "square00.png"
    mask = compared.predictor("mine", build=Tiny).predict(image)
    run = compared.run("mine").folder
    assert np.array_equal(segarena.load(run, build=lambda: Tiny(2)).predict(image), mask)
    folder = segarena.predict(run, image, build=Tiny, out=tmp_path / "predicted")
    assert (folder / "square00.png").is_file()
    scores = segarena.evaluate(run, build=Tiny, out=tmp_path / "scores")
    assert scores["miou"] == compared.run("mine").metrics["miou"]
    for build, value in ((None, "own_modules.Tiny"), (Tied, "another module")):
        with refuses(RunError, where=run, value=value):
            segarena.load(run, build=build)


@pytest.mark.parametrize("line", ["predict {run} {image}", "evaluate {run}", "compare --resume {folder}"])
def test_the_command_line_names_the_call_in_python(
    compared: Comparison,
    data: Path,
    line: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    places = {"run": compared / "mine-seed0", "image": data / "images" / "square00.png", "folder": compared.folder}
    error = refused(line.format(**places), monkeypatch, capsys)
    assert "mine" in error.what
    assert "build" in error.remedy


def test_seeds_are_added_and_nothing_is_trained_twice(data: Path, tmp_path: Path) -> None:
    """The function is given again; another module under the name is refused."""
    pair = ("tied", Tied)
    first = segarena.compare(data, models=pair, out=tmp_path / "out", **ALONE)
    before = {path: path.stat().st_mtime_ns for path in first.glob("tied-seed0/*")}
    with refuses(RunError, where=first / "tied-seed0", value="tied"):
        segarena.compare(resume=first, models=("tied", Tiny), seeds=2)
    added = segarena.compare(resume=first, models=[pair, ("tiny", Tiny)], seeds=2)
    assert {path: path.stat().st_mtime_ns for path in first.glob("tied-seed0/*")} == before
    assert sorted(zip(added.models["model"], added.models["seed"], strict=True)) == [
        ("tied", 0),
        ("tied", 1),
        ("tiny", 0),
        ("tiny", 1),
    ]
    weights = [added.run("tied", seed).predictor(build=Tied).model.state_dict() for seed in (0, 1)]
    assert not torch.equal(*(state["network.head.weight"] for state in weights))


def test_one_module_is_trained_in_folds(data: Path, tmp_path: Path) -> None:
    run = segarena.train(data, model=("mine", Tiny), folds=3, out=tmp_path / "run", **ALONE)
    assert run.metrics["folds"] == 3
    config = Config.read(run / "fold1")
    assert config.architecture["built_by"] == "own_modules.Tiny"
    assert "encoder" not in config.protocol.network
    assert run.predictor(build=Tiny).predict(data / "images" / "square00.png").shape == (48, 48)


def test_a_module_is_trained_on_other_channels(tmp_path: Path) -> None:
    four = write_bands(tmp_path / "data", 4, "uint8")
    build = partial(Tiny, channels=4)
    run = segarena.train(four, channels="all", model=("mine", build), out=tmp_path / "run", **ALONE)
    assert Config.read(run).architecture["in_channels"] == 4
    assert segarena.evaluate(run, build=build, out=tmp_path / "scored")["miou"] == Metrics.read(run).miou


def test_a_training_that_was_stopped_ends_with_the_same_bits(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    options = {"model": ("mine", Tiny), **ALONE, "epochs": 2}
    whole = segarena.train(data, out=tmp_path / "whole", **options)

    def stop(*_: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("segarena.experiment.run.measure_costs", stop)
        with pytest.raises(KeyboardInterrupt):
            segarena.train(data, out=tmp_path / "stopped", **options)
    again = segarena.train(resume=tmp_path / "stopped", model=("mine", Tiny))
    assert (again / "best.safetensors").read_bytes() == (whole / "best.safetensors").read_bytes()


WRONG: dict[str, tuple[Any, type[ConfigError], str]] = {
    "no name": (["fcn", Tiny], OptionTypeError, "no name"),
    "a module in place of its function": ([("mine", Tiny(2))], OptionTypeError, "'mine' is a module"),
    "a number in place of its function": ([("mine", 3)], OptionTypeError, "int"),
    "a name of segarena's": ([("U-Net", Tiny)], ConfigError, "unet"),
    "a name that is no folder": ([("my/net", Tiny)], ConfigError, "my/net"),
    "a name twice": ([("mine", Tiny), ("mine", Tied)], ConfigError, "mine"),
    "a wrong module": ([("mine", partial(Answering, answer=lambda x: x[:, :1]))], ConfigError, "1 classes"),
}


@pytest.mark.parametrize("name", WRONG)
def test_wrong_modules_are_refused_before_anything_is_written(data: Path, tmp_path: Path, name: str) -> None:
    models, kind, value = WRONG[name]
    with refuses(kind, value=value):
        segarena.compare(data, models=models, out=tmp_path / "out", **ALONE)
    assert not (tmp_path / "out").exists()


def test_names_of_own_models_are_forgotten_after_the_call(compared: Comparison, data: Path) -> None:
    with refuses(ConfigError, where="--models", value="mine"):
        segarena.compare(data, models="mine")
    assert json.loads((compared / "options.json").read_text())["options"]["models"] == ["fcn", "mine"]
