"""Labels and counts on a GPU: how the loops of `triton_label_loops` are launched."""

from __future__ import annotations

import torch
from torch import Tensor

from segarena.kernels.triton_grid import ceil_div, pixels_of_cell, places_on, power_of_two

#: Most pairs of labels for which a program keeps a histogram of its own.
MAX_BINS = 1024
#: Pixels that are counted at a time, and blocks of them in a program.
PIXELS, BLOCKS = 1024, 8
#: Of the compiler: a product that is fused with a sum is not rounded, and a label can be another than on the CPU.
OPTIONS = {"enable_fp_fusion": False}


def label_on_gpu(logits: Tensor, size: tuple[int, int], extent: tuple[float, float]) -> Tensor:
    """Label each pixel as `upsample_argmax` does on the CPU: equal labels, since each operation is the same.

    Args:
        logits: float32 (N, C, h, w), C <= 256.
        size: (H, W), in pixels.
        extent: Rows and columns of the grid that the size corresponds to.

    Returns:
        uint8 (N, H, W).
    """
    from segarena.kernels.triton_label_loops import label_cells

    count, channels, height, width = logits.shape
    places = places_on(logits.device, (height, width), size, extent)
    labels = torch.empty(count, *size, dtype=torch.uint8, device=logits.device)
    classes = power_of_two(channels)
    label_cells[(count * height * width,)](
        *(logits, *places, labels, height, width, *size, channels),
        *logits.stride(),
        PIXELS=pixels_of_cell(places, classes),
        CLASSES=classes,
        num_warps=2,
        **OPTIONS,
    )
    return labels


def count_on_gpu(truth: Tensor, prediction: Tensor, classes: int) -> Tensor:
    """Count the pairs of labels of each image.

    Args:
        truth: uint8 (N, H, W), contiguous; 255 is void.
        prediction: Likewise.
        classes: C, 1..255.

    Returns:
        int32 (N, C + 1, C + 1): rows = truth; the last row and column count labels from C on.
    """
    from segarena.kernels import triton_label_loops as loops

    count, pixels = len(truth), truth[0].numel() if len(truth) else 0
    counts = torch.zeros(count, classes + 1, classes + 1, dtype=torch.int32, device=truth.device)
    if truth.numel() == 0:
        return counts
    bins = power_of_two((classes + 1) ** 2 + 1)
    if bins <= MAX_BINS:
        loops.count_by_histogram[(ceil_div(pixels, PIXELS * BLOCKS), count)](
            truth, prediction, counts, pixels, BLOCKS, classes, BINS=bins, PIXELS=PIXELS, **OPTIONS
        )
    else:
        loops.count_in_memory[(ceil_div(pixels, PIXELS), count)](
            truth, prediction, counts, pixels, classes, PIXELS=PIXELS, **OPTIONS
        )
    return counts
