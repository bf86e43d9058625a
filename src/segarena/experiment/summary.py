"""The results of a comparison: its tables, its gallery and comparison.json."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pandas as pd

from segarena.config import Protocol
from segarena.config.training import is_own
from segarena.experiment.ceilings import measure_ceilings
from segarena.experiment.examples import write_gallery
from segarena.experiment.inputs import describe_inputs
from segarena.experiment.matching import Matched
from segarena.experiment.networks import can_build
from segarena.experiment.prepared import Prepared
from segarena.experiment.slices import write_slices
from segarena.experiment.tables import class_rows, fold_rows, image_table, model_rows, to_table
from segarena.files import write_text
from segarena.formats import defined, join_words
from segarena.models import SegmentationModel
from segarena.records.comparison import ComparedClass, ComparedData, ComparisonRecord, FailedRun, MajorityBaseline
from segarena.records.config import Config
from segarena.records.run import Costs, Environment
from segarena.records.statistics import Statistics
from segarena.records.tables import FoldRow, ModelRow
from segarena.records.tuning import Tuning
from segarena.reporting.style import model_styles
from segarena.runs import Run
from segarena.scoring.ceilings import Grid
from segarena.scoring.ranking import rank
from segarena.scoring.scores import majority_baseline_scores
from segarena.scoring.setting import Setting
from segarena.scoring.statistics import analyse
from segarena.scoring.verdict import answer
from segarena.training.costs import Latency, logit_stride, measure_latency
from segarena.training.evaluation import padded_size
from segarena.training.machine import computing_with
from segarena.training.predictor import load

#: What is noted where a user's module cannot be built.
_APART = (
    "latency as measured after each training, not together, and no gallery: the function that builds {} was not given"
)


def write_comparison(
    prepared: Prepared,
    runs: Sequence[Run],
    folder: Path,
    *,
    command: str,
    environment: Environment,
    matched: Matched | None = None,
    failed: Sequence[FailedRun] = (),
) -> ComparisonRecord:
    """Measure the latency, and write the tables, the gallery and comparison.json of finished runs.

    Args:
        prepared: The data and the protocol of the runs.
        runs: The model and seed of each run.
        folder: The comparison folder, with the runs in it.
        command: The command line that repeats the comparison.
        environment: The software and the machine.
        matched: The finished runs that are compared, if they were not trained for this comparison.
        failed: The trainings that failed, whose models are not among the runs.

    Returns:
        The content of comparison.json.
    """
    folds = prepared.options.folds
    names = list(dict.fromkeys(run.model for run in runs))
    environment = replace(environment, threads=prepared.protocol.threads)
    networks = _load_networks(prepared, folder, runs)
    protocols = {run.model: Config.read(place).protocol for run, place in _first_places(prepared, folder, runs)}
    together = len(networks) == len(names)
    with computing_with(environment.threads):
        latency = _measure_latency(prepared, networks, protocols) if together else _recorded_latency(folder, runs)
        models = model_rows(folder, runs, latency, folds)
    grids = {name: _grid(name, network, protocols[name]) for name, network in networks.items()}
    by_fold = [] if folds is None else fold_rows(folder, runs, folds)
    classes = class_rows(folder, runs, prepared.source.classes.names)
    images = _with_groups(image_table(folder, runs), prepared)
    with computing_with(environment.threads):
        gallery = write_gallery(prepared, images, names, folder) if together else []
        write_slices(prepared, runs, images, folder)
    comparison = summarise(
        prepared,
        models,
        by_fold,
        images,
        grids,
        command=command,
        environment=environment,
        gallery=gallery,
        matched=matched,
        failed=failed,
    )
    tables = {"models": to_table(models), "classes": to_table(classes), "images": images}
    if by_fold:
        tables["folds"] = to_table(by_fold)
    if not together:
        absent = join_words([name for name in names if name not in networks])
        comparison = replace(comparison, notes=(*comparison.notes, _APART.format(absent)))
    comparison = replace(comparison, tuning=tuple(_read_tuning(folder, runs, folds)))
    for name, table in tables.items():
        write_text(folder / f"{name}.csv", table.to_csv(index=False, lineterminator="\n"))
    comparison.write(folder)
    return comparison


def summarise(
    prepared: Prepared,
    models: Sequence[ModelRow],
    by_fold: Sequence[FoldRow],
    images: pd.DataFrame,
    grids: Mapping[str, Grid],
    *,
    command: str,
    environment: Environment,
    gallery: Sequence[str],
    matched: Matched | None = None,
    failed: Sequence[FailedRun] = (),
) -> ComparisonRecord:
    """Rank the models, and describe what was compared, how, and with which result.

    Args:
        prepared: The data and the protocol.
        models: The rows of models.csv.
        by_fold: The rows of folds.csv; empty without cross-validation.
        images: The table of images.csv.
        grids: Where each model computes its logits; of a user's module that cannot be built here, nothing is known.
        command: The command line that repeats the comparison.
        environment: The software and the machine.
        gallery: The names of the images in the gallery.
        matched: The finished runs that are compared, if they were not trained for this comparison.
        failed: The trainings that failed.
    """
    baseline = _majority_baseline(prepared, images)
    statistics = analyse_images(images, prepared)
    ceilings = _ceilings(prepared, set(grids.values()))
    ranking = [
        replace(
            entry,
            fold_mious=_fold_mious(by_fold, entry.model),
            logit_stride=grids[entry.model].stride if entry.model in grids else None,
            ceiling=ceilings[grids[entry.model]] if entry.model in grids else None,
        )
        for entry in rank(models)
    ]
    names = list(dict.fromkeys([*(entry.model for entry in ranking), *(one.model for one in failed)]))
    setting = replace(
        _setting(prepared, baseline),
        missed=_missed_classes(images, prepared.source.classes.names),
        restarted={row.model: row.restart for row in models if row.restart},
        failed={one.model: one.reason for one in reversed(failed) if one.data_fraction is None},
        titles={name: style.label for name, style in model_styles(names).items()},
        statistics=statistics,
        of_finished_runs=matched is not None,
    )
    result = answer(ranking, setting)
    return ComparisonRecord(
        name=prepared.source.name,
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        track=prepared.protocol.track,
        verdict=result.text,
        answer=result,
        statistics=statistics,
        ranking=tuple(ranking),
        trivial_miou=baseline.miou,
        majority_baseline=baseline,
        scored_split=setting.split,
        protocol=prepared.protocol,
        inputs=describe_inputs(prepared.options, prepared.source),
        seeds=len({row.seed for row in models}),
        folds=prepared.options.folds,
        notes=prepared.notes,
        choices=prepared.choices,
        data=_compared_data(prepared, setting.images, in_folds=bool(by_fold)),
        command=command,
        environment=environment,
        failed=tuple(failed),
        gallery=tuple(gallery),
        compared_runs=() if matched is None else tuple(str(run.folder.absolute()) for _, run in matched.runs),
        varied=() if matched is None else tuple(matched.varied),
    )


def _setting(prepared: Prepared, baseline: MajorityBaseline) -> Setting:
    """What is scored, and how the models were trained."""
    protocol, data = prepared.protocol, prepared.options.data
    return Setting(
        split=prepared.splits[0].splits.scored,
        images=sum(len(split.scored_names) for split in prepared.splits),
        baseline_miou=baseline.miou,
        baseline_class=baseline.class_name,
        epochs=protocol.epochs,
        loss=protocol.loss,
        class_weights=protocol.class_weights,
        track=protocol.track,
        equal=protocol.equal,
        data=None if data is None else str(data),
        groups=None if prepared.units is None else prepared.units.number,
    )


def _compared_data(prepared: Prepared, scored: int, *, in_folds: bool) -> ComparedData:
    """The data as comparison.json has them; in folds each of the scored images is tested."""
    source, splits = prepared.source, prepared.splits
    return ComparedData(
        name=source.name,
        origin=source.describe()["origin"],
        fingerprint=tuple(split.fingerprint for split in splits) if in_folds else splits[0].fingerprint,
        classes=tuple(
            ComparedClass(index=index, name=entry.name, color=entry.color)
            for index, entry in enumerate(source.classes.classes)
        ),
        counts={"test": scored} if in_folds else splits[0].splits.counts,
    )


def _read_tuning(folder: Path, runs: Sequence[Run], folds: int | None) -> Iterator[Tuning]:
    """The trials of each model and fold, as the model is called here; all its seeds have the same."""
    for model, first in {run.model: run for run in reversed(runs)}.items():
        for run in first.folds(folds):
            tuning = Config.read(folder / run.path).tuning
            if tuning is not None:
                yield replace(tuning, model=model)


def _load_networks(prepared: Prepared, folder: Path, runs: Sequence[Run]) -> dict[str, SegmentationModel]:
    """The network of the first run of each model; none for a user's module whose function was not given."""
    return {
        run.model: load(place, device=prepared.protocol.device).model
        for run, place in _first_places(prepared, folder, runs)
        if can_build(place)
    }


