"""What came out of a comparison: the rows of its tables and the content of comparison.json."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from segarena.config import CompareOptions, to_dict
from segarena.experiment.image_counts import read_image_counts
from segarena.experiment.prepare import Prepared
from segarena.files import read_json
from segarena.reporting.style import model_styles
from segarena.runs import Run
from segarena.scoring.scores import Scores, trivial_scores
from segarena.scoring.verdict import rank, verdict

SCORES = (
    "miou",
    "mean_f1",
    "mean_precision",
    "mean_recall",
    "pixel_accuracy",
    "frequency_weighted_iou",
    "mean_image_iou",
    "miou_without_background",
    "best_epoch",
    "epochs",
)


def model_table(folder: Path, runs: Sequence[Run], latency: Mapping[str, float], folds: int | None) -> pd.DataFrame:
    """A row per model and seed: scores, over all folds together where there are some, and costs.

    `latency`: milliseconds for one image, by model.
    """
    rows = []
    for run in runs:
        config = read_json(folder / run.folds(folds)[0].path / "config.json")
        settings = config["architecture"]
        metrics = read_json(folder / run.path / "metrics.json")
        rows.append(
            {
                "model": run.model,
                "seed": run.seed,
                "encoder": settings["encoder"],
                "output_stride": settings["output_stride"],
                "eval_output_stride": settings.get("eval_output_stride") or settings["output_stride"],
                "start": config.get("start"),
                **{name: metrics[name] for name in SCORES},
                **read_json(folder / run.path / "costs.json"),
                "latency_ms": latency[run.model],
            }
        )
    return pd.DataFrame(rows)


def fold_table(folder: Path, runs: Sequence[Run], folds: int) -> pd.DataFrame:
    """A row per model, seed and fold: the images that it tested and their scores, the epochs and the time."""
    rows = []
    for run in chain.from_iterable(whole.folds(folds) for whole in runs):
        metrics, costs = (read_json(folder / run.path / name) for name in ("metrics.json", "costs.json"))
        scores = {name: metrics[name] for name in ("images", *SCORES, "val_miou")}
        rows.append({**run._asdict(), **scores, "train_seconds": costs["train_seconds"]})
    return pd.DataFrame(rows)


def class_table(folder: Path, runs: Sequence[Run], classes: Sequence[str]) -> pd.DataFrame:
    """A row per model, seed and class: scores and counts."""
    rows = []
    for run in runs:
        per_class = read_json(folder / run.path / "metrics.json")["per_class"]
        for index, name in enumerate(classes):
            rows.append({"model": run.model, "seed": run.seed, "class_index": index, "class": name, **per_class[name]})
    return pd.DataFrame(rows)


def image_table(folder: Path, runs: Sequence[Run]) -> pd.DataFrame:
    """The counts of every run, one below the other: a row per model, seed, image and class."""
    parts = []
    for run in runs:
        table = read_image_counts(folder / run.path / "images.csv")
        table.insert(0, "model", run.model)
        table.insert(1, "seed", run.seed)
        parts.append(table)
    return pd.concat(parts, ignore_index=True)


def summarise(
    folds: Sequence[Prepared[CompareOptions]], models: pd.DataFrame, by_fold: pd.DataFrame | None, images: pd.DataFrame
) -> dict[str, Any]:
    """What was compared, how, and what came out, for comparison.json."""
    prepared = folds[0]
    split = prepared.splits.scored
    trivial = _trivial(folds, images)
    ranking = rank([dict(row) for _, row in models.iterrows()])
    num_images = sum(len(fold.splits.indices(split)) for fold in folds)
    classes = prepared.source.classes
    answers = dict.fromkeys(classes.names[fold.most_frequent_class] for fold in folds)
    fold_mious = None if by_fold is None else _fold_mious(by_fold)
    return {
        "format": 1,
        "name": prepared.source.name,
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "track": prepared.options.track,
        "verdict": verdict(
            ranking,
            split=split,
            images=num_images,
            trivial_miou=trivial.miou,
            fold_mious=fold_mious,
            titles={name: style.label for name, style in model_styles([e["model"] for e in ranking]).items()},
        ),
        "ranking": ranking if fold_mious is None else [{**e, "fold_mious": fold_mious[e["model"]]} for e in ranking],
        "trivial_miou": trivial.miou,
        "trivial": {
            "class": " or ".join(answers),
            "miou": trivial.miou,
            "pixel_accuracy": trivial.pixel_accuracy,
        },
        "scored_split": split,
        "protocol": {
            **{key: value for key, value in to_dict(prepared.options).items() if key != "data"},
            "crop": prepared.crop,
            "input_size": prepared.input_size,
        },
        "notes": prepared.notes,
        "data": {
            "name": prepared.source.name,
            "origin": prepared.source.describe()["origin"],
            "fingerprint": prepared.fingerprint if by_fold is None else [fold.fingerprint for fold in folds],
            "classes": [
                {"index": index, "name": entry.name, "color": entry.color}
                for index, entry in enumerate(classes.classes)
            ],
            "counts": prepared.splits.counts if by_fold is None else {"test": num_images},
        },
    }


def _fold_mious(by_fold: pd.DataFrame) -> dict[str, list[float]]:
    """Each model's mIoU fold by fold, averaged over the seeds."""
    table = by_fold.pivot_table(index="model", columns="fold", values="miou", aggfunc="mean", dropna=False)
    return {
        str(model): [float(value) for value in row] for model, row in zip(table.index, table.to_numpy(), strict=True)
    }


def _trivial(folds: Sequence[Prepared[CompareOptions]], images: pd.DataFrame) -> Scores:
    """Scores of answering the most frequent class of an image's training split everywhere, on the scored images."""
    first = images[(images["model"] == images["model"].iloc[0]) & (images["seed"] == images["seed"].iloc[0])]
    num_classes = folds[0].source.classes.num_classes
    truth = (first["tp"] + first["fn"]).to_numpy(dtype=np.int64).reshape(-1, num_classes)
    names = first["image"].to_numpy().reshape(-1, num_classes)[:, 0]
    answer_of = {
        fold.source.samples[index].name: fold.most_frequent_class
        for fold in folds
        for index in fold.splits.indices(fold.splits.scored)
    }
    # Only the sums of the rows are looked at: all pixels of a class in one place will do.
    return trivial_scores(
        truth[:, :, None] * np.eye(num_classes, dtype=np.int64)[0], [answer_of[name] for name in names]
    )
