"""How threads wait for each other, and a pool of threads for reading files."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

from segarena.cores import count_cores

#: More threads than this wait for the disk and for Python's lock, not for a core.
_MOST_THREADS = 8

#: Turns that a thread of libgomp, torch's OpenMP, spins before it sleeps; its default is 300,000.
SPIN_COUNT = 10_000


def limit_spinning() -> None:
    """Let torch's threads sleep soon while they wait for each other, unless the user has set how they wait.

    A thread that spins takes the core that another process, or the thread it waits for, could use: beside other work,
    trainings took several times as long (docs/results.md, benchmarks/waiting.py). No result changes. libgomp reads the
    variable once, so it must be set before torch is imported; processes that load images inherit it.
    """
    if "torch" not in sys.modules and "OMP_WAIT_POLICY" not in os.environ:
        os.environ.setdefault("GOMP_SPINCOUNT", str(SPIN_COUNT))


@contextmanager
def thread_pool() -> Iterator[ThreadPoolExecutor]:
    """Open a pool with a thread for each core, at most eight, for reading and decoding files.

    >>> with thread_pool() as threads:
    ...     list(threads.map(abs, [-1, 2, -3]))
    [1, 2, 3]
    """
    with ThreadPoolExecutor(min(_MOST_THREADS, count_cores())) as threads:
        yield threads
