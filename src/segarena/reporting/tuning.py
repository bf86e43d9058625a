"""The trials of --tune: what each model tried, what was chosen, and what that gained."""

from __future__ import annotations

from dataclasses import dataclass

from segarena import formats
from segarena.records.tuning import Trial, Tuning
from segarena.reporting.comparison import Comparison
from segarena.reporting.differences import signed_points


@dataclass(frozen=True)
class TrialCell:
    """One trial, for people.

    Args:
        settings: Its learning rate, and its class weights where they are not the default.
        score: Its mIoU on the held-out images.
        is_chosen: Whether its settings are used.
    """

    settings: str
    score: str
    is_chosen: bool


@dataclass(frozen=True)
class TuningRow:
    """The trials of one model, or of one of its folds.

    Args:
        title: The model, and the fold where there are folds.
        trials: Each trial, in the order in which they were run.
        chosen: The settings that are used.
        score: Their mIoU on the held-out images.
        gain: What they gained over the default there, in points.
    """

    title: str
    trials: tuple[TrialCell, ...]
    chosen: str
    score: str
    gain: str


def tuning_rows(comparison: Comparison) -> list[TuningRow]:
    """Return the trials of each model, best model first; none where nothing was tuned."""
    order = {name: number for number, name in enumerate(comparison.names)}
    found = [tuning for tuning in comparison.record.tuning if tuning.model in order]
    found.sort(key=lambda tuning: (order[tuning.model], tuning.fold or 0))
    return [_row(comparison, tuning) for tuning in found]


def tuning_note(comparison: Comparison) -> str:
    """Return how the trials were run, and what the scores below mean; empty where nothing was tuned."""
    shown = comparison.record.tuning
    if not shown:
        return ""
    first = shown[0]
    *shorter, longest = sorted({tuning.epochs for tuning in shown})
    epochs = formats.join_words([*map(str, shorter), formats.plural(longest, "epoch")], "or")
    seconds = formats.duration(sum(tuning.seconds for tuning in shown))
    trials = (
        formats.plural(len(first.trials), "trial") + " of each model" + ("" if first.fold is None else " in each fold")
    )
    return (
        f"{trials}, {epochs} each, {seconds} in all. A trial was trained on "
        f"{formats.plural(first.train_images, 'training image')} and scored on "
        f"{formats.plural(first.held_out_images, 'other training image')}; validation and test images were not used. A "
        "setting replaces the default only if its lead is at least 2 points and more than one standard error. Trials "
        "are short trainings: their scores are not comparable with those of the ranking."
    )


def _row(comparison: Comparison, tuning: Tuning) -> TuningRow:
    label = comparison.styles[tuning.model].label
    trials = tuple(
        TrialCell(_settings(trial, tuning), _score(trial), trial.number == tuning.chosen) for trial in tuning.trials
    )
    return TuningRow(
        title=label if tuning.fold is None else f"{label}, fold {tuning.fold}",
        trials=trials,
        chosen=_settings(tuning.best, tuning),
        score=_score(tuning.best),
        gain="default"
        if tuning.chosen == 1
        else formats.NOTHING
        if tuning.gain is None
        else signed_points(tuning.gain),
    )


def _settings(trial: Trial, tuning: Tuning) -> str:
    weights = "" if trial.class_weights == tuning.default.class_weights else f", {trial.class_weights} weights"
    return f"{formats.plain(trial.learning_rate)}{weights}"


def _score(trial: Trial) -> str:
    return "diverged" if trial.diverged else formats.percent(trial.miou)
