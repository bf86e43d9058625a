"""Score an exported model on labelled data: as `segarena predict` labels the images, at their own size."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch
from numpy.typing import NDArray

from segarena.config import EvaluateOptions
from segarena.data.source import Source
from segarena.errors import ConfigError
from segarena.experiment.progress import Reporter
from segarena.experiment.recognition import Use
from segarena.experiment.rescore import Rescored, check_classes, nothing_left, open_scored, write_counts
from segarena.experiment.scored import Scored
from segarena.exporting.loading import load_exported
from segarena.exporting.onnx_model import OnnxModel
from segarena.exporting.onnx_predictor import OnnxPredictor, predictor_of
from segarena.formats import command, plural
from segarena.image_files.brightness import brightness
from segarena.runs import open_folder
from segarena.scoring.counts import confusion_per_image
from segarena.training.error_analysis import ErrorCollector, count_errors
from segarena.training.machine import computing_with, usual_threads
from segarena.training.predictor import Predictor


def open_exported(options: EvaluateOptions) -> Predictor | OnnxPredictor | None:
    """Load an exported model with the options; None where they name something else, e.g. a run.

    Raises:
        RunError: It is damaged.
        ConfigError: A library is not installed, or the model cannot do what is asked for.
    """
    exported = load_exported(options.run, device=options.device)
    if isinstance(exported, OnnxModel):
        return predictor_of(exported, options, needs_probabilities=False)
    if exported is None:
        return None
    return exported.with_views(scale=options.scale, window=options.window_size, tta=options.tta)


def rescore_exported(predictor: Predictor | OnnxPredictor, options: EvaluateOptions, reporter: Reporter) -> Rescored:
    """Score an exported model, and write metrics.json, images.csv and error_analysis.json.

    Args:
        predictor: The model.
        options: The data.
        reporter: Receives the progress, and how the data was read.

    Raises:
        ConfigError: No data is named, or a part of a split, of which an exported model has no record.
        DataError: The data cannot be read, or has other classes.
        RunError: The folder to write cannot be used.
    """
    if options.data is None:
        raise ConfigError(
            f"{options.run} is an exported model, and has no record of the data of its training",
            where="DATA",
            remedy=f"Name labelled data: {command('segarena', 'evaluate', options.run, 'DATA')}",
        )
    if options.split not in (None, "all"):
        raise ConfigError(
            f"{options.run} is an exported model, and has no record of the split",
            where="--split",
            remedy="Leave it out, and all images are scored; or name the run in place of the exported model",
        )
    source = open_scored(options, predictor, reporter)
    check_classes(source, predictor, options.data)
    indices = tuple(range(len(source.samples)))
    use: Use = "new"
    scored = Scored("all", indices, tuple(use for _ in indices), is_known=False)
    reporter.say(f"  scored: all {plural(len(indices), 'image')}; whether any trained the model is not known")
    root = predictor.run if predictor.run.is_dir() else predictor.run.parent
    folder = open_folder(options.out, f"evaluate-{source.name}-all", root=root)
    with nothing_left(folder):
        confusions, errors = _count(predictor, source, reporter, options)
        metrics = replace(write_counts(confusions, predictor, source, scored, folder, errors), views=options.typed)
        metrics.write(folder)
    return Rescored(predictor.config.model, source.name, metrics, folder)


def _count(
    predictor: Predictor | OnnxPredictor, source: Source, reporter: Reporter, options: EvaluateOptions
) -> tuple[NDArray[np.int64], ErrorCollector]:
    """The confusions of all images, (N, C, C), rows = truth, and their errors, without their confidence."""
    number, classes = len(source.samples), source.classes.num_classes
    found, errors = np.zeros((number, classes, classes), np.int64), ErrorCollector(classes, "cpu")
    has_windows = False
    with reporter.progress("scoring") as on_progress, computing_with(usual_threads()):
        for index in range(number):
            image, truth = source.read(index)
            has_windows = has_windows or bool(predictor.scaling.explain(*image.shape[:2]))
            labels = predictor.predict(image)
            found[index] = confusion_per_image(torch.tensor(labels[None]), torch.tensor(truth[None]), classes)[0]
            grey = brightness(image) if image.dtype == np.uint8 and image.shape[-1] == 3 else None
            errors.add(index, count_errors(truth, labels, None, grey, classes))
            on_progress(index + 1, number)
    if options.unused and not has_windows:
        reporter.warn(options.unused)
    return found, errors
