"""A training step as it is launched by Python, and recorded as a CUDA graph: milliseconds of both, in turn."""

from __future__ import annotations

from functools import partial

import torch
from session import CLASSES, DEVICE, HAS_GPU, Report, alternate, batch, spread

import segarena
from segarena.training.devices import place
from segarena.training.losses import SegmentationLoss
from segarena.training.optimization import build_optimizer, build_scaler
from segarena.training.steps import WARM_UP, RecordedStep, TrainingStep

#: Architecture, encoder, side of the crops in pixels, images in a batch: small steps, then the default on a GPU.
CASES = [
    ("fcn", "mobilenet_v2", 128, 8),
    ("unet", "resnet18", 128, 16),
    ("deeplabv3", "mobilenet_v2", 256, 8),
    ("pspnet", "resnet18", 256, 16),
    ("deeplabv3", "resnet50", 512, 16),
]


def make(name: str, encoder: str) -> TrainingStep:
    """A step in bf16 as of a training by default."""
    torch.manual_seed(0)
    model = place(segarena.build_model(name, CLASSES, encoder=encoder, weights="none"), DEVICE).train()
    optimizer = build_optimizer(model, "adamw", 1e-5, 1e-2)
    scaler = build_scaler(DEVICE, "bf16")
    loss = SegmentationLoss("ce+dice")
    return TrainingStep(model, loss, optimizer, scaler, parts=1, clip_norm=5.0, device=DEVICE, precision="bf16")


def main() -> None:
    report = Report("recorded")
    for name, encoder, side, count in CASES if HAS_GPU else CASES[:1]:
        images, masks = batch(side, count)
        ways = {"launched": make(name, encoder)}
        if HAS_GPU:
            ways["recorded"] = RecordedStep(make(name, encoder))  # type: ignore[assignment]
            for _ in range(WARM_UP + 1):
                ways["recorded"](images, masks)
        times = alternate({way: partial(step, images, masks) for way, step in ways.items()}, repeats=10)
        report.add(
            case=f"{name}, {encoder}, {side} px, batch {count}", **{way: spread(ms) for way, ms in times.items()}
        )
        del ways
        torch.cuda.empty_cache()


if __name__ == "__main__":
    main()
