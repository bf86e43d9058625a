"""Every image whole, scored at its own resolution: from a model and a loader to counts per image and class."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager, nullcontext

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from segarena.data.dataset import EvaluationItem
from segarena.data.transforms import normalize
from segarena.models import SegmentationModel
from segarena.scoring.counts import confusion_per_image, predict_labels


def autocast(device: str, precision: str) -> AbstractContextManager[object]:
    """The context in which forward passes run: bf16 where asked for, else float32."""
    if precision == "bf16":
        return torch.autocast(device, dtype=torch.bfloat16)
    return nullcontext()


def to_input(images: Tensor, device: str) -> Tensor:
    """uint8 (N, 3, H, W) -> normalised float32 on the device, channels-last."""
    images = images.to(device, non_blocking=True)
    return normalize(images).contiguous(memory_format=torch.channels_last)


@torch.inference_mode()
def predict_masks(
    model: SegmentationModel, images: Tensor, size: tuple[int, int], *, device: str, precision: str
) -> Tensor:
    """uint8 (N, 3, h, w) at the working size -> labels uint8 (N, *size) on the device.

    The logits are resized, once and straight to `size`; labels are never resized. The image is continued in the mean
    colour to a multiple of the model's `size_multiple`, as training crops are, and cut off again: the last cells of a
    coarse map reach beyond an image of another size, and stretching the map to such an image would move every score off
    its place, the more so the coarser the architecture.
    """
    height, width = images.shape[-2:]
    tall, wide = continued_size(model, (height, width))
    inputs = F.pad(to_input(images, device), (0, wide - width, 0, tall - height))  # normalised, the mean colour is 0
    with autocast(device, precision):
        logits = model(inputs, size="native").logits
    rows, columns = logits.shape[-2:]
    return predict_labels(logits, size, (rows * height / tall, columns * width / wide))


def continued_size(model: SegmentationModel, size: tuple[int, int]) -> tuple[int, int]:
    """The (height, width) at which the model sees a whole image of `size`: the next multiples of `size_multiple`."""
    height, width = (length + -length % model.size_multiple for length in size)
    return height, width


def evaluate(
    model: SegmentationModel,
    batches: Iterable[list[EvaluationItem]],
    num_classes: int,
    *,
    device: str,
    precision: str,
    on_progress: Callable[[int], None] | None = None,
) -> NDArray[np.int64]:
    """Count each image. Returns confusion matrices (N, C, C), rows = truth, in the order of the loader.

    The model is put in eval mode and back into the mode it had. `on_progress` hears the number of images done.
    """
    was_training = model.training
    model.eval()
    counts: list[Tensor] = []
    try:
        for items in batches:
            for group in _same_sizes(items):
                size = (group[0].mask.shape[0], group[0].mask.shape[1])
                images = torch.stack([item.image for item in group])
                truth = torch.stack([item.mask for item in group]).to(device)
                labels = predict_masks(model, images, size, device=device, precision=precision)
                counts.append(confusion_per_image(labels, truth, num_classes))
            if on_progress is not None:
                on_progress(len(items))
    finally:
        model.train(was_training)
    return torch.cat(counts).cpu().numpy()


def _same_sizes(items: list[EvaluationItem]) -> list[list[EvaluationItem]]:
    """Runs of neighbours that can share a batch; the order stays."""
    groups: list[list[EvaluationItem]] = []
    for item in items:
        last = groups[-1][-1] if groups else None
        if last is not None and last.image.shape == item.image.shape and last.mask.shape == item.mask.shape:
            groups[-1].append(item)
        else:
            groups.append([item])
    return groups
