"""What more labelled data gained: a model on all training images against the same model on a part of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from segarena.records.statistics import FEWEST_UNITS, Difference, Statistics
from segarena.scoring.intervals import holm

#: What the last step of a curve shows. "flat": the interval is within one point of 0 on both sides.
Trend = Literal["rises", "flat", "falls", "unclear", "too_few"]


@dataclass(frozen=True)
class Gain:
    """The score with more training images minus that with fewer.

    Args:
        difference: A fraction; below 0 where the score is lower with more.
        low: Lower end of the 95% interval; None where it is not known.
        high: Upper end.
        p: p value; None likewise.
        trend: What is shown.
        has_repeated: Whether the interval is also for repeated training, not only for these trained networks.
    """

    difference: float
    low: float | None
    high: float | None
    p: float | None
    trend: Trend
    has_repeated: bool


def name_of(fraction: float) -> str:
    """Return what a part of the training images is called in the statistics.

    >>> name_of(0.25), name_of(1.0)
    ('0.25', '1')
    """
    return f"{fraction:g}"


def find_gain(statistics: Statistics, fewer: float, more: float) -> Gain:
    """Return the gain in mIoU from one part of the training images to another one.

    Its interval is for one pair that was chosen beforehand, so it is not adjusted for the number of pairs or models.

    Args:
        statistics: Those of one model, whose parts are called as by `name_of`.
        fewer: The smaller share of the training images.
        more: The larger one.
    """
    return _gain(_find(statistics.pairs, fewer, more), more, statistics.units, statistics.alpha)


def find_class_gains(statistics: Statistics, fewer: float, more: float) -> dict[str, Gain]:
    """Return the gain in the IoU of each class; a trend is shown at the level adjusted for all classes (Holm 1979).

    Args:
        statistics: As for `find_gain`.
        fewer: Likewise.
        more: Likewise.
    """
    found = {entry.class_name: _find(entry.pairs, fewer, more) for entry in statistics.classes}
    gains = {name: _gain(pair, more, statistics.units, statistics.alpha) for name, pair in found.items()}
    known = [name for name, gain in gains.items() if gain.p is not None]
    adjusted = dict(zip(known, holm([gains[name].p or 0.0 for name in known]), strict=True))
    return {
        name: Gain(
            gain.difference,
            gain.low,
            gain.high,
            adjusted.get(name),
            "unclear" if gain.trend in ("rises", "falls") and adjusted[name] > statistics.alpha else gain.trend,
            gain.has_repeated,
        )
        for name, gain in gains.items()
    }


def _find(pairs: tuple[Difference, ...], fewer: float, more: float) -> Difference:
    names = {name_of(fewer), name_of(more)}
    return next(pair for pair in pairs if {pair.first, pair.second} == names)


def _gain(pair: Difference, more: float, units: int, alpha: float) -> Gain:
    sign = 1.0 if pair.first == name_of(more) else -1.0
    interval = pair.architectures or pair.networks
    if interval is None or units < FEWEST_UNITS:
        return Gain(sign * pair.difference, None, None, None, "too_few", has_repeated=False)
    low, high = (interval.low, interval.high) if sign > 0 else (-interval.high, -interval.low)
    trend: Trend = "flat" if pair.practically_equal else "unclear"
    if interval.p <= alpha and not pair.practically_equal:
        trend = "rises" if sign > 0 else "falls"
    return Gain(sign * pair.difference, low, high, interval.p, trend, pair.architectures is not None)
