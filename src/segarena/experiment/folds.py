"""The folds of one model and seed put together: as if one model had tested all images."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from segarena.data.source import Source
from segarena.experiment.image_counts import read_image_counts
from segarena.files import read_json, write_json, write_text
from segarena.runs import fold_folder
from segarena.scoring.pooling import pool
from segarena.scoring.scores import to_dict


def pool_folds(folder: Path, number: int, source: Source) -> None:
    """Write metrics.json, images.csv and costs.json of a model and seed from the finished runs of its folds.

    Scores come from the pixel counts of all folds. Seconds are those of all folds, memory is that of the hungriest, the
    epochs are means; the network is the same in each. images.csv says which fold tested an image.
    """
    runs = [fold_folder(folder, fold) for fold in range(1, number + 1)]
    metrics, costs = ([read_json(run / name) for run in runs] for name in ("metrics.json", "costs.json"))
    means = {key: sum(part[key] for part in metrics) / len(metrics) for key in ("best_epoch", "epochs")}
    scores = to_dict(pool(metrics, background=source.classes.background), source.classes.names)
    write_json(folder / "metrics.json", {"split": "test", "folds": number, **means, **scores})
    _stack_images(folder, runs)
    memory = [part["peak_memory_mib"] for part in costs if part["peak_memory_mib"] is not None]
    together = {
        "latency_ms": min(part["latency_ms"] for part in costs),
        "train_seconds": sum(part["train_seconds"] for part in costs),
        "images_per_second": float(pd.Series([part["images_per_second"] for part in costs]).median()),
        "peak_memory_mib": max(memory, default=None),
    }
    write_json(folder / "costs.json", {**costs[0], **together})


def _stack_images(folder: Path, runs: Sequence[Path]) -> None:
    parts = []
    for fold, run in enumerate(runs, start=1):
        table = read_image_counts(run / "images.csv")
        table.insert(0, "fold", fold)
        parts.append(table)
    write_text(folder / "images.csv", pd.concat(parts, ignore_index=True).to_csv(index=False, lineterminator="\n"))
