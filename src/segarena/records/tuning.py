"""The files of the short trials that choose a learning rate: one for each trial, and their outcome in `config.json`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from segarena.records.record import Count, Fraction, Record, Seconds

ClassWeights = Literal["none", "inverse", "sqrt-inverse", "effective", "median"]


@dataclass(frozen=True, kw_only=True)
class Trial:
    """One trial: what was tried, and how well it did."""

    number: Count
    """Number of the trial, from 1; the first one is the default."""
    learning_rate: float
    """Peak learning rate of the encoder."""
    class_weights: ClassWeights
    """Weight of each class in the loss."""
    miou: Fraction | None
    """mIoU on the held-out images after the last epoch; null where the loss became NaN or infinite, or where the
    held-out images have no true pixel."""
    diverged: bool
    """Whether the loss became NaN or infinite. Such a trial is never chosen."""
    seconds: Seconds
    """Training and scoring time."""


@dataclass(frozen=True, kw_only=True)
class TrialRecord(Trial, Record, file="trial.json", schema=1):
    """A finished trial, in `tuning/MODEL/trialK`."""

    model: str
    """Name of the architecture."""
    fold: Count | None
    """Fold whose training split is used, from 1; null without cross-validation."""
    seed: Count
    """Seed of the initial weights, the order of the images and the augmentation."""
    epochs: Count
    """Epochs of the trial."""
    steps: Count
    """Steps of the trial."""
    held_out: tuple[str, ...]
    """Names of the training images that the trial did not train on and was scored on."""
    fingerprint: str
    """SHA-256, in hex, of the files, their decoding, and which of them trained and were held out."""


@dataclass(frozen=True, kw_only=True)
class Tuning:
    """All trials of a model, and what they chose."""

    model: str
    """Name of the architecture."""
    fold: Count | None = None
    """Fold whose training split was used, from 1; null without cross-validation."""
    epochs: Count
    """Epochs of each trial."""
    steps: Count
    """Steps of each trial."""
    train_images: Count
    """Images that each trial trained on."""
    held_out_images: Count
    """Training images that it was scored on. Validation and test images are not used."""
    trials: tuple[Trial, ...]
    """The trials, in their order."""
    chosen: Count
    """Number of the trial whose settings are used."""
    gain: float | None
    """Its mIoU minus that of the default, on the held-out images; null where one of the two has none."""
    why: str
    """The reason, in words."""

    @property
    def default(self) -> Trial:
        """The first trial: the settings without tuning."""
        return self.trials[0]

    @property
    def best(self) -> Trial:
        """The trial whose settings are used."""
        return self.trials[self.chosen - 1]

    @property
    def tried(self) -> tuple[str, ...]:
        """The settings that the trials chose: the learning rate, and class weights where trials have other ones."""
        weights = {trial.class_weights for trial in self.trials}
        return ("learning_rate", "class_weights") if len(weights) > 1 else ("learning_rate",)

    @property
    def seconds(self) -> float:
        """Seconds of all trials."""
        return sum(trial.seconds for trial in self.trials)