def _first_places(prepared: Prepared, folder: Path, runs: Sequence[Run]) -> list[tuple[Run, Path]]:
    """The first run of each model, or its first fold, and its folder."""
    first = {run.model: run._replace(fold=prepared.splits[0].fold) for run in reversed(runs)}
    return [(run, folder / run.path) for run in first.values()]


def _recorded_latency(folder: Path, runs: Sequence[Run]) -> dict[str, Latency]:
    """The latency that the first run of each model measured after its own training."""
    costs = {run.model: Costs.read(folder / run.path) for run in reversed(runs)}
    return {
        model: Latency(one.latency_ms, one.latency_low_ms or one.latency_ms, one.latency_high_ms or one.latency_ms)
        for model, one in costs.items()
    }


def _measure_latency(
    prepared: Prepared, networks: Mapping[str, SegmentationModel], protocols: Mapping[str, Protocol]
) -> dict[str, Latency]:
    """The time of one image of the usual size, by model; the models of one size take turns."""
    device, precision = prepared.protocol.device, prepared.protocol.precision
    of_size: dict[tuple[int, int], dict[str, SegmentationModel]] = {}
    for name, network in networks.items():
        of_size.setdefault(protocols[name].input_size, {})[name] = network
    found: dict[str, Latency] = {}
    for size, alike in of_size.items():
        found |= measure_latency(alike, size, device=device, precision=precision)
    return found


