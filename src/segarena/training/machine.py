"""The machine: its description, its device, and whether it computes bf16 natively."""

from __future__ import annotations

import platform
import subprocess
from pathlib import Path

import torch
import torchvision

from segarena._version import __version__
from segarena.errors import ConfigError
from segarena.records.run import Environment
from segarena.threads import count_cores


def describe_environment() -> Environment:
    """Read versions and hardware. `commit` is segarena's own, where it runs from a git checkout, else None."""
    return Environment(
        segarena=__version__,
        python=platform.python_version(),
        torch=torch.__version__,
        torchvision=torchvision.__version__,
        platform=platform.platform(),
        cpu=_cpu_name(),
        cores=count_cores(),
        threads=torch.get_num_threads(),
        gpu=torch.cuda.get_device_name() if torch.cuda.is_available() else None,
        commit=_commit(),
    )


def choose_device(device: str) -> str:
    """Resolve the option --device.

    Args:
        device: "auto", "cpu" or "cuda".

    Returns:
        "cpu" or "cuda"; for "auto" the GPU where there is one.

    Raises:
        ConfigError: "cuda" was given, and torch has no GPU.
    """
    if device == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    if device == "cuda" and not torch.cuda.is_available():
        raise ConfigError(
            "torch has no GPU here", where="--device cuda", remedy="Use --device cpu, or check the GPU driver"
        )
    return device


def computes_bf16(device: str) -> bool:
    """Whether a device, "cpu" or "cuda", has matrix products in bf16, so that bf16 is faster than float32."""
    if device == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    try:
        flags = Path("/proc/cpuinfo").read_text()
    except OSError:
        return False
    return "avx512_bf16" in flags or "amx_bf16" in flags


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
