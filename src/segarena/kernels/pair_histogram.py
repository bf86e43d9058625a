"""How often each pair of bytes occurs, from which confusion matrices are read."""

from __future__ import annotations

import torch
from torch import Tensor

from segarena.classes import IGNORE_INDEX
from segarena.kernels.triton_grid import can_launch, kernels_are_on, selected
from segarena.kernels.triton_labels import count_on_gpu

_BYTES = 256


def pair_histogram(first: Tensor, second: Tensor) -> Tensor:
    """Count the pairs of values at the same positions of two tensors, exactly on each device.

    All 65536 pairs are counted, void included: dropping rows afterwards is about 8 times as fast as selecting the
    counted pixels with a boolean mask before.

    Args:
        first: Integers of 0..255, any shape.
        second: Integers of 0..255, same shape and device.

    Returns:
        int64 (256, 256) on their device, rows = first.

    >>> counts = pair_histogram(torch.tensor([0, 0, 7]), torch.tensor([1, 1, 255]))
    >>> counts[0, 1].item(), counts[7, 255].item()
    (2, 1)
    """
    if first.device.type == "cpu" and kernels_are_on():
        from segarena.kernels.loops import count_pairs

        counts = torch.zeros(_BYTES**2, dtype=torch.int64)
        count_pairs(*(part.to(torch.uint8).flatten().numpy() for part in (first, second)), counts.numpy())
        return counts.view(_BYTES, _BYTES)
    return plain_pair_histogram(first, second)


def plain_pair_histogram(first: Tensor, second: Tensor) -> Tensor:
    """Reference implementation of `pair_histogram`."""
    pairs = (first.int() << 8) | second.int()
    return torch.bincount(pairs.flatten(), minlength=_BYTES**2).view(_BYTES, _BYTES)


def count_by_image(truth: Tensor, prediction: Tensor, classes: int) -> Tensor:
    """Count the pairs of labels of each image, exactly on each device, and without waiting for a GPU.

    Args:
        truth: Integers of 0..255, (N, H, W); 255 is void and not counted.
        prediction: Integers of 0..255, same shape and device.
        classes: C, 1..255.

    Returns:
        int64 (N, C + 1, C + 1), rows = truth. The last row and the last column count labels from C on.

    >>> count_by_image(torch.tensor([[[0, 1, 255, 3]]]), torch.tensor([[[0, 0, 0, 1]]]), 2)[0].tolist()
    [[1, 0, 0], [1, 0, 0], [0, 1, 0]]
    """
    if can_launch(truth):
        with selected(truth):
            rows, columns = (part.to(torch.uint8).contiguous() for part in (truth, prediction))
            return count_on_gpu(rows, columns, classes).long()
    if truth.device.type == "cpu" and kernels_are_on():
        counts = torch.zeros(len(truth), classes + 1, classes + 1, dtype=torch.int64)
        for image, pair in enumerate(zip(truth, prediction, strict=True)):
            histogram = pair_histogram(*pair)[:IGNORE_INDEX]
            counts[image, :classes, :classes] = histogram[:classes, :classes]
            counts[image, classes, :classes] = histogram[classes:, :classes].sum(dim=0)
            counts[image, :classes, classes] = histogram[:classes, classes:].sum(dim=1)
            counts[image, classes, classes] = histogram[classes:, classes:].sum()
        return counts
    return plain_count_by_image(truth, prediction, classes)


def plain_count_by_image(truth: Tensor, prediction: Tensor, classes: int) -> Tensor:
    """Reference implementation of `count_by_image`: one histogram of all images."""
    images, side = len(truth), classes + 1
    rows, columns = (part.flatten(1).int().clamp(max=classes) for part in (truth, prediction))
    first = torch.arange(images, device=truth.device, dtype=torch.int32)[:, None] * side * side
    pairs = (first + rows * side + columns).where(truth.flatten(1) != IGNORE_INDEX, images * side * side)
    counts = torch.bincount(pairs.flatten(), minlength=images * side * side + 1)
    return counts[:-1].view(images, side, side)
