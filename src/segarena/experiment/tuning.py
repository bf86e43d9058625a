"""The trials of --tune for one model: short trainings that choose its learning rate and class weights.

What has been tried is in `tuning/MODEL/trialK`, or `tuning/MODEL-foldJ/trialK`. A finished trial is not repeated, and
one that was stopped goes on from its last state. The outcome is in the config.json of each run.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np

from segarena.config.tuning import CLASS_WEIGHTS, count_weights, learning_rates, trial_epochs
from segarena.errors import ConfigError, RunError
from segarena.experiment.build import build_network, make_loader, make_loss
from segarena.experiment.held_out import hold_out
from segarena.experiment.image_counts import read_image_counts, write_image_counts
from segarena.experiment.plan import Training
from segarena.experiment.prediction import Trials
from segarena.experiment.prepared import PreparedSplit
from segarena.experiment.run import evaluate_split
from segarena.experiment.shortage import naming_step
from segarena.experiment.trial_scores import ScoredTrial, choose, explain
from segarena.formats import defined
from segarena.records.tuning import ClassWeights, Trial, TrialRecord, Tuning
from segarena.scoring.scores import score
from segarena.training.checkpoint import BEST, LAST, load_weights
from segarena.training.engine import Trainer
from segarena.training.listener import TrainerListener
from segarena.training.machine import computing_with
from segarena.training.memory import PeakMemory

_COUNTS = "images.csv"


@dataclass(frozen=True)
class ModelTrials:
    """The trials of one model, on the training split of one fold where there are folds.

    Args:
        training: The training that they choose the settings of, with the settings that are tried first.
        folder: The folder of the trials.
    """

    training: Training
    folder: Path

    @property
    def number(self) -> int:
        """Number of trials."""
        return self.training.protocol.tune

    @cached_property
    def split(self) -> PreparedSplit:
        """The training images: those that train in a trial, and the held-out ones in place of the validation."""
        return hold_out(self.training.split, self.training.protocol.batch_size)

    @property
    def steps(self) -> int:
        """Steps in an epoch of a trial."""
        return len(self.split.labelled) // self.training.protocol.batch_size

    @property
    def epochs(self) -> int:
        """Epochs of a trial."""
        return trial_epochs(self.training.protocol.epochs, self.steps)

    @cached_property
    def finished(self) -> list[ScoredTrial]:
        """The finished trials, in their order.

        Raises:
            RunError: A trial has other settings or images, or cannot be read.
        """
        found: list[ScoredTrial] = []
        while len(found) < self.number and (place := self._place(len(found) + 1)).joinpath(TrialRecord.file).exists():
            trial = TrialRecord.read(place)
            self._check(trial, found)
            found.append(ScoredTrial(trial, None if trial.diverged else read_image_counts(place / _COUNTS)))
        return found

    @property
    def left(self) -> Trials | None:
        """What is left to do; None where nothing is."""
        left = self.number - len(self.finished)
        return Trials(left, self.steps, len(self.split.splits.val)) if left else None

    def run_next(self, should_stop: Callable[[], bool], listener: TrainerListener) -> None:
        """Train and score the next trial, and add it to those that are finished.

        Args:
            should_stop: Called after each step; True stops the trial.
            listener: Receives the progress.

        Raises:
            Interrupted: `should_stop` returned True; the state is saved.
        """
        number = len(self.finished) + 1
        training, place = self._plan(number, self.finished), self._place(number)
        with computing_with(training.protocol.threads):
            confusions, seconds = _train(training, should_stop, listener)
        miou = None if confusions is None else defined(score(confusions).miou)
        protocol, names = training.protocol, self.split.scored_names
        if confusions is not None:
            classes, groups = self.split.source.classes.names, self.split.groups
            write_image_counts(place / _COUNTS, names, ["train"] * len(names), classes, confusions, groups)
        trial = TrialRecord(
            number=number,
            learning_rate=protocol.learning_rate,
            class_weights=protocol.class_weights,
            miou=miou,
            diverged=confusions is None,
            seconds=seconds,
            model=training.model,
            fold=self.split.fold,
            seed=training.seed,
            epochs=protocol.epochs,
            steps=protocol.epochs * self.steps,
            held_out=tuple(names),
            fingerprint=self.split.fingerprint,
        )
        trial.write(place)
        (place / BEST).unlink(missing_ok=True)  # of no use any more, and as large as a run
        shutil.rmtree((place / LAST).parent, ignore_errors=True)
        self.finished.append(ScoredTrial(trial, None if trial.diverged else read_image_counts(place / _COUNTS)))

    def outcome(self) -> Tuning:
        """Return what the finished trials chose: the learning rate first, and class weights at that rate.

        Each of the two replaces its default only if its lead is worth it.
        """
        trials, groups = self.finished, self.split.groups
        rate = self._best_rate(trials)
        chosen = choose([rate, *trials[self._rates :]], groups)
        default = trials[0].trial
        before, now = default.miou, chosen.trial.miou
        return Tuning(
            model=self.training.model,
            fold=self.split.fold,
            epochs=self.epochs,
            steps=self.epochs * self.steps,
            train_images=len(self.split.splits.train),
            held_out_images=len(self.split.splits.val),
            trials=tuple(_plain(one.trial) for one in trials),
            chosen=chosen.trial.number,
            gain=None if before is None or now is None else now - before,
            why=explain(trials[0], chosen, len(trials)),
        )

    @property
    def _rates(self) -> int:
        """How many of the trials try learning rates; the others try class weights."""
        return self.number - count_weights(self.number, self.training.protocol.class_weights)

    def _best_rate(self, trials: Sequence[ScoredTrial]) -> ScoredTrial:
        return choose(trials[: self._rates], self.split.groups)

    def _settings(self, number: int, earlier: Sequence[ScoredTrial]) -> tuple[float, ClassWeights]:
        """The learning rate and the class weights of a trial, which depend on the ones before."""
        protocol, rates = self.training.protocol, self._rates
        if number <= rates:
            return learning_rates(protocol.learning_rate, rates)[number - 1], protocol.class_weights
        return self._best_rate(earlier).trial.learning_rate, CLASS_WEIGHTS[number - rates - 1]

    def _plan(self, number: int, earlier: Sequence[ScoredTrial]) -> Training:
        rate, weights = self._settings(number, earlier)
        protocol = replace(
            self.training.protocol,
            epochs=self.epochs,
            patience=self.epochs,
            learning_rate=rate,
            class_weights=weights,
        )
        return replace(self.training, protocol=protocol, split=self.split, folder=self._place(number))

    def _place(self, number: int) -> Path:
        return self.folder / f"trial{number}"

    def _check(self, trial: TrialRecord, earlier: Sequence[ScoredTrial]) -> None:
        """Raise RunError if a finished trial is not the one that would be run now."""
        number = len(earlier) + 1
        rate, weights = self._settings(number, earlier)
        now = (rate, weights, self.epochs, self.training.seed, self.split.fingerprint)
        if (trial.learning_rate, trial.class_weights, trial.epochs, trial.seed, trial.fingerprint) != now:
            raise RunError(
                "is a trial with other settings, or on other images",
                where=self._place(number),
                remedy=f"Remove {self.folder}, and its trials are run again, or name a new folder with --out",
            )


def _train(
    training: Training, should_stop: Callable[[], bool], listener: TrainerListener
) -> tuple[np.ndarray[tuple[int, ...], np.dtype[np.int64]] | None, float]:
    """The confusion matrices of the held-out images, None where the loss became NaN or infinite, and the seconds."""
    protocol = training.protocol
    memory = PeakMemory(protocol.device)  # it collects what is left of the network before
    model = build_network(training)
    trainer = Trainer(
        model,
        make_loader(training),
        make_loss(training),
        None,  # the weights of the last epoch are scored, as a schedule ends there
        protocol,
        training.seed,
        training.folder,
        listener=listener,
        should_stop=should_stop,
        read_peak_memory=memory.read,
    )
    try:
        with naming_step(training):
            state = trainer.fit()
    except ConfigError:
        if not trainer.has_diverged:
            raise
        return None, trainer.state.all_seconds
    start = time.perf_counter()
    load_weights(model, training.folder / BEST)
    confusions = evaluate_split(training, model, "val")
    return confusions, time.perf_counter() - start + sum(row["seconds"] for row in state.history)


def _plain(trial: Trial) -> Trial:
    """The trial without what only its own file has."""
    return Trial(
        number=trial.number,
        learning_rate=trial.learning_rate,
        class_weights=trial.class_weights,
        miou=trial.miou,
        diverged=trial.diverged,
        seconds=trial.seconds,
    )
