"""The processor time of a training: what it cost whatever else the machine did."""

from __future__ import annotations

import multiprocessing
import os
import time
from pathlib import Path


def cpu_seconds() -> float | None:
    """Return the processor time until now, user and system, of this process, its threads and its worker processes.

    Returns:
        Seconds, of which only differences have a meaning; None where the system does not report running workers.
    """
    workers = [_running(child.pid) for child in multiprocessing.active_children() if child.pid is not None]
    if None in workers:
        return None
    times = os.times()
    return time.process_time() + times.children_user + times.children_system + sum(filter(None, workers))


class CpuClock:
    """The processor time since it was last read."""

    def __init__(self) -> None:
        self._before = cpu_seconds()

    def read(self) -> float | None:
        """Return the seconds since the last call, or since the clock was made; None where they are not reported."""
        before, self._before = self._before, cpu_seconds()
        return None if before is None or self._before is None else self._before - before


def _running(pid: int) -> float | None:
    """Seconds of a process that has not ended: fields 14 to 17 of /proc/PID/stat (man 5 proc)."""
    try:
        after_name = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0 if Path("/proc/self/stat").exists() else None  # it has just ended; its time is the children's
    return sum(map(int, after_name[11:15])) / os.sysconf("SC_CLK_TCK")
