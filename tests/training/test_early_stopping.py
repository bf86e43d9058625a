"""Patience counts above the majority baseline, and a training that does not get there begins again."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import segarena
from segarena.records.metrics import Metrics
from segarena.training import early_stopping
from segarena.training.early_stopping import EarlyStopping
from segarena.training.engine import Trainer
from segarena.training.state import TrainingState
from support import QUICK

BASELINE = 0.39


def judge(baseline: float | None = BASELINE) -> EarlyStopping:
    return EarlyStopping(29, 10, 5, None if baseline is None else lambda: baseline)


def state(done: int, best_epoch: int, best_miou: float) -> TrainingState:
    return replace(TrainingState(), epoch=done + 1, best_epoch=best_epoch, best_miou=best_miou)


@pytest.mark.parametrize(
    ("done", "best", "baseline", "finished"),
    [
        (12, 0.392, BASELINE, False),  # hardly better: it may still learn
        (12, 0.411, BASELINE, True),
        (11, 0.411, BASELINE, False),  # patience has not run out
        (29, 0.392, BASELINE, True),  # the epochs have
        (12, 0.392, math.nan, True),
        (12, 0.392, None, True),
    ],
)
def test_patience_counts_above_the_majority_baseline(
    done: int, best: float, baseline: float | None, finished: bool
) -> None:
    assert judge(baseline=baseline).is_finished(state(done, 2, best)) is finished


@pytest.mark.parametrize(
    ("done", "best", "useless"),
    [(20, 0.409, True), (19, 0.409, False), (20, 0.411, False), (20, -1.0, True)],
    ids=["hardly better", "fewer than 100 steps", "better", "never scored"],
)
def test_a_training_is_useless_near_the_majority_baseline(done: int, best: float, useless: bool) -> None:
    assert judge().is_useless(state(done, 2, best)) is useless


def test_the_baseline_is_computed_once_and_only_when_needed() -> None:
    calls: list[int] = []
    judged = EarlyStopping(29, 10, 5, lambda: calls.append(1) or BASELINE)  # type: ignore[func-returns-value]
    assert not judged.is_finished(state(5, 2, 0.3))
    assert not calls
    for _ in range(3):
        assert not judged.is_finished(state(12, 2, 0.3))
    assert len(calls) == 1


@pytest.mark.parametrize(("late", "restart", "epochs"), [(5, None, 7), (9, "majority", 8)])
def test_a_model_that_learns_late_is_not_stopped(
    squares: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, late: int, restart: str | None, epochs: int
) -> None:
    """From the epoch `late` on it scores 0.8, before that like the majority baseline; patience is 2 of 8 epochs."""
    monkeypatch.setattr(early_stopping, "FEWEST_STEPS", 1)
    monkeypatch.setattr("segarena.experiment.run.majority_miou", lambda training: BASELINE)
    finish = Trainer._finish_epoch

    def scored(self: Trainer) -> Any:
        validate, now = self.validate, self.state.epoch
        self.validate = lambda model: {"val_miou": 0.8 if now >= late else 0.39, "val_pixel_accuracy": 0.5}
        try:
            return finish(self)
        finally:
            self.validate = validate

    monkeypatch.setattr(Trainer, "_finish_epoch", scored)
    options = {**QUICK, "model": "fcn", "epochs": 8, "patience": 2}
    run = segarena.train(squares, out=tmp_path / "run", **options).folder
    metrics = Metrics.read(run)
    assert (metrics.restart, metrics.epochs) == (restart, epochs)
