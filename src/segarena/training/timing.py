"""Time some work again and again, and describe the times by percentiles."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from segarena.config.devices import device_type
from segarena.training.devices import synchronize

#: Calls that are not counted at first: they load libraries, compile kernels, choose algorithms and fill caches.
WARM_CALLS = 2
#: Seconds that these take at least on a GPU, which raises its clock under load.
GPU_WARM_SECONDS = 0.5
#: Calls that are counted at least, however long one takes, and at most.
FEWEST_CALLS, MOST_CALLS = 5, 10_000
#: The fewest times of which the 95th and the 99th percentile are given: below it they would be the maximum.
FOR_P95, FOR_P99 = 20, 100


class Percentiles(NamedTuple):
    """The times of repeated work, in seconds."""

    median: float
    p95: float | None
    """95% of the times are at most this; None of fewer than 20 times."""
    p99: float | None
    """Likewise 99%; None of fewer than 100 times."""
    calls: int
    """How many times there are."""


def repeat(
    work: Callable[[], object], *, seconds: float, device: str, clock: Callable[[], float] | None = None
) -> list[float]:
    """Time some work until it has taken long enough.

    Args:
        work: The work.
        seconds: How long all counted calls take together, at least; there are at least 5 of them.
        device: The device that computes it; a GPU is waited for after each call.
        clock: Gives the time in seconds; None for `time.perf_counter`. With `time.process_time` and one thread, other
            programs have less effect.

    Returns:
        The seconds of each counted call.
    """
    clock = clock or time.perf_counter
    warm_until = time.perf_counter() + (0.0 if device_type(device) == "cpu" else GPU_WARM_SECONDS)
    calls = 0
    while calls < WARM_CALLS or time.perf_counter() < warm_until:
        work()
        synchronize(device)
        calls += 1
    found: list[float] = []
    total = 0.0
    while len(found) < FEWEST_CALLS or (total < seconds and len(found) < MOST_CALLS):
        start = clock()
        work()
        synchronize(device)
        found.append(clock() - start)
        total += found[-1]
    return found


def percentiles(times: list[float]) -> Percentiles:
    """Describe times, in seconds, of which there is at least one.

    >>> percentiles([0.2, 0.1, 0.3])
    Percentiles(median=0.2, p95=None, p99=None, calls=3)
    """
    median, p95, p99 = (float(value) for value in np.quantile(times, (0.5, 0.95, 0.99)))
    return Percentiles(
        median, p95 if len(times) >= FOR_P95 else None, p99 if len(times) >= FOR_P99 else None, len(times)
    )
