"""The differences of all pairs of models in one kind of score: for the mean over the classes, and for each class."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

from segarena.records.statistics import Difference, Interval
from segarena.scoring.intervals import (
    Floats,
    architecture_p,
    architecture_width,
    holm,
    network_p,
    network_width,
    quantile,
)
from segarena.scoring.linearization import Ratios, Variances, difference_variances


@dataclass(frozen=True, eq=False)
class Pair:
    """The difference of two models, for T scores: the mean over the classes, then each class.

    Args:
        first: The model with the higher mean.
        second: The other one.
        differences: First minus second, (T,).
        variances: None with fewer than two units or folds.
        alpha: Level of the tests.
    """

    first: str
    second: str
    differences: Floats
    variances: Variances | None
    alpha: float

    @property
    def has_several_trainings(self) -> bool:
        """Whether something is known about repeated training."""
        return self.variances is not None and (self.variances.seeds_df is not None or self.variances.folds is not None)

    def networks(self) -> tuple[Floats, Floats] | None:
        """Half-widths and p values, (T,), for the trained networks; None where further images are unpredictable."""
        if self.variances is None:
            return None
        return network_width(self.variances, self.alpha), network_p(self.differences, self.variances)

    def architectures(self) -> tuple[Floats, Floats] | None:
        """Half-widths and p values, (T,), also for repeated training; None with one seed and without folds."""
        if self.variances is None or not self.has_several_trainings:
            return None
        return architecture_width(self.variances, self.alpha), architecture_p(self.differences, self.variances)


def pair_models(
    models: Mapping[str, Ratios], names: Sequence[str], folds: NDArray[np.int64] | None, alpha: float
) -> list[Pair]:
    """Return all pairs of models, in the order of their names.

    Args:
        models: The scores of each model.
        names: The models, highest mean first.
        folds: The fold of each of the n units, (n,), from 0; None without folds.
        alpha: Level of the tests.
    """
    units = next(iter(models.values())).top.shape[1]
    known = units > 1 and (folds is None or folds.max() > 0)
    return [
        Pair(
            a,
            b,
            models[a].scores.mean(axis=0) - models[b].scores.mean(axis=0),
            difference_variances(models[a], models[b], folds) if known else None,
            alpha,
        )
        for a, b in itertools.combinations(names, 2)
    ]


def describe_pairs(pairs: Sequence[Pair], equal_within: float) -> list[tuple[Difference, ...]]:
    """Return the differences of all pairs for each of the T scores, with p values adjusted for the number of pairs.

    Args:
        pairs: As `pair_models` gives them.
        equal_within: Two models are practically equal where the wider interval is within this distance of 0.
    """
    networks, architectures = [pair.networks() for pair in pairs], [pair.architectures() for pair in pairs]
    return [
        tuple(
            _describe(pair, target, network, architecture, equal_within)
            for pair, network, architecture in zip(
                pairs, _intervals(pairs, networks, target), _intervals(pairs, architectures, target), strict=True
            )
        )
        for target in range(len(pairs[0].differences) if pairs else 0)
    ]


def _intervals(
    pairs: Sequence[Pair], found: Sequence[tuple[Floats, Floats] | None], target: int
) -> list[Interval | None]:
    """The intervals of all pairs for one score; the model with the higher score of the two comes first."""
    adjusted = iter(holm([float(p[target]) for _, p in filter(None, found)]))
    intervals: list[Interval | None] = []
    for pair, one in zip(pairs, found, strict=True):
        if one is None:
            intervals.append(None)
            continue
        difference, half = abs(float(pair.differences[target])), float(one[0][target])
        low, high = difference - half, difference + half
        intervals.append(Interval(low=low, high=high, p=float(one[1][target]), p_holm=next(adjusted)))
    return intervals


def _describe(
    pair: Pair, target: int, networks: Interval | None, architectures: Interval | None, equal_within: float
) -> Difference:
    difference = float(pair.differences[target])
    first, second = (pair.first, pair.second) if difference >= 0 else (pair.second, pair.first)
    widest = architectures or networks
    survived = None
    if pair.variances is not None and not pair.has_several_trainings:
        survived = _noise_survived(difference, pair.variances, target, pair.alpha)
    return Difference(
        first=first,
        second=second,
        difference=abs(difference),
        networks=networks,
        architectures=architectures,
        practically_equal=widest is not None and -equal_within <= widest.low and widest.high <= equal_within,
        noise_survived=survived,
    )


def _noise_survived(difference: float, variances: Variances, target: int, alpha: float) -> float | None:
    """The standard deviation over repeated trainings up to which a difference of single trainings would be clear."""
    width = float(quantile(variances.units_df[target], alpha)) ** 2 * float(variances.images[target])
    left = difference**2 - width
    return math.sqrt(left / 2) / float(ndtri(1 - alpha / 2)) if left > 0 else None
