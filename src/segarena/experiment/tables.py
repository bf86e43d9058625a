"""The tables of a comparison, from the files of its runs: models.csv, folds.csv, classes.csv and images.csv."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pandas as pd

from segarena.experiment.image_counts import read_image_counts
from segarena.records.config import Config
from segarena.records.metrics import Metrics
from segarena.records.record import field_names
from segarena.records.run import Costs
from segarena.records.tables import ClassRow, FoldRow, ModelRow, columns, to_columns
from segarena.records.values import EpochChoice, MeanScores
from segarena.runs import Run
from segarena.training.costs import Latency

_SCORES = (*field_names(MeanScores), *field_names(EpochChoice))


def model_rows(folder: Path, runs: Sequence[Run], latency: Mapping[str, Latency], folds: int | None) -> list[ModelRow]:
    """Return a row per model and seed: scores and costs; with folds, of all folds together.

    Args:
        folder: The comparison folder.
        runs: The model and seed of each row.
        latency: The time of one image, by model.
        folds: The number of folds; None without cross-validation.
    """
    rows = []
    for run in runs:
        config = Config.read(folder / run.folds(folds)[0].path)
        settings = config.architecture
        median, low, high = latency[run.model]
        metrics = Metrics.read(folder / run.path)
        costs = replace(Costs.read(folder / run.path), latency_ms=median, latency_low_ms=low, latency_high_ms=high)
        rows.append(
            ModelRow(
                model=run.model,
                seed=run.seed,
                encoder=settings["encoder"],
                output_stride=settings["output_stride"],
                eval_output_stride=settings.get("eval_output_stride") or settings["output_stride"],
                start=config.start,
                restart=metrics.restart,
                skipped_steps=metrics.skipped_steps,
                micro_batch=metrics.micro_batch,
                **_scores(metrics),
                **asdict(costs),
            )
        )
    return rows


def fold_rows(folder: Path, runs: Sequence[Run], folds: int) -> list[FoldRow]:
    """Return a row per model, seed and fold: the scores of the images that it tested, the epochs and the time.

    Args:
        folder: The comparison folder.
        runs: The models and seeds.
        folds: The number of folds.
    """
    rows = []
    for run in runs:
        for fold in range(1, folds + 1):
            path = folder / run._replace(fold=fold).path
            metrics = Metrics.read(path)
            rows.append(
                FoldRow(
                    model=run.model,
                    seed=run.seed,
                    fold=fold,
                    images=metrics.images,
                    **_scores(metrics),
                    val_miou=metrics.val_miou,
                    train_seconds=Costs.read(path).train_seconds,
                )
            )
    return rows


def class_rows(folder: Path, runs: Sequence[Run], classes: Sequence[str]) -> list[ClassRow]:
    """Return a row per model, seed and class: scores and counts.

    Args:
        folder: The comparison folder.
        runs: The models and seeds.
        classes: The names of the classes, in the order of their indices.
    """
    rows = []
    for run in runs:
        per_class = Metrics.read(folder / run.path).per_class
        for index, name in enumerate(classes):
            scores = asdict(per_class[name])
            rows.append(ClassRow(model=run.model, seed=run.seed, class_index=index, class_=name, **scores))
    return rows


def image_table(folder: Path, runs: Sequence[Run]) -> pd.DataFrame:
    """Return a row per model, seed, image and class: the counts of its pixels.

    Args:
        folder: The comparison folder.
        runs: The models and seeds.
    """
    parts = []
    for run in runs:
        table = read_image_counts(folder / run.path / "images.csv")
        table.insert(0, "model", run.model)
        table.insert(1, "seed", run.seed)
        parts.append(table)
    return pd.concat(parts, ignore_index=True)


def to_table(rows: Sequence[ModelRow] | Sequence[FoldRow] | Sequence[ClassRow]) -> pd.DataFrame:
    """Return one or more rows as a table, with the columns in the order of their class."""
    return pd.DataFrame([to_columns(row) for row in rows], columns=columns(type(rows[0])))


def _scores(metrics: Metrics) -> dict[str, Any]:
    return {name: getattr(metrics, name) for name in _SCORES}
