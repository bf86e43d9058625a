"""Before the trainings: each model is measured, the time and the memory are predicted, and a budget is filled."""

from __future__ import annotations

import time
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from segarena.config import Choice, CompareOptions, defaults
from segarena.config.devices import device_type
from segarena.config.durations import parse_duration, short_duration
from segarena.cores import processor_seconds
from segarena.errors import ConfigError, RunError
from segarena.experiment.after_trainings import after_trainings
from segarena.experiment.budget import (
    LEAST_EPOCHS,
    MOST_EPOCHS,
    SPARE,
    Plan,
    fit_epochs,
    least_seconds,
    share_time,
    take_as_long,
)
from segarena.experiment.disk_space import with_room
from segarena.experiment.executors.choose import cluster_of, count_at_a_time
from segarena.experiment.memory_trial import fit_into_memory
from segarena.experiment.plan import Training
from segarena.experiment.prediction import Forecast, Speed, Trials, Work
from segarena.experiment.prediction_report import report_prediction, report_shorter
from segarena.experiment.prepare import with_choices, with_resolution
from segarena.experiment.prepared import FOLLOWS_RESOLUTION, RESOLUTION, Prepared
from segarena.experiment.progress import Reporter
from segarena.experiment.resolution import describe_choices
from segarena.experiment.train_all import epoch_seconds, plan_all
from segarena.experiment.trial import measure_speed
from segarena.experiment.tune_all import trials_left, with_tuned
from segarena.launched import count_processes
from segarena.records.comparison import ComparisonRecord, PredictedTime
from segarena.reuse.recorded import recorded_choices
from segarena.runs import Run
from segarena.training.cpu_time import cpu_seconds
from segarena.training.machine import computing_with
from segarena.training.memory import MIB, resident_mib

#: With fewer training steps of each model, a trial would take as long as what it predicts.
FEWEST_STEPS = 40
#: A budget is filled up to this share, so that small errors of the prediction do not exceed it.
FILLED = 0.99
_EQUAL_TIME = "the same training time for each model"


@dataclass(frozen=True)
class Calibrated:
    """The data and the protocol with all choices made, and what was measured for them.

    Args:
        prepared: The data and the protocol, with the epochs that fit into the budget.
        runs: The run folder of each model and seed, with those of the seeds that were chosen.
        forecast: The measured models and the trainings; None where the trainings are shorter than a trial.
        started: When the command began, by `time.perf_counter`.
        finished: When the prediction was made.
        earlier: What an earlier call predicted and took, of a comparison to which nothing is added.
    """

    prepared: Prepared
    runs: Mapping[Run, Path]
    forecast: Forecast | None
    started: float
    finished: float
    earlier: PredictedTime | None = None

    def record(self, comparison: ComparisonRecord, folder: Path) -> None:
        """Add to comparison.json what was predicted and what it took until now.

        Args:
            comparison: The content of comparison.json.
            folder: The comparison folder.
        """
        forecast = self.forecast
        if forecast is None:
            if self.earlier is not None:
                replace(comparison, predicted_time=self.earlier).write(folder)
            return
        prediction, budget = forecast.predict(), self.prepared.options.budget
        memory, before = prediction.peak_memory_bytes, forecast.memory_before
        peaks = [entry.peak_memory_mib for entry in comparison.ranking if entry.model in prediction.models]
        known = [peak for peak in peaks if peak is not None]
        time_taken = PredictedTime(
            predicted_seconds=prediction.seconds,
            actual_seconds=time.perf_counter() - self.finished,
            preparation_seconds=self.finished - self.started,
            model_seconds=dict(prediction.models),
            after_seconds=prediction.after,
            trial_seconds=prediction.trials,
            predicted_memory_mib=None if memory is None else memory / MIB,
            actual_memory_mib=before + max(known) if known and before is not None and forecast.jobs == 1 else None,
            load_cores=forecast.load,
            predicted_cpu_share=forecast.cpu_share,
            actual_cpu_share=_cpu_share(comparison),
            budget_seconds=None if budget is None else parse_duration(budget, "--budget"),
        )
        replace(comparison, predicted_time=time_taken).write(folder)


