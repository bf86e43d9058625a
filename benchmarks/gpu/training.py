"""A training step of each architecture, in images per second, in several variants that alternate.

The limit is the measured rate of a bf16 matrix product. With the arguments `compile NAME STRIDE` after the folder, one
network is compiled and measured beside the eager one; several such processes compile at once and measure one by one.
"""

from __future__ import annotations

import copy
import fcntl
import sys
import time
from functools import partial
from typing import Any

import torch
from session import (
    BATCH,
    CLASSES,
    DEVICE,
    ENCODER,
    HAS_GPU,
    SIDE,
    Contestant,
    Report,
    alternate,
    batch,
    peak_mib,
    rate,
    spread,
    synchronize,
    training_flops,
)
from torch import nn

import segarena
from segarena.training.devices import place
from segarena.training.losses import SegmentationLoss
from segarena.training.optimization import build_optimizer, build_scaler
from segarena.training.steps import RecordedStep, TrainingStep

CONFIGURATIONS: list[tuple[str, int | None]] = [
    ("fcn", None),
    ("unet", None),
    ("pspnet", 16),
    ("pspnet", 8),
    ("deeplabv3", 16),
    ("deeplabv3", 8),
]
#: Precision, channels-last, cudnn.benchmark; `cudnn.benchmark` made no difference on an H100.
VARIANTS: dict[str, tuple[str, bool, bool]] = {
    "fp32, NCHW": ("fp32", False, False),
    "bf16, NCHW": ("bf16", False, False),
    "bf16, channels-last": ("bf16", True, False),
}


def build(name: str, stride: int | None) -> nn.Module:
    torch.manual_seed(0)
    return segarena.build_model(name, CLASSES, encoder=ENCODER, output_stride=stride)


def describe(report: Report, name: str, stride: int | None, flops: float) -> Any:
    """Return the function that adds a row for the times of a variant."""
    limit = rate(report.folder, "bf16 TFLOP/s")

    def add(variant: str, times: list[float], **more: Any) -> None:
        speed = flops * BATCH / spread(times)[0] / 1e9
        report.add(
            model=name,
            output_stride=stride,
            variant=variant,
            images_per_second=round(1000 * BATCH / spread(times)[0], 1),
            ms=spread(times),
            tflops=round(speed, 1),
            share_of_limit=None if limit is None else round(speed / limit, 3),
            **more,
        )

    return add


def as_trained(network: Any) -> TrainingStep:
    """The step of a training with the default options."""
    model = place(network, DEVICE).train()
    optimizer = build_optimizer(model, "adamw", 1e-5, 1e-2)
    scaler = build_scaler(DEVICE, "bf16")
    return TrainingStep(model, SegmentationLoss("ce+dice"), optimizer, scaler, 1, 5.0, DEVICE, "bf16")


def measure(report: Report) -> None:
    images, masks = batch()
    for name, stride in CONFIGURATIONS:
        network = build(name, stride)
        add = describe(report, name, stride, training_flops(network.to(DEVICE)))
        steps, peaks = {}, {}
        for variant, (precision, last, tuned) in VARIANTS.items():
            contestant = Contestant(copy.deepcopy(network), precision, channels_last=last, tuned=tuned)
            steps[variant] = partial(contestant.step, images, masks)
        step, recorded = as_trained(copy.deepcopy(network)), as_trained(copy.deepcopy(network))
        steps["as in a training"] = partial(step, images, masks)
        if HAS_GPU:
            torch.cuda.reset_peak_memory_stats()
            steps["as in a training, recorded"] = partial(RecordedStep(recorded), images, masks)
        times = alternate(steps)
        for variant, spent in times.items():
            peaks[variant] = peak_mib(steps[variant])
            add(variant, spent, peak_mib=peaks[variant])
        del steps
        if HAS_GPU:
            torch.cuda.empty_cache()


def measure_compiled(report: Report, name: str, stride: int | None) -> None:
    images, masks = batch()
    network = build(name, stride)
    add = describe(report, name, stride, training_flops(network.to(DEVICE)))
    eager = Contestant(copy.deepcopy(network), "bf16", channels_last=True, tuned=True)
    compiled = Contestant(network, "bf16", channels_last=True, tuned=True)
    compiled.model.compile()
    start = time.perf_counter()
    compiled.step(images, masks)
    synchronize()
    seconds = round(time.perf_counter() - start, 1)
    with (report.folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # one measurement at a time
        times = alternate(
            {"eager": partial(eager.step, images, masks), "compiled": partial(compiled.step, images, masks)}
        )
    for variant, spent in times.items():
        add(f"bf16, channels-last, benchmark, {variant}", spent, compile_seconds=seconds)


def main() -> None:
    if len(sys.argv) > 2:
        name, stride = sys.argv[3], int(sys.argv[4]) or None
        measure_compiled(Report(f"compiled_{name}"), name, stride)
    else:
        measure(Report("training"))
    print(f"{ENCODER}, batch {BATCH}, {SIDE} x {SIDE} pixels")


if __name__ == "__main__":
    main()
