"""Which trial of --tune is chosen: from the pixel counts of each on the held-out images."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from segarena.formats import percent
from segarena.records.tuning import Trial
from segarena.scoring.count_table import arrange
from segarena.scoring.linearization import Ratios, parts_of_difference

#: The lead, in mIoU, that another setting needs to replace the default: repeated trainings differ by as much.
WORTH = 0.02


@dataclass(frozen=True, eq=False)
class ScoredTrial:
    """A finished trial with the counts that its score comes from.

    Args:
        trial: What was tried, and its score.
        counts: Its images.csv; None where the loss became NaN or infinite.
    """

    trial: Trial
    counts: pd.DataFrame | None


@dataclass(frozen=True)
class Lead:
    """How much better one trial is than another one, on the same images.

    Args:
        miou: The difference of mIoU.
        error: Its standard error, from the images or their groups: how far it would vary with other images. 0 where
            there is a single one.
    """

    miou: float
    error: float

    @property
    def is_worth_it(self) -> bool:
        """Whether the lead is large enough to leave the default.

        More than one standard error is the rule of Breiman et al. 1984, 3.4.3, for choosing the simplest of several
        models. It contains the chance of the images, not that of the training, for which the fixed lead is.
        """
        return self.miou >= WORTH and self.miou > self.error


def choose(trials: Sequence[ScoredTrial], groups: Mapping[str, str] | None = None) -> ScoredTrial:
    """Return the trial with the highest mIoU, if its lead over the first one is worth it; otherwise the first one.

    Args:
        trials: The trials; the first one is what is kept in doubt. Of equal scores the earlier one counts.
        groups: The group of each image, by its name; None where each image is a unit.
    """
    first, best = trials[0], max(trials, key=lambda one: -1.0 if one.trial.miou is None else one.trial.miou)
    if best is first or best.trial.miou is None:
        return first
    return best if first.trial.miou is None or find_lead(best, first, groups).is_worth_it else first


def find_lead(one: ScoredTrial, other: ScoredTrial, groups: Mapping[str, str] | None = None) -> Lead:
    """Return how much better one trial is than another one that has a score too.

    Args:
        one: The trial.
        other: The one that it is compared with, on the same images.
        groups: The group of each image, by its name; None where each image is a unit.

    Raises:
        ValueError: A trial has no score.
    """
    if one.counts is None or other.counts is None:
        raise ValueError("a trial without a score has no lead")
    tables = [table.assign(model=name, seed=0) for name, table in (("one", one.counts), ("other", other.counts))]
    counts = arrange(pd.concat(tables, ignore_index=True), groups)
    parts = parts_of_difference(*(Ratios(counts.tp[name], counts.union[name]) for name in ("one", "other")))[:, 0]
    units = len(parts)
    difference = (one.trial.miou or 0.0) - (other.trial.miou or 0.0)
    if units < 2:
        return Lead(difference, 0.0)
    return Lead(difference, math.sqrt(units / (units - 1) * float(np.sum((parts - parts.mean()) ** 2))))


def explain(default: ScoredTrial, chosen: ScoredTrial, number: int) -> str:
    """Return why a trial is chosen, in words.

    Args:
        default: The first trial.
        chosen: The chosen one.
        number: How many trials there were.
    """
    before, now = default.trial, chosen.trial
    if now is before:
        if now.miou is None and not now.diverged:
            return f"the default, as the held-out images of {number} trials have no true pixel"
        return f"the default, as no other of {number} trials was clearly better"
    if before.miou is None:
        return f"the best of {number} trials, in which the loss of the default became NaN or infinite"
    gain = 100 * ((now.miou or 0.0) - before.miou)
    return f"the best of {number} trials: {percent(now.miou)} on held-out images, {gain:+.1f} points over the default"
