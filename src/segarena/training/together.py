"""Images of one size labelled in one forward pass: frames of a video, or images that wait in a server."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from segarena.config.devices import device_type
from segarena.loading.decoded import to_tensor
from segarena.loading.sizes import working_size
from segarena.loading.transforms import resize_image
from segarena.training.evaluation import evaluation_pixels, predict_masks
from segarena.training.predictor import Predictor

#: Frames of a forward pass at most, on a GPU and elsewhere. On one core, two at a time took 16% less time than one with
#: an FCN, and 23% with a U-Net; four and eight took still less with the U-Net, of small inputs, and more with the FCN.
MOST_FRAMES, MOST_ON_PROCESSOR = 8, 2
#: The sides of the images of a trial, as multiples of the working size, and how many there are.
_TRIAL_SIDES, _TRIAL_IMAGES = ((1.0, 1.0), (1.0, 1.4)), 4


def frames_at_a_time(predictor: Predictor, height: int, width: int) -> int:
    """Return how many frames of a video of this size are labelled in one forward pass.

    Args:
        predictor: The network.
        height: Of a frame, in pixels.
        width: Of a frame, in pixels.
    """
    if predictor.scaling.plan(height, width) is not None:
        return 1
    rows, columns = working_size(height, width, predictor.size)
    most = MOST_FRAMES if device_type(predictor.device) == "cuda" else MOST_ON_PROCESSOR
    return max(1, min(most, evaluation_pixels(predictor.config.protocol) // (rows * columns)))


def label_together(predictor: Predictor, images: Sequence[NDArray[Any]]) -> list[NDArray[np.uint8]]:
    """Label images of one size. Those that are labelled in windows are labelled one after the other.

    Args:
        predictor: The predictor.
        images: (H, W, C) each, of what `Predictor.read_file` gives.

    Returns:
        Class indices, uint8 (H, W), of each. A library may choose another algorithm for several images than for one;
        `is_exact` tries whether the labels are the same.
    """
    height, width = images[0].shape[:2]
    if len(images) == 1 or predictor.scaling.plan(height, width) is not None:
        return predictor.predict(list(images))
    size = working_size(height, width, predictor.size)
    tensors = [to_tensor(np.ascontiguousarray(image)) for image in images]
    with predictor.naming_shortage(f"labelling {len(images)} images of {width} × {height}"):
        labels = predict_masks(
            predictor.network,
            torch.stack([resize_image(tensor, size) for tensor in tensors]),
            (height, width),
            device=predictor.device,
            precision=predictor.precision,
            most_pixels=evaluation_pixels(predictor.config.protocol),
        )
        return list(labels.cpu().numpy())


def is_exact(predictor: Predictor) -> bool:
    """Whether images of noise get the same labels together as alone, at two sizes.

    Noise has more pixels that are nearly of two classes than photographs have. What is compiled and allocated for the
    first image is, too.

    Args:
        predictor: The predictor.
    """
    form, noise = predictor.channels, np.random.default_rng(0)
    channels, dtype, top = 3, "uint8", 255.0
    if form is not None:
        channels, dtype, top = len(form.numbers), form.dtype, max(high for _, high in form.ranges)
    for tall, wide in _TRIAL_SIDES:
        shape = (_TRIAL_IMAGES, round(tall * predictor.size), round(wide * predictor.size), channels)
        images = list((noise.random(shape) * top).astype(dtype))
        together = label_together(predictor, images)
        if any((mask != predictor.predict(image)).any() for mask, image in zip(together, images, strict=True)):
            return False
    return True
