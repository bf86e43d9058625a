"""The table of the trials of `--tune` on the page."""

from __future__ import annotations

from dataclasses import replace

import pytest

from segarena.config import Choice
from segarena.records.tuning import Trial, Tuning
from segarena.reporting.comparison import read_comparison
from segarena.reporting.method import notes, protocol_rows, what_is_shared
from segarena.reporting.methods_paragraph import plain_paragraph
from segarena.reporting.tuning import tuning_note, tuning_rows

MODELS = ("unet", "fcn")


def trial(number: int, rate: float, miou: float | None, weights: str = "none") -> Trial:
    return Trial(
        number=number,
        learning_rate=rate,
        class_weights=weights,  # type: ignore[arg-type]
        miou=miou,
        diverged=miou is None,
        seconds=30.0,
    )


def tuning(model: str, fold: int | None, chosen: int, gain: float, *trials: Trial, epochs: int = 5) -> Tuning:
    return Tuning(
        model=model,
        fold=fold,
        epochs=epochs,
        steps=50,
        train_images=80,
        held_out_images=20,
        trials=trials,
        chosen=chosen,
        gain=gain,
        why="",
    )


def test_each_trial_is_shown_and_the_chosen_one_is_marked(make_comparison) -> None:
    choices = (Choice("learning_rate", 0.001, "adamw"), Choice("workers", 0, "on a CPU"))
    low, high = trial(1, 0.001, 0.4), trial(2, 0.01, None)
    folder = make_comparison(
        models=MODELS,
        classes=("ground", "plant"),
        images=1,
        epochs=2,
        choices=choices,
        notes=tuple(choice.sentence for choice in choices),
        tuning=(
            tuning("fcn", 2, 1, 0.0, low, high),
            tuning("fcn", 1, 1, 0.0, low, high),
            tuning("unet", None, 3, 0.125, low, high, trial(3, 0.001, 0.525, "median")),
        ),
    )
    comparison = read_comparison(folder)
    first, *others = tuning_rows(comparison)
    assert (first.title, first.chosen, first.score, first.gain) == ("U-Net", "0.001, median weights", "52.5%", "+12.5")
    assert [(cell.settings, cell.score, cell.is_chosen) for cell in first.trials] == [
        ("0.001", "40.0%", False),
        ("0.01", "diverged", False),
        ("0.001, median weights", "52.5%", True),
    ]
    assert [(row.title, row.gain) for row in others] == [("FCN, fold 1", "default"), ("FCN, fold 2", "default")]
    note = tuning_note(comparison)
    for text in ("5 epochs", "3 min 30 s", "80", "20"):
        assert text in note
    assert notes(comparison) == [choices[1].sentence]
    assert "tuned" in dict(protocol_rows(comparison))["learning rate"]
    assert "trials" in what_is_shared(comparison)


@pytest.mark.parametrize(
    ("epochs", "fold", "words"),
    [
        ((1, 1), None, "2 trials of each model, 1 epoch each"),
        ((5, 1), None, "2 trials of each model, 1 or 5 epochs each"),
        ((5, 5), 1, "2 trials of each model in each fold, 5 epochs each"),
    ],
)
def test_the_length_of_the_trials(street, epochs: tuple[int, int], fold: int | None, words: str) -> None:
    trials = trial(1, 0.001, 0.4), trial(2, 0.01, 0.3)
    found = tuple(
        tuning(name, fold, 1, 0.0, *trials, epochs=number) for name, number in zip(MODELS, epochs, strict=True)
    )
    comparison = read_comparison(street)
    comparison = replace(comparison, record=replace(comparison.record, tuning=found))
    assert words in tuning_note(comparison)


def test_class_weights_are_tuned_only_where_trials_tried_them(street) -> None:
    comparison = read_comparison(street)
    rate, other, weights = trial(1, 0.001, 0.4), trial(2, 0.01, 0.3), trial(2, 0.001, 0.3, "median")
    for trials, tried in (((rate, other), False), ((rate, other, weights), True)):
        record = replace(comparison.record, tuning=(tuning("unet", None, 1, 0.0, *trials),))
        shown = replace(comparison, record=record)
        assert ("tuned" in dict(protocol_rows(shown))["class weights"]) is tried
        assert ("class weights" in what_is_shared(shown)) is tried
        assert "learning rate" in what_is_shared(shown)
        names, verb = ("learning rate and class weights", "were") if tried else ("learning rate", "was")
        assert f"The {names} of each model {verb} chosen" in plain_paragraph(shown)


def test_without_trials_there_is_no_table(street) -> None:
    comparison = read_comparison(street)
    assert not tuning_rows(comparison)
    assert not tuning_note(comparison)
    assert notes(comparison) == list(comparison.record.notes)
    assert 'id="tuning"' not in (street / "report.html").read_text()
