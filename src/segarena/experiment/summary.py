"""What came out of a comparison: the rows of its tables and the content of comparison.json."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
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
from segarena.records.comparison import ComparedClass, ComparedData, ComparisonRecord, MajorityBaseline
from segarena.records.metrics import Metrics
from segarena.records.record import field_names
from segarena.records.run import Costs, Environment
from segarena.records.tables import ClassRow, FoldRow, ModelRow, columns, to_columns
from segarena.records.values import EpochChoice, MeanScores
from segarena.reporting.style import model_styles
from segarena.runs import Run
from segarena.scoring.scores import Scores, majority_baseline_scores
from segarena.scoring.verdict import rank, verdict

_SCORES = (*field_names(MeanScores), *field_names(EpochChoice))


def model_rows(folder: Path, runs: Sequence[Run], latency: Mapping[str, float], folds: int | None) -> list[ModelRow]:
    """A row per model and seed: scores, over all folds together where there are some, and costs.

    `latency`: milliseconds for one image, by model.
    """
    rows = []
    for run in runs:
        config = read_json(folder / run.folds(folds)[0].path / "config.json")
        settings = config["architecture"]
        costs = replace(Costs.read(folder / run.path), latency_ms=latency[run.model])
        rows.append(
            ModelRow(
                model=run.model,
                seed=run.seed,
                encoder=settings["encoder"],
                output_stride=settings["output_stride"],
                eval_output_stride=settings.get("eval_output_stride") or settings["output_stride"],
                start=config.get("start"),
                **_scores(Metrics.read(folder / run.path)),
                **asdict(costs),
            )
        )
    return rows


def fold_rows(folder: Path, runs: Sequence[Run], folds: int) -> list[FoldRow]:
    """A row per model, seed and fold: the images that it tested and their scores, the epochs and the time."""
    rows = []
    for run in chain.from_iterable(whole.folds(folds) for whole in runs):
        metrics, costs = Metrics.read(folder / run.path), Costs.read(folder / run.path)
        assert run.fold is not None
        rows.append(
            FoldRow(
                model=run.model,
                seed=run.seed,
                fold=run.fold,
                images=metrics.images,
                **_scores(metrics),
                val_miou=metrics.val_miou,
                train_seconds=costs.train_seconds,
            )
        )
    return rows


def class_rows(folder: Path, runs: Sequence[Run], classes: Sequence[str]) -> list[ClassRow]:
    """A row per model, seed and class: scores and counts."""
    rows = []
    for run in runs:
        per_class = Metrics.read(folder / run.path).per_class
        for index, name in enumerate(classes):
            scores = asdict(per_class[name])
            rows.append(ClassRow(model=run.model, seed=run.seed, class_index=index, class_=name, **scores))
    return rows


def to_table(rows: Sequence[ModelRow] | Sequence[FoldRow] | Sequence[ClassRow]) -> pd.DataFrame:
    """One or more rows as a table, with the columns in the order of their class."""
    return pd.DataFrame([to_columns(row) for row in rows], columns=columns(type(rows[0])))


def _scores(metrics: Metrics) -> dict[str, Any]:
    return {name: getattr(metrics, name) for name in _SCORES}


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
    models: Sequence[ModelRow],
    by_fold: Sequence[FoldRow],
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
    ranking = [replace(entry, fold_mious=_fold_mious(by_fold, entry.model)) for entry in rank(models)]
    num_images = sum(len(fold.splits.indices(split)) for fold in folds)
    classes = prepared.source.classes
    answers = dict.fromkeys(classes.names[fold.most_frequent_class] for fold in folds)
    return ComparisonRecord(
        name=prepared.source.name,
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        track=prepared.options.track,
        verdict=verdict(
            ranking,
            split=split,
            images=num_images,
            trivial_miou=baseline.miou,
            titles={name: style.label for name, style in model_styles([e.model for e in ranking]).items()},
        ),
        ranking=tuple(ranking),
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
            fingerprint=prepared.fingerprint if not by_fold else tuple(fold.fingerprint for fold in folds),
            classes=tuple(
                ComparedClass(index=index, name=entry.name, color=entry.color)
                for index, entry in enumerate(classes.classes)
            ),
            counts=prepared.splits.counts if not by_fold else {"test": num_images},
        ),
        command=command,
        environment=environment,
        gallery=tuple(gallery),
    )


def _defined(value: float) -> float | None:
    """The value, None where it is NaN."""
    return None if math.isnan(value) else value


def _fold_mious(rows: Sequence[FoldRow], model: str) -> tuple[float | None, ...] | None:
    """The model's mIoU fold by fold, the mean over the seeds that have one; None without folds."""
    by_fold: dict[int, list[float]] = {row.fold: [] for row in rows}
    for row in rows:
        if row.model == model and row.miou is not None:
            by_fold[row.fold].append(row.miou)
    return tuple(math.fsum(mious) / len(mious) if mious else None for _, mious in sorted(by_fold.items())) or None


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
