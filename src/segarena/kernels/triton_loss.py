"""The grid loss on a GPU: how the loops of `triton_loss_loops` are launched."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from segarena.kernels.triton_grid import TILE, ceil_div, pixels_of_cell, places_on, power_of_two

#: Rows of sums: as many programs add up, at most. A constant, so that the order of additions is that of each GPU.
PROGRAMS = 1024
#: Rows of sums, and values of a gradient, that are read at a time.
ROWS, BLOCK = 32, 1024
#: Of the compiler, stated because its default changes: products may be fused with sums.
OPTIONS = {"enable_fp_fusion": True}


class Sums(NamedTuple):
    """The loss, and what its gradient needs."""

    loss: Tensor
    """A scalar, float32."""
    derivatives: Tensor
    """float32 (3, C rounded up): class weights over their sum, and Dice's derivatives on true pixels and on all."""


def sum_losses(logits: Tensor, mask: Tensor, class_weights: Tensor | None, *, dice: bool) -> Sums:
    """Compute the loss of `grid_loss`.

    A label from C on makes the loss NaN: an error would have to wait for the GPU.

    Args:
        logits: float32 (N, C, h, w), C <= 255, on a GPU.
        mask: uint8 (N, H, W), on the same one.
        class_weights: float32 (C,), or None.
        dice: Add the Dice loss.
    """
    from segarena.kernels import triton_loss_loops as loops

    count, channels, height, width = logits.shape
    size = mask.shape[1], mask.shape[2]
    classes = power_of_two(channels)
    mask = mask.contiguous()
    weights = logits.new_ones(channels) if class_weights is None else class_weights.contiguous()
    loss, derivatives = logits.new_empty(()), logits.new_empty(3, classes)
    if (height, width) == size:
        block = max(1, TILE // classes)
        programs = min(PROGRAMS, ceil_div(mask.numel(), block))
        sums = logits.new_empty(programs, 2 + 3 * classes)
        loops.sum_pixels[(programs,)](
            *(logits, mask, weights, sums, mask.numel(), programs, size[0] * size[1], size[1], channels),
            *logits.stride(),
            PIXELS=block,
            CLASSES=classes,
            DICE=dice,
            **OPTIONS,
        )
    else:
        places = places_on(logits.device, (height, width), size)
        cells = count * height * width
        programs = min(PROGRAMS, cells)
        sums = logits.new_empty(programs, 2 + 3 * classes)
        loops.sum_cells[(programs,)](
            *(logits, mask, weights, *places, sums, cells, programs, height, width, *size, channels),
            *logits.stride(),
            PIXELS=pixels_of_cell(places, classes),
            CLASSES=classes,
            DICE=dice,
            **OPTIONS,
        )
    loops.finish_sums[(1,)](
        *(sums, weights, loss, derivatives, programs, channels), ROWS=ROWS, CLASSES=classes, DICE=dice, **OPTIONS
    )
    return Sums(loss, derivatives)


def spread_loss(logits: Tensor, mask: Tensor, derivatives: Tensor, scale: Tensor) -> Tensor:
    """Compute the gradient by the logits.

    Args:
        logits: As in `sum_losses`.
        mask: Likewise.
        derivatives: Of its result.
        scale: Gradient by the loss, a scalar, float32.

    Returns:
        float32 (N, C, h, w), in the memory layout of the logits.
    """
    from segarena.kernels import triton_loss_loops as loops

    count, channels, height, width = logits.shape
    size = mask.shape[1], mask.shape[2]
    classes = power_of_two(channels)
    mask = mask.contiguous()
    gradient = torch.empty_like(logits)
    if (height, width) == size:
        block = max(1, TILE // classes)
        loops.spread_pixels[(ceil_div(mask.numel(), block),)](
            *(logits, mask, derivatives, scale, gradient, mask.numel(), size[0] * size[1], size[1], channels),
            *logits.stride(),
            *gradient.stride(),
            PIXELS=block,
            CLASSES=classes,
            **OPTIONS,
        )
        return gradient
    places = places_on(logits.device, (height, width), size)
    cells = count * height * width
    parts = logits.new_empty(4, cells, channels)
    loops.spread_cells[(cells,)](
        *(logits, mask, derivatives, *places, parts, parts[0].numel(), height, width, *size, channels),
        *logits.stride(),
        PIXELS=pixels_of_cell(places, classes),
        CLASSES=classes,
        **OPTIONS,
    )
    loops.gather_corners[(ceil_div(cells * channels, BLOCK),)](
        *(parts, scale, gradient, parts[0].numel(), height, width, channels), *gradient.stride(), BLOCK=BLOCK, **OPTIONS
    )
    return gradient
