"""What a network costs on this machine: parameters, FLOPs, latency, memory."""

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
    """All parameters: the auxiliary head's included, and FCN's upsamplings that stay bilinear."""
    return sum(parameter.numel() for parameter in model.parameters())


def count_flops(model: nn.Module, size: tuple[int, int], in_channels: int = 3) -> int:
    """Floating-point operations of one image's forward pass at (height, width), a multiply-add counted as two.

    In eval mode, so without the auxiliary head. torch counts convolutions and matrix products, nothing else.
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
    """Median milliseconds from one image in memory (uint8, `size` = height, width) to its labels.

    The models take turns within each round, so that what else the machine does meets all of them alike. The
    first three rounds are not counted. The models are left in eval mode.
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
    """The most memory, in MiB, that was held at once since this was made.

    On a GPU what PyTorch allocated. On a CPU by how much the resident memory of this process rose: libraries and
    decoded images, which every model shares, are not counted, and what an earlier model has left is given back first.
    """

    def __init__(self, device: str) -> None:
        self._device, self._before = device, 0.0
        gc.collect()
        if device == "cuda":
            torch.cuda.empty_cache()
            torch.cuda.reset_peak_memory_stats()
            return
        with contextlib.suppress(OSError, AttributeError):  # the GNU C library alone has it
            ctypes.CDLL(None).malloc_trim(0)
        try:  # Linux: 5 resets the peak of the resident memory (man 5 proc)
            Path("/proc/self/clear_refs").write_text("5")
        except OSError:
            self._before = math.nan
        else:
            self._before = _read_status("VmRSS:")

    def read(self) -> float | None:
        """The peak until now; None where this system does not tell it."""
        if self._device == "cuda":
            return torch.cuda.max_memory_allocated() / MIB
        peak = _read_status("VmHWM:") - self._before
        return None if math.isnan(peak) else max(peak, 0.0)


def _read_status(key: str) -> float:
    """MiB of a line of /proc/self/status; NaN where there is none."""
    try:
        lines = Path("/proc/self/status").read_text().splitlines()
    except OSError:
        return math.nan
    return next((int(line.split()[1]) / 1024 for line in lines if line.startswith(key)), math.nan)
