"""The images that a comparison shows: chosen by how hard they are, never by a model."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from PIL import Image

from segarena.config import ModelName
from segarena.experiment.prepare import Prepared
from segarena.files import write_with
from segarena.runs import Run
from segarena.training.predictor import load

#: Images in the gallery, from the hardest to the easiest.
GALLERY = 6


def write_gallery(
    folds: Sequence[Prepared[Any]], images: pd.DataFrame, models: Sequence[ModelName], folder: Path
) -> list[str]:
    """Write image, truth and each model's labels for images from the hardest to the easiest. Returns their names.

    How hard an image is, its mIoU averaged over the models and seeds tells, so no model has chosen the examples. The
    labels are those of seed 0, and of the fold that tested the image.
    """
    palette = folds[0].source.classes.palette()
    chosen = _spread(images)
    for fold in folds:
        samples = fold.source.samples
        shown = {samples[i].name: i for i in fold.splits.indices(fold.splits.scored) if samples[i].name in chosen}
        predictors = {
            model: load(folder / Run(model, 0, fold.fold).path, device=fold.options.device)
            for model in (models if shown else ())
        }
        for name, index in shown.items():
            image, truth = fold.source.read(index)
            target = folder / "gallery" / name
            _save(Image.fromarray(image), target / "image.png")
            masks: dict[str, NDArray[np.uint8]] = {"truth": truth}
            masks |= {model: predictor.predict(image) for model, predictor in predictors.items()}
            for title, mask in masks.items():
                picture = Image.fromarray(mask).convert("P")
                picture.putpalette(palette)
                _save(picture, target / f"{title}.png")
    return chosen


def _save(picture: Image.Image, path: Path) -> None:
    write_with(path, lambda stream: picture.save(stream, "PNG"))


def _spread(images: pd.DataFrame) -> list[str]:
    """Names of GALLERY images at equal steps from the lowest mean IoU to the highest."""
    union = images["tp"] + images["fp"] + images["fn"]
    table = images.assign(iou=images["tp"] / union.where(union > 0)).dropna(subset=["iou"])
    difficulty = table.groupby("image")["iou"].mean().sort_values(kind="stable")
    steps = np.linspace(0, len(difficulty) - 1, min(GALLERY, len(difficulty))).round().astype(int)
    return [str(difficulty.index[step]) for step in steps]
