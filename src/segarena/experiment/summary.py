"""What came out of a comparison: the rows of its tables and the content of comparison.json."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, fields
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
from segarena.records.comparison import ComparedClass, ComparedData, ComparisonRecord, MajorityBaseline, RankedModel
from segarena.records.run import Costs, Environment, Metrics
from segarena.reporting.style import model_styles
from segarena.runs import Run
from segarena.scoring.scores import Scores, majority_baseline_scores
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
        metrics = Metrics.read(folder / run.path)
        rows.append(
            {
                "model": run.model,
                "seed": run.seed,
                "encoder": settings["encoder"],
                "output_stride": settings["output_stride"],
                "eval_output_stride": settings.get("eval_output_stride") or settings["output_stride"],
                "start": config.get("start"),
                **{name: getattr(metrics, name) for name in SCORES},
                **asdict(Costs.read(folder / run.path)),
                "latency_ms": latency[run.model],
            }
        )
    return pd.DataFrame(rows)


def fold_table(folder: Path, runs: Sequence[Run], folds: int) -> pd.DataFrame:
    """A row per model, seed and fold: the images that it tested and their scores, the epochs and the time."""
    rows = []
    for run in chain.from_iterable(whole.folds(folds) for whole in runs):
        metrics, costs = Metrics.read(folder / run.path), Costs.read(folder / run.path)
        scores = {name: getattr(metrics, name) for name in ("images", *SCORES, "val_miou")}
        rows.append({**run._asdict(), **scores, "train_seconds": costs.train_seconds})
    return pd.DataFrame(rows)


def class_table(folder: Path, runs: Sequence[Run], classes: Sequence[str]) -> pd.DataFrame:
    """A row per model, seed and class: scores and counts."""
    rows = []
    for run in runs:
        per_class = Metrics.read(folder / run.path).per_class
        for index, name in enumerate(classes):
            scores = asdict(per_class[name])
            rows.append({"model": run.model, "seed": run.seed, "class_index": index, "class": name, **scores})
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
    folds: Sequence[Prepared[CompareOptions]],
    models: pd.DataFrame,
    by_fold: pd.DataFrame | None,
    images: pd.DataFrame,
    *,
    command: str,
    environment: Environment,
    gallery: Sequence[str],
) -> ComparisonRecord:
    """What was compared, how, and what came out."""
    prepared = folds[0]
    split = prepared.splits.scored
    baseline = _majority_baseline(folds, images)
    ranking = rank([dict(row) for _, row in models.iterrows()])
    num_images = sum(len(fold.splits.indices(split)) for fold in folds)
    classes = prepared.source.classes
    answers = dict.fromkeys(classes.names[fold.most_frequent_class] for fold in folds)
    fold_mious = {} if by_fold is None else _fold_mious(by_fold)
    return ComparisonRecord(
        name=prepared.source.name,
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        track=prepared.options.track,
        verdict=verdict(
            ranking,
            split=split,
            images=num_images,
            trivial_miou=baseline.miou,
            fold_mious=fold_mious,
            titles={name: style.label for name, style in model_styles([e["model"] for e in ranking]).items()},
        ),
        ranking=tuple(_ranked(entry, fold_mious.get(entry["model"])) for entry in ranking),
        trivial_miou=_defined(baseline.miou),
        majority_baseline=MajorityBaseline(
            class_name=" or ".join(answers),
            miou=_defined(baseline.miou),
            pixel_accuracy=_defined(baseline.pixel_accuracy),
        ),
        scored_split=split,
        protocol={
            **{key: value for key, value in to_dict(prepared.options).items() if key != "data"},
            "crop": prepared.crop,
            "input_size": prepared.input_size,
        },
        notes=prepared.notes,
        data=ComparedData(
            name=prepared.source.name,
            origin=prepared.source.describe()["origin"],
            fingerprint=prepared.fingerprint if by_fold is None else tuple(fold.fingerprint for fold in folds),
            classes=tuple(
                ComparedClass(index=index, name=entry.name, color=entry.color)
                for index, entry in enumerate(classes.classes)
            ),
            counts=prepared.splits.counts if by_fold is None else {"test": num_images},
        ),
        command=command,
        environment=environment,
        gallery=tuple(gallery),
    )


def _ranked(entry: Mapping[str, Any], fold_mious: Sequence[float] | None) -> RankedModel:
    """An entry of the ranking as its record: without the columns of models.csv that it does not have."""
    known = {item.name: _defined(entry[item.name]) for item in fields(RankedModel) if item.name in entry}
    mious = None if fold_mious is None else tuple(_defined(miou) for miou in fold_mious)
    return RankedModel(**{**known, "seeds": tuple(entry["seeds"]), "fold_mious": mious})


def _defined(value: Any) -> Any:
    """The value, None where it is NaN."""
    return None if isinstance(value, float) and math.isnan(value) else value


def _fold_mious(by_fold: pd.DataFrame) -> dict[str, list[float]]:
    """Each model's mIoU fold by fold, averaged over the seeds."""
    table = by_fold.pivot_table(index="model", columns="fold", values="miou", aggfunc="mean", dropna=False)
    return {
        str(model): [float(value) for value in row] for model, row in zip(table.index, table.to_numpy(), strict=True)
    }


def _majority_baseline(folds: Sequence[Prepared[CompareOptions]], images: pd.DataFrame) -> Scores:
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
    return majority_baseline_scores(
        truth[:, :, None] * np.eye(num_classes, dtype=np.int64)[0], [answer_of[name] for name in names]
    )
