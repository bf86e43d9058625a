"""The words of a command line, beside a file or a folder that gives options: each spelling, the last one, flags."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

import segarena
from segarena import cli
from segarena.config import CompareOptions, PredictOptions, TrainOptions, make_options
from segarena.errors import ConfigError, DataError, RunError
from segarena.reuse import complete
from segarena.reuse.words import read_words
from support import refused, refuses

KINDS = {"compare": CompareOptions, "train": TrainOptions}


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working directory with a folder of data, and a home folder."""
    (tmp_path / "data").mkdir()
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("USERPROFILE", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def parsed(line: str, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The options with which a command line calls its command."""
    seen: list[Any] = []
    monkeypatch.setattr(sys, "argv", ["segarena", *line.split()])
    monkeypatch.setattr(f"segarena.commands.{line.split(maxsplit=1)[0]}.run", seen.append)
    assert cli.main() == 0
    return seen[0]


@pytest.mark.parametrize("word", ["--all-images", "--all_images"])
def test_a_flag_in_any_spelling_is_one_of_like(word: str, place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[bool] = []

    def find(*_: object, all_images: bool, **__: object) -> complete.Given:
        asked.append(all_images)
        return complete.Given()

    monkeypatch.setattr("segarena.reuse.words.find_given", find)
    words, _ = read_words(["train", "--like", "c", word], KINDS)
    assert asked == [True]
    assert words[-1] == "--all-images"


def test_of_an_option_that_is_typed_twice_the_last_one_counts(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, epochs in (("a", 3), ("b", 5)):
        (place / f"{name}.yaml").write_text(f"epochs: {epochs}\n")
    options = parsed("compare data --config a.yaml --size 64 --config b.yaml --size 96", monkeypatch)
    assert (options.config, options.epochs, options.size) == (Path("b.yaml"), 5, 96)


def test_a_flag_of_a_file_is_checked_with_what_is_typed(
    place: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (place / "plan.yaml").write_text("dry-run: true\nquiet: true\n")
    options = parsed("compare data --config plan.yaml --json plan.json", monkeypatch)
    assert (options.dry_run, options.quiet, options.json) == (True, True, Path("plan.json"))
    error = refused("compare data --config plan.yaml --verbose", monkeypatch, capsys)
    assert error.where == "plan.yaml: quiet"


def test_a_plan_in_a_file_is_no_comparison_in_python(place: Path) -> None:
    (place / "plan.yaml").write_text("dry-run: true\n")
    with refuses(ConfigError, where="plan.yaml: dry_run"):
        segarena.compare("data", config="plan.yaml")


def test_a_joined_path_in_the_home_folder_is_read_as_by_a_shell(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    options = parsed("compare data --out=~/x --splits=~nobody-has-this-name/y", monkeypatch)
    assert options.out == place / "home" / "x"
    assert options.splits == Path("~nobody-has-this-name/y")


def test_a_name_that_begins_with_a_tilde_is_a_name(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert make_options(PredictOptions, run="r", images="~$a.png").images == (Path("~$a.png"),)
    with refuses(DataError, where="~nobody-has-this-name"):
        segarena.check("~nobody-has-this-name")
    with refuses(RunError, where=place / "home" / "r"):
        segarena.load("~/r")
    (place / "a.yaml").write_text("splits: ~nobody-has-this-name/s\n")
    assert parsed("compare data --config a.yaml", monkeypatch).splits == Path("~nobody-has-this-name/s")


@pytest.mark.parametrize(
    ("line", "where"),
    [
        ("compare ''", "compare"),
        ("predict run a.png ''", "predict"),
        ("compare data --out ''", "--out"),
        ("compare data --out=", "--out"),
        ("predict run a.png --window abc", "--window"),
        ("predict run a.png --window", "--window"),
        ("predict run a.png --tta", "--tta"),
        ("compare data --data-fractions 0.5 x", "--data-fractions"),
        ("compare data --data-fractions --seeds 2", "--data-fractions"),
        ("compare data --models --seeds 2", "--models"),
        ("report data --images some", "--images"),
    ],
)
def test_a_value_that_is_empty_or_no_number_is_one_message(
    line: str, where: str, place: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    error = refused(line, monkeypatch, capsys)
    assert isinstance(error, ConfigError)
    assert error.where == where
