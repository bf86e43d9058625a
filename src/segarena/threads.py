"""The number of processor cores, and a pool of threads for reading files."""

from __future__ import annotations

import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

#: More threads than this wait for the disk and for Python's lock, not for a core.
_MOST_THREADS = 8


def count_cores() -> int:
    """Return the number of processor cores that this process may use, at least 1."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@contextmanager
def thread_pool() -> Iterator[ThreadPoolExecutor]:
    """Open a pool with a thread for each core, at most eight, for reading and decoding files.

    >>> with thread_pool() as threads:
    ...     list(threads.map(abs, [-1, 2, -3]))
    [1, 2, 3]
    """
    with ThreadPoolExecutor(min(_MOST_THREADS, count_cores())) as threads:
        yield threads
