"""What a device can do at most: its rates of matrix products and of copies, and the time of a network by them."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import nn

from segarena.config.devices import device_type
from segarena.training.costs import count_activations, count_flops
from segarena.training.devices import FORMATS, computing_on
from segarena.training.timing import repeat

#: Rows and columns of the matrices that are multiplied, on a CPU and on a GPU.
SIDE, GPU_SIDE = 2048, 8192
#: Bytes of what is copied, on a CPU and on a GPU: more than the caches of most processors.
COPIED, GPU_COPIED = 128 << 20, 1 << 30
#: A training step computes the forward pass, and the gradients of inputs and of weights, with as many products each.
STEP_FLOPS = 3
#: How often the outputs of all layers are written or read: in a forward pass once each. A backward pass reads them
#: again, and writes and reads a gradient of each.
FORWARD_PASSES, STEP_PASSES = 2, 5


class Rates(NamedTuple):
    """What a device does in a second."""

    flops: float
    """Floating-point operations in products of large matrices; a multiply-add counts as two."""
    copied: float
    """Bytes, read and written, in copies of a large array."""


class Work(NamedTuple):
    """What has to be computed and moved."""

    flops: float
    """Floating-point operations of convolutions and matrix products; a multiply-add counts as two."""
    moved: float
    """Bytes that are read and written."""

    def times(self, images: int) -> Work:
        """Return the work for some images."""
        return Work(self.flops * images, self.moved * images)


def measure_rates(device: str, precision: str, *, seconds: float, clock: Callable[[], float] | None = None) -> Rates:
    """Measure both rates. Each is the highest that was reached: other programs only lower it.

    Args:
        device: The device.
        precision: "fp32", "bf16" or "fp16".
        seconds: How long each is measured.
        clock: As of `repeat`.
    """
    on_cpu = device_type(device) == "cpu"
    dtype = FORMATS.get(precision, torch.float32)
    side, number = (SIDE, COPIED) if on_cpu else (GPU_SIDE, GPU_COPIED)
    with torch.inference_mode(), computing_on(device):
        products = min(repeat(_product(side, device, dtype), seconds=seconds, device=device, clock=clock))
        copies = min(repeat(_copy(number, device), seconds=seconds, device=device, clock=clock))
    return Rates(2 * side**3 / products, 2 * number / copies)


def _product(side: int, device: str, dtype: torch.dtype) -> Callable[[], object]:
    first, second = (torch.full((side, side), 0.5, device=device, dtype=dtype) for _ in range(2))
    product = torch.empty_like(first)
    return lambda: torch.mm(first, second, out=product)


def _copy(number: int, device: str) -> Callable[[], object]:
    source = torch.ones(number // 4, device=device)
    target = torch.empty_like(source)
    return lambda: target.copy_(source)


def faster(one: Rates, other: Rates) -> Rates:
    """Return the higher of each rate.

    >>> faster(Rates(2, 30), Rates(3, 20))
    Rates(flops=3, copied=30)
    """
    return Rates(max(one.flops, other.flops), max(one.copied, other.copied))


def forward_work(model: nn.Module, size: tuple[int, int], precision: str) -> Work:
    """Count the work of one image's forward pass, if each layer reads its input and writes its output.

    Args:
        model: The network; on "meta" nothing is computed.
        size: (height, width) that the network gets, in pixels.
        precision: "fp32", "bf16" or "fp16".
    """
    width = 4 if precision not in FORMATS else 2
    return Work(count_flops(model, size), FORWARD_PASSES * width * count_activations(model, size))


def step_work(forward: Work) -> Work:
    """Return the work of one image's training step, from that of its forward pass.

    >>> step_work(Work(10, 4))
    Work(flops=30, moved=10.0)
    """
    return Work(STEP_FLOPS * forward.flops, forward.moved * STEP_PASSES / FORWARD_PASSES)


def shortest(work: Work, rates: Rates) -> tuple[float, float]:
    """Return the seconds that some work takes at least: by its operations, and by what is moved.

    The first is a limit of the machine. The second is one of layers that are computed one after the other in the main
    memory: fused layers, and outputs that stay in a cache, move less.

    >>> shortest(Work(10, 6), Rates(20, 2))
    (0.5, 3.0)
    """
    return work.flops / rates.flops, work.moved / rates.copied
