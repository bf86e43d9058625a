"""Cross-entropy and Dice loss of upsampled logits, without upsampling them in memory."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.autograd.function import once_differentiable

from segarena.classes import IGNORE_INDEX
from segarena.kernels.grid_positions import grid_positions
from segarena.kernels.triton_grid import can_launch, kernels_are_on, selected
from segarena.kernels.triton_loss import spread_loss, sum_losses

#: Logits at the size of the masks from which the images of a batch are distributed over threads.
MIN_THREADED = 1 << 18


def can_compute(logits: Tensor) -> bool:
    """Whether `grid_loss` accepts these logits: float32; finite on the CPU, or on a GPU that Triton compiles for."""
    if logits.dtype != torch.float32 or not kernels_are_on():
        return False
    if can_launch(logits):
        return logits.shape[1] <= IGNORE_INDEX and logits.numel() > 0
    return logits.device.type == "cpu" and bool(logits.isfinite().all())


def grid_loss(logits: Tensor, mask: Tensor, class_weights: Tensor | None = None, *, dice: bool = False) -> Tensor:
    """Upsample logits bilinearly (align_corners=False) and compute their cross-entropy, with or without the Dice loss.

    The value and the gradient are those of `cross_entropy` and `dice_loss` in `segarena.training.losses`, on resized
    logits, up to rounding: about 1e-6 of the largest. Instead of N x C x H x W numbers, and again for each step of the
    gradient, one row of an image at a time is in memory, on a GPU one cell of the grid. Sums depend neither on the
    number of threads nor on the order in which the programs of a GPU run.

    Args:
        logits: (N, C, h, w), of which `can_compute` is True.
        mask: uint8 (N, H, W), class indices below C, or IGNORE_INDEX for void.
        class_weights: float32 (C,), 0 or more; None for equal weights.
        dice: Add the Dice loss.

    Returns:
        A scalar, float32. Differentiable once.

    Raises:
        IndexError: A label of the mask is not below C; on a GPU the loss is NaN instead, since an error would have to
            wait for it.

    >>> grid_loss(torch.zeros(1, 2, 1, 1), torch.zeros(1, 4, 4, dtype=torch.uint8))
    tensor(0.6931)
    """
    result: Tensor = _GridLoss.apply(logits, mask, class_weights, dice)
    return result


class _GridLoss(torch.autograd.Function):
    """`grid_loss` with its gradient; the backward pass computes each row again instead of keeping it."""

    @staticmethod
    def forward(ctx: Any, logits: Tensor, mask: Tensor, class_weights: Tensor | None, dice: bool) -> Tensor:
        if can_launch(logits):
            with selected(logits):
                sums = sum_losses(logits, mask, class_weights, dice=dice)
            ctx.save_for_backward(logits, mask, sums.derivatives)
            return sums.loss
        from segarena.kernels.loss_loops import sum_loss

        count, channels, height, width = logits.shape
        grids = logits.permute(0, 2, 3, 1).contiguous().numpy()
        labels = mask.contiguous().numpy()
        if (labels[labels != IGNORE_INDEX] >= channels).any():
            raise IndexError(f"the mask has labels of {channels} or more, and there are {channels} classes")
        weights = np.ones(channels, np.float32) if class_weights is None else class_weights.numpy()
        places = (*grid_positions(height, labels.shape[1]), *grid_positions(width, labels.shape[2]))
        entropy, areas = np.zeros((count, 2)), np.zeros((count, 3, channels))

        def sum_image(n: int) -> None:
            sum_loss(grids[n], *places, labels[n], weights, entropy[n], areas[n])

        _for_each(count, sum_image, labels.size * channels)
        cross_entropy, weight = entropy.sum(axis=0)
        # Where no pixel counts, both are 0, whatever the class weights are.
        mean, shares = (cross_entropy / weight, weights / weight) if weight > 0 else (0.0, np.zeros_like(weights))
        value, on_truth, everywhere = _dice(areas.sum(axis=0)) if dice else (0.0, *np.zeros((2, channels)))
        derivatives = (shares, on_truth, everywhere)
        ctx.inputs = grids, places, labels, [part.astype(np.float32) for part in derivatives]
        return torch.tensor(mean + value, dtype=torch.float32)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None, None, None]:
        """Return the gradient by the logits, (N, C, h, w); the other arguments have none."""
        if ctx.saved_tensors:
            with selected(gradient):
                logits, mask, derivatives = ctx.saved_tensors
                return spread_loss(logits, mask, derivatives, gradient), None, None, None
        from segarena.kernels.loss_loops import spread_gradient

        grids, places, labels, derivatives = ctx.inputs
        result = np.zeros_like(grids)

        def spread_image(n: int) -> None:
            spread_gradient(grids[n], *places, labels[n], *derivatives, result[n])

        _for_each(len(grids), spread_image, labels.size * grids.shape[-1])
        return torch.from_numpy(result).permute(0, 3, 1, 2) * gradient, None, None, None


def _dice(areas: NDArray[np.float64]) -> tuple[float, NDArray[np.float64], NDArray[np.float64]]:
    """The Dice loss, and its derivatives by a class's probability: on its own pixels, and the part of all pixels.

    The mean over the classes that occur of 1 - 2 O / (P + T), for the rows O, P and T of `areas`.
    """
    overlap, predicted, truth = areas
    total = np.maximum(predicted + truth, 1e-6)
    share = (truth > 0) / max(np.count_nonzero(truth), 1)
    return float((share * (1 - 2 * overlap / total)).sum()), -2 * share / total, 2 * share * overlap / total**2


def _for_each(count: int, function: Callable[[int], None], work: int) -> None:
    threads = min(torch.get_num_threads(), count) if work >= MIN_THREADED else 1
    if threads == 1:
        list(map(function, range(count)))
    else:
        with ThreadPoolExecutor(threads) as pool:
            list(pool.map(function, range(count)))