def calibrate(
    prepared: Prepared,
    folder: Path,
    runs: Mapping[Run, Path],
    reporter: Reporter,
    *,
    started: float,
    always: bool = False,
) -> Calibrated:
    """Measure each model, predict the time and the memory of the command, and choose the seeds and epochs left open.

    What was chosen in a folder that is resumed stays.

    Args:
        prepared: The data and the protocol.
        folder: The folder of the command.
        runs: The run folder of each model and seed; where the number of seeds is open, of the first.
        reporter: Receives the progress.
        started: When the command began, by `time.perf_counter`: its budget covers what it has done since.
        always: Measure the models also where the trainings are shorter than that.

    Raises:
        RunError: A folder has a run of another protocol or other data, or the disk is too small for the trainings.
        ConfigError: The budget is too small for the least number of epochs.
    """
    prepared = with_tuned(prepared, folder, runs)
    every = _every(prepared, folder, runs)
    if all(one.is_finished for one in every):
        return Calibrated(prepared, runs, None, started, time.perf_counter(), _earlier(folder))
    prepared, every, trainings = _fit(prepared, every, folder, runs, reporter)
    recorded = recorded_choices(prepared.options.resume)
    seeds_open = isinstance(prepared.options, CompareOptions) and prepared.options.seeds is None
    seeds_open = seeds_open and "seeds" not in recorded
    for_budget = prepared.options.budget is not None and "epochs" not in recorded
    known = prepared.protocol.model_epochs
    new = {one.model for one in trainings} - known.keys() if prepared.protocol.equal == "time" else set()
    works = _works(trainings, trials_left(prepared, folder, runs))
    steps = _count_steps(works)
    if not (for_budget or new or always) and (max(steps.values()) < FEWEST_STEPS or count_processes() > 1):
        if seeds_open:
            prepared = with_choices(prepared, Choice("seeds", *defaults.seeds(None, None, None)))
            _report_choices(prepared, ("seeds",), reporter)
        return Calibrated(prepared, runs, None, started, time.perf_counter())
    measured = trainings
    if new and known:  # added to a comparison: they get the time that one of its models has
        measured = [*trainings, next(one for one in every if one.model in known)]
    forecast = _forecast(prepared, works, measured, folder, steps, reporter)
    if seeds_open:
        prepared, runs = _choose_seeds(prepared, forecast, folder, runs, time.perf_counter() - started)
        trainings = [one for plan in plan_all(prepared, folder, runs).values() for one in plan if not one.is_finished]
        forecast = replace(forecast, works=tuple(_works(trainings, trials_left(prepared, folder, runs))))
    if for_budget and any(choice.name in RESOLUTION and choice.name not in recorded for choice in prepared.choices):
        free = max(0.0, _available(prepared, time.perf_counter() - started) or 0.0)
        usual, prepared = prepared.protocol, with_resolution(prepared, free / forecast.predict().seconds)
        if prepared.protocol != usual:
            prepared, _, trainings = _fit(prepared, _every(prepared, folder, runs), folder, runs, reporter)
            works = _works(trainings, trials_left(prepared, folder, runs))
            forecast = _forecast(prepared, works, trainings, folder, _count_steps(works), reporter)
    if for_budget or new:
        elapsed = time.perf_counter() - started
        prepared = with_choices(prepared, *_choose(prepared, forecast, elapsed, measured[-1] if known else None))
        done = zip(forecast.works, [len(epoch_seconds(one.folder)) for one in trainings], strict=True)
        epochs = prepared.protocol.epochs_of
        left = tuple(replace(work, epochs=max(0, epochs(work.model) - number)) for work, number in done)
        forecast = replace(forecast, works=left)
        resolution = describe_choices(prepared.choices) if for_budget else ""
        if resolution:
            reporter.say(f"  {resolution}")
    late = (
        *(("seeds",) if seeds_open else ()),
        *(("epochs", "model_epochs", "patience") if for_budget or new else ()),
        *(FOLLOWS_RESOLUTION if for_budget else ()),
    )
    _report_choices(prepared, late, reporter)
    if not always:  # a plan names both
        prepared = with_room(prepared, folder, [one.folder for one in trainings], forecast, reporter)
    report_prediction(prepared, forecast, reporter)
    report_shorter(prepared, forecast, reporter)
    return Calibrated(prepared, runs, forecast, started, time.perf_counter())


def _report_choices(prepared: Prepared, names: Collection[str], reporter: Reporter) -> None:
    chosen = [choice.sentence for choice in prepared.choices if choice.name in names]
    if chosen:
        reporter.say(f"  chosen: {'; '.join(chosen)}")


def _available(prepared: Prepared, elapsed: float) -> float | None:
    """Seconds that are left of the budget; None without one."""
    budget = prepared.options.budget
    return None if budget is None else FILLED * parse_duration(budget, "--budget") - elapsed


def _choose_seeds(
    prepared: Prepared, forecast: Forecast, folder: Path, runs: Mapping[Run, Path], elapsed: float
) -> tuple[Prepared, Mapping[Run, Path]]:
    """The number of seeds, and the run folder of each model and seed; `runs` has those of the first seed."""
    predicted = forecast.predict(seeds=defaults.SEVERAL_SEEDS).seconds
    value, why = defaults.seeds(predicted, _available(prepared, elapsed), prepared.options.folds)
    every = [run._replace(seed=seed) for seed in range(value) for run in runs]
    every.sort(key=lambda run: -(run.fraction or 1))
    return with_choices(prepared, Choice("seeds", value, why)), {run: folder / run.path for run in every}


