"""How a device computes: its number formats, its memory, its random numbers and its choice of algorithms."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import TypeVar

import torch
from torch import Tensor, nn

from segarena.config.devices import device_index, device_type
from segarena.errors import ConfigError
from segarena.training.machine import computes_bf16

#: The number formats of the forward pass, of 16 bits, by the names of the option.
FORMATS: dict[str, torch.dtype] = {"bf16": torch.bfloat16, "fp16": torch.float16}

Network = TypeVar("Network", bound=nn.Module)


def computes_fp16(device: str) -> bool:
    """Whether a device has fast matrix products in float16: an NVIDIA GPU from Volta on, but for the GTX 16 series.

    GPUs of that series have no units for matrices, and PyTorch's convolutions in float16 give NaN on them
    (pytorch/pytorch #77955).
    """
    if device_type(device) != "cuda":
        return False
    properties = torch.cuda.get_device_properties(device)
    return properties.major >= 7 and "GTX 16" not in properties.name


def fastest_precision(device: str) -> str:
    """Return the fastest number format that a device computes natively: bf16, else fp16, else fp32."""
    if device_type(device) != "mps" and computes_bf16(device):
        return "bf16"
    return "fp16" if computes_fp16(device) else "fp32"


def check_precision(device: str, precision: str) -> None:
    """Check that a device can train in a number format.

    Args:
        device: As `choose_device` returns it.
        precision: "fp32", "bf16" or "fp16".

    Raises:
        ConfigError: bf16 on a GPU that would emulate it, fp16 on a CPU, or either on Apple's GPU.
    """
    kind = device_type(device)
    if precision == "bf16" and kind == "cuda" and not computes_bf16(device):
        what = f"{torch.cuda.get_device_name(device)} has no bf16 and would emulate it, slower than float32"
        remedy = "--precision fp16" if computes_fp16(device) else "--precision fp32"
    elif precision == "fp16" and kind == "cpu":
        what, remedy = "a CPU has no fast float16", "--precision bf16, or --precision fp32"
    elif precision != "fp32" and kind == "mps":
        what, remedy = "on Apple's GPU networks are trained in float32 only", "--precision fp32"
    else:
        return
    raise ConfigError(what, where=f"--precision {precision}", remedy=f"Use {remedy}, or leave it out")


def usable_precision(device: str, precision: str) -> str:
    """Return the number format of a training if the device computes it natively, else "fp32"."""
    native = {"bf16": device_type(device) != "mps" and computes_bf16(device), "fp16": computes_fp16(device)}
    return precision if native.get(precision, True) else "fp32"


def autocast(device: str, precision: str) -> AbstractContextManager[object]:
    """Return the context for forward passes: autocast for "bf16" and "fp16", none for "fp32"."""
    if precision in FORMATS:
        return torch.autocast(device_type(device), dtype=FORMATS[precision])
    return nullcontext()


def at_least_float32(values: Tensor) -> Tensor:
    """Return a tensor of any shape in float32; one of float64 as it is."""
    return values if values.dtype == torch.float64 else values.float()


def place(model: Network, device: str) -> Network:
    """Move a network to a device, with its weights in the order of `memory_format`.

    On Apple's GPU, torch 2.10 and later compute wrong gradients of a BatchNorm whose input is channels-last, as it is
    after `permute` (pytorch/pytorch #175189): there it gets a contiguous copy.
    """
    model.to(device).to(memory_format=memory_format(device))
    if device_type(device) == "mps":
        for module in model.modules():
            if isinstance(module, nn.modules.batchnorm._BatchNorm):
                module.register_forward_pre_hook(_make_contiguous)
    return model


def _make_contiguous(module: nn.Module, inputs: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
    return tuple(value.contiguous() for value in inputs)


def memory_format(device: str) -> torch.memory_format:
    """Return the order of images and weights in memory: channels last, where convolutions are fastest.

    On Apple's GPU it is the usual order, for the reason that `place` gives.
    """
    return torch.contiguous_format if device_type(device) == "mps" else torch.channels_last


def sum_type(device: str) -> torch.dtype:
    """Return the type in which losses are summed: float64, which Apple's GPU does not have."""
    return torch.float32 if device_type(device) == "mps" else torch.float64


def seed_dropout(seed: int, device: str) -> None:
    """Seed only the generator that dropout uses: torch.manual_seed would seed all backends, in every step."""
    kind = device_type(device)
    if kind == "cuda":
        with on_gpu(device):
            torch.cuda.manual_seed(seed)
    elif kind == "mps":
        torch.mps.manual_seed(seed)
    else:
        torch.default_generator.manual_seed(seed)


def keep_random(device: str) -> Callable[[], None]:
    """Remember where the generator of `seed_dropout` is; what is returned puts it back there."""
    kind = device_type(device)
    if kind == "cuda":
        state = torch.cuda.get_rng_state(device)
        return lambda: torch.cuda.set_rng_state(state, device)
    if kind == "mps":
        state = torch.mps.get_rng_state()
        return lambda: torch.mps.set_rng_state(state)
    state = torch.get_rng_state()
    return lambda: torch.set_rng_state(state)


def synchronize(device: str) -> None:
    """Wait until a GPU has computed all that it was given; on a CPU nothing is waiting."""
    kind = device_type(device)
    if kind == "cuda":
        torch.cuda.synchronize(device)
    elif kind == "mps":
        torch.mps.synchronize()


def on_gpu(device: str) -> AbstractContextManager[object]:
    """Return a context in which a GPU with a number is the current one; for other devices one without effect.

    Memory of other libraries, pinned memory and kernels of our own are made for the current GPU.
    """
    number = device_index(device)
    return nullcontext() if number is None else torch.cuda.device(number)


@contextmanager
def computing_on(device: str, *, fixed_sizes: bool = False) -> Iterator[None]:
    """Let a GPU compute float32 as it is recorded in environment.json, whatever else the program has set.

    Convolutions use TF32 where the GPU has it, as is PyTorch's default; matrix products, by which feature maps are
    pooled and enlarged, do not. The settings of before return after the block.

    Args:
        device: The device; on a CPU nothing is set.
        fixed_sizes: Whether all inputs have one size, so that it pays to measure which algorithm is the fastest.
    """
    if device_type(device) != "cuda":
        yield
        return
    convolutions, products = torch.backends.cudnn, torch.backends.cuda.matmul
    try:
        before = (convolutions.allow_tf32, products.allow_tf32)
    except RuntimeError:  # each operation has been given a setting of its own, and PyTorch refuses to mix the two ways
        before = None
    measured_before = convolutions.benchmark
    with on_gpu(device):
        try:
            convolutions.benchmark = fixed_sizes
            if before is not None:
                convolutions.allow_tf32, products.allow_tf32 = True, False
            yield
        finally:
            convolutions.benchmark = measured_before
            if before is not None:
                convolutions.allow_tf32, products.allow_tf32 = before
