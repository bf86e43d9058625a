"""What a comparison folder has for further sections of its page, from made counts."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image

from segarena.records.data_curve import DataCurve, DataPart, ModelCurve
from segarena.records.error_analysis import ErrorCounts
from segarena.records.slices import ImageSlice, Slices, SuspiciousRow, WorstImages
from segarena.records.tables import columns
from segarena.reporting.comparison import read_comparison
from segarena.scoring.boundaries import count_boundaries
from segarena.scoring.calibration import BINS, ConfidenceCounts
from segarena.scoring.error_analysis import ErrorTotals
from segarena.scoring.objects import count_objects
from segarena.scoring.statistics import analyse

CLASSES = ("sky", "building", "road")
PARTS = {0.25: 10, 0.5: 20, 1.0: 40}


def counts(rates: dict[float, tuple[float, ...]], images: int) -> pd.DataFrame:
    """Counts of parts of the data: the share of pixels that are right, of each class."""
    rng = np.random.default_rng(0)
    rows = []
    for fraction, means in rates.items():
        for image in range(images):
            for index, (name, mean) in enumerate(zip(CLASSES, means, strict=True)):
                right = round(1000 * float(np.clip(rng.normal(mean, 0.02), 0, 1)))
                rows.append((f"{fraction:g}", 0, f"i{image}", index, name, right, 0, 1000 - right))
    return pd.DataFrame(rows, columns=["model", "seed", "image", "class_index", "class", "tp", "fp", "fn"])


def write_curve(folder: Path, images: int = 20, **rates: dict[float, tuple[float, ...]]) -> None:
    without = dict(zip(CLASSES, (10, 10, 0), strict=True))
    parts = tuple(
        DataPart(
            fraction=fraction,
            images=number,
            class_images=without if fraction == 0.25 else dict.fromkeys(CLASSES, number),
        )
        for fraction, number in PARTS.items()
    )
    models = tuple(ModelCurve(model=model, statistics=analyse(counts(own, images))) for model, own in rates.items())
    DataCurve(parts=parts, steps=5, epochs=30, seeds=1, models=models).write(folder)


RISING = {0.25: (0.5, 0.5, 0.1), 0.5: (0.6, 0.7, 0.3), 1.0: (0.6, 0.7, 0.6)}
FLAT = {0.25: (0.5, 0.5, 0.5), 0.5: (0.5, 0.5, 0.5), 1.0: (0.5, 0.5, 0.5)}


def add_slices(folder: Path, *, suspicious: int = 2) -> Path:
    """Count the errors of the masks in the gallery, and list two regions."""
    comparison = read_comparison(folder)
    classes = len(comparison.class_names)
    names = sorted(path.name for path in (folder / "gallery").iterdir())
    rng = np.random.default_rng(0)
    models: dict[str, ErrorCounts] = {}
    for model in comparison.names:
        total = ErrorTotals.zero(classes)
        for name in names:
            truth, found = (
                np.asarray(Image.open(folder / "gallery" / name / f"{part}.png")) for part in ("truth", model)
            )
            pixels = rng.integers(50, 99, (classes, BINS))
            sure = ConfidenceCounts(pixels, pixels * 8 // 10, pixels * (np.arange(BINS) + 0.5) / BINS, 40.0)
            pair = (truth, found, classes)
            total += ErrorTotals(1, count_objects(*pair), count_boundaries(*pair), sure, 1)
        models[model] = total.to_record(comparison.class_names)
    part = ImageSlice(
        property="brightness",
        name="darkest third",
        low=3.0,
        high=70.4,
        images=4,
        classes=5,
        miou=dict.fromkeys(models, 0.5) | {comparison.names[-1]: None},
    )
    worst = {name: WorstImages(names=(names[0],), miou=0.125, all_miou=0.5) for name in models}
    Slices(models=models, slices=(part,), worst=worst, suspicious=suspicious).write(folder)
    rows = [(rank, names[0], "car", "tree", 40 * rank, 3, 0.9, 4, 5, 6, 15, 26) for rank in (1, 2)]
    pd.DataFrame(rows, columns=columns(SuspiciousRow)).to_csv(folder / "suspicious.csv", index=False)
    crop = folder / "suspicious" / "01"
    crop.mkdir(parents=True)
    region = np.zeros((30, 40), np.uint8)
    region[10:20, 10:20] = 255
    for name, picture in (("image", np.full((30, 40, 3), 90, np.uint8)), ("truth", region // 255), ("region", region)):
        Image.fromarray(picture).save(crop / f"{name}.png")
    return folder
