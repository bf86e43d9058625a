"""Label frames of a video, several at a time where that is faster."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from segarena.config.devices import device_type
from segarena.data.decoded import to_tensor
from segarena.data.sizes import working_size
from segarena.data.transforms import resize_image
from segarena.training.evaluation import evaluation_pixels, predict_masks
from segarena.training.predictor import Predictor

#: Frames of a forward pass on a GPU at most. On a processor one at a time is as fast.
MOST_FRAMES = 8


def frames_at_a_time(predictor: Predictor, height: int, width: int) -> int:
    """Return how many frames of this size are labelled in one forward pass.

    Args:
        predictor: The network.
        height: Of a frame, in pixels.
        width: Of a frame, in pixels.
    """
    if device_type(predictor.device) != "cuda" or predictor.scaling.plan(height, width) is not None:
        return 1
    rows, columns = working_size(height, width, predictor.size)
    return max(1, min(MOST_FRAMES, evaluation_pixels(predictor.config.protocol) // (rows * columns)))


def label_frames(predictor: Predictor, frames: Sequence[NDArray[np.uint8]]) -> list[NDArray[np.uint8]]:
    """Label frames of one size, in one forward pass where they are labelled as a whole.

    Args:
        predictor: The network.
        frames: RGB, uint8 (H, W, 3) each.

    Returns:
        Class indices, uint8 (H, W), of each.
    """
    height, width = frames[0].shape[:2]
    if len(frames) == 1 or predictor.scaling.plan(height, width) is not None:
        return [predictor.predict(frame) for frame in frames]
    small = working_size(height, width, predictor.size)
    with predictor.naming_shortage(f"labelling {len(frames)} frames of {width} × {height}"):
        labels = predict_masks(
            predictor.network,
            torch.stack([resize_image(to_tensor(frame), small) for frame in frames]),
            (height, width),
            device=predictor.device,
            precision=predictor.precision,
            most_pixels=evaluation_pixels(predictor.config.protocol),
        )
    return list(labels.cpu().numpy())
