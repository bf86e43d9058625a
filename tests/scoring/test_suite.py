"""Models over many data sets: ranks, wins by the verdicts, pairs, and ratios of costs."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from segarena.scoring.suite import add_up, check_ranks
from suites import SCORES, suite


def test_mean_ranks_are_those_of_the_scores(tmp_path: Path) -> None:
    record = suite(tmp_path)
    assert {entry.model: entry.mean_rank for entry in record.models} == {
        "unet": (1 + 1 + 3 + 2) / 4,
        "pspnet": (2 + 3 + 1 + 4) / 4,
        "deeplabv3": (3 + 2 + 2 + 1) / 4,
        "fcn": (4 + 4 + 4 + 3) / 4,
    }
    assert [entry.model for entry in record.models] == ["unet", "deeplabv3", "pspnet", "fcn"]


def test_equal_scores_share_their_ranks(tmp_path: Path) -> None:
    record = suite(tmp_path, {"one": {"unet": 0.5, "fcn": 0.5, "pspnet": 0.7}})
    assert {score.model: score.rank for score in record.data_sets[0].scores} == {"unet": 2.5, "fcn": 2.5, "pspnet": 1}


def test_a_win_is_one_that_a_verdict_names(tmp_path: Path) -> None:
    """U-Net is first on two data sets, and only on one of them its lead is clear."""
    record = suite(tmp_path)
    assert {entry.model: (entry.wins, entry.network_wins) for entry in record.models} == {
        "unet": (1, 0),
        "deeplabv3": (0, 0),
        "pspnet": (0, 0),
        "fcn": (0, 0),
    }


def test_with_one_seed_a_win_is_of_the_network_alone(tmp_path: Path) -> None:
    record = suite(tmp_path, seeds=1)
    assert (record.models[0].wins, record.models[0].network_wins) == (0, 1)
    [pair] = [pair for pair in record.differences if (pair.first, pair.second) == ("unet", "fcn")]
    assert (pair.first_higher, pair.first_networks, pair.undecided) == (0, 3, 1)


def test_pairs_count_the_data_sets_that_decide(tmp_path: Path) -> None:
    record = suite(tmp_path)
    [pair] = [pair for pair in record.differences if (pair.first, pair.second) == ("unet", "fcn")]
    assert (pair.first_higher, pair.second_higher, pair.equal, pair.undecided) == (3, 0, 0, 1)
    values = [one["unet"] - one["fcn"] for one in SCORES.values()]
    low, high = stats.t.interval(0.95, 3, np.mean(values), stats.sem(values))
    assert (pair.low, pair.mean_difference, pair.high) == pytest.approx((low, np.mean(values), high))
    [pair] = [pair for pair in record.differences if {pair.first, pair.second} == {"pspnet", "deeplabv3"}]
    assert pair.undecided == 4
    assert all(
        pair.first_higher + pair.second_higher + pair.first_networks + pair.second_networks + pair.equal
        + pair.undecided == 4
        for pair in record.differences
    )  # fmt: skip


def test_costs_are_geometric_means_of_ratios(tmp_path: Path) -> None:
    record = suite(tmp_path)
    ratios = {entry.model: entry.train_ratio for entry in record.models}
    assert ratios == pytest.approx({"fcn": 1, "unet": 2, "deeplabv3": 3, "pspnet": 4})
    slow, *rest = record.data_sets
    machine = replace(slow, scores=tuple(replace(one, train_seconds=9 * one.train_seconds) for one in slow.scores))
    models, _ = add_up([machine, *rest], record.test)
    assert {entry.model: entry.train_ratio for entry in models} == pytest.approx(ratios), "the machine cancels"
    unlike = [replace(one, train_seconds=4 * one.train_seconds) if one.model == "unet" else one for one in slow.scores]
    models, _ = add_up([replace(slow, scores=tuple(unlike)), *rest], record.test)
    assert {entry.model: entry.train_ratio for entry in models}["unet"] == pytest.approx(2 * 4**0.25)


def test_processor_time_counts_where_the_machine_was_busy(tmp_path: Path) -> None:
    record = suite(tmp_path)
    busy = [
        replace(one, timed_by="processor", scores=tuple(replace(s, train_cpu_seconds=7.0) for s in one.scores))
        for one in record.data_sets
    ]
    assert [entry.train_ratio for entry in add_up(busy, record.test)[0]] == pytest.approx([1, 1, 1, 1])


def test_the_tests_state_what_so_few_data_sets_can_show(tmp_path: Path) -> None:
    record = suite(tmp_path)
    assert record.test is not None
    assert record.test.critical_difference == pytest.approx(2.345, abs=1e-3)
    assert (record.test.largest_difference, record.test.needed_for_one, record.test.exact) == (3, 22, True)
    [pair] = [pair for pair in record.differences if (pair.first, pair.second) == ("unet", "fcn")]
    assert pair.rank_difference == 2
    assert pair.distinguished is False
    assert check_ranks(record.data_sets[:1]) is None


def test_five_data_sets_cannot_distinguish_two_models(tmp_path: Path) -> None:
    scores = {f"set{number}": {"unet": 0.9, "fcn": 0.5} for number in range(6)}
    five, six = (suite(tmp_path / str(number), dict([*scores.items()][:number])) for number in (5, 6))
    assert [pair.distinguished for one in (five, six) for pair in one.differences] == [False, True]
    assert "0.062" in five.details[-1]
    assert "from 6 on" in five.details[-1]
    assert "0.0" not in six.details[-1]


def test_a_model_that_is_always_last_is_distinguished_on_many_data_sets(tmp_path: Path) -> None:
    many = {f"{name}{number}": scores for number in range(3) for name, scores in SCORES.items()}
    record = suite(tmp_path, many)
    assert record.test is not None
    assert record.test.p is not None
    assert record.test.p < 0.001
    shown = {(pair.first, pair.second) for pair in record.differences if pair.distinguished}
    assert ("unet", "fcn") in shown
    assert ("unet", "pspnet") not in shown


def test_pairs_are_distinguished_only_where_the_models_are_not_all_equal(tmp_path: Path) -> None:
    record = suite(tmp_path, {f"{name}{number}": scores for number in range(3) for name, scores in SCORES.items()})
    assert record.test is not None
    assert any(pair.distinguished for pair in add_up(record.data_sets, record.test)[1])
    equal = replace(record.test, p=0.06)
    assert not any(pair.distinguished for pair in add_up(record.data_sets, equal)[1])
