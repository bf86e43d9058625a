"""The differences of two models in each class, with their intervals: a table for each pair of models."""

from __future__ import annotations

from dataclasses import dataclass

from segarena import formats
from segarena.records.statistics import Difference, Interval
from segarena.reporting.comparison import Comparison
from segarena.reporting.differences import signed_points, to_text
from segarena.scoring.intervals import holm

#: The least span of the drawn intervals, in points: smaller differences are not blown up to the whole width.
_LEAST_SPAN = 10.0


@dataclass(frozen=True)
class Bar:
    """Where an interval is drawn, in percent of the width: its ends, the difference, and the place of 0."""

    low: float
    high: float
    middle: float
    zero: float


@dataclass(frozen=True)
class ClassDifferenceRow:
    """One class: IoU of both models, their difference with its interval as text, and what is shown."""

    name: str
    first: str
    second: str
    difference: str
    interval: str
    bar: Bar | None
    is_clear: bool


@dataclass(frozen=True)
class ClassPair:
    """The classes of a pair of models, from the largest lead of the first one to the largest of the second."""

    first: str
    second: str
    rows: list[ClassDifferenceRow]


def class_pairs(comparison: Comparison) -> list[ClassPair]:
    """Return a table for each pair, those of the best models first; none without statistics."""
    shown = comparison.record.statistics
    if shown is None or not shown.classes or shown.claim == "too_few_units":
        return []
    return [_pair(comparison, pair.first, pair.second, shown.alpha) for pair in shown.pairs]


def clear_best_of_class(comparison: Comparison) -> dict[str, str]:
    """Return the model that is higher than every other one in a class, for the classes where that is shown.

    The p value of a class is the largest one against any rival; these are adjusted for the number of classes (Holm).
    """
    shown = comparison.record.statistics
    if shown is None or len(comparison.names) < 2 or shown.claim == "too_few_units":
        return {}
    best, p_values = {}, []
    for entry in shown.classes:
        ahead: dict[str, list[float]] = {}
        for pair in entry.pairs:
            ahead.setdefault(pair.first, []).append(_p(_widest(pair)))
        name = max(ahead, key=lambda name: len(ahead[name]), default=None)
        if name is not None and len(ahead[name]) == len(shown.models) - 1:
            best[entry.class_name] = name
            p_values.append(max(ahead[name]))
    return {name: model for (name, model), p in zip(best.items(), holm(p_values), strict=True) if p <= shown.alpha}


def _pair(comparison: Comparison, first: str, second: str, alpha: float) -> ClassPair:
    shown = comparison.record.statistics
    assert shown is not None
    found = []
    for entry in shown.classes:
        pair = next(pair for pair in entry.pairs if {pair.first, pair.second} == {first, second})
        sign, interval = (1 if pair.first == first else -1), _widest(pair)
        ends = None if interval is None else sorted(_inside(sign * end) for end in (interval.low, interval.high))
        found.append((entry.class_name, sign * pair.difference, ends, _p(interval)))
    adjusted = holm([p for *_, p in found])
    span = max([_LEAST_SPAN / 100, *(abs(end) for _, _, ends, _ in found for end in ends or ())])
    rows = []
    for (name, difference, ends, _), p in sorted(zip(found, adjusted, strict=True), key=lambda row: -row[0][1]):
        index = comparison.class_names.index(name)
        ious = [comparison.class_iou(model)["mean"].iloc[index] for model in (first, second)]
        rows.append(
            ClassDifferenceRow(
                name,
                formats.percent(ious[0]),
                formats.percent(ious[1]),
                signed_points(difference),
                "–" if ends is None else to_text(*ends),
                None if ends is None else Bar(*(_place(value, span) for value in (*ends, difference, 0.0))),
                p <= alpha,
            )
        )
    return ClassPair(comparison.styles[first].label, comparison.styles[second].label, rows)


def _inside(difference: float) -> float:
    """The nearest difference that two IoUs can have: intervals of few images go beyond it."""
    return max(-1.0, min(1.0, difference))


def _place(value: float, span: float) -> float:
    """Where a difference of -span to span lies, in percent of the width."""
    return round(50 + 49 * value / span, 2)


def _widest(pair: Difference) -> Interval | None:
    return pair.architectures or pair.networks


def _p(interval: Interval | None) -> float:
    return 1.0 if interval is None else interval.p
