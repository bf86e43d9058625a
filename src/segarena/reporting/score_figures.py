"""The ranking by mIoU, and mIoU against latency."""

from __future__ import annotations

import math
from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.text import Annotation
from matplotlib.ticker import FixedLocator, FuncFormatter, MaxNLocator, NullLocator

from segarena import formats
from segarena.records.comparison import RankedModel
from segarena.reporting.comparison import Comparison
from segarena.reporting.fonts import displayable
from segarena.reporting.style import INK, MUTED, ModelStyle
from segarena.scoring.verdict import HIGH_CEILING

# Latencies that differ by more than this factor are drawn on a logarithmic axis.
_LOG_SPREAD = 5.0
# Where the mark of the ceiling is nearer to a bar's end than this, in points of mIoU, the score is written beyond it.
_NEAR = 14.0
# How far from the middle of a bar its seeds, folds and interval are, in bars.
_ASIDE = 0.17
# Offsets of a name from its point, in points: the first at which it covers nothing is used.
_PLACES = ((11, 0), (-11, 0), (0, 14), (0, -14), (9, 12), (9, -12), (-9, 12), (-9, -12), (0, 28), (0, -28))


def draw_ranking(comparison: Comparison) -> Figure:
    """Draw a bar and a marker per model, best on top.

    Above the markers points are seeds and rings are folds; thin lines below them are 95% intervals. Vertical lines
    are resolution ceilings, the dashed line is the majority baseline.
    """
    ranking = comparison.ranking
    figure = Figure(figsize=(6.4, 1.0 + 0.5 * len(ranking)), layout="constrained")
    axes = figure.add_subplot()
    rightmost = 0.0
    for row, entry in enumerate(ranking):
        style = comparison.styles[entry.model]
        score = 100 * (entry.miou or 0.0)
        axes.barh(row, score, height=0.5, color=style.tint, linewidth=0)
        end = max(score, _draw_seeds(axes, comparison, entry.model, row, style), _draw_interval(axes, comparison, row))
        if entry.miou is not None:
            axes.plot(score, row, style.marker, color=style.color, ms=9, mec="white", mew=1.1, zorder=4)
        if entry.ceiling is not None and entry.ceiling <= HIGH_CEILING:
            ceiling = 100 * entry.ceiling
            axes.vlines(ceiling, row - 0.3, row + 0.3, color=INK, lw=1.6, zorder=3)
            end = max(end, ceiling) if ceiling - end < _NEAR else end
            rightmost = max(rightmost, ceiling)
        axes.annotate(
            formats.percent(entry.miou),
            (end, row),
            xytext=(10, 0),
            textcoords="offset points",
            va="center",
            weight="bold" if entry.model == comparison.record.answer.best else "normal",
        )
        rightmost = max(rightmost, end)
    baseline = 100 * (comparison.record.majority_baseline.miou or 0.0)
    axes.set_xlim(0, min(112.0, max(1.18 * rightmost, 1.18 * baseline, 1.0)))
    axes.set_ylim(len(ranking) - 0.5, -0.5)
    axes.set_yticks(range(len(ranking)), [comparison.styles[name].lines for name in comparison.names])
    axes.tick_params(axis="y", labelcolor=INK, labelsize=11)
    axes.set_xlabel("mIoU (%)")
    axes.xaxis.set_major_locator(MaxNLocator(6, steps=[1, 2, 5, 10]))
    axes.spines["left"].set_visible(False)
    axes.grid(axis="y", visible=False)
    _draw_baseline(axes, baseline, comparison.record.majority_baseline.class_name)
    return figure


def draw_accuracy_latency(comparison: Comparison) -> Figure | None:
    """Draw mIoU over milliseconds per image, a named point per model; None where no latency was measured."""
    entries = measured(comparison)
    if not entries:
        return None
    figure = Figure(figsize=(6.4, 4.1), layout="constrained")
    axes = figure.add_subplot()
    positions = [position(entry) for entry in entries]
    axes.plot(*zip(*map(position, undominated(entries)), strict=True), color=MUTED, lw=1.0, ls=(0, (2, 3)), zorder=1)
    scores = []
    for entry, (latency, score) in zip(entries, positions, strict=True):
        style = comparison.styles[entry.model]
        low, high = comparison.interval(entry.model) or (entry.lowest_miou or 0.0, entry.highest_miou or 0.0)
        scores += [100 * low, 100 * high]
        if high > low:
            axes.vlines(latency, 100 * low, 100 * high, color=style.color, lw=1.6, alpha=0.7)
        axes.plot(latency, score, style.marker, color=style.color, ms=11, mec="white", mew=1.1, zorder=4)
    log = _set_latency_axis(axes, [latency for latency, _ in positions])
    margin = max(0.22 * (max(scores) - min(scores)), 3.0)
    axes.set_ylim(max(min(scores) - margin, -2.0), min(max(scores) + margin, 102.0))
    axes.set_xlabel(f"latency (ms per image{', logarithmic' if log else ''})")
    axes.set_ylabel("mIoU (%)")
    axes.text(
        0.012,
        0.975,
        "↖ better",
        transform=axes.transAxes,
        va="top",
        color=MUTED,
        style="italic",
        bbox={"facecolor": "white", "lw": 0, "pad": 1.5},
    )
    _name_points(figure, axes, comparison, entries)
    return figure


