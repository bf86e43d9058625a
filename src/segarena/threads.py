"""How threads wait for each other, and a pool of threads for reading files."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

from segarena.cores import count_cores

#: More threads than this wait for the disk and for Python's lock, not for a core.
_MOST_THREADS = 8

#: Memory that images may take which are decoded at the same time, in bytes.
DECODED_BYTES = 2 << 30
#: Bytes of a pixel while it is decoded: of the image, its mask, and the decoder's copies of both.
_PIXEL_BYTES = 8

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


def at_a_time(pixels: int, most: int) -> int:
    """Return how many images may be decoded at the same time: fewer where they are large, so that memory suffices.

    Args:
        pixels: Pixels of the largest image; 0 if that is not known.
        most: How many there are at most.

    >>> at_a_time(1_000_000, 8), at_a_time(100_000_000, 8), at_a_time(0, 8)
    (8, 2, 8)
    """
    return max(1, min(most, DECODED_BYTES // max(1, _PIXEL_BYTES * pixels)))


@contextmanager
def thread_pool(pixels: int = 0) -> Iterator[ThreadPoolExecutor]:
    """Open a pool with a thread for each core, at most eight, for reading and decoding files.

    Args:
        pixels: Pixels of the largest image that is decoded in it; 0 if that is not known.

    >>> with thread_pool() as threads:
    ...     list(threads.map(abs, [-1, 2, -3]))
    [1, 2, 3]
    """
    with ThreadPoolExecutor(at_a_time(pixels, min(_MOST_THREADS, count_cores()))) as threads:
        yield threads


class Room:
    """Memory that threads share: each waits until there is room for what it takes.

    Args:
        size: Bytes in all. Who needs more waits until all of it is free.

    >>> room = Room(100)
    >>> with room.take(60), room.take(40):
    ...     room.free
    0
    >>> room.free
    100
    """

    def __init__(self, size: int) -> None:
        self.size = self.free = size
        self._changed = threading.Condition()

    @contextmanager
    def take(self, needed: int) -> Iterator[None]:
        """Wait for `needed` bytes, and give them back at the end of the block."""
        taken = min(needed, self.size)
        with self._changed:
            self._changed.wait_for(lambda: self.free >= taken)
            self.free -= taken
        try:
            yield
        finally:
            with self._changed:
                self.free += taken
                self._changed.notify_all()
