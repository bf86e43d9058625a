"""The predicted time of trainings side by side, against a simulation of 10,000 of them in which some fail."""

from __future__ import annotations

import heapq
import random
from itertools import pairwise

import pytest

from segarena.experiment.dry_run import worker_numbers
from segarena.experiment.schedule import list_schedule, makespan

RUNS = 10_000


def simulate(seconds: list[float], workers: int, failures: dict[int, float], *, save_every: float = 60.0) -> float:
    """The seconds until all have ended: events in their order, without the rule that is tested.

    A training that fails loses what it did since its state was saved last, and is resumed once the others are over.
    """
    events: list[tuple[float, int]] = []  # the end of a training or its failure
    waiting, again, now = list(enumerate(seconds))[::-1], [], 0.0
    while waiting or events:
        while waiting and len(events) < workers:
            number, left = waiting.pop()
            done = failures.get(number, left)
            if done < left:
                del failures[number]
                again.append((number, left - done // save_every * save_every))
            heapq.heappush(events, (now + done, number))
        now, _ = heapq.heappop(events)
        if not waiting and not events:
            waiting, again = again[::-1], []
    return now


@pytest.mark.parametrize("workers", [1, 2, 7, 64])
def test_the_schedule_is_that_of_a_simulation_of_events(workers: int) -> None:
    draw = random.Random(workers)
    seconds = [draw.lognormvariate(6, 0.7) for _ in range(RUNS)]
    assert simulate(seconds, workers, {}) == pytest.approx(makespan(seconds, workers))


@pytest.mark.parametrize("workers", [1, 2, 7, 64])
def test_failures_add_what_was_lost_and_at_most_an_idle_end(workers: int) -> None:
    """Two percent fail somewhere: each loses less than a minute, and after the others the last ones leave gaps."""
    draw = random.Random(workers)
    seconds = [draw.lognormvariate(6, 0.7) for _ in range(RUNS)]
    failed = {number: draw.random() * seconds[number] for number in draw.sample(range(RUNS), RUNS // 50)}
    number, longest, predicted = len(failed), max(seconds), makespan(seconds, workers)
    taken = simulate(seconds, workers, dict(failed))
    assert sum(seconds) / workers <= taken <= predicted + number * 60 / workers + 2 * longest
    assert taken == pytest.approx(predicted, rel=0.03)


@pytest.mark.parametrize("workers", [1, 3, 16])
def test_no_worker_is_idle_while_a_training_waits(workers: int) -> None:
    draw = random.Random(0)
    placed = list_schedule([draw.random() for _ in range(200)], workers)
    for worker in range(workers):
        own = [(begin, end) for place, begin, end in placed if place == worker]
        assert all(before[1] == after[0] for before, after in pairwise(own))
    begins = [begin for _, begin, _ in placed]
    assert begins == sorted(begins)


def test_the_numbers_of_workers_that_are_shown() -> None:
    assert worker_numbers(1, 1) == [1]
    assert worker_numbers(0, 2) == [1, 2]
    assert worker_numbers(6, 5) == [1, 2, 4, 5, 6]
