"""The costs of a network on this machine: parameters, FLOPs, latency, memory."""

from __future__ import annotations

import contextlib
import ctypes
import gc
import math
import time
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from segarena.models import SegmentationModel
from segarena.training.evaluation import predict_masks

MIB = 1024 * 1024


def count_parameters(model: nn.Module) -> int:
    """Count all parameters, including those of the auxiliary head and of FCN's fixed upsamplings.

    >>> count_parameters(nn.Conv2d(3, 4, kernel_size=1))
    16
    """
    return sum(parameter.numel() for parameter in model.parameters())


def count_flops(model: nn.Module, size: tuple[int, int], in_channels: int = 3) -> int:
    """Count the floating-point operations of one image's forward pass in eval mode, without the auxiliary head.

    Args:
        model: On any device; on "meta" nothing is computed.
        size: (height, width) of the image, in pixels.
        in_channels: Channels of the image.

    Returns:
        Operations of the convolutions and matrix products, which are all that torch counts; a multiply-add counts as
        two.

    >>> count_flops(nn.Conv2d(3, 4, kernel_size=1), (10, 10))
    2400
    """
    device = next(model.parameters()).device
    was_training = model.training
    model.eval()
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        model(torch.zeros(1, in_channels, *size, device=device))
    model.train(was_training)
    return int(counter.get_total_flops())


def measure_latency(
    models: Mapping[str, SegmentationModel],
    size: tuple[int, int],
    *,
    device: str,
    precision: str,
    rounds: int = 15,
) -> dict[str, float]:
    """Measure the time from one image in memory, uint8, to its labels.

    The models alternate within each round, so that other work of the machine affects all of them. The first three
    rounds are not counted. The models are left in eval mode.

    Args:
        models: The models by name, on `device`.
        size: (height, width) of the image, in pixels.
        device: "cpu" or "cuda".
        precision: "fp32" or "bf16".
        rounds: Number of rounds that are counted.

    Returns:
        The median of each model, in milliseconds.
    """
    image = torch.randint(0, 256, (1, 3, *size), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    seconds: dict[str, list[float]] = {name: [] for name in models}
    for model in models.values():
        model.eval()
    for _ in range(rounds + 3):
        for name, model in models.items():
            start = time.perf_counter()
            predict_masks(model, image, size, device=device, precision=precision).cpu()
            seconds[name].append(time.perf_counter() - start)
    return {name: 1000 * float(np.median(times[3:])) for name, times in seconds.items()}


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


def _read_status(key: str) -> float:
    """Read a line of /proc/self/status, in MiB; NaN where there is none."""
    try:
        lines = Path("/proc/self/status").read_text().splitlines()
    except OSError:
        return math.nan
    return next((int(line.split()[1]) / 1024 for line in lines if line.startswith(key)), math.nan)
