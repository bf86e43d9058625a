"""Mean ranks over data sets: the tests of Friedman and Nemenyi against tables, other code and all possible orders."""

from __future__ import annotations

from itertools import permutations, product

import numpy as np
import pytest
from scipy import stats

from segarena.scoring.rank_tests import (
    critical_difference,
    friedman,
    indistinct_groups,
    needed_data_sets,
    nemenyi_quantile,
    rank_scores,
)

#: AUC of four versions of C4.5 on 14 data sets: Demšar 2006, table 6. The columns are C4.5, +m, +cf, +m+cf.
AUC = np.array(
    [
        *([0.763, 0.768, 0.771, 0.798], [0.599, 0.591, 0.590, 0.569], [0.954, 0.971, 0.968, 0.967]),
        *([0.628, 0.661, 0.654, 0.657], [0.882, 0.888, 0.886, 0.898], [0.936, 0.931, 0.916, 0.931]),
        *([0.661, 0.668, 0.609, 0.685], [0.583, 0.583, 0.563, 0.625], [0.775, 0.838, 0.866, 0.875]),
        *([1.000, 1.000, 1.000, 1.000], [0.940, 0.962, 0.965, 0.962], [0.619, 0.666, 0.614, 0.669]),
        *([0.972, 0.981, 0.9751, 0.975], [0.957, 0.978, 0.946, 0.970]),
    ]
)


@pytest.mark.parametrize(
    ("models", "five", "ten"),
    [
        (2, 1.960, 1.645),
        (3, 2.343, 2.052),
        (4, 2.569, 2.291),
        (5, 2.728, 2.459),
        (6, 2.850, 2.589),
        (7, 2.949, 2.693),
        (10, 3.164, 2.920),
    ],
)
def test_quantiles_are_those_of_the_published_table(models: int, five: float, ten: float) -> None:
    """Demšar 2006, table 5(a). Its values are rounded, some of them down."""
    assert nemenyi_quantile(models) == pytest.approx(five, abs=1.1e-3)
    assert nemenyi_quantile(models, alpha=0.1) == pytest.approx(ten, abs=1.1e-3)


def test_the_example_of_the_paper() -> None:
    """Demšar 2006, 3.2.2: ranks 3.143, 2.000, 2.893, 1.964; chi-squared 9.28, F 3.69 (ties not corrected); CD 1.25."""
    ranks = rank_scores(AUC)
    assert ranks.mean(axis=0) == pytest.approx([3.143, 2.000, 2.893, 1.964], abs=5e-4)
    found = friedman(ranks)
    assert found is not None
    scipy = stats.friedmanchisquare(*AUC.T)
    assert found.statistic == pytest.approx(scipy.statistic)
    uncorrected = 12 * 14 / 20 * ((ranks.mean(axis=0) ** 2).sum() - 25)
    assert uncorrected == pytest.approx(9.28, abs=0.01)
    assert 0.01 < found.p < 0.03  # the paper rejects at 5%
    assert critical_difference(14, 4) == pytest.approx(1.25, abs=5e-3)


def test_few_data_sets_have_a_wide_critical_difference() -> None:
    assert critical_difference(4, 4) == pytest.approx(2.345, abs=1e-3)
    assert needed_data_sets(4) == 22
    assert critical_difference(22, 4) <= 1 < critical_difference(21, 4)


@pytest.mark.parametrize(("models", "places"), [(2, 1), (3, 1), (3, 2), (4, 2), (4, 3), (5, 4)])
def test_the_needed_number_of_data_sets_distinguishes_the_same_order(models: int, places: int) -> None:
    """By both tests: with two models and four data sets Nemenyi's has a difference, and Friedman's p is 0.125."""
    needed = needed_data_sets(models, places)
    shown = []
    for number in (needed - 1, needed):
        found = friedman(np.tile(np.arange(1.0, models + 1), (number, 1)))
        is_rejected = found is not None and found.p <= 0.05
        shown.append(is_rejected and places >= critical_difference(number, models))
    assert shown == [False, True]


