"""Mean ranks over data sets: the tests of Friedman and of Nemenyi, and how many data sets they need.

Demšar 2006, Statistical comparisons of classifiers over multiple data sets, JMLR 7.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import permutations

import numpy as np
from numpy.typing import NDArray
from scipy import stats

#: With more sums than this, all orders take a second or more, and the F distribution is used.
_MOST_SUMS = 200_000
#: Two sums of squares that differ by less than this share are equal: ranks have halves.
_TOLERANCE = 1e-9


@dataclass(frozen=True)
class Friedman:
    """Friedman's test that all models have the same mean rank.

    Args:
        statistic: Friedman's chi-squared, corrected for ties.
        p: The p value.
        exact: Whether p is from all orders that are possible; else from the F distribution (Iman and Davenport 1980).
    """

    statistic: float
    p: float
    exact: bool


def rank_scores(scores: NDArray[np.float64]) -> NDArray[np.float64]:
    """Rank the models on each data set: 1 for the highest score; equal scores share the mean of their ranks.

    Args:
        scores: (data sets, models), without NaN.

    Returns:
        Ranks, (data sets, models), 1 to the number of models.

    >>> rank_scores(np.array([[0.5, 0.7, 0.5]])).tolist()
    [[2.5, 1.0, 2.5]]
    """
    ranks: NDArray[np.float64] = stats.rankdata(-scores, axis=1)
    return ranks


def friedman(ranks: NDArray[np.float64]) -> Friedman | None:
    """Test whether all models have the same mean rank (Demšar 2006, 3.2.2).

    The p value counts all orders of the models on the data sets, where these are few enough to be counted: the usual
    approximations are for more than 10 data sets.

    Args:
        ranks: (data sets, models), as `rank_scores` returns them.

    Returns:
        The test; None with one data set or one model, and where all scores are equal on every data set.
    """
    number, models = ranks.shape
    spread = float(((ranks - (models + 1) / 2) ** 2).sum())
    if number < 2 or models < 2 or spread == 0:
        return None
    deviation = ranks.sum(axis=0) - number * (models + 1) / 2
    statistic = (models - 1) * float((deviation**2).sum()) / spread
    p = _exact_p(ranks, float((deviation**2).sum()))
    if p is not None:
        return Friedman(statistic, p, exact=True)
    rest = number * (models - 1) - statistic
    if rest <= _TOLERANCE:
        return Friedman(statistic, 0.0, exact=False)
    ratio = (number - 1) * statistic / rest
    return Friedman(statistic, float(stats.f.sf(ratio, models - 1, (models - 1) * (number - 1))), exact=False)


def critical_difference(data_sets: int, models: int, alpha: float = 0.05) -> float:
    """Return the difference of two mean ranks from which on they differ, by Nemenyi's test (Demšar 2006, 3.2.2).

    Args:
        data_sets: Number of data sets, 1 or more.
        models: Number of models, 2 or more.
        alpha: Level of the test for all pairs together.

    >>> round(critical_difference(data_sets=4, models=4), 2)
    2.35
    """
    return nemenyi_quantile(models, alpha) * math.sqrt(models * (models + 1) / (6 * data_sets))


def nemenyi_quantile(models: int, alpha: float = 0.05) -> float:
    """Return q of Nemenyi's test: the quantile of the studentized range, divided by the root of 2.

    Args:
        models: Number of models, 2 or more.
        alpha: Level of the test.
    """
    if models == 2:  # the range of two is a normal deviate; scipy integrates numerically
        return float(stats.norm.isf(alpha / 2))
    return float(stats.studentized_range.ppf(1 - alpha, models, np.inf)) / math.sqrt(2)


def needed_data_sets(models: int, places: int = 1, alpha: float = 0.05) -> int:
    """Return the number of data sets from which on two models are distinguished, if each has the same order of models.

    Nemenyi's test has to show their difference, and Friedman's that the models are not all equal: the same order on N
    data sets has p = 1 / (models!)^(N - 1).

    Args:
        models: Number of models, 2 or more.
        places: How many places the one is ahead of the other; 1 where it is directly ahead.
        alpha: Level of both tests.

    >>> needed_data_sets(4), needed_data_sets(4, places=3), needed_data_sets(2)
    (22, 3, 6)
    """
    by_nemenyi = nemenyi_quantile(models, alpha) ** 2 * models * (models + 1) / (6 * places**2)
    by_friedman = 1 + math.log(1 / alpha) / math.lgamma(models + 1)
    return math.ceil(max(by_nemenyi, by_friedman) - _TOLERANCE)


def indistinct_groups(mean_ranks: Sequence[float], critical: float) -> list[tuple[int, int]]:
    """Find the largest groups of models whose mean ranks differ by less than the critical difference.

    Args:
        mean_ranks: In ascending order.
        critical: The critical difference.

    Returns:
        The first and the last model of each group, of two models or more.

    >>> indistinct_groups([1.0, 1.5, 2.4, 4.0], critical=1.0)
    [(0, 1), (1, 2)]
    """
    groups: list[tuple[int, int]] = []
    for first, rank in enumerate(mean_ranks):
        last = max(place for place, other in enumerate(mean_ranks) if other - rank < critical)
        if last > first and (not groups or last > groups[-1][1]):
            groups.append((first, last))
    return groups


def joined_groups(mean_ranks: Sequence[float], critical: float, rejects_equality: bool) -> list[tuple[int, int]]:
    """Find the groups of models that are not distinguished: all of them where Friedman's test shows no difference.

    Args:
        mean_ranks: In ascending order, of two models or more.
        critical: The critical difference.
        rejects_equality: Whether Friedman's test shows that the models are not all equal.
    """
    return indistinct_groups(mean_ranks, critical) if rejects_equality else [(0, len(mean_ranks) - 1)]


def _exact_p(ranks: NDArray[np.float64], observed: float) -> float | None:
    """The share of all orders whose rank sums deviate at least as much; None where there are too many to count.

    The sums of the ranks are added data set by data set. Which model has which sum does not matter for the statistic,
    so they are kept in ascending order.
    """
    number, models = ranks.shape
    if models > 6:
        return None
    middle = round(number * (models + 1))  # of doubled ranks
    counts: dict[tuple[int, ...], int] = {(0,) * models: 1}
    total, work = 1, 0
    for row in np.rint(2 * ranks).astype(int):
        orders = _orders(row.tolist())
        work += len(counts) * len(orders)
        if work > _MOST_SUMS:
            return None
        following: dict[tuple[int, ...], int] = {}
        for sums, count in counts.items():
            for order in orders:
                key = tuple(sorted(a + b for a, b in zip(sums, order, strict=True)))
                following[key] = following.get(key, 0) + count
        counts, total = following, total * len(orders)
    least = 4 * observed * (1 - _TOLERANCE)
    return sum(n for sums, n in counts.items() if sum((value - middle) ** 2 for value in sums) >= least) / total


def _orders(row: Iterable[int]) -> list[tuple[int, ...]]:
    """All orders of a data set's ranks, which count alike; with ties each only once."""
    return sorted(set(permutations(row)))
