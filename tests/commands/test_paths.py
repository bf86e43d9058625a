"""Paths of a command line that are none: refused before anything is imported."""

from __future__ import annotations

from pathlib import Path

import pytest

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
