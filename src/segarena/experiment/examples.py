"""The gallery of a comparison: images chosen by their difficulty, with each model's prediction."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from PIL import Image

from segarena.evenly import evenly_spaced
from segarena.experiment.prepared import Prepared
from segarena.files import write_with
from segarena.runs import Run
from segarena.scoring.slices import with_iou
from segarena.training.predictor import load

#: Images in the gallery, from the hardest to the easiest.
GALLERY = 6


def write_gallery(prepared: Prepared, images: pd.DataFrame, models: Sequence[str], folder: Path) -> list[str]:
    """Write image, truth and each model's labels for some images, from the hardest to the easiest.

    The images are evenly spaced in the order of their mIoU, averaged over models and seeds: no model has chosen them.
    The labels are of the first seed and, with folds, of the fold that tested the image.

    Args:
        prepared: The data and the protocol.
        images: The table of images.csv.
        models: The names of the models.
        folder: The comparison folder.

    Returns:
        The names of the images, which are those of their folders in gallery/.
    """
    source, palette = prepared.source, prepared.source.classes.palette()
    chosen = _spread(images)
    seeds = {model: int(images.loc[images["model"] == model, "seed"].min()) for model in models}
    for split in prepared.splits:
        scored = split.splits.indices(split.splits.scored)
        shown = {source.samples[i].name: i for i in scored if source.samples[i].name in chosen}
        predictors = {
            model: load(folder / Run(model, seeds[model], split.fold).path, device=prepared.protocol.device)
            for model in (models if shown else ())
        }
        for name, index in shown.items():
            image, truth = source.read(index)
            target = folder / "gallery" / name
            colors = source.shown(image)
            _save(Image.fromarray(colors), target / "image.png")
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
    difficulty = with_iou(images).dropna(subset=["iou"]).groupby("image")["iou"].mean().sort_values(kind="stable")
    return [str(difficulty.index[step]) for step in evenly_spaced(len(difficulty), GALLERY)]
