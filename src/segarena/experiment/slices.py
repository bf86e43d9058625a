"""Sum where the errors of the models of a comparison are, over seeds and folds, and score parts of the images."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from segarena.experiment.error_files import read_confident_errors
from segarena.experiment.prepared import Prepared
from segarena.experiment.suspicious import SUSPICIOUS, find_suspicious, write_suspicious
from segarena.records.error_analysis import ErrorAnalysis, ErrorCounts, ImageProperties
from segarena.records.slices import Slices
from segarena.runs import Run
from segarena.scoring.error_analysis import ErrorTotals
from segarena.scoring.slices import find_worst, slice_images


def write_slices(prepared: Prepared, runs: Sequence[Run], images: pd.DataFrame, folder: Path) -> None:
    """Write slices.json, suspicious.csv and suspicious/ of a comparison.

    Where a run of an earlier version has no error_analysis.json, nothing is written.

    Args:
        prepared: The data and the protocol.
        runs: The model and seed of each run.
        images: The table of images.csv, with groups.
        folder: The comparison folder, with the runs in it.
    """
    folds = prepared.options.folds
    parts = [part for run in runs for part in run.folds(folds)]
    for earlier in (Slices.file, SUSPICIOUS):  # of other runs
        (folder / earlier).unlink(missing_ok=True)
    if not all((folder / part.path / ErrorAnalysis.file).exists() for part in parts):
        return
    classes = prepared.source.classes.names
    totals: dict[str, ErrorTotals] = {}
    properties: dict[str, ImageProperties] = {}
    for part in parts:
        record = ErrorAnalysis.read(folder / part.path)
        properties.update(record.image_properties)
        known = totals.get(part.model, ErrorTotals.zero(len(classes)))
        totals[part.model] = known + ErrorTotals.from_record(record)
    errors = {part: read_confident_errors(folder / part.path) for part in parts}
    number = None
    if len(runs) > 1 and all(found is not None for found in errors.values()):
        found = find_suspicious(prepared, {part: one for part, one in errors.items() if one is not None})
        write_suspicious(prepared, found, folder)
        number = found.number
    counts: dict[str, ErrorCounts] = {model: total.to_record(classes) for model, total in totals.items()}
    Slices(
        models=counts,
        slices=slice_images(images, properties),
        worst=find_worst(images),
        suspicious=number,
    ).write(folder)
