"""The differences in each class: values and intervals of the statistics, in the sense of the pair, sorted."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from segarena.reporting.class_differences import class_pairs
from segarena.reporting.comparison import Comparison, read_comparison
from segarena.scoring.intervals import holm


@pytest.fixture
def comparison(street: Path) -> Comparison:
    """As if there were enough images for a claim."""
    found = read_comparison(street)
    assert found.record.statistics is not None
    statistics = replace(found.record.statistics, claim="undecided")
    return replace(found, record=replace(found.record, statistics=statistics))


def test_every_pair_has_a_row_for_each_class_in_its_own_direction(comparison: Comparison) -> None:
    statistics = comparison.record.statistics
    assert statistics is not None
    labels = {style.label: name for name, style in comparison.styles.items()}
    tables = class_pairs(comparison)
    assert [(labels[t.first], labels[t.second]) for t in tables] == [(p.first, p.second) for p in statistics.pairs]
    for table in tables:
        first, second = labels[table.first], labels[table.second]
        for row in table.rows:
            entry = next(entry for entry in statistics.classes if entry.class_name == row.name)
            ious = {score.model: score.iou for score in entry.models}
            sign = 1 if ious[first] >= ious[second] else -1
            pair = next(pair for pair in entry.pairs if {pair.first, pair.second} == {first, second})
            assert pair.networks is not None
            ends = sorted(max(-100, min(100, 100 * sign * end)) for end in (pair.networks.low, pair.networks.high))
            assert to_numbers(row.interval) == pytest.approx(ends, abs=0.051)
            assert float(row.difference.replace("\u2212", "-")) == pytest.approx(
                100 * (ious[first] - ious[second]), abs=0.051
            )
            assert row.bar is not None
            assert 0 <= row.bar.low <= row.bar.middle <= row.bar.high <= 100
            assert (row.bar.middle > row.bar.zero) == (ious[first] > ious[second])


def to_numbers(interval: str) -> list[float]:
    return [float(end) for end in interval.replace("\u2212", "-").split(" to ")]


def test_no_interval_goes_beyond_a_hundred_points(comparison: Comparison) -> None:
    statistics = comparison.record.statistics
    assert statistics is not None
    wide = []
    for entry in statistics.classes:
        known = [(pair, pair.networks) for pair in entry.pairs if pair.networks is not None]
        pairs = tuple(replace(pair, networks=replace(interval, low=-1.2, high=1.4)) for pair, interval in known)
        wide.append(replace(entry, pairs=pairs))
    record = replace(comparison.record, statistics=replace(statistics, classes=tuple(wide)))
    for table in class_pairs(replace(comparison, record=record)):
        for row in table.rows:
            assert to_numbers(row.interval) == [-100, 100]
            assert row.bar is not None
            assert 0 <= row.bar.low < row.bar.high <= 100


def test_the_largest_lead_is_on_top(comparison: Comparison) -> None:
    for table in class_pairs(comparison):
        values = [float(row.difference.replace("\u2212", "-")) for row in table.rows]
        assert values == sorted(values, reverse=True)


def test_a_row_is_clear_only_with_p_adjusted_for_the_classes(comparison: Comparison) -> None:
    statistics = comparison.record.statistics
    assert statistics is not None
    first = statistics.pairs[0]
    p_values = {}
    for entry in statistics.classes:
        pair = next(p for p in entry.pairs if {p.first, p.second} == {first.first, first.second})
        assert pair.networks is not None
        p_values[entry.class_name] = pair.networks.p
    adjusted = dict(zip(p_values, holm(list(p_values.values())), strict=True))
    clear = {row.name for row in class_pairs(comparison)[0].rows if row.is_clear}
    assert clear == {name for name, p in adjusted.items() if p <= 0.05}
    assert clear != {name for name, p in p_values.items() if p <= 0.05}  # some are clear only alone


@pytest.mark.parametrize("claim", ["too_few_units"])
def test_nothing_is_shown_where_nothing_is_claimed(comparison: Comparison, claim: str) -> None:
    statistics = comparison.record.statistics
    assert statistics is not None
    for none in (replace(statistics, claim=claim), None, replace(statistics, classes=())):
        assert class_pairs(replace(comparison, record=replace(comparison.record, statistics=none))) == []
