"""Paths of a command line that are none: refused before anything is imported."""

from __future__ import annotations

from pathlib import Path

import pytest

import segarena
from broken_folders import close
from segarena.commands.paths import check_paths
from segarena.config import BenchOptions, CheckOptions, PredictOptions
from segarena.config.output import OutputOptions
from segarena.errors import ConfigError, RunError
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
