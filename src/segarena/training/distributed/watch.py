"""Notice that another process of a training has ended or hangs, also while this one waits for it."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable

from torch.distributed.distributed_c10d import Store

#: Seconds between two signs of life of a process, and between two looks at those of the others.
BEAT = 2.0
#: Looks without a new sign of life after which a process counts as lost. They are counted, as a computer may sleep.
PATIENCE = 15
#: Seconds in which this process may end by itself, once another one is lost.
GRACE = 10.0
#: What a process leaves that has ended as it should.
DONE = "done"


def _end(text: str) -> None:
    sys.stderr.write(f"segarena: {text}\n")
    sys.stderr.flush()
    os._exit(2)


class Watch:
    """A thread that gives signs of life, and looks for those of the other processes.

    A process that was killed closes its connections, which gloo notices at once and NCCL does not; one that hangs keeps
    them. Where another process is lost, this one is ended: it would wait for it for ever, and the state was saved at
    most a minute before.

    Args:
        store: The store of all processes.
        rank: The number of this process.
        number: How many there are.
        end: Ends this process; called with the reason.
    """

    def __init__(self, store: Store, rank: int, number: int, end: Callable[[str], None] = _end) -> None:
        self._store, self._rank, self._number, self._end = store, rank, number, end
        self._stopped = threading.Event()
        self._seen: dict[int, tuple[str, int]] = {}
        self._thread = threading.Thread(target=self._run, name="watch", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """End."""
        self._stopped.set()

    def find_lost(self, look: Callable[[int], str | None] | None = None) -> str | None:
        """Return which process has ended with an error, in words; None where none has."""
        for rank in range(self._number):
            if rank != self._rank and (reason := (look or self._find_error)(rank)) is not None:
                return f"process {rank} of {self._number} {reason}"
        return None

    def _find_error(self, rank: int) -> str | None:
        left = self._read(f"left/{rank}")
        return None if left in (None, DONE) else f"has ended: {left}"

    def _look(self, rank: int) -> str | None:
        """What is wrong with a process; called once in each round."""
        if self._read(f"left/{rank}") is not None:
            return self._find_error(rank)
        beat = self._read(f"beat/{rank}")
        if beat is None:
            return None  # it has not begun
        before, looks = self._seen.get(rank, ("", 0))
        self._seen[rank] = beat, (looks + 1 if beat == before else 0)
        return f"has not answered for {BEAT * PATIENCE:.0f} s" if self._seen[rank][1] >= PATIENCE else None

    def _read(self, key: str) -> str | None:
        return self._store.get(key).decode() if self._store.check([key]) else None

    def _run(self) -> None:
        beat = 0
        while not self._stopped.wait(BEAT):
            try:
                beat += 1
                self._store.set(f"beat/{self._rank}", str(beat))
                lost = self.find_lost(self._look)
            except RuntimeError:
                lost = "the process that connects the others has ended"
            if lost is not None:
                if not self._stopped.wait(GRACE):
                    self._end(f"{lost}. The training was saved at most a minute before.")
                return
