"""The peak memory of a training, and the message where the memory is too small."""

from __future__ import annotations

import contextlib
import ctypes
import gc
import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import torch

from segarena.config.devices import device_type
from segarena.errors import OutOfMemoryError, is_out_of_memory
from segarena.free_memory import free_memory
from segarena.units import GIB, MIB


class PeakMemory:
    """The peak memory since the object was made.

    On a GPU, the memory that PyTorch allocated. On a CPU, the increase of this process's resident memory. Libraries and
    decoded images, which all models share, are not counted, and memory left by an earlier model is released first.

    Args:
        device: "cpu", "cuda", "cuda:1" or "mps".
    """

    def __init__(self, device: str) -> None:
        self._device, self._before = device, 0.0
        release_memory(device)
        if device_type(device) == "cuda":
            torch.cuda.reset_peak_memory_stats(device)
            self._before = torch.cuda.memory_allocated(device) / MIB
            return
        try:  # Linux: 5 resets the peak of the resident memory (man 5 proc)
            Path("/proc/self/clear_refs").write_text("5")
        except OSError:
            self._before = math.nan
        else:
            self._before = _read_status("VmRSS:")

    def read(self) -> float | None:
        """Return the peak until now in MiB; None where the system does not report it."""
        if device_type(self._device) == "cuda":
            return torch.cuda.max_memory_allocated(self._device) / MIB - self._before
        peak = _read_status("VmHWM:") - self._before
        return None if math.isnan(peak) else max(peak, 0.0)


def release_memory(device: str) -> None:
    """Return the memory of what is no longer used to the system, for which libraries keep it otherwise.

    Args:
        device: The device.
    """
    gc.collect()
    if device_type(device) == "cuda":
        torch.cuda.empty_cache()
        return
    with contextlib.suppress(OSError, AttributeError):  # only the GNU C library has it
        ctypes.CDLL(None).malloc_trim(0)


def fits(work: Callable[[], object], device: str) -> bool:
    """Do some work, and return whether there is enough memory for it.

    Where there is not, everything that it had computed is freed: an exception keeps the frames that it went through,
    and they keep their tensors, so it is forgotten first.

    Args:
        work: The work; it must not leave anything behind outside of its own frames.
        device: The device.

    Raises:
        Exception: What the work raises for another reason.
    """
    try:
        work()
    except (RuntimeError, MemoryError) as error:
        if not is_out_of_memory(error):
            raise
    else:
        return True
    release_memory(device)
    return False


@contextmanager
def naming_shortage(
    doing: str | Callable[[], str], *, where: object, device: str, remedy: Callable[[], str]
) -> Iterator[None]:
    """Raise an error that names what was computed, if the memory is too small in the block.

    Args:
        doing: What is computed, e.g. "a training step of unet", or what returns it where it is needed.
        where: The run.
        device: The device.
        remedy: Returns what to try next. It is called where it is needed.

    Raises:
        OutOfMemoryError: The memory is too small.
    """
    try:
        yield
    except (RuntimeError, MemoryError) as error:
        if not is_out_of_memory(error):
            raise
    else:
        return
    # Outside of the except block, so that what was computed is free for whatever the caller does next.
    what = doing if isinstance(doing, str) else doing()
    raise OutOfMemoryError(f"out of memory in {what}{_describe_memory(device)}", where=where, remedy=remedy())


def _describe_memory(device: str) -> str:
    """The memory of the device, and what of it is not this process's, in words; empty where it is unknown."""
    if device_type(device) != "cuda":
        free = free_memory()
        return "" if free is None else f"; {free / GIB:.1f} GiB of memory are free now"
    if not torch.cuda.is_available():
        return ""
    free, total = torch.cuda.mem_get_info(device)
    others = max(0, total - free - torch.cuda.memory_reserved(device))
    return f"; the GPU has {total / GIB:.1f} GiB, of which other programs use {others / GIB:.1f}"


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
