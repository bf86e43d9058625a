"""The cores that this process may use, from files as Linux has them, and those that other programs use."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import pytest

from segarena import cores

V1 = "12:pids:/docker/a\n4:cpu,cpuacct:/docker/a\n0::/\n"


def write(root: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({}, None),
        ({"proc/self/cgroup": "0::/\n"}, None),
        ({"proc/self/cgroup": "0::/\n", "sys/fs/cgroup/cpu.max": "max 100000\n"}, None),
        ({"proc/self/cgroup": "0::/\n", "sys/fs/cgroup/cpu.max": "150000 100000\n"}, 1.5),
        (
            {
                "proc/self/cgroup": "0::/user.slice/job\n",
                "sys/fs/cgroup/user.slice/job/cpu.max": "max 100000",
                "sys/fs/cgroup/user.slice/cpu.max": "400000 100000",
            },
            4.0,
        ),
        (
            {
                "proc/self/cgroup": V1,
                "sys/fs/cgroup/cpu,cpuacct/docker/a/cpu.cfs_quota_us": "200000\n",
                "sys/fs/cgroup/cpu,cpuacct/docker/a/cpu.cfs_period_us": "100000\n",
            },
            2.0,
        ),
        (  # in a container, whose own group is the root of what it sees
            {
                "proc/self/cgroup": V1,
                "sys/fs/cgroup/cpu/cpu.cfs_quota_us": "50000",
                "sys/fs/cgroup/cpu/cpu.cfs_period_us": "100000",
            },
            0.5,
        ),
        (
            {
                "proc/self/cgroup": V1,
                "sys/fs/cgroup/cpu/cpu.cfs_quota_us": "-1",
                "sys/fs/cgroup/cpu/cpu.cfs_period_us": "100000",
            },
            None,
        ),
        ({"proc/self/cgroup": "nonsense\n\n0::/\n", "sys/fs/cgroup/cpu.max": "nonsense"}, None),
    ],
)
def test_the_limit_of_a_container_is_read(tmp_path: Path, files: dict[str, str], expected: float | None) -> None:
    write(tmp_path, files)
    assert cores.read_quota(tmp_path) == expected


@pytest.mark.parametrize(
    ("quota", "processors", "expected"), [(None, 8, 8), (1.5, 8, 2), (0.2, 8, 1), (16.0, 8, 8), (4.0, 8, 4)]
)
def test_part_of_a_core_counts_as_one(
    monkeypatch: pytest.MonkeyPatch, quota: float | None, processors: int, expected: int
) -> None:
    monkeypatch.setattr(cores, "read_quota", lambda: quota)
    monkeypatch.setattr(cores, "count_processors", lambda: processors)
    assert cores.count_cores() == expected


#: Ticks of a processor in one second: user, nice, system, idle, iowait, irq, softirq, steal.
IDLE = (0, 0, 0, 100, 0, 0, 0, 0)
BUSY = (70, 0, 20, 0, 0, 5, 3, 2)
WAITING = (0, 0, 0, 0, 100, 0, 0, 0)
NICE = (0, 100, 0, 0, 0, 0, 0, 0)


@pytest.mark.parametrize(
    ("average", "ticks", "own", "is_nice", "expected"),
    [
        (4.0, (BUSY, BUSY), 0.0, False, 2.0),
        (4.0, (BUSY, IDLE), 0.0, False, 1.0),
        (1.5, (BUSY, BUSY), 0.0, False, 1.5),  # one of the two has just begun
        (4.0, (IDLE, IDLE), 0.0, False, 0.0),  # they have just ended
        (4.0, (WAITING, WAITING), 0.0, False, 0.0),
        (4.0, (BUSY, BUSY), 0.5, False, 1.5),
        (4.0, (NICE, BUSY), 0.0, False, 1.0),
        (4.0, (NICE, BUSY), 0.0, True, 2.0),
        (0.4, (BUSY, BUSY), 0.0, False, 0.0),
    ],
)
def test_the_load_is_what_others_use_now_and_used_in_the_last_minute(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    average: float,
    ticks: Sequence[tuple[int, ...]],
    own: float,
    is_nice: bool,
    expected: float,
) -> None:
    """Two processors of four, for one second."""
    now = 0.0
    hz = os.sysconf("SC_CLK_TCK") / 100

    def pass_second(_: float = 0.0) -> None:
        nonlocal now
        now += 1.0
        rows = [(i, [int(hz * (1000 + now * tick)) for tick in row]) for i, row in enumerate((*ticks, BUSY, BUSY))]
        lines = [f"cpu{i} {' '.join(map(str, row))} 0 0" for i, row in rows]
        write(tmp_path, {"proc/stat": "\n".join(["cpu  9 9 9 9", *lines, "intr 1"]), "proc/loadavg": f"{average} 1 1"})

    pass_second()
    monkeypatch.setattr(cores, "_processors", lambda: {0, 1})
    monkeypatch.setattr(cores, "_own_seconds", lambda: own * now)
    monkeypatch.setattr("time.sleep", pass_second)
    monkeypatch.setattr("time.monotonic", lambda: now)
    monkeypatch.setattr("os.getpriority", lambda *_: 5 if is_nice else 0)
    assert cores.measure_load(tmp_path) == pytest.approx(expected)


def test_a_system_without_these_files_has_no_known_load(tmp_path: Path) -> None:
    assert cores.measure_load(tmp_path) == 0.0
    write(tmp_path, {"proc/loadavg": "nonsense"})
    assert cores.measure_load(tmp_path) == 0.0
    assert cores.measure_load() >= 0.0


def test_processor_seconds_are_unknown_on_windows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("getpriority", "PRIO_PROCESS", "sysconf", "sched_getaffinity"):
        monkeypatch.delattr(os, name, raising=False)
    assert cores.processor_seconds(tmp_path) is None
