"""Repeated work and its percentiles, with a clock that only the work moves."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import cycle
from types import SimpleNamespace

import pytest

from segarena.training import timing
from segarena.training.timing import FEWEST_CALLS, WARM_CALLS, percentiles, repeat


class Clock:
    """A clock that stands still but for the work: each call takes the next of some seconds."""

    def __init__(self, *seconds: float) -> None:
        self.now, self.calls = 0.0, 0
        self._seconds: Iterator[float] = cycle(seconds)

    def work(self) -> None:
        self.now += next(self._seconds)
        self.calls += 1


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> Clock:
    found = Clock(*request.param)
    monkeypatch.setattr(timing, "time", SimpleNamespace(perf_counter=lambda: found.now))
    return found


@pytest.mark.parametrize("clock", [(0.25,)], indirect=True)
def test_work_is_repeated_until_it_has_taken_long_enough(clock: Clock) -> None:
    assert repeat(clock.work, seconds=3.0, device="cpu") == [0.25] * 12
    assert clock.calls == WARM_CALLS + 12


def test_another_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    """The processor time of one thread, e.g., which other programs change less."""
    wall, own = Clock(9.0), Clock(0.5)
    monkeypatch.setattr(timing, "time", SimpleNamespace(perf_counter=lambda: wall.now))

    def work() -> None:
        wall.work()
        own.work()

    assert repeat(work, seconds=3.0, device="cpu", clock=lambda: own.now) == [0.5] * 6


@pytest.mark.parametrize("clock", [(9.0,)], indirect=True)
def test_slow_work_is_repeated_a_few_times_all_the_same(clock: Clock) -> None:
    assert repeat(clock.work, seconds=1.0, device="cpu") == [9.0] * FEWEST_CALLS


@pytest.mark.parametrize("clock", [(5.0, 5.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0)], indirect=True)
def test_the_first_calls_are_not_counted(clock: Clock) -> None:
    """They load libraries and compile kernels."""
    assert repeat(clock.work, seconds=6.0, device="cpu") == [1.0] * 6


def test_a_gpu_is_warmed_until_its_clock_is_up(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock(0.125)
    monkeypatch.setattr(timing, "time", SimpleNamespace(perf_counter=lambda: clock.now))
    waited: list[str] = []
    monkeypatch.setattr(timing, "synchronize", waited.append)
    assert len(repeat(clock.work, seconds=0.5, device="cuda:1")) == FEWEST_CALLS
    assert clock.calls == 4 + FEWEST_CALLS  # half a second before
    assert waited == ["cuda:1"] * clock.calls


def test_percentiles_are_given_of_enough_times_only() -> None:
    hundred = [number / 100 for number in range(101)]
    assert percentiles(hundred) == pytest.approx((0.5, 0.95, 0.99, 101))
    assert percentiles(hundred[:99])[2] is None
    assert percentiles(hundred[:20])[1] == pytest.approx(0.95 * 0.19)
    assert percentiles(hundred[:19])[1:3] == (None, None)
