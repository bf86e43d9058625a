"""Time from a network's logits to confusion counts, beside two other implementations: `python benchmarks/labels.py`.

All alternate on the same logits; the result is the median of the ratios within a round, with its range.
*As in torchvision*: interpolate, argmax, select pixels that are not void, bincount of int64 (its
references/segmentation). *Plain*: the fastest version found in plain torch: interpolate, max, bincount of 32-bit pairs.
The logits have an eighth of the image's height and width: scenes of large regions, and noise, the worst case.
"""

from __future__ import annotations

import json
import platform
import time
from collections.abc import Callable
from dataclasses import asdict
from statistics import median

import torch
from torch import Tensor
from torch.nn import functional as F

from segarena.kernels.pair_histogram import plain_pair_histogram
from segarena.kernels.upsample_argmax import plain_upsample_argmax
from segarena.scoring.counts import confusion_per_image, predict_labels
from segarena.training.machine import describe_environment

#: Images, classes, (height, width) of the images in pixels.
SETS = [(4, 2, (512, 512)), (4, 12, (360, 480)), (4, 21, (512, 512)), (1, 12, (3000, 4000)), (2, 150, (512, 512))]
ROUNDS = 7


def as_torchvision(logits: Tensor, truth: Tensor) -> Tensor:
    """Count confusions as torchvision's reference scripts do."""
    classes = logits.shape[1]
    predicted = F.interpolate(logits, truth.shape[1:], mode="bilinear", align_corners=False).argmax(1).flatten()
    target = truth.flatten().long()
    counted = (target >= 0) & (target < classes)
    pairs = classes * target[counted] + predicted[counted]
    return torch.bincount(pairs, minlength=classes**2).reshape(classes, classes)


def plain(logits: Tensor, truth: Tensor) -> Tensor:
    """Count confusions with plain torch, as fast as was found."""
    labels = plain_upsample_argmax(logits, (truth.shape[1], truth.shape[2]))
    classes = logits.shape[1]
    return sum(plain_pair_histogram(*pair)[:classes, :classes] for pair in zip(truth, labels, strict=True))


def ours(logits: Tensor, truth: Tensor) -> Tensor:
    """Count confusions as `segarena evaluate` does."""
    labels = predict_labels(logits, (truth.shape[1], truth.shape[2]))
    return confusion_per_image(labels, truth, logits.shape[1]).sum(0)


def scenes(count: int, classes: int, size: tuple[int, int]) -> tuple[Tensor, Tensor]:
    """Make logits of large regions with some noise, and labels that agree with most of them."""
    generator = torch.Generator().manual_seed(0)
    height, width = size[0] // 8, size[1] // 8
    coarse = torch.randn(count, classes, height // 12 + 2, width // 12 + 2, generator=generator)
    clean = 5 * F.interpolate(coarse, (height, width), mode="bicubic", align_corners=False)
    noise = torch.randn(count, classes, height, width, generator=generator)
    truth = plain_upsample_argmax(clean, size)
    truth[:, :5] = 255
    return (clean + 0.5 * noise).contiguous(memory_format=torch.channels_last), truth


def seconds(way: Callable[[Tensor, Tensor], Tensor], logits: Tensor, truth: Tensor) -> float:
    """Time one call, in seconds."""
    start = time.perf_counter()
    way(logits, truth)
    return time.perf_counter() - start


def main() -> None:
    """Measure and print one JSON object per set."""
    print(json.dumps({"machine": platform.machine(), **asdict(describe_environment())}))
    ways = {"as in torchvision": as_torchvision, "plain": plain, "ours": ours}
    for count, classes, size in SETS:
        logits, truth = scenes(count, classes, size)
        noise = 5 * torch.randn(logits.shape, generator=torch.Generator().manual_seed(1))
        for kind, grid in (("scenes", logits), ("noise", noise.contiguous(memory_format=torch.channels_last))):
            difference = int((ours(grid, truth) - plain(grid, truth)).abs().sum()) // 2
            rounds = [{name: seconds(way, grid, truth) for name, way in ways.items()} for _ in range(ROUNDS + 1)][1:]
            ratios = {name: [one[name] / one["ours"] for one in rounds] for name in ways if name != "ours"}
            print(
                json.dumps(
                    {
                        "logits": f"{kind}, {count} x {classes} classes, {size[0]} x {size[1]}",
                        "ours_ms": round(1000 * median(one["ours"] for one in rounds), 1),
                        **{
                            f"{name} / ours": f"{median(values):.1f} ({min(values):.1f} to {max(values):.1f})"
                            for name, values in ratios.items()
                        },
                        "pixels counted differently": difference,
                    }
                )
            )


if __name__ == "__main__":
    main()
