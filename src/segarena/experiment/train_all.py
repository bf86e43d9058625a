"""Every training of a command in turn: models, seeds and folds; and the folds of one model and seed pooled."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import pandas as pd

from segarena.classes import ClassTable
from segarena.cores import count_processors, measure_load
from segarena.errors import Interrupted
from segarena.experiment.image_counts import read_image_counts
from segarena.experiment.inputs import describe_inputs
from segarena.experiment.networks import relative_cost
from segarena.experiment.plan import Training, check_resumable, plan_trainings, record_place
from segarena.experiment.prediction import Forecast
from segarena.experiment.prepared import Prepared
from segarena.experiment.progress import Reporter, TrainingStart
from segarena.experiment.run import train_run
from segarena.experiment.time_left import Lateness, TimeLeft, TrainingTimeLeft
from segarena.files import write_text
from segarena.formats import duration, plural
from segarena.records.metrics import Metrics
from segarena.records.run import Costs
from segarena.reuse.recorded import check_same_data, describe_options
from segarena.runs import Run
from segarena.scoring.pooling import pool
from segarena.scoring.scores import to_metrics
from segarena.training.checkpoint import HISTORY
from segarena.training.machine import computing_with


def train_all(
    prepared: Prepared,
    folder: Path,
    runs: Mapping[Run, Path],
    should_stop: Callable[[], bool],
    reporter: Reporter,
    forecast: Forecast | None = None,
) -> None:
    """Train each model with each seed: once, or once for each fold. What is finished is not trained again.

    Args:
        prepared: The data and the protocol.
        folder: The folder of the command, where its options are recorded before the first training.
        runs: The run folder of each model and seed, in the order of the trainings.
        should_stop: Called after each step; True stops the training.
        reporter: Receives the progress.
        forecast: What was predicted; None where nothing was.

    Raises:
        RunError: A folder has a run of another protocol or other data; then nothing is trained.
        Interrupted: `should_stop` returned True; the state is saved.
    """
    plans = plan_all(prepared, folder, runs)
    record_start(prepared, folder)
    reporter.begin()
    every = [training for trainings in plans.values() for training in trainings]
    open_ones = [training for training in every if not training.is_finished]
    if open_ones and open_ones[0].protocol.crops == "batch":
        protocol = open_ones[0].protocol
        reporter.say(f"  crops: {open_ones[0].split.pixels(protocol.device).describe()}")
    left, number = _estimate(every, forecast), 0
    late = None if forecast is None else Lateness(forecast.all_epochs_seconds, partial(_report_late, reporter))
    for run, trainings in plans.items():
        for training in trainings:
            fold = training.split.fold
            start = TrainingStart(
                title=f"{run.model}, seed {run.seed}" + ("" if fold is None else f", fold {fold} of {len(trainings)}"),
                number=number + 1,
                total=len(every),
                epochs=training.protocol.epochs,
                folder=training.folder,
                seconds_left=left.seconds(),
                validates=training.split.splits.holds_out,
            )
            protocol, val_images = training.protocol, len(training.split.splits.val)
            own = TrainingTimeLeft(left, number, protocol.epochs, protocol.batch_size, val_images, run.model, late)
            _train(training, start, own, should_stop, reporter)
            left.finish(number)
            number += 1
        if prepared.options.folds is not None:
            pool_folds(runs[run], [training.folder for training in trainings], prepared.source.classes)


def record_start(prepared: Prepared, folder: Path) -> None:
    """Record the options of a command, so that it can be resumed.

    Args:
        prepared: The data and the protocol.
        folder: The folder of the command.

    Raises:
        RunError: The file cannot be written.
    """
    fingerprints = [split.fingerprint for split in prepared.splits]
    data = describe_inputs(prepared.options, prepared.source)
    describe_options(prepared.options, data, prepared.choices, fingerprints).write(folder)


def plan_all(prepared: Prepared, folder: Path, runs: Mapping[Run, Path]) -> dict[Run, list[Training]]:
    """Return the trainings of each model and seed: one, or one for each fold.

    Args:
        prepared: The data and the protocol.
        folder: The folder of the command.
        runs: The run folder of each model and seed.

    Raises:
        RunError: A folder has a run of another protocol or other data.
    """
    plans = {run: plan_trainings(prepared, run, place) for run, place in runs.items()}
    for run, trainings in plans.items():
        check_resumable(trainings, runs[run])
    check_same_data(folder, [split.fingerprint for split in prepared.splits])
    return plans


def _train(
    training: Training,
    start: TrainingStart,
    left: TrainingTimeLeft,
    should_stop: Callable[[], bool],
    reporter: Reporter,
) -> None:
    if training.is_finished:
        record_place(training)
        reporter.say("finished already", title=start.title)
        return
    try:
        with computing_with(training.protocol.threads):
            train_run(training, start, left, should_stop, reporter)
    except Interrupted as stop:
        raise Interrupted(f"{start.title}: {stop}") from stop


def _report_late(reporter: Reporter, expected: float, predicted: float) -> None:
    load = measure_load()
    why = f"; other programs use {load:.1f} of {plural(count_processors(), 'core')}" if load else ""
    now, before = duration(expected), duration(predicted)
    reporter.say(f"  slower than predicted: all epochs take about {now}, not {before}{why}")


def _estimate(trainings: Sequence[Training], forecast: Forecast | None) -> TimeLeft:
    """The estimate of the time before the first training, from epochs of earlier calls, or from what was predicted."""
    first = {training.model: training for training in reversed(trainings)}
    flops = {model: relative_cost(one.protocol, model) if len(first) > 1 else 1.0 for model, one in first.items()}
    seconds = [epoch_seconds(training.folder) for training in trainings]
    epochs = [
        0 if one.is_finished else max(0, one.protocol.epochs - len(done))
        for one, done in zip(trainings, seconds, strict=True)
    ]
    left = TimeLeft(list(zip([one.model for one in trainings], epochs, strict=True)), flops)
    if forecast is not None:
        for model in {work.model for work in forecast.works}:
            left.add_earlier(model, forecast.epoch_seconds(model))
    for training, done in zip(trainings, seconds, strict=True):
        if done:
            left.add_earlier(training.model, sum(done) / len(done))
    return left


def epoch_seconds(folder: Path) -> list[float]:
    """Return the time of each finished epoch of a run; empty if there is none, or they cannot be read."""
    try:
        return [float(value) for value in pd.read_csv(folder / HISTORY)["seconds"]]
    except (OSError, ValueError, KeyError):
        return []


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
        restart=next((part.restart for part in metrics if part.restart), None),
        train_images=sum(part.train_images or 0 for part in metrics),
        val_images=sum(part.val_images or 0 for part in metrics),
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
