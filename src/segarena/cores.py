"""How many processor cores this process may use, and how many of them other programs use."""

from __future__ import annotations

import math
import os
import time
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

#: A load below this many cores is taken for none: a desktop is never quite idle.
LEAST_LOAD = 0.5
#: Seconds over which the load is measured; /proc/stat counts in hundredths of a second.
_SECONDS = 0.3

_ROOT = Path("/")


def count_cores() -> int:
    """Return the number of processor cores that this process may use, at least 1.

    It is limited by the processors that the process may run on, and by the CPU time that its container is given:
    a limit of 1.5 cores counts as 2.
    """
    quota = read_quota()
    return count_processors() if quota is None else max(1, min(count_processors(), math.ceil(quota)))


def count_processors() -> int:
    """Return the number of processors that this process may run on, at least 1, whatever CPU time it is given."""
    return len(_processors()) or os.cpu_count() or 1


def read_quota(root: Path = _ROOT) -> float | None:
    """Return the CPU time that the control groups of this process allow, in cores; None where nothing limits it.

    Kernel documentation, cgroup-v2: cpu.max; cgroup-v1: cpu.cfs_quota_us. The limits of all groups above apply too.

    Args:
        root: The root of the file system.
    """
    quotas = [quota for folder in control_groups(root, "cpu") if (quota := _quota_of(folder)) is not None]
    return min(quotas, default=None)


def measure_load(root: Path = _ROOT) -> float:
    """Return how many cores other programs use that compete with this process; 0 where the system does not report it.

    It is what they use now, but at most the average of the last minute: neither a program that has just ended nor one
    that runs for a moment counts. Processes with a lower priority than this one do not count: they give way. On a
    machine that was idle in the last minute nothing is measured, otherwise this process waits for 0.3 s.

    Args:
        root: The root of the file system.
    """
    try:
        average = float((root / "proc/loadavg").read_text().split()[0])
        if average < LEAST_LOAD:
            return 0.0
        before = _busy_seconds(root), _own_seconds(), time.monotonic()
        time.sleep(_SECONDS)
        after = _busy_seconds(root), _own_seconds(), time.monotonic()
    except (OSError, ValueError, IndexError):
        return 0.0
    busy, own, seconds = (new - old for old, new in zip(before, after, strict=True))
    return min(average, max(0.0, (busy - own) / seconds))


def processor_seconds(root: Path = _ROOT) -> float | None:
    """Return the seconds that the processors of this process have worked, for whichever program; None where unknown.

    Only differences have a meaning. Processes with a lower priority than this one do not count.

    Args:
        root: The root of the file system.
    """
    try:
        return _busy_seconds(root)
    except (OSError, ValueError, IndexError):
        return None


def control_groups(root: Path, controller: str) -> Iterator[Path]:
    """Yield the folders of the control groups that limit this process, its own first; some may not exist.

    Args:
        root: The root of the file system.
        controller: What they limit: cpu or memory.
    """
    try:
        lines = (root / "proc/self/cgroup").read_text().splitlines()
    except OSError:
        return
    for line in lines:
        number, controllers, group = [*line.split(":", 2), "", ""][:3]
        if number == "0":
            mounts = ["sys/fs/cgroup", "sys/fs/cgroup/unified"]
        elif controller in controllers.split(","):
            mounts = [f"sys/fs/cgroup/{controllers}", f"sys/fs/cgroup/{controller}"]
        else:
            continue
        path = PurePosixPath(group.lstrip("/"))
        for mount in mounts:
            yield from (root / mount / inner for inner in (path, *path.parents))


def _processors() -> set[int]:
    """The numbers of the processors that this process may run on; empty where the system does not report them."""
    return os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else set()


def _busy_seconds(root: Path) -> float:
    """Seconds that the processors of this process have worked since the start of the machine: man 5 proc_stat."""
    lines = [line.split() for line in (root / "proc/stat").read_text().splitlines()]  # first: Windows lacks getpriority
    user, nice, system, irq, softirq, steal = 1, 2, 3, 6, 7, 8
    counted = [user, system, irq, softirq, steal]
    if os.getpriority(os.PRIO_PROCESS, 0) > 0:
        counted.append(nice)
    names = {f"cpu{number}" for number in _processors()}
    ticks = sum(int(words[field]) for words in lines if words and words[0] in names for field in counted)
    return ticks / os.sysconf("SC_CLK_TCK")


def _own_seconds() -> float:
    return sum(os.times()[:4])


def _quota_of(folder: Path) -> float | None:
    """The limit of one control group, in cores; None where it has none."""
    for names in (("cpu.max",), ("cpu.cfs_quota_us", "cpu.cfs_period_us")):
        try:
            quota, period = " ".join((folder / name).read_text() for name in names).split()
            if float(quota) > 0:
                return float(quota) / float(period)
        except (OSError, ValueError, ZeroDivisionError):  # there is no such file, or it has "max"
            continue
    return None
