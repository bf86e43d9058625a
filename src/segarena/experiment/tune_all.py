"""The trials of --tune of a command in turn: each model once, or once for each fold, before the first training."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path

from segarena.errors import Interrupted
from segarena.experiment.plan import Training, plan_trainings
from segarena.experiment.prediction import Forecast, Trials
from segarena.experiment.prepared import Prepared
from segarena.experiment.progress import Reporter
from segarena.experiment.train_all import record_start
from segarena.experiment.tuning import ModelTrials
from segarena.formats import percent, plain, plural, rough_duration
from segarena.records.config import Config
from segarena.records.tuning import Tuning
from segarena.reporting.style import label_of
from segarena.reuse.recorded import check_same_data
from segarena.runs import Run, fold_folder
from segarena.training.listener import TrainerListener
from segarena.training.state import Step

#: The folder of all trials of a command, in its own folder.
TUNING = "tuning"


def tune_all(
    prepared: Prepared,
    folder: Path,
    runs: Mapping[Run, Path],
    should_stop: Callable[[], bool],
    reporter: Reporter,
    forecast: Forecast | None = None,
) -> Prepared:
    """Run the trials that are not finished, and return the data and the protocol with what they chose.

    Nothing is done without --tune. All seeds of a model have the same settings.

    Args:
        prepared: The data and the protocol.
        folder: The folder of the command.
        runs: The run folder of each model and seed.
        should_stop: Called after each step; True stops the trial.
        reporter: Receives the progress.
        forecast: What was predicted; None where nothing was.

    Raises:
        ConfigError: There are too few training images to hold some out.
        RunError: A trial of the folder has other settings, or a file cannot be read or written.
        Interrupted: `should_stop` returned True; the state is saved.
    """
    prepared = with_tuned(prepared, folder, runs)
    unfinished = list(_find_trials(prepared, folder, runs))
    if not unfinished:
        return prepared
    record_start(prepared, folder)
    reporter.begin()
    reporter.say(_announce(unfinished, forecast))
    tuned, begin, done = dict(prepared.tuned), time.perf_counter(), 0.0
    predicted = [_predict(trials, forecast) for trials in unfinished]
    for number, trials in enumerate(unfinished, start=1):
        _run(trials, should_stop, reporter)
        tuning = trials.outcome()
        tuned[tuning.model, tuning.fold] = tuning
        done += predicted[number - 1]
        left = ""
        if forecast is not None and done:
            pace = (time.perf_counter() - begin) / done
            seconds = pace * sum(predicted[number:]) + forecast.all_epochs_seconds
            left = f"; at most about {rough_duration(seconds)} left"
        reporter.say(f"{_describe(tuning)}{left}", title=_title(trials.training))
    return replace(prepared, tuned=tuned)


def with_tuned(prepared: Prepared, folder: Path, runs: Mapping[Run, Path]) -> Prepared:
    """Return the data and the protocol with what finished trials chose.

    It is read from the config.json of a run that was started, or from the trials.

    Args:
        prepared: The data and the protocol.
        folder: The folder of the command.
        runs: The run folder of each model and seed.

    Raises:
        RunError: The folder was started on other data, a trial has other settings, or a file cannot be read.
    """
    if prepared.protocol.tune:  # before a trial that was stopped goes on, or the data of now is recorded
        check_same_data(folder, [split.fingerprint for split in prepared.splits])
    found = dict(prepared.tuned)
    for run, place in runs.items():
        for split in prepared.splits:
            own = fold_folder(place, split.fold)
            if prepared.protocol.tune and (run.model, split.fold) not in found and (own / Config.file).exists():
                tuning = Config.read(own).tuning
                if tuning is not None:
                    found[run.model, split.fold] = tuning
    prepared = replace(prepared, tuned=found)
    finished = [trials.outcome() for trials in _find_trials(prepared, folder, runs) if trials.left is None]
    return replace(prepared, tuned={**found, **{(one.model, one.fold): one for one in finished}})


def trials_left(prepared: Prepared, folder: Path, runs: Mapping[Run, Path]) -> dict[tuple[str, int | None], Trials]:
    """Return the trials that are left, by model and fold.

    Args:
        prepared: The data and the protocol, with what finished trials chose.
        folder: The folder of the command.
        runs: The run folder of each model and seed.

    Raises:
        ConfigError: There are too few training images to hold some out.
        RunError: A trial has other settings, or a file cannot be read.
    """
    found = {
        (trials.training.model, trials.training.split.fold): trials.left
        for trials in _find_trials(prepared, folder, runs)
    }
    return {key: left for key, left in found.items() if left is not None}


def _find_trials(prepared: Prepared, folder: Path, runs: Mapping[Run, Path]) -> Iterator[ModelTrials]:
    """The trials of each model and fold whose outcome is not known; the first of its seeds is used."""
    if not prepared.protocol.tune:
        return
    seen = set(prepared.tuned)
    for run, place in runs.items():
        for training in plan_trainings(prepared, run, place):
            fold = training.split.fold
            if (run.model, fold) not in seen:
                seen.add((run.model, fold))
                yield ModelTrials(
                    training, folder / TUNING / (run.model if fold is None else f"{run.model}-fold{fold}")
                )


def _run(trials: ModelTrials, should_stop: Callable[[], bool], reporter: Reporter) -> None:
    title = _title(trials.training)
    while len(trials.finished) < trials.number:
        place = f"trial {len(trials.finished) + 1} of {trials.number}"
        with reporter.progress(f"{title}, {place}") as on_progress:
            try:
                trials.run_next(should_stop, _TrialProgress(on_progress, trials.epochs))
            except Interrupted as stop:
                raise Interrupted(f"{title}, {place}: {stop}") from stop
        trial = trials.finished[-1].trial
        score = "the loss became NaN or infinite" if trial.diverged else f"held-out mIoU {percent(trial.miou)}"
        weights = f", class weights {trial.class_weights}" if trial.class_weights != "none" else ""
        reporter.detail(f"    {title}, {place}: learning rate {plain(trial.learning_rate)}{weights}: {score}")


class _TrialProgress(TrainerListener):
    """Reports the steps of a trial.

    Args:
        on_progress: Called with the number of steps done and their total.
        epochs: Epochs of the trial.
    """

    def __init__(self, on_progress: Callable[[int, int], None], epochs: int) -> None:
        self._on_progress, self._epochs = on_progress, epochs

    def on_step(self, step: Step) -> None:
        self._on_progress((step.epoch - 1) * step.steps + step.step, self._epochs * step.steps)


def _announce(unfinished: list[ModelTrials], forecast: Forecast | None) -> str:
    first = unfinished[0]
    counts, number = first.split.splits.counts, plural(first.number, "trial")
    in_folds = "" if first.split.fold is None else " in each fold"
    seconds = sum(_predict(trials, forecast) for trials in unfinished)
    about = f", about {rough_duration(seconds)} in all" if seconds else ""
    return (
        f"tuning: {number} of each model{in_folds} on {plural(counts['train'], 'training image')}, scored on "
        f"{plural(counts['val'], 'other training image')}{about}"
    )


def _predict(trials: ModelTrials, forecast: Forecast | None) -> float:
    """Predicted seconds of the trials that are left; 0 where nothing was predicted."""
    training, left = trials.training, trials.left
    if forecast is None or left is None or training.model not in forecast.speeds:
        return 0.0
    return left.seconds(forecast.speeds[training.model], training.protocol.epochs)


def _describe(tuning: Tuning) -> str:
    best = tuning.best
    weights = "" if best.class_weights == tuning.default.class_weights else f", class weights {best.class_weights}"
    return f"learning rate {plain(best.learning_rate)}{weights} ({tuning.why})"


def _title(training: Training) -> str:
    fold, label = training.split.fold, label_of(training.model)
    return label if fold is None else f"{label}, fold {fold}"
