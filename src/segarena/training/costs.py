"""The costs of a network: parameters, FLOPs, its latency and its throughput on this machine."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from segarena.config.devices import device_type
from segarena.models import SegmentationModel
from segarena.training.devices import on_gpu
from segarena.training.evaluation import predict_masks, prepared

#: Repetitions of the latency that are counted, on a CPU and on a GPU, where the time varies more.
ROUNDS, GPU_ROUNDS = 15, 50
#: Repetitions before those, and seconds that they take at least on a GPU, which raises its clock under load.
WARM_ROUNDS, WARM_SECONDS = 3, 0.5
#: Images of a batch for the throughput.
BATCH = 16
#: Seconds of the throughput's measurement, at least.
THROUGHPUT_SECONDS = 0.3


class Latency(NamedTuple):
    """The time of one image, in milliseconds: the median of all repetitions, and their first and third quartile."""

    median: float
    low: float
    high: float


def count_parameters(model: nn.Module) -> int:
    """Count all parameters, including those of the auxiliary head and of FCN's fixed upsamplings.

    >>> count_parameters(nn.Conv2d(3, 4, kernel_size=1))
    16
    """
    return sum(parameter.numel() for parameter in model.parameters())


def count_flops(model: nn.Module, size: tuple[int, int], in_channels: int | None = None) -> int:
    """Count the floating-point operations of one image's forward pass in eval mode, without the auxiliary head.

    Args:
        model: On any device; on "meta" nothing is computed.
        size: (height, width) of the image, in pixels.
        in_channels: Channels of the image; None for those that the network was built for.

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
        model(torch.zeros(1, in_channels or _in_channels(model), *size, device=device))
    model.train(was_training)
    return int(counter.get_total_flops())


def count_activations(model: nn.Module, size: tuple[int, int], in_channels: int | None = None) -> int:
    """Count the numbers that all layers put out for one image, in eval mode without the auxiliary head.

    They have to be written and read, which takes most of the time of layers with few operations, such as BatchNorm and
    depthwise convolutions.

    Args:
        model: On any device; on "meta" nothing is computed.
        size: (height, width) of the image, in pixels.
        in_channels: Channels of the image; None for those that the network was built for.

    >>> count_activations(nn.Sequential(nn.Conv2d(3, 4, kernel_size=1), nn.ReLU()), (10, 10))
    800
    """
    total = 0

    def add(module: nn.Module, inputs: object, output: object) -> None:
        nonlocal total
        total += output.numel() if isinstance(output, torch.Tensor) else 0

    hooks = [layer.register_forward_hook(add) for layer in model.modules() if next(layer.children(), None) is None]
    was_training = model.training
    model.eval()
    with torch.no_grad():
        model(torch.zeros(1, in_channels or _in_channels(model), *size, device=next(model.parameters()).device))
    model.train(was_training)
    for hook in hooks:
        hook.remove()
    return total


def _in_channels(model: nn.Module) -> int:
    return int(getattr(model, "settings", {}).get("in_channels", 3))


def noise_images(model: nn.Module, number: int, size: tuple[int, int]) -> torch.Tensor:
    """Make images as they come from the data: uint8, whatever the channels; their values change no time.

    Args:
        model: The network, whose images have C channels.
        number: Number of images N.
        size: (height, width) in pixels.

    Returns:
        uint8 (N, C, H, W), the same in each call.
    """
    shape = (number, _in_channels(model), *size)
    return torch.randint(0, 256, shape, dtype=torch.uint8, generator=torch.Generator().manual_seed(0))


def noise_masks(num_classes: int, number: int, size: tuple[int, int]) -> torch.Tensor:
    """Make masks of random labels, the same in each call.

    Args:
        num_classes: Number of classes C.
        number: Number of masks N.
        size: (height, width) in pixels.

    Returns:
        Class indices 0..C-1, uint8 (N, height, width).
    """
    generator = torch.Generator().manual_seed(1)
    return torch.randint(0, num_classes, (number, *size), dtype=torch.uint8, generator=generator)


def logit_stride(model: SegmentationModel, size: tuple[int, int] = (64, 64)) -> int:
    """Return how many pixels of the image are from one logit to the next, before any interpolation or fixed upsampling.

    Args:
        model: A network in eval mode, on any device.
        size: (height, width) of an image that it can process, in pixels.
    """
    weight = next(model.parameters())
    image = torch.zeros(1, model.settings["in_channels"], *size, device=weight.device, dtype=weight.dtype)
    with torch.inference_mode():
        rows = int(model(image, size="native").logits.shape[-2])
    return size[0] // rows * model.fixed_upsampling


def measure_latency(
    models: Mapping[str, SegmentationModel],
    size: tuple[int, int],
    *,
    device: str,
    precision: str,
    rounds: int | None = None,
) -> dict[str, Latency]:
    """Measure the time from one image in memory, uint8, to its labels in memory.

    The models alternate within each round, so that other work of the machine affects all of them. The first three
    rounds are not counted, and on a GPU those of the first half second. The models are left in eval mode.

    Args:
        models: The models by name, on `device`.
        size: (height, width) of the image, in pixels.
        device: The device.
        precision: "fp32", "bf16" or "fp16".
        rounds: Number of rounds that are counted; None for 15 on a CPU and 50 on a GPU.

    Returns:
        The latency of each model.
    """
    on_cpu = device_type(device) == "cpu"
    rounds = rounds or (ROUNDS if on_cpu else GPU_ROUNDS)
    image = noise_images(next(iter(models.values())), 1, size)
    seconds: dict[str, list[float]] = {name: [] for name in models}
    for model in models.values():
        model.eval()
    models = {name: prepared(model, device, precision) for name, model in models.items()}
    begun = time.perf_counter()
    warm = 0
    while warm < WARM_ROUNDS or (not on_cpu and time.perf_counter() - begun < WARM_SECONDS):
        for model in models.values():
            predict_masks(model, image, size, device=device, precision=precision).cpu()
        warm += 1
    for _ in range(rounds):
        for name, model in models.items():
            start = time.perf_counter()
            predict_masks(model, image, size, device=device, precision=precision).cpu()  # waits for a GPU
            seconds[name].append(time.perf_counter() - start)
    quartiles = {name: 1000 * np.quantile(times, (0.5, 0.25, 0.75)) for name, times in seconds.items()}
    return {name: Latency(*values.tolist()) for name, values in quartiles.items()}


def measure_throughput(model: SegmentationModel, size: tuple[int, int], *, device: str, precision: str) -> float | None:
    """Measure how many images a GPU labels in a second, in batches of 16.

    From images in memory, uint8, to labels in memory. On a GPU the latency of one image is mostly the time to launch
    its operations; this is what the network itself takes. The model is left in eval mode.

    Args:
        model: The model, on `device`.
        size: (height, width) of the images, in pixels.
        device: The device.
        precision: "fp32", "bf16" or "fp16".

    Returns:
        Images per second; None on a CPU, where a batch takes about as long as its images one by one. Batches are
        repeated for 0.3 s or more, after one that is not counted.
    """
    if device_type(device) == "cpu":
        return None
    images = noise_images(model, BATCH, size)
    model = prepared(model.eval(), device, precision)
    with on_gpu(device):
        images = images.pin_memory() if device_type(device) == "cuda" else images
        predict_masks(model, images, size, device=device, precision=precision).cpu()
        start, count = time.perf_counter(), 0
        while count == 0 or time.perf_counter() - start < THROUGHPUT_SECONDS:
            predict_masks(model, images, size, device=device, precision=precision).cpu()
            count += 1
        return count * BATCH / (time.perf_counter() - start)
