"""The optimizer and the learning rate over time."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Literal

import torch
from torch import nn

#: The batch size at which the default learning rates hold.
REFERENCE_BATCH = 8


def default_learning_rate(optimizer: str, batch_size: int, *, pretrained: bool, track: str = "encoder") -> float:
    """1e-3 for AdamW times the square root of the relative batch size; 1e-2 for SGD times the relative batch size.

    A tenth of that in the paper track, pretrained or not: VGG-16 and U-Net have no BatchNorm, which alone lets the
    other networks bear such rates, and all of a comparison train alike.

    Three times that from scratch: no pretrained features to spoil, and few steps to learn them in (on the built-in
    scenes, 20 epochs, U-Net went from 50 to 57% mIoU and DeepLabv3 from 36 to 37%).

    Linear scaling for SGD: Goyal et al. 2017, 2.1 (arXiv:1706.02677). Square root for Adam: Malladi et al. 2022
    (arXiv:2205.10287).
    """
    relative = batch_size / REFERENCE_BATCH
    rate = 1e-3 * math.sqrt(relative) if optimizer == "adamw" else 1e-2 * relative
    if track == "paper":
        return rate / 10
    return rate if pretrained else 3 * rate


def build_optimizer(
    model: nn.Module,
    optimizer: Literal["adamw", "sgd"],
    learning_rate: float,
    weight_decay: float,
    decoder_factor: float = 1.0,
) -> torch.optim.Optimizer:
    """AdamW, or SGD with momentum 0.9. Vectors (biases, normalisation) are not decayed.

    What does not belong to `model.encoder` learns at `decoder_factor` times the rate: a group's `factor` says so.
    """
    groups = []
    for is_encoder, factor in ((True, 1.0), (False, decoder_factor)):
        parameters = [
            parameter
            for name, parameter in model.named_parameters()
            if parameter.requires_grad and name.startswith("encoder.") == is_encoder
        ]
        for is_matrix, decay in ((True, weight_decay), (False, 0.0)):
            chosen = [p for p in parameters if (p.ndim > 1) == is_matrix]
            if chosen:
                groups.append({"params": chosen, "weight_decay": decay, "factor": factor})
    if optimizer == "adamw":
        return torch.optim.AdamW(groups, lr=learning_rate, fused=True)
    return torch.optim.SGD(groups, lr=learning_rate, momentum=0.9, fused=True)


def one_cycle(progress: float, warm_up: float = 0.2) -> float:
    """Share of the peak learning rate at `progress` in 0..1: half cosines up, then down.

    Smith 2018, 4 (arXiv:1803.09820). Departs: cosines instead of straight lines.
    """
    if progress < warm_up:
        return 0.04 + 0.96 * 0.5 * (1 - math.cos(math.pi * progress / warm_up))
    return 0.001 + 0.999 * 0.5 * (1 + math.cos(math.pi * (progress - warm_up) / (1 - warm_up)))


def poly(progress: float) -> float:
    """Share of the peak learning rate at `progress` in 0..1: (1 - t)^0.9. Chen et al. 2017, 4.1 (arXiv:1706.05587)."""
    return float((1 - progress) ** 0.9)


SCHEDULES: dict[str, Callable[[float], float]] = {"onecycle": one_cycle, "poly": poly}
