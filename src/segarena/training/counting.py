"""Count the confusions of each image: it is labelled at its own resolution, and compared with its mask."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TypedDict

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from segarena.config.devices import device_type
from segarena.errors import is_out_of_memory
from segarena.loading.dataset import EvaluationItem
from segarena.models import SegmentationModel
from segarena.scoring.counts import confusion_per_image
from segarena.training.confidence import Confidence, ConfidenceSampler
from segarena.training.devices import on_gpu
from segarena.training.evaluation import predict_masks, predict_windows, window_labels
from segarena.training.memory import release_memory
from segarena.training.regions import InMemory

#: Pixels of the masks that are scored at a time at most, unless a mask alone has more.
MOST_LABELS = 64 << 20


#: Is called with an image, its labels, uint8 (H, W), on the device, and its confidence; None if that is not known.
Observer = Callable[[EvaluationItem, Tensor, Confidence | None], None]


class _Limits(TypedDict):
    """Where and how a network is computed."""

    device: str
    precision: str
    most_pixels: int | None


def evaluate(
    model: SegmentationModel,
    batches: Iterable[list[EvaluationItem]],
    num_classes: int,
    *,
    device: str,
    precision: str,
    most_pixels: int | None = None,
    on_progress: Callable[[int], None] | None = None,
    on_labels: Callable[[Tensor], None] | None = None,
    observe: Observer | None = None,
) -> NDArray[np.int64]:
    """Count the confusions of each image. The model is evaluated in eval mode and returned to its own.

    Args:
        model: The model, on the device.
        batches: Batches of images with their masks, of any sizes. Neighbours of equal size share a forward pass.
        num_classes: Number of classes C.
        device: The device.
        precision: "fp32", "bf16" or "fp16".
        most_pixels: Pixels of a forward pass at most, see `evaluation_pixels`; None for no limit.
        on_progress: Called with the number of images of each batch after it was evaluated.
        on_labels: Called with the labels of one image or several of a size, uint8 (N, H, W), on the device; the images
            come in the order of the batches.
        observe: Called with each image, its labels and its confidence.

    Returns:
        Confusion matrices, int64 (N, C, C), rows = truth, in the order of the batches.

    Raises:
        ValueError: A mask has a label that is neither a class nor void.
    """
    was_training = model.training
    model.eval()
    counts: list[Tensor] = []
    limits: _Limits = {"device": device, "precision": precision, "most_pixels": most_pixels}
    try:
        with on_gpu(device):
            for items in batches:
                for group in _same_sizes(items, most_pixels):
                    for part, labels, truth, sampler in _label(model, group, num_classes, limits, observe is not None):
                        counts.append(confusion_per_image(labels, truth, num_classes))
                        if on_labels is not None:
                            on_labels(labels)
                        if observe is not None and sampler is not None:
                            found: Sequence[Confidence | None] = sampler.found or [None] * len(part)
                            for item, image, confidence in zip(part, labels, found, strict=True):
                                observe(item, image, confidence)
                if on_progress is not None:
                    on_progress(len(items))
    finally:
        model.train(was_training)
    return torch.cat(counts).cpu().numpy()


def _label(
    model: SegmentationModel, group: list[EvaluationItem], num_classes: int, limits: _Limits, samples: bool
) -> Iterator[tuple[list[EvaluationItem], Tensor, Tensor, ConfidenceSampler | None]]:
    """Images of a size, together or one by one; their labels and truth, each (N, H, W), on the device; the sampler.

    Where the memory is too small for all of them, they are labelled in halves.
    """
    device = limits["device"]
    if group[0].plan is not None:
        yield from (([item], *_label_windows(model, item, num_classes, limits, samples)) for item in group)
        return
    try:
        found = _label_together(model, group, limits, samples)
    except (RuntimeError, MemoryError) as error:
        if len(group) == 1 or not is_out_of_memory(error):
            raise
        found = None
    if found is not None:
        yield (group, *found)
        return
    # Outside of the except block: the error keeps what was computed.
    release_memory(device)
    half = len(group) // 2
    for part in (group[:half], group[half:]):
        yield from _label(model, part, num_classes, limits, samples)


def _label_together(
    model: SegmentationModel, group: list[EvaluationItem], limits: _Limits, samples: bool
) -> tuple[Tensor, Tensor, ConfidenceSampler | None]:
    """The labels and the truth of images of a size, each (N, H, W), in one forward pass; the sampler."""
    device = limits["device"]
    size = (group[0].mask.shape[0], group[0].mask.shape[1])
    images = _stack([item.image for item in group], device)
    truth = _stack([item.mask for item in group], device)
    sampler = ConfidenceSampler(truth) if samples else None
    on_logits = None if sampler is None else sampler.add_logits
    return predict_masks(model, images, size, **limits, on_logits=on_logits), truth, sampler


def _label_windows(
    model: SegmentationModel, item: EvaluationItem, num_classes: int, limits: _Limits, samples: bool
) -> tuple[Tensor, Tensor, ConfidenceSampler | None]:
    """The labels and the truth, each (1, H, W), of an image that is labelled in windows or from several views."""
    assert item.plan is not None
    pixels = InMemory(item.image)
    height, width = item.plan.window
    parts = predict_windows(
        model,
        pixels,
        item.plan,
        num_classes,
        device=limits["device"],
        precision=limits["precision"],
        most_pixels=limits["most_pixels"] or height * width,
    )
    truth = item.mask.to(limits["device"])[None]
    sampler = ConfidenceSampler(truth) if samples else None
    parts = parts if sampler is None else sampler.watch(parts)
    labels = window_labels(torch.empty(pixels.size, dtype=torch.uint8), parts)
    return labels.to(truth.device)[None], truth, sampler


def _stack(tensors: list[Tensor], device: str) -> Tensor:
    """Stack tensors of the processor's memory, or of the device, on the device, without waiting for a GPU."""
    stacked = torch.stack(tensors)
    if device_type(device) == "cuda" and stacked.device.type == "cpu":
        stacked = stacked.pin_memory()  # PyTorch keeps and reuses such memory
    return stacked.to(device, non_blocking=True)


def _same_sizes(items: list[EvaluationItem], most_pixels: int | None) -> list[list[EvaluationItem]]:
    """Split into runs of neighbours with equal sizes, each of at most that many pixels; the order stays."""
    groups: list[list[EvaluationItem]] = []
    for item in items:
        last = groups[-1] if groups else []
        if last and _is_alike(last[-1], item) and _fits(item, len(last) + 1, most_pixels):
            last.append(item)
        else:
            groups.append([item])
    return groups


def _is_alike(first: EvaluationItem, second: EvaluationItem) -> bool:
    return (
        first.image.shape == second.image.shape and first.mask.shape == second.mask.shape and first.plan == second.plan
    )


def _fits(item: EvaluationItem, count: int, most_pixels: int | None) -> bool:
    pixels = item.image.shape[-2] * item.image.shape[-1]
    return count * item.mask.numel() <= MOST_LABELS and (most_pixels is None or count * pixels <= most_pixels)
