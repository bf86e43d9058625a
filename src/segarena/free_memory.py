"""How much memory the programs of this machine, or of this container, can still take."""

from __future__ import annotations

from pathlib import Path

from segarena.cores import control_groups

_ROOT = Path("/")


def free_memory(root: Path = _ROOT) -> int | None:
    """Return how much memory this process can still take, in bytes; None where the system does not report it.

    It is limited by the machine (MemAvailable: man 5 proc_meminfo) and by the control groups of this process and all
    groups above (Kernel documentation, cgroup-v2: memory.max; cgroup-v1: memory.limit_in_bytes). Files that are only
    cached count as free: the system drops them first.

    Args:
        root: The root of the file system.
    """
    free = [_free_of_machine(root), *(_free_of_group(folder) for folder in control_groups(root, "memory"))]
    return min((value for value in free if value is not None), default=None)


def _free_of_machine(root: Path) -> int | None:
    try:
        lines = (root / "proc/meminfo").read_text().splitlines()
    except OSError:
        return None
    return next((1024 * int(line.split()[1]) for line in lines if line.startswith("MemAvailable:")), None)


def _free_of_group(folder: Path) -> int | None:
    """What a control group may still take; None where it has no limit."""
    for limit, used, cached in (
        ("memory.max", "memory.current", "inactive_file"),
        ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file"),
    ):
        try:
            most, taken = (int((folder / name).read_text()) for name in (limit, used))
            pairs = [line.split() for line in (folder / "memory.stat").read_text().splitlines()]
        except (OSError, ValueError):  # there is no such file, or it has "max"
            continue
        return max(0, most - taken + sum(int(pair[1]) for pair in pairs if pair[0] == cached))
    return None
