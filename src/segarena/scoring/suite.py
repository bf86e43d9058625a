"""Models over many data sets: mean ranks and their tests, wins, mean differences, and costs in ratios."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Sequence
from itertools import combinations

import numpy as np
from scipy import stats

from segarena.records.suite import RankTest, SuiteDataSet, SuiteDifference, SuiteModel, SuitePair, SuiteScore
from segarena.scoring.rank_tests import critical_difference, friedman, needed_data_sets, rank_scores

ALPHA = 0.05

#: A cost of a model on a data set; None where it is missing.
Cost = Callable[[SuiteDataSet, SuiteScore], float | None]


def add_up(
    data_sets: Sequence[SuiteDataSet], test: RankTest | None
) -> tuple[tuple[SuiteModel, ...], tuple[SuiteDifference, ...]]:
    """Return the models over all data sets, best mean rank first, and each pair of them.

    Args:
        data_sets: One or more, all with the same models.
        test: What `check_ranks` returns for them. Pairs are distinguished only where Friedman's test rejects that all
            models are equal (Demšar 2006, 3.2.2).
    """
    names = [score.model for score in data_sets[0].scores]
    means = {name: _mean([one_score(one, name).rank for one in data_sets]) for name in names}
    mious = {name: _mean([one_score(one, name).miou for one in data_sets]) for name in names}
    names.sort(key=lambda name: (means[name], -mious[name]))
    train, latency = (_ratios(data_sets, names, cost) for cost in (train_time, _latency))
    models = tuple(
        SuiteModel(
            model=name,
            mean_rank=means[name],
            mean_miou=mious[name],
            wins=sum(one.best == name and one.claim == "best_architecture" for one in data_sets),
            network_wins=sum(one.best == name and one.claim == "best_network" for one in data_sets),
            train_ratio=_to_fastest(train, name),
            latency_ratio=_to_fastest(latency, name),
        )
        for name in names
    )
    differences = []
    for first, second in combinations(models, 2):
        apart = second.mean_rank - first.mean_rank
        differences.append(
            _difference(
                data_sets,
                (first.model, second.model),
                rank_difference=apart,
                distinguished=None if test is None else test.rejects_equality and apart >= test.critical_difference,
                train_ratio=_quotient(first.train_ratio, second.train_ratio),
                latency_ratio=_quotient(first.latency_ratio, second.latency_ratio),
            )
        )
    return models, tuple(differences)


def check_ranks(data_sets: Sequence[SuiteDataSet]) -> RankTest | None:
    """Test the mean ranks.

    Args:
        data_sets: One or more, all with the same models.

    Returns:
        The tests; None with one data set or one model.
    """
    names = [score.model for score in data_sets[0].scores]
    if len(data_sets) < 2 or len(names) < 2:
        return None
    scores = np.array([[one_score(one, name).miou for name in names] for one in data_sets])
    found = friedman(rank_scores(scores))
    return RankTest(
        alpha=ALPHA,
        friedman=None if found is None else found.statistic,
        p=None if found is None else found.p,
        exact=found is not None and found.exact,
        critical_difference=critical_difference(len(data_sets), len(names), ALPHA),
        largest_difference=float(len(names) - 1),
        needed_for_one=needed_data_sets(len(names), alpha=ALPHA),
    )


def one_score(data_set: SuiteDataSet, model: str) -> SuiteScore:
    """Return the score of a model on a data set that has it."""
    return next(score for score in data_set.scores if score.model == model)


def one_pair(data_set: SuiteDataSet, first: str, second: str) -> SuitePair:
    """Return the difference of two models on a data set that has both, in either order."""
    return next(pair for pair in data_set.pairs if {pair.first, pair.second} == {first, second})


def train_time(data_set: SuiteDataSet, score: SuiteScore) -> float | None:
    """Return the training time that is in the ratios, in seconds; None where it is missing."""
    return score.train_cpu_seconds if data_set.timed_by == "processor" else score.train_seconds


def _latency(data_set: SuiteDataSet, score: SuiteScore) -> float | None:
    return score.latency_ms


def _difference(
    data_sets: Sequence[SuiteDataSet],
    names: tuple[str, str],
    *,
    rank_difference: float,
    distinguished: bool | None,
    train_ratio: float | None,
    latency_ratio: float | None,
) -> SuiteDifference:
    first, second = names
    values = np.array([one_score(one, first).miou - one_score(one, second).miou for one in data_sets])
    half = None
    if len(values) > 1:
        half = float(stats.t.ppf(1 - ALPHA / 2, len(values) - 1) * values.std(ddof=1) / math.sqrt(len(values)))
    results: list[tuple[str, str]] = [
        (pair.status, pair.first) for pair in (one_pair(one, first, second) for one in data_sets)
    ]
    counts = Counter(results)
    clear = ("higher", first), ("higher", second), ("networks", first), ("networks", second)
    equal = sum(status == "equal" for status, _ in results)
    mean = float(values.mean())
    return SuiteDifference(
        first=first,
        second=second,
        rank_difference=rank_difference,
        distinguished=distinguished,
        mean_difference=mean,
        low=None if half is None else mean - half,
        high=None if half is None else mean + half,
        first_higher=counts[clear[0]],
        second_higher=counts[clear[1]],
        first_networks=counts[clear[2]],
        second_networks=counts[clear[3]],
        equal=equal,
        undecided=len(results) - equal - sum(counts[key] for key in clear),
        train_ratio=train_ratio,
        latency_ratio=latency_ratio,
    )


def _ratios(data_sets: Sequence[SuiteDataSet], names: Sequence[str], cost: Cost) -> dict[str, float] | None:
    """The geometric mean of each model's cost; None where one is missing. Machines differ, and cancel in a quotient."""
    means = {}
    for name in names:
        values = [cost(one, one_score(one, name)) for one in data_sets]
        known = [value for value in values if value is not None and value > 0]
        if len(known) < len(values):
            return None
        means[name] = math.exp(_mean([math.log(value) for value in known]))
    return means


def _to_fastest(means: dict[str, float] | None, name: str) -> float | None:
    return None if means is None else means[name] / min(means.values())


def _quotient(first: float | None, second: float | None) -> float | None:
    return None if first is None or second is None else first / second


def _mean(values: Sequence[float]) -> float:
    return math.fsum(values) / len(values)
