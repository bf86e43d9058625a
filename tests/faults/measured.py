"""How much memory a block of a test takes at its peak."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_STATUS = Path("/proc/self/status")
_RESET = Path("/proc/self/clear_refs")


class Peak:
    """What the block took.

    Attributes:
        grown: The bytes of memory by which the process grew at its peak; 0 until the block ends, and where the system
            does not tell it, which only Linux does.
    """

    grown = 0


@contextmanager
def peak_memory() -> Iterator[Peak]:
    """Measure the block."""
    peak = Peak()
    if not _RESET.exists():
        yield peak
        return
    _RESET.write_text("5", encoding="ascii")  # the peak becomes what there is now
    before = _read("VmRSS")
    yield peak
    peak.grown = _read("VmHWM") - before


def _read(name: str) -> int:
    lines = _STATUS.read_text(encoding="ascii", errors="replace").splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(f"{name}:"))
