"""Two limits on what a server does at a time: the requests being answered, and the pixels being decoded."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager

from segarena.serving.problems import overloaded, stopping


class Admission:
    """The requests that are being answered.

    Args:
        most: The most requests at once.
    """

    def __init__(self, most: int) -> None:
        self.most, self.now = most, 0
        self.is_stopping = False

    @contextmanager
    def admitted(self) -> Iterator[None]:
        """Count a request while it is answered. Raises ProblemError, 429 or 503."""
        if self.is_stopping:
            raise stopping()
        if self.now >= self.most:
            raise overloaded(self.most)
        self.now += 1
        try:
            yield
        finally:
            self.now -= 1


class PixelBudget:
    """A limit on the pixels in memory: the images beyond it wait as files, which are small, not as decoded arrays.

    Args:
        most: The most pixels at once; an image of more is decoded alone.
    """

    def __init__(self, most: int) -> None:
        self._free = self._most = most
        self._queue: deque[tuple[int, asyncio.Future[None]]] = deque()

    @asynccontextmanager
    async def taken(self, pixels: int) -> AsyncIterator[None]:
        """Wait, first come first served, until this many pixels are free, and hold them in the block."""
        share = min(pixels, self._most)
        if self._queue or share > self._free:
            turn = asyncio.get_running_loop().create_future()
            self._queue.append((share, turn))
            try:
                await turn
            except asyncio.CancelledError:
                if turn.done() and not turn.cancelled():
                    self._give_back(share)
                else:
                    self._queue = deque(entry for entry in self._queue if entry[1] is not turn)
                    self._serve()
                raise
        else:
            self._free -= share
        try:
            yield
        finally:
            self._give_back(share)

    def _give_back(self, share: int) -> None:
        self._free += share
        self._serve()

    def _serve(self) -> None:
        while self._queue and self._queue[0][0] <= self._free:
            share, turn = self._queue.popleft()
            if not turn.done():
                self._free -= share
                turn.set_result(None)
