"""The number of threads is recorded, kept when a run is resumed, and not left to the rest of the program."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

import segarena
from segarena.records.comparison import ComparisonRecord
from segarena.records.config import Config
from segarena.records.run import Costs, Environment
from support import QUICK


@pytest.mark.long
def test_the_threads_of_a_run_are_recorded_and_kept(squares: Path, tmp_path: Path) -> None:
    before = torch.get_num_threads()
    options = {**QUICK, "epochs": 1, "models": ("fcn",)}
    folder = segarena.compare(squares, out=tmp_path / "out", threads=before + 1, **options).folder
    run = folder / "fcn-seed0"
    weights = (run / "best.safetensors").read_bytes()
    assert ComparisonRecord.read(folder).environment.threads == before + 1
    (run / Costs.file).unlink()
    (run / "last" / "state.pt").unlink()
    segarena.compare(squares, out=folder, resume=True, **options)
    config = Config.read(run)
    assert config.protocol.threads == Environment.read(run).threads == before + 1
    assert f"--threads {before + 1}" in config.command
    assert (run / "best.safetensors").read_bytes() == weights
    assert torch.get_num_threads() == before


def test_threads_are_given_back_after_an_error() -> None:
    from segarena.training.machine import computing_with

    before = torch.get_num_threads()
    with pytest.raises(ValueError, match="stop"), computing_with(before + 2):
        assert torch.get_num_threads() == before + 2
        raise ValueError("stop")
    assert torch.get_num_threads() == before
