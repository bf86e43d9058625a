"""What is left to train, and the forecast of what it takes: each model is measured once."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from segarena.config import CompareOptions
from segarena.config.devices import device_type
from segarena.cores import processor_seconds
from segarena.experiment.after_trainings import after_trainings
from segarena.experiment.executors.choose import cluster_of, count_at_a_time
from segarena.experiment.plan import Training
from segarena.experiment.prediction import Forecast, Speed, Trials, Work
from segarena.experiment.prepared import Prepared
from segarena.experiment.progress import Reporter
from segarena.experiment.train_all import epochs_left
from segarena.experiment.trial import measure_speed
from segarena.training.cpu_time import cpu_seconds
from segarena.training.machine import computing_with
from segarena.training.memory import resident_mib
from segarena.units import MIB

#: With fewer training steps of each model, a trial would take as long as what it predicts.
FEWEST_STEPS = 40


def forecast_work(
    prepared: Prepared,
    works: Sequence[Work],
    measured: Sequence[Training],
    folder: Path,
    steps: Mapping[str, int],
    reporter: Reporter,
) -> Forecast:
    """Measure the models, and return the forecast for the work that is left.

    Args:
        prepared: The data and the protocol.
        works: The work that is left.
        measured: Its trainings, and perhaps one of a further model.
        folder: The folder of the command.
        steps: What `count_steps` returned for the work.
        reporter: Receives the progress.
    """
    speeds, load = _measure(measured, folder, steps, reporter)
    on_cuda, resident = device_type(prepared.protocol.device) == "cuda", resident_mib()
    shared, is_apart = prepared.splits[0].images.bytes / MIB, on_cuda or cluster_of(prepared.options) is not None
    forecast = Forecast(
        speeds,
        tuple(works),
        memory_before=0.0 if on_cuda else resident,
        load=load,
        jobs=count_at_a_time(prepared.options, prepared.protocol),
        process_mib=None if is_apart or resident is None else max(0.0, resident - shared),
    )
    if isinstance(prepared.options, CompareOptions):
        forecast = replace(forecast, after=after_trainings(prepared, speeds, forecast.cpu_share))
    return forecast


def _measure(
    trainings: Sequence[Training], folder: Path, steps: Mapping[str, int], reporter: Reporter
) -> tuple[dict[str, Speed], float]:
    """What each model costs, and how many cores other programs used meanwhile."""
    first = {training.model: training for training in reversed(trainings)}
    before = time.perf_counter(), processor_seconds(), cpu_seconds()
    speeds = {}
    with reporter.progress("measuring the models") as on_progress:
        for number, (model, training) in enumerate(first.items(), start=1):
            with computing_with(training.protocol.threads):
                speeds[model] = measure_speed(training, folder, steps.get(model, FEWEST_STEPS))
            on_progress(number, len(first))
    after = time.perf_counter(), processor_seconds(), cpu_seconds()
    if None in (*before, *after):
        return speeds, 0.0
    seconds, busy, own = (float(new) - float(old) for old, new in zip(before, after, strict=True))  # type: ignore[arg-type]
    return speeds, max(0.0, (busy - own) / seconds)


def count_steps(works: Sequence[Work]) -> dict[str, int]:
    """Return the steps that are left of all trainings of each model, and of the trials before them."""
    steps = dict.fromkeys((work.model for work in works), 0)
    for work in works:
        steps[work.model] += work.steps * work.epochs
        if work.trials is not None:
            steps[work.model] += work.trials.count_steps(work.epochs)
    return steps


def find_works(trainings: Sequence[Training], trials: Mapping[tuple[str, int | None], Trials]) -> list[Work]:
    """Return the work of trainings, of the first one of each model and fold with the trials that come before it.

    Args:
        trainings: The trainings that are not finished.
        trials: The trials that are left, by model and fold.
    """
    left = dict(trials)
    return [find_work(one, left.pop((one.model, one.split.fold), None)) for one in trainings]


def find_work(training: Training, trials: Trials | None = None) -> Work:
    """Return what is left of one training, and of the trials before it."""
    splits, protocol = training.split.splits, training.protocol
    return Work(
        model=training.model,
        steps=len(training.split.labelled) // protocol.batch_size,
        val_images=len(splits.val),
        scored_images=len(splits.indices(splits.scored)),
        epochs=epochs_left(training),
        trials=trials,
    )
