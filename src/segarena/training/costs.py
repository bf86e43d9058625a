"""What a network costs on this machine: parameters, FLOPs, latency, memory."""

from __future__ import annotations

import gc
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


def reset_peak_memory(device: str) -> bool:
    """Start a new measurement for `read_peak_memory`. False where this system cannot: then the peak is an older one."""
    gc.collect()
    if device == "cuda":
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats()
        return True
    try:  # Linux: 5 resets the peak of the resident memory (man 5 proc)
        Path("/proc/self/clear_refs").write_text("5")
    except OSError:
        return False
    return True


def read_peak_memory(device: str) -> float | None:
    """Peak MiB since `reset_peak_memory`: allocated on the GPU, or resident in this process; None where not measurable.

    Resident memory includes the decoded images and the libraries, so compare it between models, not with a GPU's.
    """
    if device == "cuda":
        return torch.cuda.max_memory_allocated() / MIB
    try:
        lines = Path("/proc/self/status").read_text().splitlines()
    except OSError:
        return None
    for line in lines:
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) / 1024
    return None
