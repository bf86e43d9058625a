"""What an exported model states about itself, from the files of its run and its comparison."""

from __future__ import annotations

from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, Literal

from segarena import _version
from segarena.loading.scaling import TrainingSides
from segarena.records.comparison import ComparisonRecord
from segarena.records.config import Config
from segarena.records.exported import ExportedModel, ExportedScores
from segarena.records.metrics import Metrics
from segarena.records.run import Data


def collect_facts(run: Path, precision: Literal["fp32", "int8"]) -> ExportedModel:
    """Read what is known about the model of a run.

    Args:
        run: The run folder.
        precision: What the exported model computes with.
    """
    config, data = Config.read(run), Data.read(run)
    sides = TrainingSides.recorded(data.description, run / Data.file)
    return ExportedModel(
        segarena=_version.__version__,
        model=config.model,
        architecture=config.architecture,
        precision=precision,
        class_table=data.class_table,
        size=config.protocol.size,
        image_bits=data.image_bits,
        deep_images=data.description.get("deep_images"),
        channels=data.channels,
        train_sides=None if sides is None else asdict(sides),
        data=data.name,
        fingerprint=data.fingerprint,
        counts=data.counts,
        scores=_read_scores(run),
        run=_without_paths(config),
    )


def _read_scores(run: Path) -> ExportedScores:
    """The scores, with the interval that the comparison has for this run."""
    if not (run / Metrics.file).exists():  # an interrupted run
        return ExportedScores(split="none", images=0, miou=None, pixel_accuracy=None, iou={})
    metrics = Metrics.read(run)
    low, high = metrics.interval or (None, None)
    if (run.parent / ComparisonRecord.file).exists():
        record = ComparisonRecord.read(run.parent)
        model, seeds = Config.read(run).model, {entry.model: entry.seeds for entry in record.ranking}
        alone = record.folds is None and len(seeds.get(model, ())) == 1 and not Config.read(run).data.all_images
        if alone and record.statistics is not None:
            low, high = record.statistics.for_readers().interval(model) or (None, None)
    return ExportedScores(
        split=metrics.split,
        images=metrics.images,
        miou=metrics.miou,
        miou_low=low,
        miou_high=high,
        pixel_accuracy=metrics.pixel_accuracy,
        iou={name: scores.iou for name, scores in metrics.per_class.items()},
    )


def _without_paths(config: Config) -> dict[str, Any]:
    """The record of a run without what is only true, or only of interest, on its machine."""
    data = replace(config.data, data=None, images=None, masks=None, root=None, splits=None, group_by=None)
    return replace(config, command="", data=data).to_json()
