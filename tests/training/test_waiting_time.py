"""The time in which a network waits for its batches: that of the loader, and none of the steps."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import torch

import segarena
from segarena.loading.dataset import TrainingLoader
from segarena.training.waiting import WaitingTime
from support import QUICK


def slow(count: int, seconds: float) -> Iterator[int]:
    for number in range(count):
        time.sleep(seconds)
        yield number


def test_only_the_loader_is_measured() -> None:
    waiting = WaitingTime("cpu")
    for _ in waiting.over(slow(4, 0.02)):
        time.sleep(0.05)
    assert 0.08 <= waiting.take() < 0.19
    assert waiting.take() == 0


def test_an_epoch_that_is_left_early_is_measured_until_then() -> None:
    waiting = WaitingTime("cpu")
    for _ in waiting.over(slow(100, 0.02)):
        break
    assert 0.02 <= waiting.take() < 0.2


def test_errors_of_the_loader_stay_as_they_are() -> None:
    def broken() -> Iterator[int]:
        yield 1
        raise KeyError("an image")

    with pytest.raises(KeyError):
        list(WaitingTime("cpu").over(broken()))


class Event:
    """A stand-in for a GPU's event: the times at which the GPU reaches them are given in advance, in milliseconds."""

    times: Iterator[float] = iter(())

    def __init__(self, enable_timing: bool = False) -> None:
        assert enable_timing
        self.time = -1.0

    def record(self, stream: object) -> None:
        self.time = next(self.times)

    def synchronize(self) -> None:
        pass

    def elapsed_time(self, other: Event) -> float:
        return other.time - self.time


def test_on_a_gpu_the_gaps_between_its_steps_count(monkeypatch: pytest.MonkeyPatch) -> None:
    # Python is ahead of the GPU: the loader takes 20 ms, and the GPU has a gap of 3 and one of 0 ms.
    Event.times = iter([0.0, 3.0, 50.0, 50.0, 90.0])
    monkeypatch.setattr(torch.cuda, "Event", Event)
    monkeypatch.setattr(torch.cuda, "current_stream", lambda device: None)
    waiting = WaitingTime("cuda")
    assert list(waiting.over(slow(2, 0.02))) == [0, 1]
    assert waiting.take() == pytest.approx(0.003)


def test_the_share_is_in_the_history(squares: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    epoch = TrainingLoader.epoch

    def slowly(self: TrainingLoader, number: int, first: int = 0) -> Iterator[Any]:
        for batch in epoch(self, number, first):
            time.sleep(0.2 * (number == 2))
            yield batch

    monkeypatch.setattr(TrainingLoader, "epoch", slowly)
    run = segarena.train(squares, out=tmp_path / "run", **{**QUICK, "model": "fcn"}).folder
    table = pd.read_csv(run / "history.csv")
    steps = table["images_per_second"].rdiv(8)  # seconds of the eight crops of an epoch
    assert 0 < table["waiting_share"][0] < 1
    assert table["waiting_share"][1] * steps[1] >= 0.4
