"""A step whose loss or gradient is not finite changes nothing, and weights that are not finite are never chosen."""

from __future__ import annotations

import math
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pandas as pd
import pytest
import safetensors.torch
import torch

import segarena
from segarena.errors import ConfigError
from segarena.records.metrics import Metrics
from segarena.records.run import Costs
from segarena.training import engine, steps
from segarena.training.divergence import Buffers, is_finite
from segarena.training.saving import SavedState
from support import QUICK, refuses

OPTIONS = {**QUICK, "model": "fcn", "learning_rate": 0.003}
EPOCHS, STEPS = 2, 2
add_gradients = steps.add_gradients


def spoil(patch: pytest.MonkeyPatch, places: set[int], value: float = math.nan) -> list[bool]:
    """Let a gradient and a running statistic be not finite in some of all steps; returns whether each was checked."""
    taken: list[bool] = []

    def spoiled(model: torch.nn.Module, *arguments: Any, **options: Any) -> Any:
        losses = add_gradients(model, *arguments, **options)
        if len(taken) in places:
            gradient = next(parameter.grad for parameter in model.parameters() if parameter.grad is not None)
            gradient.fill_(value)
            next(buffer for name, buffer in model.named_buffers() if name.endswith("running_mean")).fill_(value)
        taken.append(True)
        return losses

    patch.setattr(steps, "add_gradients", spoiled)
    return taken


def weights(run: Path) -> dict[str, torch.Tensor]:
    return safetensors.torch.load_file(run / "best.safetensors")


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_a_step_with_a_gradient_that_is_not_finite_changes_nothing(
    squares: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, value: float, capsys: pytest.CaptureFixture[str]
) -> None:
    taken = spoil(monkeypatch, {2}, value)
    run = segarena.train(squares, out=tmp_path / "run", **OPTIONS).folder
    metrics = Metrics.read(run)
    assert (metrics.skipped_steps, metrics.restart, len(taken)) == (1, None, EPOCHS * STEPS)
    assert all(tensor.isfinite().all() for tensor in weights(run).values())
    assert pd.read_csv(run / "history.csv")["train_loss"].notna().all()
    assert "step 1 of epoch 2" in " ".join(capsys.readouterr().out.split())


def test_unchecked_steps_since_the_last_state_are_repeated(
    squares: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        spoil(patch, {2})
        expected = segarena.train(squares, out=tmp_path / "checked", **OPTIONS).folder
    with monkeypatch.context() as patch:
        patch.setattr(engine, "is_seen_at_once", lambda device, scaler: False)  # as on a GPU
        taken = spoil(patch, {2, EPOCHS * STEPS + 2})  # again when the steps are repeated from the beginning
        run = segarena.train(squares, out=tmp_path / "run", **OPTIONS).folder
    assert len(taken) == 2 * EPOCHS * STEPS
    assert Metrics.read(run).skipped_steps == 1
    found, checked = weights(run), weights(expected)
    assert found.keys() == checked.keys()
    assert all(torch.equal(tensor, checked[name]) for name, tensor in found.items())


@pytest.mark.parametrize(
    ("is_due", "places", "steps"),
    [
        pytest.param(False, {3, 8}, 4 + 6 + 6, id="noticed at the end of the epoch, begun again"),
        pytest.param(True, {3, 5}, 6 + 1 + 1, id="saved after each step"),
    ],
)
def test_the_time_of_all_repeated_steps_counts(
    squares: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, is_due: bool, places: set[int], steps: int
) -> None:
    monkeypatch.setattr(engine, "is_seen_at_once", lambda device, scaler: False)  # as on a GPU
    monkeypatch.setattr(SavedState, "is_due", is_due)
    taken = spoil(monkeypatch, places)

    class Clock:
        def __init__(self) -> None:
            self.before = len(taken)

        def read(self) -> float:
            before, self.before = self.before, len(taken)
            return float(self.before - before)

    monkeypatch.setattr(engine, "time", SimpleNamespace(perf_counter=lambda: float(len(taken))))
    monkeypatch.setattr(engine, "CpuClock", Clock)
    run = segarena.train(squares, out=tmp_path / "run", **{**OPTIONS, "epochs": 3}).folder
    costs = Costs.read(run)
    assert (len(taken), costs.train_seconds, costs.train_cpu_seconds) == (steps, steps, steps)


def test_a_learning_rate_that_overflows_the_weights_is_an_error(squares: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    with refuses(ConfigError, where="run", value="third") as caught:
        segarena.train(squares, out=out, **{**OPTIONS, "learning_rate": 1e38, "epochs": 1, "schedule": "poly"})
    assert "fp32" not in caught.value.remedy  # it is used already
    assert not (out / "best.safetensors").exists()


def test_the_statistics_of_a_network_are_kept_and_restored() -> None:
    network = torch.nn.Sequential(torch.nn.Conv2d(1, 2, 1), torch.nn.BatchNorm2d(2))
    buffers, before = Buffers(network), {name: buffer.clone() for name, buffer in network.named_buffers()}
    network(torch.full((2, 1, 4, 4), math.inf))
    assert not is_finite(network)
    buffers.restore()
    assert is_finite(network)
    assert all(torch.equal(buffer, before[name]) for name, buffer in network.named_buffers())


class Replacing(torch.nn.Module):
    """A user's module that puts new tensors in the places of its buffers, and adds one."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("mean", torch.ones(3))
        self.register_buffer("longest", torch.zeros(1))
        self.register_buffer("later", None)

    def forward(self, value: float) -> None:
        self.mean = self.mean + value
        self.longest = torch.full((2,), value)
        self.later = torch.full((1,), value)


def test_buffers_that_a_step_replaced_are_restored() -> None:
    network = torch.nn.Sequential(Replacing())
    buffers = Buffers(network)
    network(math.nan)
    buffers.restore()
    (module,) = network
    assert (module.mean.tolist(), module.longest.tolist(), module.later) == ([1.0] * 3, [0.0], None)
    network(2.0)
    buffers.keep()  # other tensors, of other sizes
    network(math.nan)
    buffers.restore()
    assert (module.mean.tolist(), module.longest.tolist(), module.later.tolist()) == ([3.0] * 3, [2.0] * 2, [2.0])
