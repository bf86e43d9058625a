"""A training whose crops are computed together: the network of the other one, and exact after an interruption."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import segarena
from segarena.errors import ConfigError, Interrupted
from segarena.experiment import run as run_module
from segarena.records.config import Config
from support import QUICK, refuses


def train(data: Path, out: Path, **options: Any) -> Path:
    folder = segarena.train(data, out=out, **{**QUICK, "model": "fcn", **options}).folder
    assert folder is not None
    return folder


def test_crops_that_are_computed_together_train_the_same_network(squares: Path, tmp_path: Path) -> None:
    each, batch = (train(squares, tmp_path / crops, crops=crops) for crops in ("each", "batch"))
    assert (each / "best.safetensors").read_bytes() == (batch / "best.safetensors").read_bytes()
    assert Config.read(batch).protocol.crops == "batch"
    assert "--crops batch" in Config.read(batch).command


def test_a_run_whose_crops_are_computed_together_is_resumed_exactly(
    squares: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = train(squares, tmp_path / "whole", crops="batch")

    def stop_after_one(training: Any, start: Any, should_stop: Any, reporter: Any, **_: Any) -> None:
        run_module.train_run(training, start, lambda: True, reporter)

    with monkeypatch.context() as patch:
        patch.setattr("segarena.experiment.training_task.train_run", stop_after_one)
        with pytest.raises(Interrupted):
            train(squares, tmp_path / "part", crops="batch")
    segarena.train(resume=tmp_path / "part")
    for name in ("metrics.json", "best.safetensors"):
        assert (tmp_path / "part" / name).read_bytes() == (whole / name).read_bytes()


def test_crops_that_are_rotated_are_not_computed_together(squares: Path, tmp_path: Path) -> None:
    with refuses(ConfigError, where="--crops batch"):
        train(squares, tmp_path / "run", crops="batch", rotation=5.0)
