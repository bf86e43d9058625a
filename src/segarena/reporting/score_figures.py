"""Who wins, and at what cost: the ranking, and accuracy against latency."""

from __future__ import annotations

import math
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.text import Annotation
from matplotlib.ticker import FixedLocator, FuncFormatter, MaxNLocator, NullLocator

from segarena import formats
from segarena.reporting.comparison import Comparison
from segarena.reporting.style import INK, MUTED, ModelStyle

# From here on the latencies span more than a linear axis shows.
_LOG_SPREAD = 5.0
# Where a point's name may stand, in points from it: the first place that covers nothing is taken.
_PLACES = ((11, 0), (-11, 0), (0, 14), (0, -14), (9, 12), (9, -12), (-9, 12), (-9, -12), (0, 28), (0, -28))


def draw_ranking(comparison: Comparison) -> Figure:
    """A bar and a marker per model, best on top; strokes are seeds, rings folds; a line is the majority baseline."""
    ranking = comparison.ranking
    figure = Figure(figsize=(6.4, 1.0 + 0.5 * len(ranking)), layout="constrained")
    axes = figure.add_subplot()
    for row, entry in enumerate(ranking):
        style = comparison.styles[comparison.names[row]]
        score = 100 * float(entry["miou"])
        axes.barh(row, score, height=0.5, color=style.tint, linewidth=0)
        highest = _draw_seeds(axes, comparison, entry, row, style)
        axes.plot(score, row, style.marker, color=style.color, ms=9, mec="white", mew=1.1, zorder=4)
        axes.annotate(
            formats.percent(entry["miou"]),
            (max(score, highest), row),
            xytext=(10, 0),
            textcoords="offset points",
            va="center",
            weight="bold" if row == 0 else "normal",
        )
    top = max(float(entry.get("highest_miou") or entry["miou"]) for entry in ranking)
    top = max([top, *(miou for name in comparison.names for miou in comparison.fold_mious(name) if miou > top)])
    axes.set_xlim(0, min(112.0, max(118 * top, 118 * _baseline_miou(comparison), 1.0)))
    axes.set_ylim(len(ranking) - 0.5, -0.5)
    axes.set_yticks(range(len(ranking)), [comparison.styles[name].label for name in comparison.names])
    axes.tick_params(axis="y", labelcolor=INK, labelsize=11)
    axes.set_xlabel("mIoU (%)")
    axes.xaxis.set_major_locator(MaxNLocator(6, steps=[1, 2, 5, 10]))
    axes.spines["left"].set_visible(False)
    axes.grid(axis="y", visible=False)
    _draw_baseline(axes, comparison)
    return figure


def draw_accuracy_latency(comparison: Comparison) -> Figure | None:
    """Draw mIoU over milliseconds per image, a named point per model; None where no latency was measured."""
    entries = [entry for entry in comparison.ranking if (entry.get("latency_ms") or 0) > 0]
    if not entries:
        return None
    figure = Figure(figsize=(6.4, 4.1), layout="constrained")
    axes = figure.add_subplot()
    latencies = [float(entry["latency_ms"]) for entry in entries]
    _draw_front(axes, entries)
    for entry in entries:
        style = comparison.styles[str(entry["model"])]
        low, high = _range(entry)
        if high > low:
            axes.vlines(float(entry["latency_ms"]), 100 * low, 100 * high, color=style.color, lw=1.6, alpha=0.7)
        point = (float(entry["latency_ms"]), 100 * float(entry["miou"]))
        axes.plot(*point, style.marker, color=style.color, ms=11, mec="white", mew=1.1, zorder=4)
    log = max(latencies) / min(latencies) > _LOG_SPREAD
    _set_latency_axis(axes, latencies, log)
    scores = [100 * bound for entry in entries for bound in _range(entry)]
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


