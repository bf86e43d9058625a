"""The images that a comparison shows: chosen by how hard they are, never by a model."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from PIL import Image

from segarena.commands.prepare import Prepared
from segarena.config import ModelName
from segarena.files import write_with
from segarena.training.predictor import Predictor

#: Images in the gallery, from the hardest to the easiest.
GALLERY = 6


def write_gallery(
    prepared: Prepared[Any], images: pd.DataFrame, predictors: Mapping[ModelName, Predictor], folder: Path
) -> list[str]:
    """Write image, truth and each model's labels for images from the hardest to the easiest.

    How hard an image is, its mIoU averaged over the models and seeds tells, so no model has chosen the examples.
    """
    palette = prepared.source.classes.palette()
    by_name = {prepared.source.samples[i].name: i for i in prepared.splits.indices(prepared.splits.scored)}
    chosen = []
    for name in _spread(images):
        image, truth = prepared.source.read(by_name[name])
        target = folder / "gallery" / name
        _save(Image.fromarray(image), target / "image.png")
        masks: dict[str, NDArray[np.uint8]] = {"truth": truth}
        masks |= {model: predictor.predict(image) for model, predictor in predictors.items()}
        for title, mask in masks.items():
            picture = Image.fromarray(mask).convert("P")
            picture.putpalette(palette)
            _save(picture, target / f"{title}.png")
        chosen.append(name)
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
