"""The critical-difference diagram of a suite: mean ranks on a line, and which of them are not distinguished."""

from __future__ import annotations

from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from segarena.formats import shorten
from segarena.records.suite import RankTest, SuiteModel
from segarena.reporting.style import INK, MUTED, RULE, ModelStyle, model_styles
from segarena.scoring.rank_tests import joined_groups

#: Distances in the plot, in rows of text: from the axis to the first bar, between bars, from the bars to the names.
_TO_BARS, _BETWEEN_BARS, _TO_NAMES = 0.5, 0.32, 0.75
#: How far the names are from the ends of the axis, in ranks per model.
_BESIDE = 0.06


def draw_critical_difference(models: Sequence[SuiteModel], test: RankTest) -> Figure:
    """Draw the mean ranks, 1 on the left, after Demšar 2006, figure 1.

    The length of the critical difference is above the axis; bars join models that are not distinguished.

    Args:
        models: Two models or more, best mean rank first.
        test: The tests of their ranks.
    """
    styles = model_styles([entry.model for entry in models])
    number = len(models)
    ranks = [entry.mean_rank for entry in models]
    groups = joined_groups(ranks, test.critical_difference, test.rejects_equality)
    left = (number + 1) // 2
    bars = _TO_BARS + _BETWEEN_BARS * max(len(groups) - 1, 0)
    depth = bars + _TO_NAMES + left - 1
    figure = Figure(figsize=(6.4, 1.15 + 0.34 * (depth + 1.4)), layout="constrained")
    axes = figure.add_subplot()
    _draw_axis(axes, number)
    _draw_length(axes, test, number)
    for place, (first, last) in enumerate(groups):
        y = -(_TO_BARS + _BETWEEN_BARS * place)
        ends = models[first].mean_rank - 0.03, models[last].mean_rank + 0.03
        axes.plot(ends, [y, y], color=INK, lw=3.4, solid_capstyle="round", zorder=3)
    for place, entry in enumerate(models):
        on_left = place < left
        row = place if on_left else number - 1 - place
        y = -(bars + _TO_NAMES + row)
        _draw_model(axes, entry, styles[entry.model], y, end=_end(on_left, number), on_left=on_left)
    axes.set_xlim(1 - 0.34 * (number - 1), number + 0.34 * (number - 1))
    axes.set_ylim(-(depth + 0.6), 1.75)
    axes.axis("off")
    return figure


def _draw_axis(axes: Axes, number: int) -> None:
    axes.plot([1, number], [0, 0], color=MUTED, lw=1.0, zorder=2)
    for tick in range(2, 2 * number + 1):
        whole = tick % 2 == 0
        axes.plot([tick / 2] * 2, [0, 0.22 if whole else 0.12], color=MUTED, lw=1.0 if whole else 0.7, zorder=2)
        if whole:
            axes.text(tick / 2, 0.3, f"{tick // 2}", ha="center", va="bottom", color=MUTED, fontsize=9.5)
    beside = _BESIDE * (number - 1)
    axes.text(1 - beside, 0.3, "best", ha="right", va="bottom", color=MUTED, fontsize=9.5)
    axes.text(number + beside, 0.3, "mean rank", ha="left", va="bottom", color=MUTED, fontsize=9.5)


def _draw_length(axes: Axes, test: RankTest, number: int) -> None:
    """The critical difference as a length, from rank 1 on; cut where it is longer than the axis."""
    length, y = test.critical_difference, 1.2
    fits = length <= number - 1
    end = 1 + min(length, number - 1)
    axes.plot([1, end], [y, y], color=INK, lw=1.1)
    axes.plot([1, 1], [y - 0.12, y + 0.12], color=INK, lw=1.1)
    if fits:
        axes.plot([end, end], [y - 0.12, y + 0.12], color=INK, lw=1.1)
    else:
        axes.plot(end, y, ">", color=INK, ms=4)
    text = f"critical difference {length:.2f}" + ("" if fits else ", longer than the axis")
    axes.text((1 + end) / 2, y + 0.1, text, ha="center", va="bottom", color=INK, fontsize=9.5)


def _draw_model(axes: Axes, entry: SuiteModel, style: ModelStyle, y: float, *, end: float, on_left: bool) -> None:
    """A marker on the axis, and a line from it to the name and the mean rank."""
    axes.plot([entry.mean_rank, entry.mean_rank, end], [0, y, y], color=RULE, lw=1.1, zorder=1)
    axes.plot(entry.mean_rank, 0, style.marker, color=style.color, ms=9, mec="white", mew=1.1, zorder=5)
    axes.plot(end, y, style.marker, color=style.color, ms=7, mec="white", mew=0.8, zorder=4)
    name, rank = shorten(style.label), f"{entry.mean_rank:.2f}"
    axes.annotate(
        f"{name}  {rank}" if on_left else f"{rank}  {name}",
        (end, y),
        xytext=(-9 if on_left else 9, 0),
        textcoords="offset points",
        ha="right" if on_left else "left",
        va="center",
        color=INK,
        fontsize=10,
    )


def _end(on_left: bool, number: int) -> float:
    """Where the line to a name ends."""
    beside = _BESIDE * (number - 1)
    return 1 - beside if on_left else number + beside