def front(entries: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The entries that no other one beats in both latency and mIoU, fastest first."""
    kept: list[dict[str, Any]] = []
    for entry in sorted(entries, key=lambda entry: (entry["latency_ms"], -entry["miou"])):
        if not kept or entry["miou"] > kept[-1]["miou"]:
            kept.append(entry)
    return kept


def _baseline_miou(comparison: Comparison) -> float:
    return float(comparison.content["majority_baseline"].get("miou") or 0.0)


def _range(entry: dict[str, Any]) -> tuple[float, float]:
    low, high = entry.get("lowest_miou"), entry.get("highest_miou")
    return float(entry["miou"] if low is None else low), float(entry["miou"] if high is None else high)


def _draw_seeds(axes: Axes, comparison: Comparison, entry: dict[str, Any], row: int, style: ModelStyle) -> float:
    table = comparison.models
    scores = 100 * table.loc[table["model"] == str(entry["model"]), "miou"].to_numpy(dtype=float)
    folds = [100 * miou for miou in comparison.fold_mious(str(entry["model"])) if not math.isnan(miou)]
    axes.plot(folds, [row] * len(folds), "o", color=style.color, mfc="none", ms=6, mew=1.2, zorder=3)
    if len(scores) > 1:
        axes.hlines(row, scores.min(), scores.max(), color=style.color, lw=2.4, zorder=3)
        axes.plot(scores, [row] * len(scores), "|", color=style.color, ms=11, mew=1.6, zorder=3)
    return max([float(scores.max()), *folds])


def _draw_baseline(axes: Axes, comparison: Comparison) -> None:
    score = 100 * _baseline_miou(comparison)
    name = formats.shorten(str(comparison.content["majority_baseline"]["class_name"]))
    axes.axvline(score, color=INK, lw=1.1, ls=(0, (4, 3)), zorder=5)
    late = score > 0.6 * axes.get_xlim()[1]
    axes.annotate(
        f"always “{name}”: {formats.percent(score / 100)}",
        (score, 1),
        xycoords=("data", "axes fraction"),
        xytext=(-2 if late else 2, 4),
        textcoords="offset points",
        ha="right" if late else "left",
        fontsize=9,
        color=INK,
    )


def _draw_front(axes: Axes, entries: list[dict[str, Any]]) -> None:
    kept = front(entries)
    xs = [float(entry["latency_ms"]) for entry in kept]
    axes.plot(xs, [100 * float(entry["miou"]) for entry in kept], color=MUTED, lw=1.0, ls=(0, (2, 3)), zorder=1)


def _set_latency_axis(axes: Axes, latencies: list[float], log: bool) -> None:
    low, high = min(latencies), max(latencies)
    if log:
        axes.set_xscale("log")
        axes.set_xlim(low / (high / low) ** 0.14, high * (high / low) ** 0.2)
        steps = [digit * 10.0**power for power in range(-4, 7) for digit in (1, 2, 5)]
        axes.xaxis.set_major_locator(FixedLocator([s for s in steps if axes.get_xlim()[0] <= s <= axes.get_xlim()[1]]))
        axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        axes.xaxis.set_minor_locator(NullLocator())
    else:
        axes.set_xlim(0, 1.22 * high)


def _name_points(figure: Figure, axes: Axes, comparison: Comparison, entries: list[dict[str, Any]]) -> None:
    figure.draw_without_rendering()  # the layout is final from here on, so text can be measured
    frame = axes.get_window_extent()
    points = axes.transData.transform([(float(e["latency_ms"]), 100 * float(e["miou"])) for e in entries])
    taken = [(x - 9, y - 9, x + 9, y + 9) for x, y in points]
    for entry in entries:
        params = f" · {formats.count(entry.get('params'))} parameters" if entry.get("params") else ""
        text = f"{formats.shorten(comparison.styles[str(entry['model'])].label)}{params}"
        position = (float(entry["latency_ms"]), 100 * float(entry["miou"]))
        for offset in _PLACES:
            label = _place(axes, text, position, offset)
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
