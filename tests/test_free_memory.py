"""The memory that this process can still take, from files as Linux has them."""

from __future__ import annotations

from pathlib import Path

import pytest

from segarena.free_memory import free_memory

GIB = 1024**3
MACHINE = {"proc/meminfo": "MemTotal: 16777216 kB\nMemFree: 1048576 kB\nMemAvailable:    8388608 kB\n"}
V2 = {"proc/self/cgroup": "0::/job\n"}
V1 = {"proc/self/cgroup": "4:cpu,cpuacct:/a\n3:memory:/a\n0::/\n"}


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({}, None),
        (MACHINE, 8 * GIB),
        ({**MACHINE, **V2, "sys/fs/cgroup/job/memory.max": "max\n"}, 8 * GIB),
        (
            {
                **MACHINE,
                **V2,
                "sys/fs/cgroup/job/memory.max": f"{4 * GIB}\n",
                "sys/fs/cgroup/job/memory.current": f"{3 * GIB}\n",
                "sys/fs/cgroup/job/memory.stat": f"anon {2 * GIB}\nfile {GIB}\ninactive_file {GIB}\n",
            },
            2 * GIB,
        ),
        (  # the group above has less left
            {
                **MACHINE,
                **V2,
                "sys/fs/cgroup/job/memory.max": "max\n",
                "sys/fs/cgroup/memory.max": f"{6 * GIB}\n",
                "sys/fs/cgroup/memory.current": f"{5 * GIB}\n",
                "sys/fs/cgroup/memory.stat": "inactive_file 0\n",
            },
            GIB,
        ),
        (  # in a container, whose own group is the root of what it sees
            {
                **MACHINE,
                **V1,
                "sys/fs/cgroup/memory/memory.limit_in_bytes": f"{2 * GIB}",
                "sys/fs/cgroup/memory/memory.usage_in_bytes": f"{3 * GIB}",
                "sys/fs/cgroup/memory/memory.stat": "total_inactive_file 0\n",
            },
            0,
        ),
        (  # no limit is a very large number
            {
                **MACHINE,
                **V1,
                "sys/fs/cgroup/memory/a/memory.limit_in_bytes": "9223372036854771712\n",
                "sys/fs/cgroup/memory/a/memory.usage_in_bytes": "1000\n",
                "sys/fs/cgroup/memory/a/memory.stat": "inactive_file 7\n",
            },
            8 * GIB,
        ),
    ],
)
def test_the_smallest_limit_counts(tmp_path: Path, files: dict[str, str], expected: int | None) -> None:
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    assert free_memory(tmp_path) == expected


def test_this_machine_has_memory_left() -> None:
    found = free_memory()
    assert found is None or found > 1 << 20