def _grid(name: str, network: SegmentationModel, protocol: Protocol) -> Grid:
    """Where a network computes its logits; of a user's module, at the size that it was tested at."""
    size = (padded_size(network, protocol.input_size),) if is_own(name) else ()
    return Grid(protocol.size, logit_stride(network, *size))


def _ceilings(prepared: Prepared, grids: Collection[Grid]) -> dict[Grid, float | None]:
    """The resolution ceiling of each grid, from the training masks of the first split."""
    if not grids:  # only modules that cannot be built here
        return {}
    first = prepared.splits[0]
    ceilings, _ = measure_ceilings(first.source, first.splits.train, sorted(grids), first.mask_pixels)
    return {ceiling.grid: defined(ceiling.miou) for ceiling in ceilings}


def analyse_images(images: pd.DataFrame, prepared: Prepared) -> Statistics | None:
    """Return intervals and tests of the differences; None where every pixel of every mask is void.

    Args:
        images: The table of images.csv.
        prepared: The data: its groups, and the most frequent class of each training split.
    """
    if not images[["tp", "fn"]].to_numpy().any():
        return None
    names = prepared.source.classes.names
    baseline = {name: names[split.most_frequent_class] for split in prepared.splits for name in split.scored_names}
    groups, divided = _groups(prepared)
    statistics = analyse(images, groups=groups, baseline=baseline)
    rule = None if prepared.units is None else prepared.units.rule
    return replace(statistics, grouped_by=rule, divided=divided)


def _with_groups(images: pd.DataFrame, prepared: Prepared) -> pd.DataFrame:
    """The table of images.csv, with the present groups: runs of earlier versions have none."""
    groups, _ = _groups(prepared)
    return images.assign(group="" if groups is None else images["image"].map(groups))


def _groups(prepared: Prepared) -> tuple[dict[str, str] | None, bool]:
    """The group of each scored image in the statistics, and whether groups are in several folds."""
    if prepared.units is None:
        return None, False
    return prepared.units.within_folds([split.scored_names for split in prepared.splits])


def _missed_classes(images: pd.DataFrame, names: Sequence[str]) -> tuple[str, ...]:
    """The classes with true pixels of which no model found one with any seed."""
    found = images.groupby("class_index")[["tp", "fn"]].sum()
    return tuple(name for index, name in enumerate(names) if found["tp"].get(index) == 0 and found["fn"].get(index))


def _fold_mious(rows: Sequence[FoldRow], model: str) -> tuple[float | None, ...] | None:
    """The model's mIoU in each fold, averaged over the seeds that have one; None without folds."""
    by_fold: dict[int, list[float]] = {row.fold: [] for row in rows}
    for row in rows:
        if row.model == model and row.miou is not None:
            by_fold[row.fold].append(row.miou)
    return tuple(math.fsum(mious) / len(mious) if mious else None for _, mious in sorted(by_fold.items())) or None


def _majority_baseline(prepared: Prepared, images: pd.DataFrame) -> MajorityBaseline:
    """The most frequent class of an image's training split everywhere, on the scored images."""
    first = images[(images["model"] == images["model"].iloc[0]) & (images["seed"] == images["seed"].iloc[0])]
    classes = prepared.source.classes
    truth = (first["tp"] + first["fn"]).to_numpy(dtype=np.int64).reshape(-1, classes.num_classes)
    names = first["image"].to_numpy().reshape(-1, classes.num_classes)[:, 0]
    answer_of = {name: split.most_frequent_class for split in prepared.splits for name in split.scored_names}
    # Only the sums of the rows count: all pixels of a class can be in one column.
    scores = majority_baseline_scores(
        truth[:, :, None] * np.eye(classes.num_classes, dtype=np.int64)[0], [answer_of[name] for name in names]
    )
    predicted = dict.fromkeys(classes.names[split.most_frequent_class] for split in prepared.splits)
    return MajorityBaseline(
        class_name=" or ".join(predicted), miou=defined(scores.miou), pixel_accuracy=defined(scores.pixel_accuracy)
    )
