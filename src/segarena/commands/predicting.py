"""What labels the images of `segarena predict`: a run, or an exported model."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from segarena.config import PredictOptions
from segarena.exporting.loading import load_exported
from segarena.exporting.onnx_model import OnnxModel
from segarena.exporting.onnx_predictor import OnnxPredictor, predictor_of
from segarena.records.exported import WEIGHTS
from segarena.runs import find_run
from segarena.training.checkpoint import BEST
from segarena.training.predictor import Predictor, load
from segarena.training.together import frames_at_a_time, label_together

AnyPredictor = Predictor | OnnxPredictor


def open_predictor(options: PredictOptions) -> tuple[AnyPredictor, Path]:
    """Load what the options name.

    Args:
        options: The options as typed.

    Returns:
        What labels images, and the file of its weights.

    Raises:
        RunError: It is not there, damaged, or no model.
        ConfigError: The device does not exist, or an ONNX file cannot do what is asked for.
    """
    exported = load_exported(options.run, device=options.device)
    if isinstance(exported, OnnxModel):
        needs = options.probabilities is not None
        return predictor_of(exported, options, needs_probabilities=needs), options.run
    folder = options.run if exported is not None else find_run(options.run, all_images=True)
    predictor = exported or load(folder, device=options.device)
    weights = folder / (BEST if exported is None else WEIGHTS)
    return predictor.with_views(scale=options.scale, window=options.window_size, tta=options.tta), weights


def label_all(predictor: AnyPredictor, frames: Sequence[NDArray[np.uint8]]) -> list[NDArray[np.uint8]]:
    """Label frames of one size: class indices, uint8 (H, W), of each."""
    if isinstance(predictor, Predictor):
        return label_together(predictor, frames)
    return [predictor.predict(frame) for frame in frames]


def count_at_a_time(predictor: AnyPredictor, height: int, width: int) -> int:
    """Return how many frames of this size are labelled at a time."""
    return frames_at_a_time(predictor, height, width) if isinstance(predictor, Predictor) else 1
