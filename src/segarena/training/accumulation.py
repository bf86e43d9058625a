"""Gradient accumulation: the gradients of a batch from parts of it, where memory is too short for the whole."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor, nn

from segarena.config.protocol import SMALLEST_PART, count_parts
from segarena.models import SegmentationModel
from segarena.training.devices import autocast
from segarena.training.distributed.ranks import ALONE, Ranks
from segarena.training.evaluation import normalization_of, to_input
from segarena.training.losses import SegmentationLoss


def micro_batches(batch_size: int) -> list[int]:
    """Return the images of the largest part for 1, 2, 4, ... parts of a batch, as long as each has two images.

    >>> micro_batches(16), micro_batches(6)
    ([16, 8, 4, 2], [6, 3])
    """
    parts = 1
    sizes = []
    while batch_size // parts >= SMALLEST_PART:
        sizes.append(math.ceil(batch_size / parts))
        parts *= 2
    return sizes


def smaller_micro_batch(batch_size: int, largest: int) -> int | None:
    """Return the next smaller number of images that can be computed at a time; None where there is none.

    Args:
        batch_size: Images of a batch.
        largest: Those that are computed at a time now.

    >>> smaller_micro_batch(16, 8), smaller_micro_batch(16, 2)
    (4, None)
    """
    return next((size for size in micro_batches(batch_size) if size < largest), None)


def slow_statistics(model: nn.Module, parts: int) -> None:
    """Let the running statistics of BatchNorm follow the training as fast as without accumulation.

    They move once for each part, so a momentum m becomes 1 - (1 - m)^(1 / parts): after all parts of a step the
    statistics of before count as much as after one whole batch.

    Args:
        model: The model; its BatchNorm layers are changed in place.
        parts: Parts of a batch.
    """
    for module in model.modules():
        if isinstance(module, nn.modules.batchnorm._BatchNorm) and module.momentum is not None and parts > 1:
            module.momentum = 1 - (1 - module.momentum) ** (1 / parts)


class MicroBatches:
    """How many images of a batch are computed at a time: fewer from the moment when the memory is too small for them.

    The batch stays what it is, and with it the steps and the learning rate.

    Args:
        model: The model; the momentum of its BatchNorm layers follows, see `slow_statistics`.
        images: Images of a batch.
        micro_batch: Images that are computed at a time; 0 for all.
    """

    def __init__(self, model: nn.Module, images: int, micro_batch: int) -> None:
        self._model, self._images = model, images
        layers = [module for module in model.modules() if isinstance(module, nn.modules.batchnorm._BatchNorm)]
        self._momenta = [(layer, layer.momentum) for layer in layers]
        self.use(micro_batch)

    def use(self, micro_batch: int) -> int:
        """Compute this number of images at a time, 0 for all. Returns into how many parts a batch is split."""
        self.parts = count_parts(self._images, micro_batch)
        for layer, momentum in self._momenta:
            layer.momentum = momentum
        slow_statistics(self._model, self.parts)
        return self.parts

    @property
    def largest(self) -> int:
        """Images that are computed at a time at most."""
        return math.ceil(self._images / self.parts)

    @property
    def next_smaller(self) -> int | None:
        """The next smaller number of images that can be computed at a time; None where there is none."""
        return smaller_micro_batch(self._images, self.largest)


def add_gradients(
    model: SegmentationModel,
    loss: SegmentationLoss,
    images: Tensor,
    mask: Tensor,
    *,
    parts: int,
    device: str,
    precision: str,
    scale: Callable[[Tensor], Tensor] = lambda loss: loss,
    ranks: Ranks = ALONE,
) -> tuple[Tensor, Tensor | None]:
    """Add the gradients of a batch to the parameters, part by part where it is split.

    The sum over the parts is the gradient of the batch for a loss that is a mean over counted pixels; see
    `SegmentationLoss.shares` for the others. In training mode, BatchNorm normalises each part by its own statistics.
    With several processes, each has a slice of the batch, and a part is that of all of them.

    Args:
        model: The model in training mode, on the device.
        loss: The loss, on the device.
        images: (N, C, H, W), uint8 or float32.
        mask: Class indices or void, (N, H, W).
        parts: Into how many parts the batch is split, see `segarena.config.protocol.count_parts`.
        device: The device.
        precision: "fp32", "bf16" or "fp16".
        scale: Scales a loss before the backward pass, see `build_scaler`.
        ranks: The processes that train together, with which the model has joined.

    Returns:
        The losses of the batch, without a gradient: the total, and that of the auxiliary head or None.
    """
    masks = mask.to(device, non_blocking=True).tensor_split(parts)
    is_whole = parts == 1 and ranks.number == 1
    shares = [None] if is_whole else loss.shares(masks)
    losses = []
    for number, part in enumerate(zip(images.tensor_split(parts), masks, shares, strict=True), start=1):
        with ranks.part(model, len(part[0]), is_last=number == parts):
            losses.append(_add_part(model, loss, *part, device=device, precision=precision, scale=scale, ranks=ranks))
    if is_whole:
        return losses[0]
    auxiliary = [own for _, own in losses if own is not None]
    total = ranks.sum(torch.stack([own for own, _ in losses]).sum())
    return total, ranks.sum(torch.stack(auxiliary).sum()) if auxiliary else None


def _add_part(
    model: SegmentationModel,
    loss: SegmentationLoss,
    images: Tensor,
    mask: Tensor,
    share: Tensor | None,
    *,
    device: str,
    precision: str,
    scale: Callable[[Tensor], Tensor],
    ranks: Ranks,
) -> tuple[Tensor, Tensor | None]:
    """Add the gradients of some images, whose share in the losses of the batch is given; None for all of it.

    What was computed for them is freed on return, before the next part.
    """
    with autocast(device, precision):
        output = ranks.network(model)(to_input(images, device, normalization_of(model)), size="native")
    total, auxiliary = loss(output.logits, output.auxiliary, mask)
    if share is not None:
        total, auxiliary = total * share, None if auxiliary is None else auxiliary * share
    scale(total).backward()  # type: ignore[no-untyped-call]
    return total.detach(), None if auxiliary is None else auxiliary.detach()
