"""Tables as images.csv, of made-up models, for the tests of the statistics."""

from __future__ import annotations

import numpy as np
import pandas as pd


def draw_counts(
    *,
    models: dict[str, float] | None = None,
    seeds: int | dict[str, int] = 1,
    images: int = 20,
    classes: int = 3,
    training: float = 0.3,
    folds: int | None = None,
    seed: int = 0,
) -> pd.DataFrame:
    """Counts of `models`, each with its skill on a logistic scale; a training changes it by `training`."""
    rng = np.random.default_rng(seed)
    models = models or {"unet": 1.0, "fcn": 1.0}
    truth = np.ceil(rng.lognormal(6, 1, (images, classes)))
    difficulty = rng.normal(0, 0.8, (images, classes))
    rows = []
    for model, skill in models.items():
        for number in range(seeds if isinstance(seeds, int) else seeds[model]):
            level = skill + training * rng.normal() - difficulty + rng.normal(0, 0.4, truth.shape)
            tp = np.round(truth / (1 + np.exp(-level)))
            fp = np.round(0.2 * truth.mean(axis=1, keepdims=True) / (1 + np.exp(level)))
            for image in range(images):
                for kind in range(classes):
                    row = (model, number, f"image{image}", f"class{kind}", tp[image, kind], fp[image, kind])
                    rows.append((*row, truth[image, kind] - tp[image, kind]))
    table = pd.DataFrame(rows, columns=["model", "seed", "image", "class", "tp", "fp", "fn"])
    table = table.astype({"tp": int, "fp": int, "fn": int})
    if folds:
        table["fold"] = table["image"].str.removeprefix("image").astype(int) % folds + 1
    return table
