"""The peak memory of a training."""

from __future__ import annotations

import contextlib
import ctypes
import gc
import math
from pathlib import Path

import torch

MIB = 1024 * 1024


class PeakMemory:
    """The peak memory since the object was made.

    On a GPU, the memory that PyTorch allocated. On a CPU, the increase of this process's resident memory: libraries and
    decoded images, which all models share, are not counted, and memory left by an earlier model is released first.

    Args:
        device: "cpu" or "cuda".
    """

    def __init__(self, device: str) -> None:
        self._device, self._before = device, 0.0
        gc.collect()
        if device == "cuda":
            torch.cuda.empty_cache()
            torch.cuda.reset_peak_memory_stats()
            return
        with contextlib.suppress(OSError, AttributeError):  # only the GNU C library has it
            ctypes.CDLL(None).malloc_trim(0)
        try:  # Linux: 5 resets the peak of the resident memory (man 5 proc)
            Path("/proc/self/clear_refs").write_text("5")
        except OSError:
            self._before = math.nan
        else:
            self._before = _read_status("VmRSS:")

    def read(self) -> float | None:
        """Return the peak until now in MiB; None where the system does not report it."""
        if self._device == "cuda":
            return torch.cuda.max_memory_allocated() / MIB
        peak = _read_status("VmHWM:") - self._before
        return None if math.isnan(peak) else max(peak, 0.0)


def resident_mib() -> float | None:
    """Return the memory of this process now, in MiB: libraries, decoded images and all else; None where unknown."""
    resident = _read_status("VmRSS:")
    return None if math.isnan(resident) else resident


def _read_status(key: str) -> float:
    """Read a line of /proc/self/status, in MiB; NaN where there is none."""
    try:
        lines = Path("/proc/self/status").read_text().splitlines()
    except OSError:
        return math.nan
    return next((int(line.split()[1]) / 1024 for line in lines if line.startswith(key)), math.nan)
