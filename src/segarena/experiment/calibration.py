"""Before the trainings: each model is measured, the time and the memory are predicted, and a budget is filled."""

from __future__ import annotations

import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from segarena.config import Choice, CompareOptions, defaults
from segarena.config.durations import parse_duration, short_duration
from segarena.errors import ConfigError
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
from segarena.experiment.calibrated import Calibrated, earlier_time
from segarena.experiment.choose_again import with_choices, with_resolution
from segarena.experiment.disk_space import with_room
from segarena.experiment.memory_trial import fit_into_memory
from segarena.experiment.plan import Training
from segarena.experiment.prediction import Forecast, Work
from segarena.experiment.prediction_report import report_prediction, report_shorter
from segarena.experiment.prepared import FOLLOWS_RESOLUTION, RESOLUTION, Prepared
from segarena.experiment.progress import Reporter
from segarena.experiment.resolution import describe_choices
from segarena.experiment.train_all import plan_all
from segarena.experiment.tune_all import trials_left, with_tuned
from segarena.experiment.work_left import FEWEST_STEPS, count_steps, find_work, find_works, forecast_work
from segarena.launched import count_processes
from segarena.records.comparison import PredictedTime
from segarena.reuse.recorded import recorded_choices
from segarena.runs import Run

#: A budget is filled up to this share, so that small errors of the prediction do not exceed it.
FILLED = 0.99
_EQUAL_TIME = "the same training time for each model"


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
    calibration = _Calibration(with_tuned(prepared, folder, runs), folder, runs, reporter, started)
    if not calibration.trainings:
        return calibration.end(earlier=earlier_time(folder))
    calibration.fit_memory()
    to_choose = _ToChoose.of(calibration.prepared, calibration.trainings)
    works = calibration.works
    steps = count_steps(works)
    is_short = max(steps.values()) < FEWEST_STEPS or count_processes() > 1
    if is_short and not (to_choose.epochs or always):
        if to_choose.seeds:
            calibration.close(Choice("seeds", *defaults.seeds(None, None, None)))
            calibration.report(("seeds",))
        return calibration.end()
    # Models that are added to a comparison get the time that one of its models has, which is measured too.
    known = next((one for one in calibration.every if one.model in to_choose.known), None) if to_choose.new else None
    measured = calibration.trainings + ([] if known is None else [known])
    forecast = forecast_work(calibration.prepared, works, measured, folder, steps, reporter)
    if to_choose.seeds:
        forecast = calibration.choose_seeds(forecast)
    if to_choose.resolution:
        forecast = calibration.choose_resolution(forecast)
    if to_choose.epochs:
        forecast = calibration.choose_epochs(forecast, known)
    if to_choose.for_budget and (resolution := describe_choices(calibration.prepared.choices)):
        reporter.say(f"  {resolution}")
    calibration.report(to_choose.reported)
    if not always:  # a plan names both
        calibration.make_room(forecast)
    report_prediction(calibration.prepared, forecast, reporter)
    report_shorter(calibration.prepared, forecast, reporter)
    return calibration.end(forecast)


