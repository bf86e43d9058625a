"""`--tune N`: short trials on held-out training images choose the learning rate and the class weights of each model."""

from __future__ import annotations

import json
import os
import shutil
import signal
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import segarena
from recording import RecordingReporter
from segarena.config import CompareOptions, TrainOptions
from segarena.config.tuning import CLASS_WEIGHTS, learning_rates
from segarena.errors import ConfigError, Interrupted, RunError
from segarena.experiment import calibration, trial_scores, tuning
from segarena.loading.decoded import DecodedImages, Pair
from segarena.records.comparison import ComparisonRecord
from segarena.records.config import Config
from segarena.records.metrics import Metrics
from segarena.records.run import Data
from segarena.records.tuning import TrialRecord, Tuning
from segarena.reporting.comparison import read_comparison
from segarena.reporting.method import protocol_rows
from segarena.reporting.style import label_of
from segarena.reuse.complete import complete
from segarena.training.engine import Trainer
from support import QUICK, refuses, write_squares

MODELS = ["fcn", "pspnet"]
#: With the settings of `QUICK` at batch size 4.
RATES = learning_rates(2.12e-3, 3)


@pytest.fixture(scope="module")
def squares(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twenty images, each of them a unit: 13 train in a trial, 3 are held out."""
    folder = tmp_path_factory.mktemp("data") / "squares"
    return write_squares(folder, 20)


@pytest.fixture(scope="module", autouse=True)
def _no_prediction() -> Iterator[None]:
    """Trainings of a few steps are not predicted, unless a test is about that."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(calibration, "FEWEST_STEPS", 1000)
        yield


def settings(folder: Path) -> list[tuple[float, str]]:
    """What the trials in a folder tried, in their order."""
    return [(one.learning_rate, one.class_weights) for one in map(TrialRecord.read, sorted(folder.glob("trial*")))]


@pytest.fixture(scope="module")
def tuned(squares: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A comparison with four trials of each model, in which any lead is worth it, and two seeds."""
    out = tmp_path_factory.mktemp("tuned") / "out"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(trial_scores.Lead, "is_worth_it", property(lambda lead: lead.miou > 0))
        segarena.compare(squares, out=out, models=MODELS, seeds=2, tune=4, **QUICK)
    return out


@pytest.mark.parametrize("model", MODELS)
def test_all_seeds_have_what_the_best_trial_tried(tuned: Path, model: str) -> None:
    trials = [TrialRecord.read(place) for place in sorted((tuned / "tuning" / model).glob("trial*"))]
    assert [one.learning_rate for one in trials[:3]] == RATES
    assert [one.class_weights for one in trials] == ["none", "none", "none", "sqrt-inverse"]
    best = max(trials[:3], key=lambda one: one.miou or 0.0)
    assert trials[3].learning_rate == best.learning_rate
    chosen = trials[3] if (trials[3].miou or 0.0) > (best.miou or 0.0) else best
    for seed in (0, 1):
        config = Config.read(tuned / f"{model}-seed{seed}")
        protocol, found = config.protocol, config.tuning
        assert found is not None
        assert (protocol.learning_rate, protocol.class_weights) == (chosen.learning_rate, chosen.class_weights)
        assert (protocol.tune, found.chosen, found.gain) == (4, chosen.number, chosen.miou - trials[0].miou)
        [choice] = [one for one in config.choices if one.name == "learning_rate"]
        assert (choice.value, choice.why) == (chosen.learning_rate, found.why)
        assert f"--learning-rate {chosen.learning_rate}" in config.command
        assert "--tune" not in config.command
    assert not list((tuned / "tuning").rglob("*.safetensors"))
    assert not list((tuned / "tuning").rglob("*.pt"))


def test_the_comparison_and_its_page_have_every_trial(tuned: Path) -> None:
    record = ComparisonRecord.read(tuned)
    assert "--tune 4" in record.command
    assert {one.model: len(one.trials) for one in record.tuning} == dict.fromkeys(MODELS, 4)
    page = (tuned / "report.html").read_text()
    section = page[page.index('id="tuning"') : page.index("<h3>Protocol</h3>")]
    for one in record.tuning:
        for trial in one.trials:
            assert f"{100 * (trial.miou or 0):.1f}%" in section
        assert (f"{100 * (one.gain or 0):+.1f}" if one.chosen > 1 else "default") in section
    assert section.count('class="chosen"') == len(MODELS)
    rows = dict(protocol_rows(read_comparison(tuned)))
    assert rows["tune"] == "4"
    assert "tuned" in rows["learning rate"]


def test_no_image_outside_the_training_split_is_read(
    squares: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[set[int]] = []
    run_next, pair = tuning.ModelTrials.run_next, DecodedImages.pair

    def spy(self: DecodedImages, index: int) -> Pair:
        read[-1].add(index)
        return pair(self, index)

    def run_and_note(self: tuning.ModelTrials, *arguments: Any) -> None:
        read.append(set())
        with monkeypatch.context() as patch:
            patch.setattr(DecodedImages, "pair", spy)
            run_next(self, *arguments)
        splits = self.split.splits
        assert read[-1] == {*splits.train, *splits.val}
        assert not {*splits.train} & {*splits.val}

    monkeypatch.setattr(tuning.ModelTrials, "run_next", run_and_note)
    options = {**QUICK, "batch_size": 2, "epochs": 3}
    run = segarena.train(squares, model="fcn", tune=2, test_fraction=0.2, out=tmp_path / "out", **options).folder
    names = sorted(f"square{number:02}" for number in range(20))
    parts = Data.read(run).split
    assert len(read) == 2
    for indices in read:
        assert {names[index] for index in indices} <= set(parts.train)
    for trial in map(TrialRecord.read, (run / "tuning" / "fcn").glob("trial*")):
        assert set(trial.held_out) < set(parts.train)
        assert not set(trial.held_out) & {*parts.val, *parts.test}


@pytest.mark.long
def test_stopped_in_a_trial_it_ends_as_if_it_had_not(
    squares: Path, tuned: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trial_scores.Lead, "is_worth_it", property(lambda lead: lead.miou > 0))
    out, step, done = tmp_path / "out", Trainer._train_step, 0

    def stop_in_the_second_trial(self: Trainer, *arguments: Any) -> Any:
        nonlocal done
        done += "trial" in self.folder.name
        if done == 2 * 3 + 4:  # each trial has two epochs of three steps
            os.kill(os.getpid(), signal.SIGINT)
        return step(self, *arguments)

    with monkeypatch.context() as patch:
        patch.setattr(Trainer, "_train_step", stop_in_the_second_trial)
        with pytest.raises(Interrupted, match="trial 2 of 4"):
            segarena.compare(squares, out=out, models=MODELS, seeds=2, tune=4, **QUICK)
    before = (out / "tuning" / "fcn" / "trial1" / "trial.json").stat().st_mtime_ns
    assert (out / "tuning" / "fcn" / "trial2" / "last" / "state.pt").exists()
    assert not (out / "tuning" / "fcn" / "trial2" / "trial.json").exists()
    with refuses(RunError, where=out, value="8"):
        segarena.compare(resume=out, tune=8)
    segarena.compare(resume=out)
    assert (out / "tuning" / "fcn" / "trial1" / "trial.json").stat().st_mtime_ns == before
    for model in MODELS:
        assert settings(out / "tuning" / model) == settings(tuned / "tuning" / model)
        for trial in range(1, 5):
            one, other = (TrialRecord.read(folder / "tuning" / model / f"trial{trial}") for folder in (out, tuned))
            assert replace(one, seconds=0.0) == replace(other, seconds=0.0)
        for seed in (0, 1):
            weights = [(folder / f"{model}-seed{seed}" / "best.safetensors").read_bytes() for folder in (out, tuned)]
            assert weights[0] == weights[1]


def test_started_runs_keep_what_was_chosen_without_the_trials(
    tuned: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "out"
    shutil.copytree(tuned, out)
    shutil.rmtree(out / "tuning")
    for name in ("costs.json", "metrics.json"):
        (out / "fcn-seed1" / name).unlink()
    before = Config.read(out / "fcn-seed1")
    monkeypatch.setattr(tuning.ModelTrials, "run_next", None)
    segarena.train(resume=out / "fcn-seed1")
    after = Config.read(out / "fcn-seed1")
    assert replace(after.protocol, cache_gib=before.protocol.cache_gib) == before.protocol
    assert after.tuning == before.tuning
    segarena.compare(resume=out)
    assert ComparisonRecord.read(out).tuning == ComparisonRecord.read(tuned).tuning


def test_a_trial_of_other_settings_is_refused(squares: Path, tuned: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    shutil.copytree(tuned, out, ignore=shutil.ignore_patterns("*-seed*"))
    place = out / "tuning" / "fcn" / "trial2"
    content = json.loads((place / "trial.json").read_text())
    (place / "trial.json").write_text(json.dumps({**content, "learning_rate": 1.0}))
    with refuses(RunError, where=place):
        segarena.compare(squares, out=out, resume=True, models=MODELS, seeds=2, tune=4, **QUICK)


def test_groups_are_not_divided(squares: Path, tmp_path: Path) -> None:
    table = tmp_path / "groups.csv"
    table.write_text("image,group\n" + "".join(f"square{n:02},{n // 2}\n" for n in range(20)))
    options = {**QUICK, "epochs": 1}
    out = segarena.train(squares, model="fcn", tune=2, group_by=str(table), out=tmp_path / "out", **options).folder
    held_out = TrialRecord.read(out / "tuning" / "fcn" / "trial1").held_out
    train = set(Data.read(out).split.train)
    pairs = [{f"square{2 * n:02}", f"square{2 * n + 1:02}"} for n in range(10)]
    assert held_out
    assert all(pair <= set(held_out) or not pair & set(held_out) for pair in pairs if pair <= train)


def test_the_winner_is_trained_on_all_images_with_what_was_chosen(tuned: Path, tmp_path: Path) -> None:
    final = segarena.train(like=tuned, model="fcn", all_images=True, out=tmp_path / "final").folder
    again, before = Config.read(final).protocol, Config.read(tuned / "fcn-seed0").protocol
    assert (again.learning_rate, again.class_weights) == (before.learning_rate, before.class_weights)
    assert again.tune == 0
    assert not (final / "tuning").exists()


def test_the_files_of_a_tuned_comparison_repeat_it(tuned: Path) -> None:
    """All of it with its trials, or a run with what they chose."""
    again = complete(CompareOptions, config=tuned)
    assert (again.tune, again.learning_rate) == (4, None)
    run = complete(TrainOptions, config=tuned / "fcn-seed0" / Config.file)
    chosen = Config.read(tuned / "fcn-seed0").protocol
    assert (run.tune, run.learning_rate, run.class_weights) == (0, chosen.learning_rate, chosen.class_weights)


def test_typed_class_weights_replace_those_that_trials_chose(
    squares: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    outcome = tuning.ModelTrials.outcome
    monkeypatch.setattr(tuning.ModelTrials, "outcome", lambda trials: replace(outcome(trials), chosen=4))
    out = segarena.train(squares, model="fcn", tune=4, out=tmp_path / "out", **{**QUICK, "epochs": 1}).folder
    used = {}
    for name, typed in (("left out", {}), ("typed", {"class_weights": "none"})):
        run = segarena.train(like=out, seed=1, out=tmp_path / name, **typed).folder
        used[name] = Config.read(run).protocol.class_weights
    assert used == {"left out": CLASS_WEIGHTS[0], "typed": "none"}


@pytest.mark.long
def test_each_fold_is_tuned_and_all_images_get_the_median_of_the_rates(
    squares: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out, outcome = tmp_path / "out", tuning.ModelTrials.outcome
    chosen = {1: 1, 2: 3, 3: 2}

    def made(self: tuning.ModelTrials) -> Tuning:
        return replace(outcome(self), chosen=chosen[self.split.fold or 0])

    monkeypatch.setattr(tuning.ModelTrials, "outcome", made)
    segarena.compare(squares, out=out, models="fcn", folds=3, tune=3, **{**QUICK, "batch_size": 2, "epochs": 1})
    found = ComparisonRecord.read(out).tuning
    assert [(one.model, one.fold, one.chosen) for one in found] == [("fcn", *pair) for pair in chosen.items()]
    for one in found:
        run = out / "fcn-seed0" / f"fold{one.fold}"
        assert Config.read(run).protocol.learning_rate == one.best.learning_rate
        for trial in map(TrialRecord.read, (out / "tuning" / f"fcn-fold{one.fold}").glob("trial*")):
            assert trial.fold == one.fold
            assert set(trial.held_out) < set(Data.read(run).split.train)
    assert "fold 2" in (out / "report.html").read_text()
    final = segarena.train(like=out, model="fcn", all_images=True, out=tmp_path / "final").folder
    rates = sorted(one.best.learning_rate for one in found)
    assert len(set(rates)) == 3
    assert Config.read(final).protocol.learning_rate == rates[1]


def test_all_images_can_be_tuned_too(squares: Path, tmp_path: Path) -> None:
    run = segarena.train(
        squares, model="fcn", tune=2, all_images=True, out=tmp_path / "out", **{**QUICK, "epochs": 1}
    ).folder
    assert Metrics.read(run).miou is None
    trial = TrialRecord.read(run / "tuning" / "fcn" / "trial2")
    assert len(trial.held_out) == 4
    assert Data.read(run).counts["train"] == 20


@pytest.mark.long
def test_finished_runs_are_compared_with_and_without(squares: Path, tuned: Path, tmp_path: Path) -> None:
    plain = segarena.train(squares, model="fcn", out=tmp_path / "plain", **QUICK).folder
    with refuses(RunError, value="tune"):
        segarena.compare(tuned / "fcn-seed0", runs=[plain], out=tmp_path / "none")
    out = tmp_path / "both"
    segarena.compare(tuned / "fcn-seed0", runs=[plain], vary="tune", out=out)
    record = ComparisonRecord.read(out)
    assert {entry.model for entry in record.ranking} == {"fcn@tune=4", "fcn@tune=0"}
    assert record.varied == ("tune",)
    assert [one.model for one in record.tuning] == ["fcn@tune=4"]
    assert record.protocol.learning_rate == RATES[0]
    both = tmp_path / "tuned runs"
    segarena.compare(tuned / "fcn-seed0", runs=[tuned / "pspnet-seed0"], out=both)
    assert {one.model for one in ComparisonRecord.read(both).tuning} == set(MODELS)


def test_a_diverged_trial_is_never_chosen(squares: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    step = Trainer._train_step

    def diverge(self: Trainer, *arguments: Any) -> Any:
        total, auxiliary = step(self, *arguments)
        is_high = self.protocol.learning_rate > RATES[0] and "trial" in self.folder.name
        return total * float("nan") if is_high else total, auxiliary

    monkeypatch.setattr(Trainer, "_train_step", diverge)
    run = segarena.train(squares, model="fcn", tune=3, out=tmp_path / "out", **QUICK).folder
    trial = TrialRecord.read(run / "tuning" / "fcn" / "trial3")
    assert (trial.diverged, trial.miou) == (True, None)
    found = Config.read(run).tuning
    assert found is not None
    assert found.chosen != 3


@pytest.mark.parametrize(
    ("options", "where", "value"),
    [
        ({"tune": 1}, "tune", "1"),
        ({"tune": 16}, "tune", "16"),
        ({"tune": -1}, "tune", "-1"),
        ({"tune": 4, "learning_rate": 1e-3}, "tune", "learning_rate"),
        ({"tune": 4, "batch_size": 14}, "tune", "14"),
        ({"tune": 4, "split": 0.4}, "tune", "8 training images"),
    ],
)
def test_what_cannot_be_tuned_is_refused(
    squares: Path, tmp_path: Path, options: dict[str, Any], where: str, value: str
) -> None:
    with refuses(ConfigError, where=where, value=value):
        segarena.compare(squares, out=tmp_path / "out", models=MODELS, **{**QUICK, **options})
    assert not (tmp_path / "out").exists()


@pytest.mark.long
def test_the_terminal_has_a_line_for_each_model(squares: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    reporter = RecordingReporter()
    monkeypatch.setattr("segarena.commands.compare.TerminalReporter", lambda: reporter)
    monkeypatch.setattr(calibration, "FEWEST_STEPS", 1)
    segarena.compare(squares, out=tmp_path / "out", models=MODELS, tune=2, **QUICK)
    assert any("2 trials" in line and "13 training images" in line for line in reporter.lines)
    for model in MODELS:
        [line] = [line for line in reporter.lines if line.startswith(f"{label_of(model)}: learning rate")]
        assert "left" in line
    assert any("of trials" in line for line in reporter.lines)
