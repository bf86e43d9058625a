"""Compare an exported model with PyTorch on images: what is exported is what was tested, or it is not written."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from segarena.errors import RunError
from segarena.formats import percent, plural
from segarena.loading.decoded import to_tensor
from segarena.loading.sizes import working_size
from segarena.loading.transforms import resize_image
from segarena.models import SegmentationModel
from segarena.records.exported import Agreement
from segarena.training.evaluation import predict_masks

#: Share of pixels whose labels have to be equal. Two sums in another order differ in their last bits, which changes the
#: label where two classes are equally likely.
LEAST = 0.9999

#: From an image, uint8 RGB (H, W, 3) or of other channels, to its class indices, uint8 (H, W).
Labeller = Callable[[NDArray[Any]], NDArray[np.uint8]]


def torch_labels(model: SegmentationModel, size: int) -> Labeller:
    """Return the function that labels an image with PyTorch in float32, as the evaluation does it.

    Args:
        model: The network in eval mode, on the CPU, in float32.
        size: The working size, in pixels of the shorter side.
    """

    def label(image: NDArray[Any]) -> NDArray[np.uint8]:
        height, width = image.shape[:2]
        small = resize_image(to_tensor(np.array(image)), working_size(height, width, size))
        masks = predict_masks(model, small[None], (height, width), device="cpu", precision="fp32")
        labels: NDArray[np.uint8] = masks[0].numpy()
        return labels

    return label


def compare_labels(
    expected: Labeller,
    exported: Labeller,
    images: Iterable[NDArray[Any]],
    source: Literal["val", "train", "test", "generated"],
    *,
    on_progress: Callable[[int], None] = lambda number: None,
) -> Agreement:
    """Count the pixels that two models label alike: of each image, and of the first ones cut to odd sizes.

    Args:
        expected: The model in PyTorch.
        exported: The exported one.
        images: uint8 RGB (H, W, 3), or of the channels of the network.
        source: Where the images are from.
        on_progress: Called with the number of images that are done.
    """
    number = pixels = equal = 0
    for image in images:
        for part in [image, *(_odd(image) if number < 2 else [])]:
            same = expected(part) == exported(part)
            pixels, equal = pixels + same.size, equal + int(np.count_nonzero(same))
        number += 1
        on_progress(number)
    return Agreement(images=number, source=source, pixels=pixels, equal_pixels=equal)


def check_agreement(found: Agreement, what: str, where: object) -> None:
    """Raise RunError where the labels of an exported model are not those of PyTorch.

    Args:
        found: The comparison.
        what: The kind of the exported model, e.g. "the ONNX graph".
        where: The run.
    """
    if found.share >= LEAST:
        return
    other = found.pixels - found.equal_pixels
    raise RunError(
        f"{what} gives {percent(found.share, 3)} of the pixels of {plural(found.images, 'image')} the label that"
        f" PyTorch gives them ({plural(other, 'pixel')} of {found.pixels:,} differ), which has to be"
        f" {percent(LEAST, 2)} or more. Nothing was written",
        where=where,
        remedy="Try it with another version of torch, onnx or onnxruntime, and report it with these numbers",
    )


def _odd(image: NDArray[Any]) -> list[NDArray[Any]]:
    """An image cut to odd height and width, in both orientations."""
    height, width = image.shape[:2]
    cut = image[: max(1, 2 * height // 3 - 1 | 1), : max(1, 3 * width // 4 - 1 | 1)]
    return [cut, np.ascontiguousarray(cut.transpose(1, 0, 2))]