@dataclass
class _Calibration:
    """The options closed so far, and the trainings that follow from them; the arguments are those of `calibrate`."""

    prepared: Prepared
    folder: Path
    runs: Mapping[Run, Path]
    reporter: Reporter
    started: float
    every: list[Training] = field(init=False)
    """All trainings of the command, finished or not."""

    def __post_init__(self) -> None:
        self._plan()

    def _plan(self) -> None:
        plans = plan_all(self.prepared, self.folder, self.runs)
        self.every = [training for plan in plans.values() for training in plan]

    @property
    def trainings(self) -> list[Training]:
        """The trainings that are not finished."""
        return [training for training in self.every if not training.is_finished]

    @property
    def works(self) -> list[Work]:
        """What is left to do of each of them."""
        return find_works(self.trainings, trials_left(self.prepared, self.folder, self.runs))

    @property
    def _elapsed(self) -> float:
        """Seconds since the command began."""
        return time.perf_counter() - self.started

    @property
    def _available(self) -> float | None:
        """Seconds that are left of the budget; None without one."""
        budget = self.prepared.options.budget
        return None if budget is None else FILLED * parse_duration(budget, "--budget") - self._elapsed

    def close(self, *choices: Choice) -> None:
        """Close options with these values."""
        self.prepared = with_choices(self.prepared, *choices)

    def report(self, names: Collection[str]) -> None:
        """Report the choices of these options."""
        chosen = [choice.sentence for choice in self.prepared.choices if choice.name in names]
        if chosen:
            self.reporter.say(f"  chosen: {'; '.join(chosen)}")

    def fit_memory(self) -> None:
        """Choose the images that are computed at a time so that each training fits into memory."""
        fitting = fit_into_memory(self.prepared, self.trainings, self.folder, self.reporter)
        if fitting is not self.prepared:
            self.prepared = fitting
            self._plan()

    def make_room(self, forecast: Forecast) -> None:
        """Choose how many training states are kept so that the trainings fit on the disk. Raises RunError."""
        folders = [training.folder for training in self.trainings]
        self.prepared = with_room(self.prepared, self.folder, folders, forecast, self.reporter)

    def choose_seeds(self, forecast: Forecast) -> Forecast:
        """Choose the number of seeds; `runs` gets the run folder of each model and seed."""
        predicted = forecast.predict(seeds=defaults.SEVERAL_SEEDS).seconds
        value, why = defaults.seeds(predicted, self._available, self.prepared.options.folds)
        runs = [run._replace(seed=seed) for seed in range(value) for run in self.runs]
        runs.sort(key=lambda run: -(run.fraction or 1))
        self.close(Choice("seeds", value, why))
        self.runs = {run: self.folder / run.path for run in runs}
        self._plan()
        return replace(forecast, works=tuple(self.works))

    def choose_resolution(self, forecast: Forecast) -> Forecast:
        """Choose the working size and the output stride for the budget; the models are measured again with others."""
        usual, free = self.prepared.protocol, max(0.0, self._available or 0.0)
        self.prepared = with_resolution(self.prepared, free / forecast.predict().seconds)
        if self.prepared.protocol == usual:
            return forecast
        self._plan()
        self.fit_memory()
        works = self.works
        return forecast_work(self.prepared, works, self.trainings, self.folder, count_steps(works), self.reporter)

    def choose_epochs(self, forecast: Forecast, known: Training | None) -> Forecast:
        """Choose the epochs for the budget, or for models that share the time.

        Args:
            forecast: The measured models.
            known: A training of a model whose epochs are chosen, where the models share the time.

        Raises:
            ConfigError: The budget is too small.
        """
        self.close(*self._epochs(forecast, known))
        self._plan()
        return replace(forecast, works=tuple(self.works))

    def _epochs(self, forecast: Forecast, known: Training | None) -> list[Choice]:
        protocol, budget = self.prepared.protocol, self.prepared.options.budget
        if known is not None:
            epochs, speed = protocol.epochs_of(known.model), forecast.speeds[known.model]
            trials = [work.trials.seconds(speed, epochs) for work in forecast.works if work.trials is not None]
            share = sum(trials) / len(forecast.works)  # what one training of the known model had of its trials
            own = take_as_long(forecast, share + epochs * find_work(known).epoch_seconds(speed))
            return [Choice("model_epochs", {**own, **protocol.model_epochs}, _EQUAL_TIME)]
        if budget is None:
            return [Choice("model_epochs", dict(share_time(forecast, protocol.epochs).model_epochs), _EQUAL_TIME)]
        plan = self._fill(budget, forecast)
        most = (
            f"the most with a budget, and less than {budget}"
            if plan.epochs == MOST_EPOCHS
            else f"as many as fit into {budget} on this machine"
        )
        choices = [Choice("epochs", plan.epochs, most)]
        return choices + ([Choice("model_epochs", dict(plan.model_epochs), _EQUAL_TIME)] if plan.model_epochs else [])

    def _fill(self, budget: str, forecast: Forecast) -> Plan:
        """The epochs with which the trainings fill what is left of the budget."""
        elapsed, equal = self._elapsed, self.prepared.protocol.equal
        plan = fit_epochs(forecast, self._available or 0.0, equal)
        if plan is None:
            least = short_duration(SPARE * (elapsed + least_seconds(forecast, equal)) / FILLED)
            other = "fewer --models, or a smaller --size" if len(forecast.speeds) > 1 else "a smaller --size"
            raise ConfigError(
                f"{budget} is too short: a training has at least {LEAST_EPOCHS} epochs",
                where="--budget",
                remedy=f"Give at least --budget {least} on this machine, or {other}",
            )
        return plan

    def end(self, forecast: Forecast | None = None, *, earlier: PredictedTime | None = None) -> Calibrated:
        """Return the result."""
        return Calibrated(self.prepared, self.runs, forecast, self.started, time.perf_counter(), earlier)


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
