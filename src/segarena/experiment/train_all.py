"""Every training of a command in turn: models, seeds and folds; and the folds of one model and seed pooled."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import pandas as pd

from segarena.classes import ClassTable
from segarena.errors import Interrupted
from segarena.experiment.image_counts import read_image_counts
from segarena.experiment.plan import Training, check_resumable, plan_trainings
from segarena.experiment.prepare import Prepared
from segarena.experiment.progress import Reporter
from segarena.experiment.run import train_run
from segarena.files import write_text
from segarena.records.metrics import Metrics
from segarena.records.run import Costs
from segarena.runs import Run
from segarena.scoring.pooling import pool
from segarena.scoring.scores import to_metrics


def train_all(
    prepared: Prepared, folders: Mapping[Run, Path], should_stop: Callable[[], bool], reporter: Reporter
) -> None:
    """Train each model with each seed: once, or once for each fold. What is finished is not trained again.

    Args:
        prepared: The data and the protocol.
        folders: The run folder of each model and seed, in the order of the trainings.
        should_stop: Called after each step; True stops the training.
        reporter: Receives the progress.

    Raises:
        RunError: A folder has a run of another protocol or other data; then nothing is trained.
        Interrupted: `should_stop` returned True; the state is saved.
    """
    plans = {run: plan_trainings(prepared, run, folder) for run, folder in folders.items()}
    for run, trainings in plans.items():
        check_resumable(trainings, folders[run])
    for number, (run, trainings) in enumerate(plans.items(), start=1):
        title = f"{run.model}, seed {run.seed}" + (f" ({number} of {len(plans)})" if len(plans) > 1 else "")
        for training in trainings:
            fold = training.split.fold
            part = "" if fold is None else f", fold {fold} of {len(trainings)}"
            _train(training, title + part, should_stop, reporter)
        if prepared.options.folds is not None:
            pool_folds(folders[run], [training.folder for training in trainings], prepared.source.classes)


def _train(training: Training, title: str, should_stop: Callable[[], bool], reporter: Reporter) -> None:
    if training.is_finished:
        reporter.say("finished already", title=title)
        return
    try:
        train_run(training, title, should_stop, reporter)
    except Interrupted as stop:
        raise Interrupted(f"{title}: {stop}") from stop


def pool_folds(folder: Path, runs: Sequence[Path], classes: ClassTable) -> None:
    """Write metrics.json, images.csv and costs.json of a model and seed from the finished runs of its folds.

    Scores come from the pixel counts of all folds, as if one network had been tested on all images. Times are summed
    over the folds and epochs averaged; of the latency it is the minimum, of the peak memory the maximum, and of the
    images per second the median.

    Args:
        folder: The folder to write.
        runs: The folders of the folds, in their order.
        classes: The classes of the data.
    """
    metrics, costs = [Metrics.read(run) for run in runs], [Costs.read(run) for run in runs]
    scores = to_metrics(pool(metrics, background=classes.background), classes.names, split="test")
    pooled = replace(
        scores,
        folds=len(runs),
        best_epoch=sum(part.best_epoch or 0 for part in metrics) / len(runs),
        epochs=sum(part.epochs or 0 for part in metrics) / len(runs),
    )
    pooled.write(folder)
    tables = [read_image_counts(run / "images.csv").assign(fold=fold) for fold, run in enumerate(runs, start=1)]
    together = pd.concat(tables, ignore_index=True)
    together.insert(0, "fold", together.pop("fold"))
    write_text(folder / "images.csv", together.to_csv(index=False, lineterminator="\n"))
    memory = [part.peak_memory_mib for part in costs if part.peak_memory_mib is not None]
    cpu_seconds = [part.train_cpu_seconds for part in costs if part.train_cpu_seconds is not None]
    total = replace(
        min(costs, key=lambda part: part.latency_ms),
        train_cpu_seconds=sum(cpu_seconds) if len(cpu_seconds) == len(costs) else None,
        train_seconds=sum(part.train_seconds for part in costs),
        images_per_second=float(pd.Series([part.images_per_second for part in costs]).median()),
        peak_memory_mib=max(memory, default=None),
    )
    total.write(folder)
