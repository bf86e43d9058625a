"""One small trained run that the tests of several verbs share."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch  # noqa: F401  so that `_small_encoders` is in force for a file that is run alone, too

import segarena
from support import QUICK, write_squares


@pytest.fixture(scope="module", autouse=True)
def _quick_runs(quick_runs: None, blank_figures: None) -> None:
    """Trainings and comparisons are checked by their files."""


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run on twelve squares with enough steps to find them; the data lies beside it in `data`."""
    folder = tmp_path_factory.mktemp("trained")
    write_squares(folder / "data", 12)
    options = {**QUICK, "epochs": 12, "patience": 12, "learning_rate": 3e-3}
    return segarena.train(folder / "data", model="unet", out=folder / "run", **options)
