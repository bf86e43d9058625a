"""The kernels for a GPU on the CPU, in Triton's interpreter: `python interpreted.py` prints a JSON object.

A process of its own: the interpreter is chosen when Triton is imported.
"""

from __future__ import annotations

import json
import os
from typing import Any, NamedTuple

import torch
from torch import Tensor

from segarena.kernels import grid_loss, pair_histogram, upsample_argmax
from segarena.kernels.pair_histogram import count_by_image
from segarena.models.layers import resize
from segarena.training.losses import cross_entropy, dice_loss, upsampled_loss


class LossCase(NamedTuple):
    """Logits and masks, and what is computed of them."""

    logits: tuple[int, int, int, int]
    size: tuple[int, int]
    dice: bool = False
    weighted: bool = False
    void: float = 0.2
    channels_last: bool = False


LOSSES = {
    "two classes": LossCase((1, 2, 2, 2), (15, 14)),
    "all": LossCase((2, 5, 2, 3), (17, 20), dice=True, weighted=True, channels_last=True),
    "Dice": LossCase((1, 21, 2, 2), (16, 16), dice=True),
    "weights": LossCase((1, 4, 2, 2), (9, 13), weighted=True),
    "150 classes": LossCase((1, 150, 2, 2), (13, 9), dice=True, channels_last=True),
    "one point": LossCase((2, 3, 1, 1), (7, 5), dice=True),
    "one row": LossCase((1, 3, 1, 3), (4, 11)),
    "all void": LossCase((1, 3, 2, 2), (8, 8), dice=True, void=1.0),
    "without void": LossCase((1, 3, 2, 2), (8, 8), dice=True, void=0.0),
    "size of the mask": LossCase((2, 7, 6, 5), (6, 5), dice=True, weighted=True),
    "size of the mask, channels-last": LossCase((2, 7, 9, 5), (9, 5), dice=True, channels_last=True),
    "little enlarged": LossCase((1, 3, 3, 2), (4, 3), dice=True),
    "reduced": LossCase((1, 3, 3, 4), (2, 4), dice=True),
}

#: Logits (N, C, h, w), size, extent, kind.
LABELS: dict[str, tuple[tuple[int, int, int, int], tuple[int, int], tuple[float, float] | None, str]] = {
    "smooth": ((2, 12, 3, 2), (24, 16), None, "smooth"),
    "noise": ((1, 21, 2, 2), (17, 19), None, "noise"),
    "ties": ((1, 4, 2, 3), (15, 22), None, "integers"),
    "part of a cell": ((1, 5, 3, 3), (19, 21), (2.375, 2.625), "noise"),
    "150 classes": ((1, 150, 2, 1), (11, 9), None, "noise"),
    "bfloat16": ((1, 6, 2, 2), (16, 12), None, "bfloat16"),
    "NaN and infinity": ((1, 4, 3, 3), (24, 24), None, "not finite"),
}

#: Classes, pixels, labels beyond the last class.
COUNTS = {
    "one class": (1, (2, 5, 7), False),
    "two classes": (2, (3, 33, 41), False),
    "21 classes": (21, (2, 120, 90), False),
    "in memory": (40, (2, 50, 41), False),
    "255 classes": (255, (1, 40, 41), False),
    "beyond the last class": (12, (2, 40, 41), True),
    "no image": (3, (0, 4, 4), False),
}


def make_loss(case: LossCase, device: str = "cpu") -> tuple[Tensor, Tensor, Tensor | None]:
    """Logits that require a gradient, a mask, and class weights."""
    generator = torch.Generator().manual_seed(0)
    logits = 3 * torch.randn(case.logits, generator=generator)
    if case.channels_last:
        logits = logits.contiguous(memory_format=torch.channels_last)
    shape, classes = (case.logits[0], *case.size), case.logits[1]
    mask = torch.randint(0, classes, shape, generator=generator).to(torch.uint8)
    mask[torch.rand(shape, generator=generator) < case.void] = 255
    weights = torch.rand(classes, generator=generator) + 0.1 if case.weighted else None
    logits = logits.to(device).requires_grad_()
    return logits, mask.to(device), None if weights is None else weights.to(device)


