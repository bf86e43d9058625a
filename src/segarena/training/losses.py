"""The losses of the training, computed from the logits that the models return."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any, Literal

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from segarena.classes import IGNORE_INDEX
from segarena.kernels.grid_loss import can_compute, grid_loss
from segarena.models.layers import resize
from segarena.training.devices import at_least_float32
from segarena.training.distributed.ranks import ALONE, Ranks

#: Weight of the auxiliary head's loss: Zhao et al. 2017, 5.2 (arXiv:1612.01105).
AUXILIARY_WEIGHT = 0.4

#: Largest ratio of two class weights: a single pixel must not have more weight than the rest of its crop.
LARGEST_RATIO = 1000.0


def cross_entropy(
    logits: Tensor,
    mask: Tensor,
    class_weights: Tensor | None = None,
    *,
    label_smoothing: float = 0.0,
    hard_pixels: float = 1.0,
) -> Tensor:
    """Mean cross-entropy over the pixels that are not void; 0, with a gradient of 0, where all are.

    With `hard_pixels` below 1, the mean is over the pixels with the highest loss (online hard example mining:
    Shrivastava et al. 2016, arXiv:1604.03540; of pixels: Wu et al. 2016, 3.3, arXiv:1605.06885). Differences from the
    papers: the number of pixels is a share of the batch, void included, and pixels that tie with the last one count.

    Args:
        logits: (N, C, H, W), floating point; computed in float32, those of float64 in float64.
        mask: (N, H, W), integers 0..C - 1, or IGNORE_INDEX for void.
        class_weights: float32 (C,), 0 or more, for a weighted mean as in torch; None for equal weights.
        label_smoothing: Share of the target that is spread over all classes, 0..1 (Szegedy et al. 2016, 7).
        hard_pixels: Share of the pixels that count, above 0, at most 1.

    Returns:
        A scalar, float32 or float64.
    """
    mask, logits = mask.long(), at_least_float32(logits)
    counted = mask != IGNORE_INDEX
    class_weights = None if class_weights is None else class_weights.to(logits.dtype)
    settings: dict[str, Any] = {"weight": class_weights, "label_smoothing": label_smoothing}
    if hard_pixels < 1:
        losses = F.cross_entropy(logits, mask, ignore_index=IGNORE_INDEX, reduction="none", **settings)
        counted = counted & _hardest(losses.detach().where(counted, -1.0), hard_pixels)
        total = (losses * counted).sum()
    else:
        total = F.cross_entropy(logits, mask, ignore_index=IGNORE_INDEX, reduction="sum", **settings)
    if class_weights is None:
        weight = counted.sum()
    else:
        weight = torch.where(counted, class_weights[mask.where(counted, 0)], 0.0).sum()
    return total / weight.clamp(min=torch.finfo(torch.float32).tiny)


def _hardest(losses: Tensor, share: float) -> Tensor:
    """Which values are among a share of all that are the highest."""
    number = max(1, round(share * losses.numel()))
    return losses >= losses.flatten().kthvalue(losses.numel() - number + 1).values


def dice_loss(logits: Tensor, mask: Tensor, ranks: Ranks = ALONE) -> Tensor:
    """1 - soft Dice, averaged over the classes that occur in the batch. Milletari et al. 2016, 3 (arXiv:1606.04797).

    Differences from the paper: sums are over the whole batch, probabilities are not squared in the denominator, and a
    class without a pixel in the batch is excluded, since its Dice is undefined.

    Args:
        logits: (N, C, H, W), floating point; computed in float32, those of float64 in float64.
        mask: (N, H, W), integers 0..C - 1, or IGNORE_INDEX for void.
        ranks: The processes that have a slice of the batch each. All return the loss of the batch, and a share of it
            has its share of the gradient.

    Returns:
        A scalar of 0..1, float32 or float64; 0 where all pixels are void.
    """
    mask = mask.long()
    counted = mask != IGNORE_INDEX
    labels = mask.where(counted, 0)
    probability = at_least_float32(logits).softmax(dim=1)
    of_truth = probability.gather(1, labels.unsqueeze(1)).squeeze(1) * counted
    overlap = torch.zeros_like(probability[0, :, 0, 0]).index_add(0, labels.flatten(), of_truth.flatten())
    predicted_area = torch.einsum("nchw,nhw->c", probability, counted.to(probability.dtype))
    # not bincount, nor a selection by `counted`: on a GPU both wait for the result
    truth_area = torch.zeros_like(overlap, dtype=torch.int64).index_add(0, labels.flatten(), counted.flatten().long())
    if ranks.number > 1:
        overlap, predicted_area = ranks.sum_with_gradient(torch.stack([overlap, predicted_area])).unbind()
        truth_area = ranks.sum(truth_area)
    dice = 2 * overlap / (predicted_area + truth_area).clamp(min=1e-6)
    present = truth_area > 0
    return ((1 - dice) * present).sum() / present.sum().clamp(min=1)


class SegmentationLoss:
    """The loss of a model's output: main loss, plus the auxiliary head's cross-entropy times AUXILIARY_WEIGHT.

    Args:
        kind: Main loss: cross-entropy, or the sum of cross-entropy and Dice loss.
        class_weights: Class weights of the cross-entropy, float32 (C,); None for equal weights.
        label_smoothing: Its share of the target that is spread over all classes, 0..1.
        hard_pixels: Its share of the pixels that count, see `cross_entropy`.
        ranks: The processes that have a slice of each batch.
    """

    def __init__(
        self,
        kind: Literal["ce", "ce+dice"],
        class_weights: Tensor | None = None,
        *,
        label_smoothing: float = 0.0,
        hard_pixels: float = 1.0,
        ranks: Ranks = ALONE,
    ) -> None:
        self.kind, self.ranks = kind, ranks
        self.class_weights = class_weights
        self._compute = partial(
            upsampled_loss,
            class_weights=class_weights,
            label_smoothing=label_smoothing,
            hard_pixels=hard_pixels,
            ranks=ranks,
        )

    def __call__(self, logits: Tensor, auxiliary: Tensor | None, mask: Tensor) -> tuple[Tensor, Tensor | None]:
        """Compute the loss of a batch.

        Args:
            logits: (N, C, h, w), floating point: native, or at the size of the mask.
            auxiliary: Logits of the auxiliary head, (N, C, ., .); None for a model without one.
            mask: (N, H, W), integers 0..C - 1, or IGNORE_INDEX for void.

        Returns:
            The total and, unweighted, the auxiliary head's cross-entropy or None: scalars, float32.
        """
        total = self._compute(logits, mask, dice=self.kind == "ce+dice")
        if auxiliary is None:
            return total, None
        part = self._compute(auxiliary, mask)
        return total + AUXILIARY_WEIGHT * part, part

    def shares(self, masks: Sequence[Tensor]) -> list[Tensor]:
        """Return the shares of the parts of a batch in the weight of its counted pixels, scalars that add up to 1.

        With several processes, they add up to 1 over all of them.

        Multiplied with them, the losses of the parts add up to that of the batch. That is exact for the cross-entropy,
        whatever the class weights, the label smoothing and the void pixels are, and for the auxiliary head. Dice loss
        and `hard_pixels` are not sums over pixels: they become their weighted mean over the parts.

        Args:
            masks: The mask of each part, (N, H, W).
        """
        weights = torch.stack([_weigh(mask, self.class_weights) for mask in masks])
        weights = weights if self.ranks.number == 1 else weights.double()
        total = self.ranks.sum(weights.sum())
        return list((weights / total.clamp(min=torch.finfo(torch.float32).tiny)).unbind())


def _weigh(mask: Tensor, class_weights: Tensor | None) -> Tensor:
    """The sum of the weights of the pixels that are not void, in the type of the weights."""
    counted = mask != IGNORE_INDEX
    if class_weights is None:
        return counted.sum().float()
    return torch.where(counted, class_weights[mask.long().where(counted, 0)], 0.0).sum()


def upsampled_loss(
    logits: Tensor,
    mask: Tensor,
    class_weights: Tensor | None,
    *,
    dice: bool = False,
    label_smoothing: float = 0.0,
    hard_pixels: float = 1.0,
    ranks: Ranks = ALONE,
) -> Tensor:
    """Cross-entropy, with or without the Dice loss, of logits that are interpolated to the size of the mask.

    Args:
        logits: (N, C, h, w), floating point.
        mask: (N, H, W), integers 0..C - 1, or IGNORE_INDEX for void.
        class_weights: float32 (C,), or None.
        dice: Add the Dice loss.
        label_smoothing: See `cross_entropy`.
        hard_pixels: Likewise.
        ranks: See `dice_loss`.

    Returns:
        A scalar, float32.
    """
    # The fast loss has no place where the sums of the processes for the Dice loss could be added up.
    is_plain = label_smoothing == 0 and hard_pixels == 1 and not (dice and ranks.number > 1)
    if is_plain and mask.dtype == torch.uint8 and can_compute(logits):
        return grid_loss(logits, mask, class_weights, dice=dice)
    logits = logits if logits.shape[-2:] == mask.shape[-2:] else resize(logits, mask.shape[-2:])
    total = cross_entropy(logits, mask, class_weights, label_smoothing=label_smoothing, hard_pixels=hard_pixels)
    return total + dice_loss(logits, mask, ranks) if dice else total


def weigh_classes(
    class_pixels: NDArray[np.int64], method: Literal["none", "inverse", "sqrt-inverse", "effective", "median"]
) -> Tensor | None:
    """Compute class weights from the pixels of the classes in the training split.

    With f the fraction of a class in all pixels, its weight is proportional to

    - "inverse": 1 / f;
    - "sqrt-inverse": 1 / sqrt(f);
    - "median": median frequency / frequency, with the frequency over the images in which the class occurs
      (Eigen and Fergus 2015, 6.3.2, arXiv:1411.4734);
    - "effective": (1 - beta) / (1 - beta^n), n the pixels of the class (Cui et al. 2019, 4, arXiv:1901.05555), with
      beta = 1 - 1 / (mean pixels of a class that occurs), so that only classes rarer than the mean get much larger
      weights, equal at every resolution.

    Differences from the paper: Cui et al. try several beta on counts of images, 0.9 to 0.9999; with these, all classes
    of a million pixels would have equal weights.

    Args:
        class_pixels: Pixels of each class without void, one or more in all: int64 (N, C), a row for each training
            image, or (C,), which counts as one image.
        method: One of the four, or "none".

    Returns:
        float32 (C,): at most LARGEST_RATIO times the smallest, 0 for a class that never occurs, of mean 1 over the
        others. None for "none".

    >>> weigh_classes(np.array([90, 30]), "inverse")
    tensor([0.5000, 1.5000])
    """
    if method == "none":
        return None
    pixels = np.atleast_2d(class_pixels).astype(np.float64)
    totals = pixels.sum(axis=0)
    present = totals > 0
    counts = totals[present]
    if method == "inverse":
        weights = counts.sum() / counts
    elif method == "sqrt-inverse":
        weights = np.sqrt(counts.sum() / counts)
    elif method == "median":
        seen = np.array([pixels[pixels[:, c] > 0].sum() for c in np.flatnonzero(present)])
        weights = np.median(counts / seen) / (counts / seen)
    else:
        weights = -1 / np.expm1(counts * _log_beta(counts.mean()))
    weights = np.minimum(weights, LARGEST_RATIO * weights.min())
    spread = np.zeros(len(totals))
    spread[present] = weights / weights.mean()
    return torch.from_numpy(spread).float()


def _log_beta(prototypes: float) -> float:
    """log(1 - 1 / prototypes), finite also for one prototype, where beta is 0 and all weights are equal."""
    return float(np.log1p(-1 / max(prototypes, 1 + 1e-9)))
