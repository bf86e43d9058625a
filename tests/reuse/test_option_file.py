"""Options from a file: its keys are the options' names, its paths are relative to it, and what is typed wins."""

from __future__ import annotations

import json
import shlex
import sys
from pathlib import Path
from typing import Any

import pytest

from segarena import cli
from segarena.config import PUBLISHED_NAMES, CheckOptions, Choice, CompareOptions, TrainOptions
from segarena.errors import ConfigError, RunError, SegarenaError
from segarena.published import PUBLISHED
from segarena.records.options import OptionsRecord
from segarena.reuse.complete import complete
from segarena.reuse.option_file import read_option_file
from segarena.texts import parse_yaml
from support import refuses


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of settings beside one of data; the working directory is another one."""
    for folder in ("conf", "my data/labels", "elsewhere", "runs"):
        (tmp_path / folder).mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "elsewhere")
    return tmp_path


def save(place: Path, content: str, name: str = "a.yaml") -> Path:
    path = place / "conf" / name
    path.write_text(content)
    return path


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("batch-size: 8", {"batch_size": 8}),
        ("batch_size: '8'", {"batch_size": 8}),
        ("--batch-size: 8", {"batch_size": 8}),
        ("batch-size: Auto", {"batch_size": "auto"}),
        ("learning-rate: 1e-3", {"learning_rate": 0.001}),
        ("models: [unet, FCN]", {"models": ("unet", "fcn")}),
        ("models: unet, fcn", {"models": ("unet", "fcn")}),
        ("models: unet", {"models": ("unet",)}),
        ("{epochs: 3, loss: ce+dice}", {"epochs": 3, "loss": "ce+dice"}),
        ("weights: none", {"weights": "none"}),
        ("output-stride: 8", {"output_stride": 8}),
        ("download: yes", {"download": True}),
        ("download: false", {"download": False}),
        ("epochs:\npatience: null\nsize: ~", {}),
        ("model: unet\nseed: 3\nwrite-classes: true", {}),  # options of other commands
    ],
)
def test_values_have_the_types_of_the_options(place: Path, line: str, expected: dict[str, Any]) -> None:
    assert read_option_file(CompareOptions, save(place, line)) == expected


def test_json_is_read_as_yaml(place: Path) -> None:
    content = {"epochs": 3, "learning_rate": 1e-3, "models": ["unet"], "download": True, "folds": None}
    expected = {"epochs": 3, "learning_rate": 1e-3, "models": ("unet",), "download": True}
    for name in ("a.json", "a.yaml"):
        assert read_option_file(CompareOptions, save(place, json.dumps(content), name)) == expected


@pytest.mark.parametrize(
    ("line", "value", "remedy"),
    [
        ("epoch: 3", "epoch", "epochs"),
        ("batchsize: 3", "batchsize", "batch_size"),
        ("colour: red", "colour", "epochs"),
        ("resume: runs/a", "resume", "--resume"),
        ("config: b.yaml", "config", "--config"),
        ("epochs: many", "'many' as epochs", "whole number"),
        ("batch-size: some", "'some' as batch_size", "a whole number or auto"),
        ("epochs: 2.5", "'2.5' as epochs", "whole number"),
        ("epochs: [3]", "a list as epochs", "whole number"),
        ("epochs: {max: 3}", "keys of its own as epochs", "whole number"),
        ("models: [[fcn]]", "a list as models", "one of fcn, unet"),
        ("loss: focal", "'focal' as loss", "ce+dice"),
        ("download: perhaps", "'perhaps' as download", "true or false"),
        ("epochs: 3\nepochs: 4", "twice", "epochs"),
        ("batch-size: 3\nbatch_size: 4", "batch_size twice", "one"),
        ("- epochs", "no keys", "epochs"),
        ("", "no keys", "epochs"),
        ("a: [b", "neither YAML nor JSON", "epochs"),
        ("!!python/object/apply:os.system [true]", "no keys", "epochs"),
        ("a: &a [x, x]\nmodels: [*a, *a]", "neither YAML nor JSON", "epochs"),
        ("[" * 5000, "neither YAML nor JSON", "epochs"),
        ("#" * 1_100_000, "1,100,000 bytes", "epochs"),
        ("schema: 1\nranking: []", "no options", "options.json"),
    ],
)
def test_what_cannot_be_read_is_named_with_what_to_write(place: Path, line: str, value: str, remedy: str) -> None:
    path = save(place, line)
    with refuses(ConfigError, where=path, value=value) as caught:
        read_option_file(CompareOptions, path)
    assert remedy in caught.value.remedy


def test_a_saved_file_gives_what_was_typed_and_what_was_chosen(place: Path) -> None:
    record = OptionsRecord(
        command="compare",
        options={"data": str(place / "my data"), "models": ["unet", "fcn"], "seeds": 2, "learning_rate": 0.00212},
        choices=(Choice("size", 96, "as the images"), Choice("workers", 7, "cores of another machine")),
        fingerprint=(),
    )
    record.write(place / "runs")
    expected = {"data": place / "my data", "learning_rate": 0.00212, "size": 96}
    for path in (place / "runs", place / "runs" / "options.json"):
        assert read_option_file(CompareOptions, path) == {**expected, "models": ("unet", "fcn"), "seeds": 2}
        assert read_option_file(TrainOptions, path) == expected
    newer = save(place, json.dumps({**record.to_json(), "schema": 99}), "options.json")
    with refuses(RunError, where=newer, value="schema 99"):
        read_option_file(CompareOptions, newer)


def test_a_file_that_is_missing_and_a_folder_without_options_are_named(place: Path) -> None:
    for path in (place / "none.yaml", place / "conf"):
        with refuses(ConfigError, where=path):
            read_option_file(CompareOptions, path)


@pytest.mark.parametrize(
    ("line", "name", "expected"),
    [
        ("data: ../my data", "data", "my data"),
        ("data: voc2012", "data", None),
        ("out: ../runs/new", "out", "runs/new"),
        ("splits: ../runs", "splits", "runs"),
        ("weights: w.pth", "weights", "conf/w.pth"),
        ("weights: imagenet", "weights", None),
        ("group-by: groups.csv", "group_by", "conf/groups.csv"),
        ("group-by: ^(p\\d+)", "group_by", None),
        ("group-by: prefix", "group_by", None),
        ("{data: ../my data, masks: labels}", "masks", None),  # in the data
        ("{data: ../my data, masks: ../runs}", "masks", "runs"),
        ("{data: ../my data, masks: '*_mask.png'}", "masks", None),
    ],
)
def test_paths_are_relative_to_the_file(place: Path, line: str, name: str, expected: str | None) -> None:
    path = save(place, line)
    written = parse_yaml(line)[name.replace("_", "-")]
    value = read_option_file(CompareOptions, path)[name]
    assert str(value) == (written if expected is None else str(place / expected))


def test_a_path_that_is_relative_to_the_working_directory_is_corrected(place: Path) -> None:
    path = save(place, "data: images")
    (place / "elsewhere" / "images").mkdir()
    with refuses(ConfigError, where=path, value="images") as caught:
        read_option_file(CompareOptions, path)
    assert str(Path("..", "elsewhere", "images")) in caught.value.remedy


def test_a_path_on_another_drive_is_corrected_to_the_absolute_one(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_relative_path(path: object, start: object) -> str:
        raise ValueError("path is on mount 'C:', start on mount 'D:'")

    path = save(place, "data: images")
    (place / "elsewhere" / "images").mkdir()
    monkeypatch.setattr("os.path.relpath", no_relative_path)
    with refuses(ConfigError, where=path, value="images") as caught:
        read_option_file(CompareOptions, path)
    assert str(place / "elsewhere" / "images") in caught.value.remedy


def test_the_file_of_findings_is_relative_to_the_file_of_options(place: Path) -> None:
    path = save(place, "data: ../my data\njson: ../runs/found.json")
    (place / "elsewhere" / "found.json").touch()
    assert read_option_file(CheckOptions, path)["json"] == place / "runs" / "found.json"
    assert read_option_file(CheckOptions, save(place, "json: found.json"))["json"] == place / "conf" / "found.json"


def typed(line: str, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The options with which the command of a command line is called."""
    seen: list[Any] = []
    errors: list[SegarenaError] = []
    monkeypatch.setattr(sys, "argv", ["segarena", *shlex.split(line)])
    monkeypatch.setattr("segarena.commands.paths.check_paths", lambda options: None)
    for verb in ("check", "compare", "train"):
        monkeypatch.setattr(f"segarena.commands.{verb}.run", seen.append)
    monkeypatch.setattr(SegarenaError, "__str__", lambda error: errors.append(error) or "")
    if cli.main() != 0:
        raise errors[-1]
    return seen[0]


