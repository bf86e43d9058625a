"""From logits to labels, and from labels to exact pixel counts, which all scores are computed from."""

from __future__ import annotations

import torch
from torch import Tensor

from segarena.classes import IGNORE_INDEX
from segarena.kernels.pair_histogram import count_by_image, pair_histogram
from segarena.kernels.upsample_argmax import upsample_argmax


def predict_labels(
    logits: Tensor, size: tuple[int, int] | None = None, extent: tuple[float, float] | None = None
) -> Tensor:
    """Assign to each pixel the class of its largest logit, after resizing the logits to `size`.

    A tie goes to the lowest class, on every device. bfloat16 and float16 logits are compared as they are: two that were
    rounded to the same value are a tie.

    Args:
        logits: (N, C, H, W), a floating-point type, 2 <= C <= 255.
        size: Height and width of the labels, in pixels. Default: those of the logits.
        extent: Rows and columns of the logits, from the upper left, that cover `size`. Default: all of them.

    Returns:
        Class indices 0..C-1, uint8, (N, *size).

    Raises:
        ValueError: Another shape; one channel, which needs a threshold and not a largest logit; or integer logits,
            which were rounded before the comparison.
    """
    if logits.ndim != 4 or not 2 <= logits.shape[1] <= IGNORE_INDEX:
        raise ValueError(f"logits must be (N, C, H, W) with 2 <= C <= {IGNORE_INDEX}, got {tuple(logits.shape)}")
    if not logits.is_floating_point():
        raise ValueError(f"logits must be floating point, got {logits.dtype}: rounded logits have the wrong argmax")
    return upsample_argmax(logits, size or (logits.shape[2], logits.shape[3]), extent)


def confusion_per_image(prediction: Tensor, truth: Tensor, num_classes: int) -> Tensor:
    """Count the pixels of each true class by predicted class, for each image.

    Exact on every device. A pixel whose truth is void (255) is not counted, whatever is predicted there; a labelled
    pixel that is predicted as background is counted.

    Args:
        prediction: Class indices 0..C-1, (N, H, W), any integer type.
        truth: Class indices 0..C-1, or 255 for void; the same shape.
        num_classes: C, 1..255.

    Returns:
        Confusion matrices, int64 (N, C, C), rows = truth, columns = prediction, on the device of `truth`.

    Raises:
        ValueError: The shapes differ, or a counted label is outside 0..C-1.
    """
    if prediction.ndim != 3 or prediction.shape != truth.shape:
        raise ValueError(
            f"prediction and truth must both be (N, H, W), got {tuple(prediction.shape)} and {tuple(truth.shape)}"
        )
    if not 1 <= num_classes <= IGNORE_INDEX:
        raise ValueError(f"num_classes must be 1..{IGNORE_INDEX}, got {num_classes}")
    for name, labels in (("truth", truth), ("prediction", prediction)):
        _check_bytes(name, labels)
    counts = count_by_image(truth, prediction, num_classes)
    outside = counts[:, -1].sum() + counts[:, :, -1].sum()
    if outside > 0:  # on a GPU, the only synchronisation for a batch
        image = int((counts[:, -1].sum(dim=1) + counts[:, :, -1].sum(dim=1)).nonzero()[0])
        _raise_outside(pair_histogram(truth[image], prediction[image])[:IGNORE_INDEX], num_classes, image)
    return counts[:, :-1, :-1].contiguous()


def _check_bytes(name: str, labels: Tensor) -> None:
    """Raise ValueError unless the labels are integers of 0..255, which uint8 always is."""
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
