"""The number of threads is recorded, kept when a run is resumed, and not left to the rest of the program."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

import segarena
from recording import FACTS
from sample_records import ENVIRONMENT
from segarena.config import CompareOptions, TrainOptions
from segarena.experiment.resolve import resolve
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


def test_the_threads_of_a_run_on_all_images_are_its_own(tmp_path: Path) -> None:
    for name, threads in (("fcn-all-images", 7), ("fcn-seed0", 5)):
        replace(ENVIRONMENT, threads=threads).write(tmp_path / name)
    (tmp_path / ComparisonRecord.file).write_text("{}")
    own = tmp_path / "fcn-all-images"
    for folder, threads in ((own, 7), (tmp_path, 5)):
        options: Any = {"device": "cpu", "precision": "fp32", "out": folder, "resume": folder}
        found = TrainOptions(model="fcn", **options) if folder == own else CompareOptions(**options)
        assert resolve(found, FACTS)[0].threads == threads


def test_threads_are_given_back_after_an_error() -> None:
    from segarena.training.machine import computing_with

    before = torch.get_num_threads()
    with pytest.raises(ValueError, match="stop"), computing_with(before + 2):
        assert torch.get_num_threads() == before + 2
        raise ValueError("stop")
    assert torch.get_num_threads() == before