def _every(prepared: Prepared, folder: Path, runs: Mapping[Run, Path]) -> list[Training]:
    return [one for plan in plan_all(prepared, folder, runs).values() for one in plan]


def _fit(
    prepared: Prepared, every: list[Training], folder: Path, runs: Mapping[Run, Path], reporter: Reporter
) -> tuple[Prepared, list[Training], list[Training]]:
    """What fits into memory: the protocol, all trainings with it, and those of them that are not finished."""
    fitting = fit_into_memory(prepared, [one for one in every if not one.is_finished], folder, reporter)
    every = every if fitting is prepared else _every(fitting, folder, runs)
    return fitting, every, [one for one in every if not one.is_finished]


def _earlier(folder: Path) -> PredictedTime | None:
    if not (folder / ComparisonRecord.file).exists():
        return None
    with suppress(RunError):  # of another schema: the comparison is written again
        return ComparisonRecord.read(folder).predicted_time
    return None


def _forecast(
    prepared: Prepared,
    works: Sequence[Work],
    measured: Sequence[Training],
    folder: Path,
    steps: Mapping[str, int],
    reporter: Reporter,
) -> Forecast:
    """What is measured for the work that is left; `measured` may have a training of another model in addition."""
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


def _choose(prepared: Prepared, forecast: Forecast, elapsed: float, known: Training | None) -> list[Choice]:
    """The epochs for a budget, or for models that share the time; `known` is a training whose epochs are chosen."""
    protocol, budget = prepared.protocol, prepared.options.budget
    if known is not None:
        epochs, speed = protocol.epochs_of(known.model), forecast.speeds[known.model]
        trials = [work.trials.seconds(speed, epochs) for work in forecast.works if work.trials is not None]
        share = sum(trials) / len(forecast.works)  # what one training of the known model had of its trials
        own = take_as_long(forecast, share + epochs * _work(known).epoch_seconds(speed))
        return [Choice("model_epochs", {**own, **protocol.model_epochs}, _EQUAL_TIME)]
    if budget is None:
        return [Choice("model_epochs", dict(share_time(forecast, protocol.epochs).model_epochs), _EQUAL_TIME)]
    plan = _fill(prepared, forecast, elapsed)
    most = (
        f"the most with a budget, and less than {budget}"
        if plan.epochs == MOST_EPOCHS
        else f"as many as fit into {budget} on this machine"
    )
    choices = [Choice("epochs", plan.epochs, most)]
    return choices + ([Choice("model_epochs", dict(plan.model_epochs), _EQUAL_TIME)] if plan.model_epochs else [])


def _fill(prepared: Prepared, forecast: Forecast, elapsed: float) -> Plan:
    budget, equal = str(prepared.options.budget), prepared.protocol.equal
    plan = fit_epochs(forecast, _available(prepared, elapsed) or 0.0, equal)
    if plan is None:
        least = short_duration(SPARE * (elapsed + least_seconds(forecast, equal)) / FILLED)
        other = "fewer --models, or a smaller --size" if len(forecast.speeds) > 1 else "a smaller --size"
        raise ConfigError(
            f"{budget} is too short: a training has at least {LEAST_EPOCHS} epochs",
            where="--budget",
            remedy=f"Give at least --budget {least} on this machine, or {other}",
        )
    return plan


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


def _count_steps(works: Sequence[Work]) -> dict[str, int]:
    """Steps that are left of all trainings of each model, and of the trials before them."""
    steps = dict.fromkeys((work.model for work in works), 0)
    for work in works:
        steps[work.model] += work.steps * work.epochs
        if work.trials is not None:
            steps[work.model] += work.trials.count_steps(work.epochs)
    return steps


def _works(trainings: Sequence[Training], trials: Mapping[tuple[str, int | None], Trials]) -> list[Work]:
    """The trainings, the first one of each model and fold with the trials that come before it."""
    left = dict(trials)
    return [_work(one, left.pop((one.model, one.split.fold), None)) for one in trainings]


def _work(training: Training, trials: Trials | None = None) -> Work:
    splits, protocol = training.split.splits, training.protocol
    return Work(
        model=training.model,
        steps=len(training.split.labelled) // protocol.batch_size,
        val_images=len(splits.val),
        scored_images=len(splits.indices(splits.scored)),
        epochs=max(0, protocol.epochs - len(epoch_seconds(training.folder))),
        trials=trials,
    )


def _cpu_share(comparison: ComparisonRecord) -> float | None:
    """The processor time of all trainings as a share of their time on all threads."""
    entries = [entry for entry in comparison.ranking if entry.train_seconds]
    if device_type(comparison.protocol.device) != "cpu" or any(entry.train_cpu_seconds is None for entry in entries):
        return None
    seconds = sum(entry.train_seconds or 0.0 for entry in entries) * max(1, comparison.protocol.threads)
    return min(1.0, sum(entry.train_cpu_seconds or 0.0 for entry in entries) / seconds) if seconds else None
