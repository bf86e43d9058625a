"""From logits and labels to exact integer counts: everything that is scored starts here."""

from __future__ import annotations

import torch
from torch import Tensor

from segarena.classes import IGNORE_INDEX
from segarena.kernels.pair_histogram import pair_histogram
from segarena.kernels.upsample_argmax import upsample_argmax


def predict_labels(
    logits: Tensor, size: tuple[int, int] | None = None, extent: tuple[float, float] | None = None
) -> Tensor:
    """Give each pixel the class of its largest logit, of logits resized to `size` where it is given.

    `extent` is how many of their rows and columns, from the upper left, `size` stands for; None: all.

    logits (N, C, H, W), a floating-point type, 2 <= C <= 255 -> uint8 (N, H, W) or (N, *size), 0..C-1. A tie goes to
    the lowest class, on each device. bfloat16 and half logits are taken as they are: the answer is exact for the values
    given, but two logits that the short type rounded to the same value are a tie. Raises ValueError for another shape,
    for one channel (that is a threshold, not a choice of class) and for integers, where the choice is already lost.
    """
    if logits.ndim != 4 or not 2 <= logits.shape[1] <= IGNORE_INDEX:
        raise ValueError(f"logits must be (N, C, H, W) with 2 <= C <= {IGNORE_INDEX}, got {tuple(logits.shape)}")
    if not logits.is_floating_point():
        raise ValueError(f"logits must be floating point, got {logits.dtype}: argmax of rounded logits picks wrong")
    return upsample_argmax(logits, size or (logits.shape[2], logits.shape[3]), extent)


def confusion_per_image(prediction: Tensor, truth: Tensor, num_classes: int) -> Tensor:
    """Count the pixels of each truth class by predicted class, image by image.

    prediction, truth (N, H, W), any integer type, same size -> int64 (N, C, C) on their device, rows = truth,
    columns = prediction. Exact on each device. Pixels whose truth is void (255) count nowhere, whatever is predicted
    there; a prediction of 'background' on a labelled pixel does count. Raises ValueError where the shapes differ or a
    counted label lies outside 0..C-1.
    """
    if prediction.ndim != 3 or prediction.shape != truth.shape:
        raise ValueError(
            f"prediction and truth must both be (N, H, W), got {tuple(prediction.shape)} and {tuple(truth.shape)}"
        )
    if not 1 <= num_classes <= IGNORE_INDEX:
        raise ValueError(f"num_classes must be 1..{IGNORE_INDEX}, got {num_classes}")
    for name, labels in (("truth", truth), ("prediction", prediction)):
        _check_bytes(name, labels)
    counts = torch.zeros(len(truth), num_classes, num_classes, dtype=torch.int64, device=truth.device)
    for image, (rows, columns) in enumerate(zip(truth, prediction, strict=True)):
        histogram = pair_histogram(rows, columns)
        counts[image] = histogram[:num_classes, :num_classes]
        counted = histogram[:IGNORE_INDEX].sum()
        if counts[image].sum() != counted:
            _raise_outside(histogram[:IGNORE_INDEX], num_classes, image)
    return counts


def _check_bytes(name: str, labels: Tensor) -> None:
    """Raise ValueError unless the labels are integers of 0..255; uint8 needs no look at the values."""
    if labels.dtype == torch.uint8 or labels.numel() == 0:
        return
    if labels.is_floating_point() or labels.is_complex() or labels.dtype == torch.bool:
        raise ValueError(f"{name} must hold integer labels, got {labels.dtype}")
    low, high = int(labels.min()), int(labels.max())
    if low < 0 or high > IGNORE_INDEX:
        raise ValueError(f"{name} holds the label {low if low < 0 else high}, outside 0..{IGNORE_INDEX}")


def _raise_outside(histogram: Tensor, num_classes: int, image: int) -> None:
    for name, totals in (("truth", histogram.sum(dim=1)), ("prediction", histogram.sum(dim=0))):
        labels = totals.nonzero().flatten()
        wrong = labels[labels >= num_classes]
        if len(wrong):
            raise ValueError(
                f"{name} of image {image} of the batch holds the label {int(wrong[0])}, outside 0..{num_classes - 1}"
            )
