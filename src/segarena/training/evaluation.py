"""Label images: each one at its own resolution, as a whole or in windows."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from functools import partial

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from segarena.config import Protocol
from segarena.config.devices import device_type
from segarena.kernels.upsample_argmax import interpolate, largest_class
from segarena.loading.scaling import WindowPlan
from segarena.loading.transforms import Normalization, normalize
from segarena.models import SegmentationModel
from segarena.models.folding import half_weights_copy, inference_copy
from segarena.scoring.counts import predict_labels
from segarena.training.blending import Part, label_windows
from segarena.training.devices import FORMATS, autocast, computing_on, memory_format, on_gpu
from segarena.training.regions import Pixels
from segarena.training.tiles import label_tiles

#: Crops of a training step whose pixels are evaluated at a time at most.
MOST_CROPS = 4
#: The coarsest stride within any network, in pixels: also one that takes images of any size pools on a grid.
COARSEST = 32


def normalization_of(model: nn.Module) -> Normalization | None:
    """Return what a network's images are normalised by; None: ImageNet's, also of a module that declares nothing."""
    found: Normalization | None = getattr(model, "normalization", None)
    return found


def to_input(images: Tensor, device: str, normalization: Normalization | None = None) -> Tensor:
    """Prepare images for a network.

    Args:
        images: (N, C, H, W), uint8 or float32.
        device: "cpu", "cuda", "cuda:1" or "mps".
        normalization: That of the network.

    Returns:
        float32 (N, C, H, W), normalised, on the device, in its order.
    """
    images = images.to(device, non_blocking=True)
    return normalize(images, normalization).contiguous(memory_format=memory_format(device))


@torch.inference_mode()
def predict_masks(
    model: SegmentationModel,
    images: Tensor,
    size: tuple[int, int],
    *,
    device: str,
    precision: str,
    most_pixels: int | None = None,
    on_logits: Callable[[Tensor, tuple[float, float]], None] | None = None,
) -> Tensor:
    """Label images. Logits are resized, once and straight to `size`; labels are never resized.

    The images are padded with the mean colour to a multiple of the model's `size_multiple`, as training crops are, and
    the logits cropped accordingly. At another size, the last cells of a coarse map extend beyond the image, and
    resizing the map to the image would misalign all logits, more so the coarser the architecture.

    Args:
        model: The model in eval mode, on the device.
        images: (N, C, h, w), uint8 or float32, at the working size.
        size: (H, W) of the labels, in pixels.
        device: The device.
        precision: "fp32", "bf16" or "fp16".
        most_pixels: Pixels of an image above which it is labelled in tiles, see `label_tiles`; None for no limit.
        on_logits: Called with the native logits, and how many rows and columns of them cover the images; not for
            images that are labelled in tiles.

    Returns:
        Class indices, uint8 (N, H, W), on the device.
    """
    height, width = images.shape[-2:]
    forward = partial(_native_logits, model, device=device, precision=precision)
    with on_gpu(device):
        if most_pixels is not None and height * width > most_pixels:
            multiple = math.lcm(model.size_multiple, COARSEST)
            tiled = (
                label_tiles(forward, image[None], size, most_pixels=most_pixels, multiple=multiple) for image in images
            )
            return torch.cat(list(tiled))
        logits, (down, right) = forward(images)
        extent = (height / down, width / right)
        if on_logits is not None:
            on_logits(logits, extent)
        return predict_labels(logits, size, extent)


@torch.inference_mode()
def predict_probabilities(
    model: SegmentationModel,
    image: Tensor,
    size: tuple[int, int],
    *,
    device: str,
    precision: str,
    most_pixels: int | None = None,
) -> Tensor:
    """Compute the probability of each class at each pixel: the softmax of the logits that `predict_masks` compares.

    Args:
        model: The model in eval mode, on the device.
        image: (1, C, h, w), uint8 or float32, at the working size.
        size: (H, W) of the probabilities, in pixels.
        device: The device.
        precision: "fp32", "bf16" or "fp16".
        most_pixels: As in `predict_masks`.

    Returns:
        float32 (1, C, H, W), 0..1, on the device. The class of the largest one is the label, up to ties.
    """
    height, width = image.shape[-2:]
    forward = partial(_native_logits, model, device=device, precision=precision)

    def softmax(logits: Tensor) -> Tensor:
        return logits.softmax(dim=1)

    with on_gpu(device):
        if most_pixels is not None and height * width > most_pixels:
            multiple = math.lcm(model.size_multiple, COARSEST)
            return label_tiles(forward, image, size, most_pixels=most_pixels, multiple=multiple, finish=softmax)
        logits, (down, right) = forward(image)
        return softmax(interpolate(logits.float(), size, (height / down, width / right)))


def predict_windows(
    model: SegmentationModel,
    pixels: Pixels,
    plan: WindowPlan,
    num_classes: int,
    *,
    device: str,
    precision: str,
    most_pixels: int,
) -> Iterator[Part]:
    """Compute the probabilities of an image in windows, part by part, see `label_windows`.

    Args:
        model: The model in eval mode, on the device.
        pixels: The image, at its own size.
        plan: The scale and the windows.
        num_classes: Number of classes.
        device: The device.
        precision: "fp32", "bf16" or "fp16".
        most_pixels: Pixels of a forward pass at most, unless a window alone has more.
    """
    forward = partial(_native_logits, model, device=device, precision=precision)
    multiple = math.lcm(model.size_multiple, COARSEST)
    parts = label_windows(forward, pixels, plan, num_classes, most_pixels=most_pixels, multiple=multiple)
    while True:
        with torch.inference_mode(), on_gpu(device):  # not in force between two parts, which the caller uses
            part = next(parts, None)
        if part is None:
            return
        yield part


def window_labels(labels: Tensor, parts: Iterable[Part], on_part: Callable[[], None] | None = None) -> Tensor:
    """Write the labels of an image from its parts into `labels`, uint8 (H, W); `on_part` is called after each."""
    for part in parts:
        found = largest_class(part.values[None])[0]
        rows, columns = found.shape
        labels[part.top : part.top + rows, part.left : part.left + columns] = found
        if on_part is not None:
            on_part()
    return labels


def _native_logits(
    model: SegmentationModel, images: Tensor, *, device: str, precision: str
) -> tuple[Tensor, tuple[float, float]]:
    """The logits of images (N, C, h, w), padded, and the pixels from one of them to the next."""
    height, width = images.shape[-2:]
    tall, wide = padded_size(model, (height, width))
    # After normalising, the mean colour is 0.
    inputs = F.pad(to_input(images, device, normalization_of(model)), (0, wide - width, 0, tall - height))
    with computing_on(device), autocast(device, precision):
        logits = model(inputs, size="native").logits
    rows, columns = logits.shape[-2:]
    return logits, (tall / rows, wide / columns)


def prepared(model: SegmentationModel, device: str, precision: str) -> SegmentationModel:
    """Return a network for `predict_masks` on many images: on an NVIDIA GPU a copy with fewer operations.

    On a CPU in half precision it is a copy whose weights need no conversion for each image, with the same logits.

    Args:
        model: The model in eval mode, on the device.
        device: The device.
        precision: "fp32", "bf16" or "fp16".
    """
    kind, dtype = device_type(device), FORMATS.get(precision)
    if kind == "cuda":
        return inference_copy(model, dtype)
    return model if kind != "cpu" or dtype is None else half_weights_copy(model, dtype)


def padded_size(model: SegmentationModel | type[SegmentationModel], size: tuple[int, int]) -> tuple[int, int]:
    """Compute the size to which `predict_masks` pads an image.

    Args:
        model: The model, or its class.
        size: (height, width) of the image, in pixels.

    Returns:
        (height, width), the next multiples of the model's `size_multiple`.
    """
    height, width = (length + -length % model.size_multiple for length in size)
    return height, width


def evaluation_pixels(protocol: Protocol) -> int:
    """Return how many pixels, at the working size, are evaluated at a time at most; a larger image is, in tiles.

    Without gradients a pixel needs a small part of the memory that it needs in a training step: four times as many
    pixels as in a step fit wherever the step fits. Batches of images up to four times as long as high are not split.

    Args:
        protocol: The settings.
    """
    height, width = protocol.crop
    return MOST_CROPS * (protocol.micro_batch or protocol.batch_size) * height * width
