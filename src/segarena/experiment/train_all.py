"""Every training of a command, in turn or side by side: models, seeds, folds; and the folds of a run pooled."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Self

import pandas as pd

from segarena.classes import ClassTable
from segarena.config import command_name
from segarena.config.own_models import Builder, find_builder
from segarena.config.training import is_own
from segarena.cores import count_processors, measure_load
from segarena.errors import Interrupted
from segarena.experiment.build import describe_loading
from segarena.experiment.costs import write_costs
from segarena.experiment.executors.choose import choose_executor
from segarena.experiment.executors.serial import Serial
from segarena.experiment.failures import Failure, find_failure, none_is_left
from segarena.experiment.image_counts import read_image_counts
from segarena.experiment.inputs import describe_inputs
from segarena.experiment.kept_states import drop_states
from segarena.experiment.networks import relative_cost
from segarena.experiment.plan import Training, check_resumable, plan_trainings, record_place
from segarena.experiment.prediction import Forecast
from segarena.experiment.prepared import Prepared
from segarena.experiment.progress import Reporter, TrainingStart
from segarena.experiment.time_left import Lateness, TimeLeft, TrainingTimeLeft
from segarena.experiment.training_task import Receiver, TrainingTask
from segarena.files import write_text
from segarena.formats import duration, plural, resume_line
from segarena.records.comparison import FailedRun
from segarena.records.metrics import Metrics
from segarena.records.run import Costs
from segarena.reporting.style import label_of
from segarena.reuse.recorded import check_same_data, describe_options
from segarena.runs import Run
from segarena.scoring.pooling import pool
from segarena.scoring.scores import to_metrics
from segarena.training.checkpoint import HISTORY


def train_all(
    prepared: Prepared,
    folder: Path,
    runs: Mapping[Run, Path],
    should_stop: Callable[[], bool],
    reporter: Reporter,
    forecast: Forecast | None = None,
) -> tuple[FailedRun, ...]:
    """Train each model with each seed: once, or once for each fold. What is finished is not trained again.

    With --jobs, several at a time. A model of which a training fails for a reason of its own is not trained further;
    the others are.

    Args:
        prepared: The data and the protocol.
        folder: The folder of the command, where its options are recorded before the first training.
        runs: The run folder of each model and seed, in the order of the trainings.
        should_stop: Called after each step; True stops the training.
        reporter: Receives the progress.
        forecast: What was predicted; None where nothing was.

    Returns:
        The trainings that failed.

    Raises:
        RunError: A folder has a run of another protocol or other data; then nothing is trained.
        Interrupted: `should_stop` returned True; the state is saved.
        SegarenaError: Something is wrong that concerns all trainings, or a training of each model failed.
    """
    plans = plan_all(prepared, folder, runs)
    record_start(prepared, folder)
    reporter.begin()
    every = [training for trainings in plans.values() for training in trainings]
    open_ones = [training for training in every if not training.is_finished]
    scored = [training for training in open_ones if training.is_scored]  # only its costs are missing
    to_train = [training for training in open_ones if not training.is_scored]
    executor, jobs = choose_executor(
        prepared.options, prepared.protocol, len(to_train), folder, prepared.source.samples, _minutes(forecast)
    )
    is_alone, keep = isinstance(executor, Serial), prepared.options.keep_states
    if to_train and is_alone and (loading := describe_loading(to_train[0])) is not None:
        reporter.say(f"  {loading}")
    resume = resume_line(command_name(type(prepared.options)), folder)
    left = _estimate(every, forecast, jobs)
    progress = _Progress(every, scored, left, forecast, reporter, jobs, resume, keep, is_alone=is_alone)
    drop_states(every, keep)
    with progress:
        executor.run(progress.tasks(), progress, should_stop)
        for training in [*scored, *progress.trained]:
            if not training.is_finished:  # costs are measured with nothing beside
                write_costs(training)
    drop_states(every, keep)
    of_all = [failure for failure in progress.failures if failure.record.data_fraction is None]
    failed = {failure.record.model: failure for failure in reversed(of_all)}
    if failed and not {run.model for run in runs} - failed.keys():
        raise none_is_left(failed, resume)
    for run, trainings in plans.items():
        if prepared.options.folds is not None and all(training.is_finished for training in trainings):
            pool_folds(runs[run], [training.folder for training in trainings], prepared.source.classes)
    return tuple(failure.record for failure in progress.failures)


class _Progress:
    """Gives the trainings to an executor, one after the other, and receives their progress."""

    def __init__(
        self,
        every: Sequence[Training],
        scored: Sequence[Training],
        left: TimeLeft,
        forecast: Forecast | None,
        reporter: Reporter,
        jobs: int,
        resume: str,
        keep_states: int | None,
        *,
        is_alone: bool,
    ) -> None:
        self._every, self._scored = every, [training.folder for training in scored]
        self._left, self._reporter, self._jobs, self._resume = left, reporter, jobs, resume
        self._keep_states, self._is_alone = keep_states, is_alone
        self._late = (
            None if forecast is None else Lateness(forecast.all_epochs_seconds, partial(_report_late, reporter, jobs))
        )
        self._receivers: dict[str, Receiver] = {}
        self._starts = _describe(every)
        self._context = ExitStack()
        self.failures: list[Failure] = []
        self.trained: list[Training] = []

    def __enter__(self) -> Self:
        self._reporter.plan(self._starts)
        if not self._is_alone:
            self._context.enter_context(self._reporter.side_by_side(self._jobs))
        return self

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        for receiver in self._receivers.values():
            receiver.close(error)
        self._context.close()

    def tasks(self) -> Iterator[TrainingTask]:
        """Yield the trainings that are not finished, but for those of models that have failed."""
        for number, (training, planned) in enumerate(zip(self._every, self._starts, strict=True)):
            start = replace(planned, seconds_left=self._left.seconds())
            if training.is_finished:
                record_place(training)
                self._reporter.say("finished already", title=start.title)
            elif training.folder in self._scored:
                self._left.finish(number)
                self._reporter.say("trained already; its costs are measured at the end", title=start.title)
            elif training.model not in {failure.record.model for failure in self.failures}:
                protocol, val_images = training.protocol, len(training.split.splits.val)
                own = TrainingTimeLeft(
                    self._left, number, protocol.epochs, protocol.batch_size, val_images, training.model, self._late
                )
                self._receivers[start.title] = Receiver(start, own, self._reporter)
                sends_builder = is_own(training.model) and not self._is_alone  # to another process
                builder = find_builder(training.model) if sends_builder else None
                builders: dict[str | None, Builder] = {} if builder is None else {training.model: builder}
                yield TrainingTask(training, start, self._jobs, builders, is_alone=self._is_alone)
            else:
                self._left.finish(number)
                self._reporter.say("not trained, because the model failed before", title=start.title)

    def on_event(self, task: TrainingTask, event: object) -> None:
        """Pass on what a training reports."""
        self._receivers[task.name].receive(event)

    def on_again(self, task: TrainingTask, why: str) -> None:
        """Report that the place of a training was lost; elsewhere it is resumed from its last saved state."""
        self._receivers[task.name].close()
        self._reporter.warn(f"{why}. It is resumed elsewhere, from its last saved state", title=f"{task.name} again")

    def on_end(self, task: TrainingTask, error: Exception | None) -> None:
        """Note that a training is over; raise an error that concerns the others too."""
        self._receivers.pop(task.name).close(error)
        self._left.finish(task.start.number - 1)
        if error is None:
            self.trained.append(task.training)
            drop_states(self._every, self._keep_states)
            self._reporter.end(task.start, None)
            return
        if isinstance(error, Interrupted):
            raise Interrupted(f"{task.name}: {error}") from error
        failure = find_failure(error, task.run)
        self._reporter.end(task.start, str(error) if failure is None else failure.record.message)
        if failure is None:
            raise error
        self.failures.append(failure)
        models = {training.model for training in self._every}
        if len(models) > 1 or not self._is_alone:
            goes_on = "The other models go on. " * bool(models - {one.record.model for one in self.failures})
            again = f"{goes_on}To try it again afterwards: {self._resume}"
            self._reporter.warn(f"{failure.text.rstrip('.')}. {again}", title=f"{task.name} failed")


def _describe(trainings: Sequence[Training]) -> list[TrainingStart]:
    """The trainings for people, in their order."""
    folds = Counter(one.run._replace(fold=None) for one in trainings)
    starts = []
    for number, training in enumerate(trainings, start=1):
        fold, split = training.split.fold, training.split
        in_fold = "" if fold is None else f", fold {fold} of {folds[training.run._replace(fold=None)]}"
        if split.unused:
            in_fold += f", {len(split.splits.train)} of {len(split.labelled)} training images"
        starts.append(
            TrainingStart(
                title=f"{label_of(training.model)}, seed {training.seed}{in_fold}",
                number=number,
                total=len(trainings),
                epochs=training.protocol.epochs,
                folder=training.folder,
                validates=training.split.splits.holds_out,
                run=training.run,
                is_finished=training.is_finished,
            )
        )
    return starts


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


def _minutes(forecast: Forecast | None) -> float | None:
    """A time limit for each training: twice what the longest one is predicted to take, and some minutes."""
    if forecast is None:
        return None
    return 10 + max((2 * work.side_seconds(forecast.speeds[work.model]) for work in forecast.works), default=0.0) / 60


def _report_late(reporter: Reporter, jobs: int, expected: float, predicted: float) -> None:
    load = measure_load()
    why = f"; other programs use {load:.1f} of {plural(count_processors(), 'core')}" if load else ""
    now, before = duration(expected / jobs), duration(predicted / jobs)
    reporter.say(f"  slower than predicted: all epochs take about {now}, not {before}{why}")


def _estimate(trainings: Sequence[Training], forecast: Forecast | None, jobs: int) -> TimeLeft:
    """The estimate of the time before the first training, from epochs of earlier calls, or from what was predicted."""
    first = {training.model: training for training in reversed(trainings)}
    flops = {model: relative_cost(one.protocol, model) if len(first) > 1 else 1.0 for model, one in first.items()}
    seconds = [epoch_seconds(training.folder) for training in trainings]
    epochs = [epochs_left(training) for training in trainings]
    left = TimeLeft(list(zip([one.model for one in trainings], epochs, strict=True)), flops, jobs)
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


def epochs_left(training: Training) -> int:
    """Return the epochs that are left of a training, if it is not stopped early; 0 where only its costs are missing."""
    is_over = training.is_finished or training.is_scored
    return 0 if is_over else max(0, training.protocol.epochs - len(epoch_seconds(training.folder)))


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
        skipped_steps=sum(part.skipped_steps for part in metrics),
        micro_batch=min((part.micro_batch for part in metrics if part.micro_batch), default=None),
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
