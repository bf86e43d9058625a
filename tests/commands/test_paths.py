"""Paths of a command line that are none: refused before anything is imported."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import segarena
from broken_folders import close
from segarena.commands.paths import check_paths
from segarena.config import BenchOptions, CheckOptions, PredictOptions
from segarena.config.output import OutputOptions
from segarena.errors import ConfigError, RunError, SegarenaError
from support import refuses

LIST = Path(" ".join(f"image{number}.png" for number in range(100)))


@pytest.mark.parametrize(
    "options",
    [
        CheckOptions(data=LIST),
        CheckOptions(data=Path(), masks=LIST / "x"),
        PredictOptions(run=Path("run"), images=[LIST]),
    ],
    ids=["the data", "the masks", "the images"],
)
def test_a_list_of_files_in_quotation_marks_is_no_path(options: OutputOptions) -> None:
    with refuses(ConfigError, value="too long"):
        check_paths(options)


def test_a_list_of_files_in_quotation_marks_is_no_network() -> None:
    with refuses(RunError, value="does not exist"):
        check_paths(BenchOptions(network=str(LIST)))


@pytest.mark.parametrize("option", ["config", "resume", "like"])
def test_a_list_of_files_in_quotation_marks_gives_no_options(option: str) -> None:
    with refuses(ConfigError, value="too long"):
        segarena.train(**{option: LIST})


def test_a_path_in_a_folder_that_is_closed_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "closed").mkdir()
    close(monkeypatch, "closed")
    for options in (
        CheckOptions(data=tmp_path, out=tmp_path / "closed/x"),
        PredictOptions(run=tmp_path / "closed/run", images=[tmp_path]),
    ):
        with refuses(ConfigError, where="closed", value="Permission denied"):
            check_paths(options)


@pytest.mark.parametrize(
    "call",
    [
        lambda path: segarena.check(".", json=path),
        lambda path: segarena.check(".", splits=path),
        lambda path: segarena.compare(".", vary=[path]),
        lambda path: segarena.compare(runs=[path, "."]),
        lambda path: segarena.train(".", model="unet", weights=path),
        lambda path: segarena.predict(path, "a.png"),
        segarena.evaluate,
        segarena.export,
        lambda path: segarena.export(".", out=path),
        segarena.report,
        segarena.bench,
        lambda path: segarena.bench("unet", json=path),
        segarena.suite,
        lambda path: segarena.suite(resume=path),
        segarena.synth,
        segarena.load,
        segarena.Comparison,
        segarena.TrainedRun,
        segarena.Suite,
    ],
)
@pytest.mark.parametrize("path", ["x" * 300, "a\0b"], ids=["long", "zero byte"])
def test_functions_refuse_such_paths_as_commands_do(
    call: Callable[[str], Any], path: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SegarenaError) as caught:
        call(path)
    assert caught.value.remedy
    assert not list(tmp_path.iterdir())
