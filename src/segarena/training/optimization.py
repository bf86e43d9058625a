"""The optimizer, its learning rates for encoder and decoder, and the schedule of the learning rate."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Literal

import torch
from torch import nn

from segarena.config.devices import device_type


def build_optimizer(
    model: nn.Module,
    optimizer: Literal["adamw", "sgd"],
    learning_rate: float,
    weight_decay: float,
    decoder_factor: float = 1.0,
) -> torch.optim.Optimizer:
    """Build AdamW, or SGD with momentum 0.9, for the parameters of a model that are learned.

    Args:
        model: The model, on its device.
        optimizer: "adamw" or "sgd".
        learning_rate: Peak learning rate of the encoder.
        weight_decay: Weight decay of matrices and kernels; vectors (biases, normalisation) have none.
        decoder_factor: Factor of the learning rate for parameters outside of `model.encoder`, or where the names of a
            user's module show its encoder; stored as `factor` of each parameter group.
    """
    belongs = _names_of_encoder(model)
    groups = []
    for is_encoder, factor in ((True, 1.0), (False, decoder_factor)):
        parameters = [
            parameter
            for name, parameter in model.named_parameters()
            if parameter.requires_grad and belongs(name) == is_encoder
        ]
        for is_matrix, decay in ((True, weight_decay), (False, 0.0)):
            chosen = [p for p in parameters if (p.ndim > 1) == is_matrix]
            if chosen:
                groups.append({"params": chosen, "weight_decay": decay, "factor": factor})
    if optimizer == "adamw":
        return torch.optim.AdamW(groups, lr=learning_rate, fused=True)
    sgd = torch.optim.SGD(groups, lr=learning_rate, momentum=0.9, fused=True)
    for group in sgd.param_groups:
        for parameter in group["params"]:
            # torch 2.15 makes it in the first step, of memory that is never written if `build_scaler` leaves that out
            sgd.state[parameter]["momentum_buffer"] = torch.zeros_like(parameter)
    return sgd


def encoder_batchnorm(model: nn.Module) -> list[nn.Module]:
    """Return the layers of BatchNorm in the encoder of a network, whose statistics come with pretrained weights.

    Args:
        model: Any network; one without an encoder has none.
    """
    belongs, kind = _names_of_encoder(model), nn.modules.batchnorm._BatchNorm
    return [module for name, module in model.named_modules() if belongs(name) and isinstance(module, kind)]


def _names_of_encoder(model: nn.Module) -> Callable[[str], bool]:
    """Whether a layer or parameter of this name is in the encoder: of a user's module, its own prefix decides."""
    prefix: str | None = getattr(model, "encoder_prefix", "encoder.")
    return lambda name: prefix is not None and name.startswith(prefix)


def set_rates(optimizer: torch.optim.Optimizer, rate: float) -> None:
    """Set the learning rates of a step.

    Args:
        optimizer: What `build_optimizer` returned.
        rate: That of the encoder.
    """
    for group in optimizer.param_groups:
        group["lr"] = rate * group["factor"]


def build_scaler(device: str, precision: str) -> torch.amp.GradScaler:
    """Build what scales the loss, so that gradients in float16 are not rounded to zero; without effect for others.

    Micikevicius et al. 2018, 3.2 (arXiv:1710.03740). Where a gradient is infinite or NaN, the step is left out and the
    scale is halved; after 500 steps in a row without this it is doubled. PyTorch begins at 65536 and doubles after 2000
    steps; trainings here are often of hundreds of steps, of which none should be lost to a scale that is too high.

    Args:
        device: The device.
        precision: "fp32", "bf16" or "fp16".
    """
    return torch.amp.GradScaler(
        device_type(device), init_scale=4096.0, growth_interval=500, enabled=precision == "fp16"
    )


def one_cycle(progress: float, warm_up: float = 0.2) -> float:
    """One-cycle schedule (Smith 2018, 4, arXiv:1803.09820): a half cosine up, then one down.

    Differences from the paper: cosines instead of straight lines.

    Args:
        progress: Fraction of the steps that are completed, 0..1.
        warm_up: Fraction of the steps at which the peak is reached, between 0 and 1.

    Returns:
        Fraction of the peak learning rate, 0.001..1.

    >>> [round(one_cycle(progress), 3) for progress in (0, 0.2, 1)]
    [0.04, 1.0, 0.001]
    """
    if progress < warm_up:
        return 0.04 + 0.96 * 0.5 * (1 - math.cos(math.pi * progress / warm_up))
    return 0.001 + 0.999 * 0.5 * (1 + math.cos(math.pi * (progress - warm_up) / (1 - warm_up)))


def poly(progress: float) -> float:
    """Polynomial schedule with power 0.9 (Chen et al. 2017, 4.1, arXiv:1706.05587).

    Args:
        progress: Fraction of the steps that are completed, 0..1.

    Returns:
        Fraction of the peak learning rate, 0..1.
    """
    return float((1 - progress) ** 0.9)


#: The schedules by the names of the option.
SCHEDULES: dict[str, Callable[[float], float]] = {"onecycle": one_cycle, "poly": poly}
