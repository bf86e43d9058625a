"""A training that diverges, or ends hardly above the majority baseline, is repeated once at a third of the rate."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import torch

import segarena
from segarena.data.folder import FolderSource
from segarena.errors import ConfigError, Interrupted
from segarena.experiment import run as run_module
from segarena.experiment.held_out_baseline import majority_miou
from segarena.loading.decoded import DecodedImages
from segarena.records.metrics import Metrics
from segarena.records.run import Costs
from segarena.training import early_stopping
from segarena.training.engine import Trainer
from support import QUICK, refuses

OPTIONS = {**QUICK, "model": "fcn", "learning_rate": 0.003}
Step = Callable[..., Any]


def breaking(monkeypatch: pytest.MonkeyPatch, steps: set[int]) -> list[tuple[int, int, float]]:
    """Make the loss NaN in some steps of all that are taken; returns the epoch, step and rate of each."""
    taken: list[tuple[int, int, float]] = []
    step: Step = Trainer._train_step

    def broken(self: Trainer, *arguments: Any) -> Any:
        total, auxiliary = step(self, *arguments)
        taken.append((self.state.epoch, self.state.step, self.optimizer.param_groups[0]["lr"]))
        return (total * math.nan if len(taken) - 1 in steps else total), auxiliary

    monkeypatch.setattr(Trainer, "_train_step", broken)
    return taken


def test_a_loss_of_nan_restarts_the_training_at_a_third_of_the_rate(
    squares: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    lower = segarena.train(squares, out=tmp_path / "lower", **{**OPTIONS, "learning_rate": 0.001}).folder
    taken = breaking(monkeypatch, {2, 3})  # in the second epoch, after a first one that was saved
    run = segarena.train(squares, out=tmp_path / "run", **OPTIONS).folder
    assert [place[:2] for place in taken] == [(1, 0), (1, 1), (2, 0), (2, 1), (1, 0), (1, 1), (2, 0), (2, 1)]
    assert [rate for _, _, rate in taken[4:]] == pytest.approx([rate / 3 for _, _, rate in taken[:4]])
    metrics, costs = Metrics.read(run), Costs.read(run)
    assert (metrics.restart, metrics.epochs) == ("diverged", 2)
    history = pd.read_csv(run / "history.csv")
    assert list(history["epoch"]) == [1, 2]  # of the second training alone
    assert costs.train_seconds > history["seconds"].sum()  # that of the first one counts too
    assert "learning rate of 0.001" in capsys.readouterr().out
    expected = pd.read_csv(lower / "history.csv")
    scores = ["train_loss", "val_miou", "learning_rate"]
    pd.testing.assert_frame_equal(history[scores], expected[scores])
    assert Metrics.read(lower).restart is None


def test_a_second_failure_is_an_error(squares: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    taken = breaking(monkeypatch, {0, 1, 4, 5})
    with refuses(ConfigError, where="run", value="NaN"):
        segarena.train(squares, out=tmp_path / "run", **OPTIONS)
    assert len(taken) == 6


@pytest.mark.parametrize("last", [1, 2, 5], ids=["before the restart", "after it", "in its second epoch"])
@pytest.mark.long
def test_a_restart_is_resumed_exactly(
    squares: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, last: int
) -> None:
    with monkeypatch.context() as patch:
        breaking(patch, {0, 1})
        whole = segarena.train(squares, out=tmp_path / "whole", **OPTIONS).folder
    part = tmp_path / "part"
    with monkeypatch.context() as patch:
        taken = breaking(patch, {0, 1})
        patch.setattr("segarena.experiment.training_task.train_run", stopping(taken, last))
        with pytest.raises(Interrupted):
            segarena.train(squares, out=part, **OPTIONS)
    epochs, expected = segarena.TrainedRun(part).history["epoch"], {1: [], 2: [], 5: [1]}
    assert list(epochs) == expected[last]  # none of the training before
    assert (part / "best.safetensors").exists() == bool(expected[last])
    with monkeypatch.context() as patch:
        breaking(patch, {0} if last == 1 else set())  # the step with NaN is repeated, if it was not saved
        segarena.train(resume=part)
    for name in ("metrics.json", "best.safetensors"):
        assert (part / name).read_bytes() == (whole / name).read_bytes()


def stopping(taken: list[tuple[int, int, float]], last: int) -> Step:
    """`train_run` that is stopped after a number of steps."""

    def run(training: Any, start: Any, should_stop: Any, reporter: Any, **_: Any) -> None:
        run_module.train_run(training, start, lambda: len(taken) >= last, reporter)

    return run


@pytest.mark.parametrize(
    ("fewest", "baseline", "restarts"),
    [(4, 1.0, True), (5, 1.0, False), (4, -0.5, False), (4, math.nan, False)],
    ids=["hardly better", "too short to judge", "better", "undefined"],
)
def test_a_network_no_better_than_the_majority_baseline_is_trained_again(
    squares: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fewest: int, baseline: float, restarts: bool
) -> None:
    monkeypatch.setattr(early_stopping, "FEWEST_STEPS", fewest)
    monkeypatch.setattr("segarena.experiment.run.majority_miou", lambda training: baseline)
    taken = breaking(monkeypatch, set())
    run = segarena.train(squares, out=tmp_path / "run", **OPTIONS).folder
    assert len(taken) == (8 if restarts else 4)  # once, although the second training is no better
    assert Metrics.read(run).restart == ("majority" if restarts else None)


def test_the_majority_baseline_is_scored_on_the_validation_images(
    squares: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found: list[float] = []
    fit = run_module.fit

    def measured(training: Any, *arguments: Any) -> Any:
        images = replace(training.split, images=DecodedImages(training.split.source, (), limit_bytes=0))
        with monkeypatch.context() as patch:
            patch.setattr(FolderSource, "read", lambda source, index: 1 / 0)  # masks are enough
            found.append(majority_miou(images))
        return fit(training, *arguments)

    monkeypatch.setattr(run_module, "fit", measured)
    per_class = Metrics.read(segarena.train(squares, out=tmp_path / "run", **OPTIONS).folder).per_class
    truth = [scores.tp + scores.fn for scores in per_class.values()]
    assert found == [pytest.approx(max(truth) / sum(truth) / len(truth))]


def test_infinite_counts_as_nan(squares: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    step: Step = Trainer._train_step
    monkeypatch.setattr(
        Trainer,
        "_train_step",
        lambda self, *more: (torch.tensor(math.inf), None) if self.state.restart is None else step(self, *more),
    )
    assert Metrics.read(segarena.train(squares, out=tmp_path / "run", **OPTIONS).folder).restart == "diverged"


def test_a_training_on_all_images_is_not_judged_by_a_score(
    squares: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(early_stopping, "FEWEST_STEPS", 1)  # as in a training of the usual length
    run = segarena.train(squares, out=tmp_path / "run", all_images=True, **OPTIONS).folder
    assert Metrics.read(run).restart is None


def test_a_training_on_all_images_is_restarted_after_nan(
    squares: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(early_stopping, "FEWEST_STEPS", 1)
    breaking(monkeypatch, {0, 1, 2})
    run = segarena.train(squares, out=tmp_path / "run", all_images=True, ema_decay=0.9, **OPTIONS).folder
    assert Metrics.read(run).restart == "diverged"
