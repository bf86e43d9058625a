"""The rates of a machine, and the work of networks whose operations and bytes are known."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import nn

from segarena.training import rates
from segarena.training.rates import Work, forward_work, measure_rates, shortest, step_work


def test_rates_are_those_of_the_fastest_call(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rates, "SIDE", 8)
    monkeypatch.setattr(rates, "COPIED", 64)

    def repeat(work: Callable[[], object], **options: object) -> list[float]:
        found = work()
        assert isinstance(found, torch.Tensor)
        if found.ndim == 2:  # 8 products of 0.5 * 0.5
            assert found.dtype == torch.bfloat16
            assert bool((found == 2.0).all())
            return [4.0, 2.0, 3.0]
        assert found.nbytes == 64
        return [8.0, 16.0]

    monkeypatch.setattr(rates, "repeat", repeat)
    assert measure_rates("cpu", "bf16", seconds=1.0) == (2 * 8**3 / 2.0, 2 * 64 / 8.0)


def test_work_of_a_convolution() -> None:
    """Of 3 channels into 4, 10 x 10 pixels: 2 * 3 * 4 operations a pixel, 4 numbers written and read."""
    layer = nn.Conv2d(3, 4, kernel_size=1)
    assert forward_work(layer, (10, 10), "fp32") == (2400, 2 * 400 * 4)
    assert forward_work(layer, (10, 10), "bf16") == (2400, 2 * 400 * 2)
    assert step_work(forward_work(layer, (10, 10), "bf16")) == (3 * 2400, 5 * 400 * 2)
    assert Work(3, 5).times(4) == (12, 20)


def test_the_shortest_time_is_by_each_rate() -> None:
    assert shortest(Work(flops=6e9, moved=2e9), rates.Rates(flops=3e9, copied=8e9)) == (2.0, 0.25)


def test_really_measured_rates_are_possible(monkeypatch: pytest.MonkeyPatch) -> None:
    """A processor core does between a million and a million million operations in a second."""
    monkeypatch.setattr(rates, "SIDE", 64)
    monkeypatch.setattr(rates, "COPIED", 1 << 16)
    flops, copied = measure_rates("cpu", "fp32", seconds=0.01)
    assert 1e6 < flops < 1e13
    assert 1e5 < copied < 1e13
