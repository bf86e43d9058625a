"""The machine: its description, its device, and whether it computes bf16 natively."""

from __future__ import annotations

import os
import platform
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import torch
import torchvision

from segarena._version import __version__
from segarena.config.devices import check_device, device_index, device_type
from segarena.cores import count_cores
from segarena.errors import ConfigError
from segarena.formats import listing
from segarena.records.run import Environment


def describe_environment(device: str | None = None) -> Environment:
    """Read versions and hardware. `commit` is segarena's own, where it runs from a git checkout, else None.

    Args:
        device: The device that computes, as `choose_device` returns it; None for the one of --device auto.
    """
    device = choose_device("auto" if device is None else device)
    on_cuda = device_type(device) == "cuda"
    cudnn = torch.backends.cudnn.version() if on_cuda else None  # type: ignore[no-untyped-call]
    return Environment(
        segarena=__version__,
        python=platform.python_version(),
        torch=torch.__version__,
        torchvision=torchvision.__version__,
        platform=platform.platform(),
        cpu=_cpu_name(),
        cores=count_cores(),
        threads=torch.get_num_threads(),
        device=device,
        gpu=_gpu_name(device),
        cuda=torch.version.cuda if on_cuda else None,
        cudnn=None if cudnn is None else str(cudnn),
        tf32=torch.cuda.get_device_capability(device)[0] >= 8 if on_cuda else None,
        commit=_commit(),
    )


def threads_variable() -> str | None:
    """Return the environment variable by which the user has set PyTorch's number of threads; None if there is none."""
    return next((name for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS") if os.environ.get(name)), None)


def usual_threads() -> int:
    """Return PyTorch's number of threads, unless its container may use fewer cores; a number that is set stays."""
    threads = torch.get_num_threads()
    return threads if threads_variable() else min(threads, count_cores())


@contextmanager
def computing_with(threads: int) -> Iterator[None]:
    """Let PyTorch compute with this number of threads in the block; 0 leaves the number as it is."""
    before = torch.get_num_threads()
    if threads in (0, before):
        yield
        return
    torch.set_num_threads(threads)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def choose_device(device: str) -> str:
    """Resolve the option --device.

    Args:
        device: "auto", "cpu", "cuda", "cuda:1" or another number, or "mps".

    Returns:
        The device as it is given; for "auto" "cuda" where there is an NVIDIA GPU, else "cpu".

    Raises:
        ConfigError: The device is not there, or is none.
    """
    device = check_device(device)
    if device == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    where, kind = f"--device {device}", device_type(device)
    if kind == "cuda" and not torch.cuda.is_available():
        raise ConfigError("torch has no GPU here", where=where, remedy="Use --device cpu, or check the GPU driver")
    index = device_index(device)
    if index is not None and index >= (number := torch.cuda.device_count()):
        there = [f"cuda:{one} ({torch.cuda.get_device_name(one)})" for one in range(number)]
        raise ConfigError(f"there is no such GPU; found: {listing(there)}", where=where, remedy="Use --device cuda:0")
    if kind == "mps" and not torch.backends.mps.is_available():
        raise ConfigError(
            "torch finds no GPU of Apple here", where=where, remedy="Use --device cpu; mps needs macOS on Apple silicon"
        )
    return device


def computes_bf16(device: str) -> bool:
    """Whether a CPU or an NVIDIA GPU has matrix products in bf16, so that bf16 is faster than float32."""
    if device_type(device) == "cuda":
        with torch.cuda.device(device_index(device)):
            return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    try:
        flags = Path("/proc/cpuinfo").read_text()
    except OSError:
        return False
    return "avx512_bf16" in flags or "amx_bf16" in flags


def _gpu_name(device: str) -> str | None:
    """The name of the GPU that computes; None on a CPU."""
    kind = device_type(device)
    if kind == "mps":
        return f"GPU of {_cpu_name()}"
    return torch.cuda.get_device_name(device) if kind == "cuda" else None


def _cpu_name() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def _commit() -> str | None:
    here = Path(__file__)
    try:
        # An installed segarena is often in a folder of the user's own repository, whose commit is not segarena's.
        _git(here.parent, "ls-files", "--error-unmatch", here.name)
        return _git(here.parent, "rev-parse", "--short=12", "HEAD") or None
    except (OSError, subprocess.SubprocessError):
        return None


def _git(folder: Path, *words: str) -> str:
    command = ["git", "-C", str(folder), *words]
    return subprocess.run(command, capture_output=True, text=True, timeout=5, check=True).stdout.strip()