def measured(comparison: Comparison) -> list[RankedModel]:
    """The models that have a score and a latency, best first."""
    return [entry for entry in comparison.ranking if entry.miou is not None and (entry.latency_ms or 0) > 0]


def undominated(entries: Sequence[RankedModel]) -> list[RankedModel]:
    """The models that no other one beats in both latency and mIoU, fastest first."""
    kept: list[RankedModel] = []
    best = -math.inf
    for entry in sorted(entries, key=lambda entry: (entry.latency_ms or 0.0, -(entry.miou or 0.0))):
        if entry.miou is not None and entry.miou > best:
            kept.append(entry)
            best = entry.miou
    return kept


def position(entry: RankedModel) -> tuple[float, float]:
    """Return milliseconds and percent: a model's point in the plot."""
    return float(entry.latency_ms or 0.0), 100 * (entry.miou or 0.0)


def _draw_seeds(axes: Axes, comparison: Comparison, model: str, row: int, style: ModelStyle) -> float:
    """Draw a point per seed, where there are several, and a ring per fold. Returns the largest mIoU, in percent."""
    table = comparison.models
    scores = 100 * table.loc[table["model"] == model, "miou"].dropna().to_numpy(dtype=float)
    folds = [100 * miou for miou in comparison.fold_mious(model) if not math.isnan(miou)]
    axes.plot(folds, [row - _ASIDE] * len(folds), "o", color=style.color, mfc="none", ms=5, mew=1.1, zorder=3)
    if len(scores) > 1:
        axes.plot(scores, [row - _ASIDE] * len(scores), "o", color=style.color, ms=4.5, mec="white", mew=0.5, zorder=3)
    return max([*scores.tolist(), *folds], default=0.0)


def _draw_interval(axes: Axes, comparison: Comparison, row: int) -> float:
    """Draw the interval of a model's mIoU, if it is known. Returns its upper end, in percent."""
    ends = comparison.interval(comparison.names[row])
    if ends is None:
        return 0.0
    low, high = 100 * ends[0], 100 * ends[1]
    axes.plot([low, high], [row + _ASIDE] * 2, "|-", color=INK, lw=0.9, ms=5, mew=0.9, zorder=3)
    return high


def _draw_baseline(axes: Axes, score: float, class_name: str) -> None:
    axes.axvline(score, color=INK, lw=1.1, ls=(0, (4, 3)), zorder=5)
    on_the_right = score > 0.6 * axes.get_xlim()[1]
    shown = formats.shorten(displayable(class_name))
    name = f"“{shown}”" if shown else "the most frequent class"
    axes.annotate(
        f"always {name}: {formats.percent(score / 100)}",
        (score, 1),
        xycoords=("data", "axes fraction"),
        xytext=(-2 if on_the_right else 2, 4),
        textcoords="offset points",
        ha="right" if on_the_right else "left",
        fontsize=9,
        color=INK,
    )


def _set_latency_axis(axes: Axes, latencies: list[float]) -> bool:
    """Make the axis logarithmic where the latencies are far apart. Returns whether it is."""
    low, high = min(latencies), max(latencies)
    if high / low <= _LOG_SPREAD:
        axes.set_xlim(0, 1.22 * high)
        return False
    axes.set_xscale("log")
    axes.set_xlim(low / (high / low) ** 0.14, high * (high / low) ** 0.2)
    steps = [digit * 10.0**power for power in range(-4, 7) for digit in (1, 2, 5)]
    axes.xaxis.set_major_locator(FixedLocator([s for s in steps if axes.get_xlim()[0] <= s <= axes.get_xlim()[1]]))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.xaxis.set_minor_locator(NullLocator())
    return True


def _name_points(figure: Figure, axes: Axes, comparison: Comparison, entries: Sequence[RankedModel]) -> None:
    """Write each model's name where it covers no other name or point."""
    figure.draw_without_rendering()  # the layout is final from here on, so text can be measured
    frame = axes.get_window_extent()
    taken = [(x - 9, y - 9, x + 9, y + 9) for x, y in axes.transData.transform([position(e) for e in entries])]
    for entry in entries:
        name = comparison.styles[entry.model].lines
        for offset in _PLACES:
            label = _place(axes, f"{name} · {formats.count(entry.params)} parameters", position(entry), offset)
            box = label.get_window_extent()
            inside = frame.x0 <= box.x0 and box.x1 <= frame.x1 and frame.y0 <= box.y0 and box.y1 <= frame.y1
            clear = all(box.x1 < a or c < box.x0 or box.y1 < b or d < box.y0 for a, b, c, d in taken)
            if (inside and clear) or offset == _PLACES[-1]:
                taken.append((box.x0, box.y0, box.x1, box.y1))
                break
            label.remove()


def _place(axes: Axes, text: str, position: tuple[float, float], offset: tuple[int, int]) -> Annotation:
    x, y = offset
    return axes.annotate(
        text,
        position,
        xytext=offset,
        textcoords="offset points",
        ha="left" if x > 0 else "right" if x < 0 else "center",
        va="bottom" if y > 0 else "top" if y < 0 else "center",
        fontsize=9.5,
        zorder=3,
        bbox={"facecolor": "white", "alpha": 0.8, "lw": 0, "pad": 1.0},
    )