def test_what_is_typed_wins(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = save(place, "data: ../my data\nepochs: 3\nloss: ce+dice\ndownload: on\nmodels: unet\nmodel: fcn\nseed: 7")
    line = f"--config {path} --epochs 5 --loss ce"
    for options in (
        typed(f"compare {line}", monkeypatch),
        complete(CompareOptions, config=str(path), epochs=5, loss="ce"),
    ):
        assert (options.epochs, options.loss, options.models, options.download) == (5, "ce", ("unet",), True)
        assert options.data == place / "my data"
    train = typed(f"train {line} other", monkeypatch)
    assert (train.model, train.seed, train.data) == ("fcn", 7, Path("other"))
    assert typed(f"train --model unet --config={path}", monkeypatch).model == "unet"
    assert complete(TrainOptions, config=path).model == "fcn"


def test_check_reads_the_data_from_the_file_of_a_training(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = save(place, "data: ../my data\nmasks: labels\nepochs: 3\nout: ../runs/new\nsplit: 0.6")
    for options in (typed(f"check --config {path}", monkeypatch), complete(CheckOptions, config=path)):
        assert (options.data, options.masks, options.split) == (place / "my data", Path("labels"), 0.6)
        assert options.out is None  # that of the training


@pytest.mark.parametrize(
    ("line", "more", "where"),
    [
        ("epochs: 0", "", "a.yaml: epochs"),
        ("size: 8", "--epochs 0", "a.yaml: size"),
        ("size: 64", "--epochs 0", "--epochs"),
        ("epochs: 3", "--epochs 0", "--epochs"),
    ],
)
def test_an_option_that_cannot_work_is_named_where_it_is_written(
    place: Path, monkeypatch: pytest.MonkeyPatch, line: str, more: str, where: str
) -> None:
    path = save(place, line)
    with refuses(ConfigError, where=where):
        typed(f"compare x --config {path} {more}", monkeypatch)
    words = shlex.split(more)
    options = {name.removeprefix("--"): int(value) for name, value in zip(words[::2], words[1::2], strict=True)}
    with refuses(ConfigError, where=where):
        complete(CompareOptions, data="x", config=path, **options)


def test_the_names_of_published_data_sets_are_those_that_are_read() -> None:
    assert tuple(PUBLISHED) == PUBLISHED_NAMES
