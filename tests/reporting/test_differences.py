"""The table of the differences: its numbers are those of the statistics, its words claim no more."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from segarena.records.comparison import ComparisonRecord
from segarena.records.statistics import Difference, Interval, Statistics
from segarena.reporting.comparison import Comparison, read_comparison
from segarena.reporting.differences import (
    difference_matrix,
    difference_notes,
    difference_rows,
    has_architectures,
    signed_points,
    to_text,
)
from support import build_page

NETWORKS = Interval(low=0.01, high=0.05, p=0.01, p_holm=0.03)
PAIR = Difference(
    first="unet",
    second="fcn",
    difference=0.03,
    networks=NETWORKS,
    architectures=None,
    practically_equal=False,
    noise_survived=None,
)
UNSURE = Interval(low=-0.01, high=0.07, p=0.2, p_holm=0.6)


@pytest.fixture
def comparison(street: Path) -> Comparison:
    return read_comparison(street)


def shown(comparison: Comparison, pair: Difference, **changes: Any) -> Comparison:
    statistics = comparison.record.statistics
    assert statistics is not None
    plain = replace(statistics, pairs=(pair,), units=40, claim="undecided", candidates=("unet", "fcn"))
    return replace(comparison, record=replace(comparison.record, statistics=replace(plain, **changes)))


@pytest.mark.parametrize(
    ("pair", "changes", "result"),
    [
        ({}, {}, "U-Net is higher"),
        ({"networks": replace(NETWORKS, p_holm=0.06)}, {}, "unclear"),  # adjusted for the number of pairs
        (
            {"networks": replace(NETWORKS, p_holm=0.06)},
            {"claim": "best_network", "candidates": ("unet",)},
            "U-Net is higher",
        ),
        ({"networks": UNSURE}, {}, "unclear"),
        ({"networks": UNSURE, "practically_equal": True}, {}, "practically equal"),
        ({"practically_equal": True}, {}, "U-Net is higher, by less than 1 point"),
        ({"architectures": UNSURE}, {}, "U-Net is higher; repeated training could change it"),
        ({"architectures": NETWORKS}, {}, "U-Net is higher"),
        (
            {"networks": replace(NETWORKS, p_holm=0.06), "architectures": UNSURE},  # the claim is about the networks
            {"claim": "best_network"},
            "U-Net is higher; repeated training could change it",
        ),
        (
            {"networks": replace(NETWORKS, p_holm=0.06), "architectures": replace(NETWORKS, p_holm=0.06)},
            {"claim": "best_architecture", "candidates": ("unet",)},
            "U-Net is higher",
        ),
        (
            {"first": "fcn", "second": "pspnet", "networks": replace(NETWORKS, p_holm=0.06)},  # not the first model
            {"claim": "best_network", "candidates": ("unet",)},
            "unclear",
        ),
        ({"networks": None}, {}, "too few images"),
        ({"networks": None}, {"unit": "group"}, "too few groups"),
        ({}, {"claim": "too_few_units", "units": 4}, "too few images"),
    ],
)
def test_the_result_is_what_the_intervals_show(
    comparison: Comparison, pair: dict[str, Any], changes: dict[str, Any], result: str
) -> None:
    [row] = difference_rows(shown(comparison, replace(PAIR, **pair), **changes))
    assert row.result == result


def test_the_matrix_has_each_pair_in_both_directions(comparison: Comparison) -> None:
    matrix = difference_matrix(comparison)
    names, statistics = comparison.names, comparison.record.statistics
    assert isinstance(statistics, Statistics)
    assert all(matrix[i][i] is None for i in range(len(names)))
    for pair in statistics.pairs:
        i, j = names.index(pair.first), names.index(pair.second)
        upper, lower = matrix[i][j], matrix[j][i]
        assert upper is not None
        assert lower is not None
        assert upper.difference == f"+{100 * pair.difference:.1f}"
        assert lower.difference == f"\u2212{100 * pair.difference:.1f}"
        assert pair.networks is not None
        ends = [f"{100 * sign * end:.1f}" for sign, end in ((-1, pair.networks.high), (-1, pair.networks.low))]
        assert lower.interval == " to ".join(ends).replace("-", "\u2212")
        assert (upper.status, lower.status) in {("higher", "lower"), ("unclear",) * 2, ("too few",) * 2}


def test_zero_has_no_sign() -> None:
    assert to_text(-0.0004, 0.0) == "0.0 to 0.0"
    assert to_text(-0.0006, -0.0) == "\u22120.1 to 0.0"
    assert signed_points(-0.0004) == "0.0"


def test_nothing_is_claimed_below_the_majority_baseline(comparison: Comparison) -> None:
    answer = replace(comparison.record.answer, claim="no_better_than_baseline")
    changed = shown(replace(comparison, record=replace(comparison.record, answer=answer)), PAIR)
    cells = [cell for row in difference_matrix(changed) for cell in row if cell is not None]
    assert cells
    assert {cell.status for cell in cells} == {"no claim"}
    assert [row.result for row in difference_rows(changed)] == ["no claim"]
    assert any(comparison.record.majority_baseline.class_name in note for note in difference_notes(changed))


def test_differences_and_intervals_are_in_points(comparison: Comparison) -> None:
    [row] = difference_rows(shown(comparison, replace(PAIR, architectures=UNSURE)))
    assert (row.pair, row.difference) == ("U-Net minus FCN", "3.0")
    assert (row.networks, row.architectures) == ("1.0 to 5.0", "\u22121.0 to 7.0")
    assert difference_rows(shown(comparison, replace(PAIR, networks=None)))[0].networks == "–"


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"units": 40}, ""),
        ({"units": 12}, "rough"),
        ({"units": 4}, "nothing is claimed"),
        ({"rare_classes": ("pole",)}, "“pole”: true pixels in fewer than 3 images"),
        ({"rare_classes": tuple("abcdefgh")}, "“a”, “b”, “c”, “d”, “e” and 3 more: true pixels in fewer than 3 images"),
        ({"false_classes": ("sign",)}, "“sign”: no true pixels"),
        ({"unit": "group", "units": 12}, "on the same 12 groups"),
    ],
)
def test_limits_are_named(comparison: Comparison, changes: dict[str, Any], words: str) -> None:
    assert words in " ".join(difference_notes(shown(comparison, PAIR, **changes)))


def test_with_two_units_classes_are_not_called_rare(comparison: Comparison) -> None:
    notes = difference_notes(shown(comparison, PAIR, rare_classes=("pole",), units=2))
    assert not [note for note in notes if "pole" in note]


def test_a_page_of_an_older_comparison_has_no_differences(make_comparison: Any) -> None:
    folder = make_comparison(models=("unet", "fcn"), classes=("a", "b"), images=2, epochs=2, statistics=None)
    text = build_page(folder).read_text()
    assert "Differences in mIoU" not in text
    assert "95% interval" not in text


def test_several_seeds_give_intervals_for_architectures(make_comparison: Any, street: Path) -> None:
    folder = make_comparison(models=("unet", "fcn"), seeds=(0, 1), classes=("a", "b"), images=5, epochs=2)
    assert has_architectures(read_comparison(folder))
    assert not has_architectures(read_comparison(street))
    assert "95% interval, architectures" in build_page(folder).read_text()
    assert "95% interval, architectures" not in (street / "report.html").read_text()


def test_pairs_are_those_of_the_statistics(comparison: Comparison) -> None:
    statistics = comparison.record.statistics
    assert isinstance(statistics, Statistics)
    assert len(difference_rows(comparison)) == len(statistics.pairs) == 6


def test_too_few_images_have_no_intervals_on_the_page(make_comparison: Any) -> None:
    folder = make_comparison(images=4, classes=("road", "sky", "car"), epochs=5)
    recorded, comparison = ComparisonRecord.read(folder), read_comparison(folder)
    assert recorded.statistics is not None
    assert recorded.statistics.interval("unet") is not None  # in the file, but nothing is drawn from it
    assert [comparison.interval(name) for name in comparison.names] == [None] * 4
    assert {comparison.class_interval(name, index) for name in comparison.names for index in range(3)} == {None}
    assert {row.networks for row in difference_rows(comparison)} == {"–"}
    page = build_page(folder).read_text()
    ranking, classes = (page[page.index(f'id="{name}"') :].split("</section>")[0] for name in ("ranking", "classes"))
    assert "95% interval" not in ranking + classes
