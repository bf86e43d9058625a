"""The resolution ceiling that is possible: logits on a grid, fitted to a mask by gradient descent."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from segarena.classes import IGNORE_INDEX
from segarena.kernels.upsample_argmax import interpolate, upsample_argmax
from segarena.scoring.ceilings import Grid, cell_shares, count_errors, places_among, to_ceilings

#: Steps of Adam, their size, and the steps after which the labels are compared with the mask.
STEPS, RATE, EVERY = 120, 1.0, 10
#: The lowest share of a class in a cell that the first logits are computed from.
_FLOOR = 1e-3


def optimised_counts(
    mask: NDArray[np.uint8], working_size: tuple[int, int], stride: int, num_classes: int
) -> NDArray[np.int64]:
    """Fit logits on a grid to one mask, and count the pixels that are right.

    Cross-entropy plus Dice of the interpolated logits is minimised with Adam, starting from the logarithms of the
    averaged shares. Of all labels on the way, those with the highest mIoU are counted, so the mIoU of the mask is never
    below that of the averaged shares. It is a lower bound of what is possible: the optimum is not known.

    Args:
        mask: Class indices, (H, W); 255 is void and counts nowhere.
        working_size: (height, width) of the image at the working size, in pixels.
        stride: Pixels of that image from one logit to the next.
        num_classes: C.

    Returns:
        True positives, false positives and false negatives of each class, (3, C).
    """
    present = np.unique(mask[mask != IGNORE_INDEX])
    if not present.size:
        return np.zeros((3, num_classes), dtype=np.int64)
    shares = torch.from_numpy(cell_shares(mask, present, working_size, stride)).permute(2, 0, 1)[None]
    extent = working_size[0] / stride, working_size[1] / stride
    target = torch.from_numpy(places_among(present, mask).astype(np.int64))[None]
    size = (mask.shape[0], mask.shape[1])

    def counts_of(scores: Tensor) -> NDArray[np.int64]:
        labels = upsample_argmax(scores.detach().contiguous(), size, extent)[0].numpy()
        return count_errors(present[labels], mask, num_classes)

    grid = Grid(min(working_size), stride)

    def miou(counts: NDArray[np.int64]) -> float:
        return to_ceilings([grid], counts[None])[0].miou

    best = counts_of(shares)
    logits = shares.clamp(min=_FLOOR).log().requires_grad_()
    optimizer = torch.optim.Adam([logits], lr=RATE)
    for step in range(1, STEPS + 1):
        optimizer.zero_grad()
        _loss(interpolate(logits, size, extent), target).backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        if step % EVERY == 0:
            best = max(best, counts_of(logits), key=miou)
    return best


def _loss(logits: Tensor, target: Tensor) -> Tensor:
    """Cross-entropy plus 1 - the mean soft Dice of the classes, over pixels that are not void."""
    counted = target != IGNORE_INDEX
    probabilities = logits.softmax(dim=1).movedim(1, -1)[counted]
    truth = F.one_hot(target[counted], logits.shape[1]).float()
    dice = (2 * (probabilities * truth).sum(0) + 1) / (probabilities.sum(0) + truth.sum(0) + 1)
    return F.cross_entropy(logits, target, ignore_index=IGNORE_INDEX) + 1 - dice.mean()
