"""The learning curve over the amount of labelled data, from the runs on parts of the training images."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pandas as pd

from segarena.errors import RunError
from segarena.experiment.prepared import Prepared, PreparedSplit
from segarena.experiment.summary import analyse_images
from segarena.experiment.tables import image_table
from segarena.records.data_curve import DataCurve, DataPart, ModelCurve
from segarena.records.run import Costs
from segarena.runs import Run
from segarena.scoring.data_curve import name_of


def write_data_curve(prepared: Prepared, runs: Sequence[Run], folder: Path) -> DataCurve | None:
    """Compare each model with itself on parts of the training images, and write data_fractions.json.

    A model of which a training is not finished is left out.

    Args:
        prepared: The data and the protocol.
        runs: All runs of the command, with those on parts.
        folder: The comparison folder, with its tables.

    Returns:
        What was written; None without --data-fractions.

    Raises:
        RunError: A file cannot be read or written.
    """
    if not prepared.fractions:
        return None
    curves = []
    for model in dict.fromkeys(run.model for run in runs):
        own = [run for run in runs if run.model == model]
        if all((folder / run.path / Costs.file).exists() for run in own):
            curves.append(_curve(prepared, model, own, folder))
    protocol, first = prepared.protocol, prepared.splits[0]
    curve = DataCurve(
        parts=tuple(
            _part(fraction, prepared.fractions[fraction] if fraction < 1 else prepared.splits)
            for fraction in sorted([*prepared.fractions, 1.0])
        ),
        steps=len(first.labelled) // protocol.batch_size,
        epochs=protocol.epochs,
        seeds=len({run.seed for run in runs}),
        folds=prepared.options.folds,
        models=tuple(curves),
    )
    curve.write(folder)
    return curve


def _curve(prepared: Prepared, model: str, runs: Sequence[Run], folder: Path) -> ModelCurve:
    """One model's scores with each part, as if they were those of different models."""
    tables = []
    for fraction in dict.fromkeys(run.fraction for run in runs):
        own = [run for run in runs if run.fraction == fraction]
        tables.append(image_table(folder, own).assign(model=name_of(fraction or 1.0)))
    statistics = analyse_images(pd.concat(tables, ignore_index=True), prepared)
    if statistics is None:
        raise RunError("has no pixel that counts", where=folder, remedy="Check `ignore` in classes.yaml")
    return ModelCurve(model=model, statistics=replace(statistics, plan=None, baseline_lead=None))


def _part(fraction: float, splits: Sequence[PreparedSplit]) -> DataPart:
    number = len(splits)
    names = splits[0].source.classes.names
    images = sum((split.mask_pixels > 0).sum(axis=0) for split in splits)
    return DataPart(
        fraction=fraction,
        images=round(sum(len(split.splits.train) for split in splits) / number),
        class_images={name: round(int(count) / number) for name, count in zip(names, images, strict=True)},
    )
