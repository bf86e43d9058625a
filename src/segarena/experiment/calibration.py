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
from segarena.errors import ConfigError, RunError
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
from segarena.experiment.memory_trial import fit_into_memory
from segarena.experiment.plan import Training
from segarena.experiment.prediction import Forecast, Work
from segarena.experiment.prediction_report import report_prediction, report_shorter
from segarena.experiment.prepare import with_choices, with_resolution
from segarena.experiment.prepared import FOLLOWS_RESOLUTION, RESOLUTION, Prepared
from segarena.experiment.progress import Reporter
from segarena.experiment.resolution import describe_choices
from segarena.experiment.train_all import epoch_seconds, plan_all
from segarena.experiment.tune_all import trials_left, with_tuned
from segarena.experiment.work_left import FEWEST_STEPS, count_steps, find_work, find_works, forecast_work
from segarena.launched import count_processes
from segarena.records.comparison import ComparisonRecord, PredictedTime
from segarena.reuse.recorded import recorded_choices
from segarena.runs import Run
from segarena.training.memory import MIB

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
    to_choose = _ToChoose.of(prepared, trainings)
    works = find_works(trainings, trials_left(prepared, folder, runs))
    steps = count_steps(works)
    is_short = max(steps.values()) < FEWEST_STEPS or count_processes() > 1
    if is_short and not (to_choose.epochs or always):
        if to_choose.seeds:
            prepared = with_choices(prepared, Choice("seeds", *defaults.seeds(None, None, None)))
            _report_choices(prepared, ("seeds",), reporter)
        return Calibrated(prepared, runs, None, started, time.perf_counter())
    # Models that are added to a comparison get the time that one of its models has, which is measured too.
    known = next((one for one in every if one.model in to_choose.known), None) if to_choose.new else None
    measured = trainings if known is None else [*trainings, known]
    forecast = forecast_work(prepared, works, measured, folder, steps, reporter)
    if to_choose.seeds:
        prepared, runs = _choose_seeds(prepared, forecast, folder, runs, time.perf_counter() - started)
        trainings = [one for one in _every(prepared, folder, runs) if not one.is_finished]
        forecast = replace(forecast, works=tuple(find_works(trainings, trials_left(prepared, folder, runs))))
    if to_choose.resolution:
        free = max(0.0, _available(prepared, time.perf_counter() - started) or 0.0)
        usual, prepared = prepared.protocol, with_resolution(prepared, free / forecast.predict().seconds)
        if prepared.protocol != usual:
            prepared, _, trainings = _fit(prepared, _every(prepared, folder, runs), folder, runs, reporter)
            works = find_works(trainings, trials_left(prepared, folder, runs))
            forecast = forecast_work(prepared, works, trainings, folder, count_steps(works), reporter)
    if to_choose.epochs:
        prepared = with_choices(prepared, *_choose(prepared, forecast, time.perf_counter() - started, known))
        forecast = replace(forecast, works=_with_epochs(forecast.works, trainings, prepared))
        if to_choose.for_budget and (resolution := describe_choices(prepared.choices)):
            reporter.say(f"  {resolution}")
    _report_choices(prepared, to_choose.reported, reporter)
    if not always:  # a plan names both
        prepared = with_room(prepared, folder, [one.folder for one in trainings], forecast, reporter)
    report_prediction(prepared, forecast, reporter)
    report_shorter(prepared, forecast, reporter)
    return Calibrated(prepared, runs, forecast, started, time.perf_counter())


@dataclass(frozen=True)
class _ToChoose:
    """What is chosen once the models have been measured; what a resumed folder has recorded is not chosen again."""

    seeds: bool
    """The number of seeds of a comparison."""
    for_budget: bool
    """The epochs with which the trainings fit into --budget."""
    resolution: bool
    """The working size or the output stride, for the budget too."""
    known: frozenset[str]
    """With --equal time, the models whose epochs have been chosen."""
    new: frozenset[str]
    """With --equal time, the models whose epochs have not."""

    @classmethod
    def of(cls, prepared: Prepared, trainings: Sequence[Training]) -> _ToChoose:
        """Return what is left to choose for trainings that are not finished."""
        options, protocol, recorded = prepared.options, prepared.protocol, recorded_choices(prepared.options.resume)
        for_budget = options.budget is not None and "epochs" not in recorded
        chosen = [choice.name for choice in prepared.choices]
        known = frozenset(protocol.model_epochs)
        return cls(
            seeds=isinstance(options, CompareOptions) and options.seeds is None and "seeds" not in recorded,
            for_budget=for_budget,
            resolution=for_budget and any(name in RESOLUTION and name not in recorded for name in chosen),
            known=known,
            new=frozenset(one.model for one in trainings) - known if protocol.equal == "time" else frozenset(),
        )

    @property
    def epochs(self) -> bool:
        """Whether epochs are chosen."""
        return self.for_budget or bool(self.new)

    @property
    def reported(self) -> tuple[str, ...]:
        """The options that are chosen late, and what follows from them."""
        return (
            *(("seeds",) if self.seeds else ()),
            *(("epochs", "model_epochs", "patience") if self.epochs else ()),
            *(FOLLOWS_RESOLUTION if self.for_budget else ()),
        )


def _with_epochs(works: Sequence[Work], trainings: Sequence[Training], prepared: Prepared) -> tuple[Work, ...]:
    """The work of the trainings, in the same order, with the epochs of the protocol that are left of each."""
    done = [len(epoch_seconds(training.folder)) for training in trainings]
    epochs = [prepared.protocol.epochs_of(work.model) for work in works]
    return tuple(
        replace(work, epochs=max(0, number - finished))
        for work, number, finished in zip(works, epochs, done, strict=True)
    )


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


def _choose(prepared: Prepared, forecast: Forecast, elapsed: float, known: Training | None) -> list[Choice]:
    """The epochs for a budget, or for models that share the time; `known` is a training whose epochs are chosen."""
    protocol, budget = prepared.protocol, prepared.options.budget
    if known is not None:
        epochs, speed = protocol.epochs_of(known.model), forecast.speeds[known.model]
        trials = [work.trials.seconds(speed, epochs) for work in forecast.works if work.trials is not None]
        share = sum(trials) / len(forecast.works)  # what one training of the known model had of its trials
        own = take_as_long(forecast, share + epochs * find_work(known).epoch_seconds(speed))
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


def _cpu_share(comparison: ComparisonRecord) -> float | None:
    """The processor time of all trainings as a share of their time on all threads."""
    entries = [entry for entry in comparison.ranking if entry.train_seconds]
    if device_type(comparison.protocol.device) != "cpu" or any(entry.train_cpu_seconds is None for entry in entries):
        return None
    seconds = sum(entry.train_seconds or 0.0 for entry in entries) * max(1, comparison.protocol.threads)
    return min(1.0, sum(entry.train_cpu_seconds or 0.0 for entry in entries) / seconds) if seconds else None
