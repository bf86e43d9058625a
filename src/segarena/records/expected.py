"""What to expect of a network that trained on all images and so has no score: what was measured before."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from segarena.formats import percent, plural
from segarena.records.record import Count, Epochs, Fraction, Record

#: Why metrics.json of such a network has no score.
NO_SCORE = "All images trained this network and none was held out, so it has no score."
_SPLITS = {"test": "test", "val": "validation"}


@dataclass(frozen=True, kw_only=True)
class Expected(Record, file="expected.json", schema=1):
    """The earlier trainings that `segarena train --like` took the settings from, and their score."""

    like: str
    """Folder of the comparison, or of the run."""
    model: str
    """Name of the architecture."""
    why: str
    """Why it is this model, in words."""
    seeds: tuple[Count, ...]
    """Seeds of the earlier trainings."""
    folds: Count | None
    """Number of folds; null without cross-validation."""
    best_epochs: tuple[Epochs, ...]
    """Best epoch of each of these trainings."""
    train_images: Count
    """Images that trained each of them; with folds the mean, rounded."""
    scored_split: Literal["test", "val"]
    """Images that the score is from."""
    miou: Fraction | None
    """mIoU of the model there, mean over the seeds."""
    low: Fraction | None = None
    """Lower end of its 95% interval; null where it was not computed."""
    high: Fraction | None = None
    """Upper end."""
    changed: str = ""
    """How the data differs from that of the earlier trainings, in words; empty where it is the same."""

    @property
    def sentence(self) -> str:
        """What to expect, and why it is not certain."""
        if self.miou is None:
            return f"{self.model} has no score in {self.like} either."
        is_known = self.low is not None and self.high is not None
        ends = f", 95% interval {percent(self.low)} to {percent(self.high)}" if is_known else ""
        number = plural(self.train_images, "image")
        about = "about " if self.folds is not None else ""
        network, its = ("networks", "their epochs") if len(self.best_epochs) > 1 else ("a network", "its epoch")
        selected = f"; the same images selected {its}, so it is likely to be a little too high"
        selected = selected if self.scored_split == "val" else ""
        changed = f" The data has changed since: {self.changed}." if self.changed else ""
        return (
            f"What to expect is the {_SPLITS[self.scored_split]} mIoU of {self.model} in {self.like}: "
            f"{percent(self.miou)}{ends}. It was measured for {network} trained on {about}{number}{selected}.{changed}"
        )


def no_score_note(folder: Path) -> str:
    """Return why a run has no score, and what to expect of it.

    Args:
        folder: The run folder.
    """
    if not (folder / Expected.file).exists():
        return NO_SCORE
    return f"{NO_SCORE} {Expected.read(folder).sentence}"