@pytest.mark.parametrize(("number", "models"), [(2, 3), (3, 3), (3, 4), (5, 2), (4, 3)])
def test_the_p_value_counts_all_orders(number: int, models: int) -> None:
    rng = np.random.default_rng(number * models)
    ranks = rank_scores(rng.random((number, models)))
    found = friedman(ranks)
    assert found is not None
    assert found.exact
    orders = [np.array(order) for order in permutations(range(1, models + 1))]
    middle = number * (models + 1) / 2
    sums = [((sum(rows) - middle) ** 2).sum() for rows in product(orders, repeat=number)]
    observed = ((ranks.sum(axis=0) - middle) ** 2).sum()
    assert found.p == pytest.approx(np.mean(np.array(sums) >= observed - 1e-9))


@pytest.mark.parametrize(
    ("sums", "number", "p"),
    [((3, 6, 9), 3, 0.028), ((4, 8, 12), 4, 0.0046), ((5, 10, 15), 5, 0.00077), ((2, 4, 6), 2, 1 / 6)],
)
def test_p_values_are_those_of_friedmans_table(sums: tuple[int, ...], number: int, p: float) -> None:
    """Friedman 1937, table V: three models, always in the same order."""
    found = friedman(np.tile(np.array(sums) / number, (number, 1)))
    assert found is not None
    assert found.p == pytest.approx(p, rel=0.02)


def test_ties_are_corrected_and_their_orders_counted_once() -> None:
    scores = np.array([[0.5, 0.5, 0.7], [0.4, 0.6, 0.6], [0.1, 0.2, 0.3]])
    found = friedman(rank_scores(scores))
    assert found is not None
    assert found.statistic == pytest.approx(stats.friedmanchisquare(*scores.T).statistic)
    rows = [sorted(set(permutations(row))) for row in rank_scores(scores).tolist()]
    sums = [((np.sum(choice, axis=0) - 6) ** 2).sum() for choice in product(*rows)]
    observed = ((rank_scores(scores).sum(axis=0) - 6) ** 2).sum()
    assert found.p == pytest.approx(np.mean(np.array(sums) >= observed - 1e-9))


def test_many_data_sets_have_the_f_distribution() -> None:
    rng = np.random.default_rng(0)
    ranks = rank_scores(rng.random((60, 8)) + np.linspace(0, 0.3, 8))
    found = friedman(ranks)
    assert found is not None
    assert not found.exact
    ratio = 59 * found.statistic / (60 * 7 - found.statistic)
    assert found.p == pytest.approx(stats.f.sf(ratio, 7, 7 * 59))


def test_nothing_is_tested_without_two_data_sets_or_a_difference() -> None:
    assert friedman(np.array([[1.0, 2.0]])) is None
    assert friedman(np.array([[1.0], [1.0]])) is None
    assert friedman(rank_scores(np.full((3, 3), 0.5))) is None


def test_groups_are_the_largest_ones() -> None:
    assert indistinct_groups([1.0, 1.2, 1.4], 1.0) == [(0, 2)]
    assert indistinct_groups([1.0, 2.0, 3.0], 1.0) == []
    assert indistinct_groups([1.0, 1.6, 2.4, 2.9, 5.0], 1.0) == [(0, 1), (1, 2), (2, 3)]


def test_the_rate_of_false_differences_is_that_of_the_level() -> None:
    """Four equal models on 20 data sets: Nemenyi's test distinguishes a pair in about 5% of 2,000 suites."""
    rng = np.random.default_rng(5)
    means = rng.random((2_000, 20, 4)).argsort(axis=2).argsort(axis=2).mean(axis=1)
    wrong = np.ptp(means, axis=1) >= critical_difference(20, 4)
    assert 0.03 < wrong.mean() < 0.06
