"""How long trainings take side by side: each goes, in their order, to the first place that is free (list scheduling).

Graham 1969, "Bounds on multiprocessing timing anomalies": the end is at most 2 - 1/N times the earliest one possible.
"""

from __future__ import annotations

import heapq
from collections.abc import Sequence


def list_schedule(seconds: Sequence[float], workers: int) -> list[tuple[int, float, float]]:
    """Return where and when each training runs.

    Args:
        seconds: What each takes, in their order.
        workers: How many run at a time.

    Returns:
        For each its worker, from 0, and the seconds at which it begins and ends.

    >>> list_schedule([3, 2, 2], 2)
    [(0, 0.0, 3.0), (1, 0.0, 2.0), (1, 2.0, 4.0)]
    """
    free = [(0.0, worker) for worker in range(workers)]
    placed = []
    for taken in seconds:
        begin, worker = free[0]
        heapq.heapreplace(free, (begin + taken, worker))
        placed.append((worker, begin, begin + taken))
    return placed


def makespan(seconds: Sequence[float], workers: int) -> float:
    """Return the seconds until all have ended.

    >>> makespan([3, 2, 2], 2), makespan([3, 2, 2], 1), makespan([], 2)
    (4.0, 7.0, 0.0)
    """
    return max((end for _, _, end in list_schedule(seconds, workers)), default=0.0)