def plain_loss(case: LossCase, logits: Tensor, mask: Tensor, weights: Tensor | None) -> Tensor:
    """The reference: cross-entropy and Dice of resized logits."""
    full = resize(logits, case.size)
    total = cross_entropy(full, mask, weights)
    return total + dice_loss(full, mask) if case.dice else total


def relative(found: Tensor, expected: Tensor) -> float:
    """Norm of the difference over the norm of what is expected; 0 where both are 0."""
    return float((found - expected).double().norm() / expected.double().norm().clamp(min=1e-30))


def check_loss(case: LossCase, device: str = "cpu") -> dict[str, Any]:
    """Errors of the loss and its gradient, their layout, and whether another call on a GPU gives the same bits.

    On a GPU, because the interpreter runs one program after the other: there, nothing can differ.
    """
    found, expected = [], []
    again_on_gpu = ((_of_kernel, found),) * (device != "cpu")
    for way, into in ((plain_loss, expected), (_of_kernel, found), *again_on_gpu):
        logits, mask, weights = make_loss(case, "cpu" if way is plain_loss else device)
        loss = way(case, logits, mask, weights)
        (gradient,) = torch.autograd.grad(2 * loss, logits)
        into.append((loss.detach().cpu(), gradient.cpu()))
    loss, gradient = found[0]
    return {
        "loss": relative(loss, expected[0][0]),
        "gradient": relative(gradient, expected[0][1]),
        "same bits": all(torch.equal(loss, once_more) and torch.equal(gradient, its) for once_more, its in found[1:]),
        "layout": gradient.stride() == make_loss(case)[0].stride(),
    }


def _of_kernel(case: LossCase, logits: Tensor, mask: Tensor, weights: Tensor | None) -> Tensor:
    return upsampled_loss(logits, mask, weights, dice=case.dice)


def make_logits(shape: tuple[int, int, int, int], kind: str) -> Tensor:
    """Logits of some kind."""
    generator = torch.Generator().manual_seed(1)
    noise = torch.randn(shape, generator=generator)
    if kind == "smooth":
        rough = torch.randn(*shape[:2], 2, 2, generator=generator)
        return 5 * resize(rough, shape[2:]) + 0.3 * noise
    if kind == "integers":
        return (2 * noise).round()
    if kind == "not finite":
        noise[0, 1, 0, 0] = noise[0, 3, 0, 0] = float("nan")
        noise[0, 2, 2, 2], noise[0, 0, 1, 2] = float("inf"), float("-inf")
    return noise.to(torch.bfloat16) if kind == "bfloat16" else noise


def make_counts(classes: int, shape: tuple[int, int, int], is_beyond: bool) -> tuple[Tensor, Tensor]:
    """True labels, a fifth of them void, and predicted ones."""
    generator = torch.Generator().manual_seed(2)
    most = min(255, classes + 3) if is_beyond else classes
    truth, prediction = (torch.randint(0, most, shape, generator=generator).to(torch.uint8) for _ in range(2))
    truth[torch.rand(shape, generator=generator) < 0.2] = 255
    return truth, prediction


def main() -> None:
    results: dict[str, Any] = {}
    on_cpu = {name: label(*case) for name, case in LABELS.items()}
    counts = {name: count_by_image(*make_counts(*case), case[0]) for name, case in COUNTS.items()}
    for module in (grid_loss, upsample_argmax, pair_histogram):  # as on a GPU
        module.can_launch = lambda tensor: True  # type: ignore[attr-defined]
    for name, case in LOSSES.items():
        results[f"loss, {name}"] = check_loss(case)
    for name, case in LABELS.items():
        results[f"labels, {name}"] = int((label(*case) != on_cpu[name]).sum())
    for name, case in COUNTS.items():
        results[f"counts, {name}"] = torch.equal(count_by_image(*make_counts(*case), case[0]), counts[name])
    logits, mask, _ = make_loss(LOSSES["weights"])
    mask[0, 3, 3] = 4
    results["loss, a label that is no class"] = str(float(upsampled_loss(logits, mask, None).detach()))
    print(json.dumps(results))


def label(shape: Any, size: Any, extent: Any, kind: str, device: str = "cpu") -> Tensor:
    """Labels of logits of a kind."""
    return upsample_argmax.upsample_argmax(make_logits(shape, kind).to(device), size, extent)


if __name__ == "__main__":
    assert os.environ["TRITON_INTERPRET"] == "1", "set it before Triton is imported"
    main()
