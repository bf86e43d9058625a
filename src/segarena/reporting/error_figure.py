"""Figure of where the errors are: objects found by size, accuracy by distance to a boundary, reliability."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from numpy.typing import NDArray

from segarena.reporting.comparison import Comparison
from segarena.reporting.error_slices import read_slices, size_titles, totals_of
from segarena.reporting.figure_files import Rows, Value
from segarena.reporting.style import BAND, INK, MUTED, RULE, legend_columns
from segarena.scoring.boundaries import DISTANCES
from segarena.scoring.calibration import BINS
from segarena.scoring.error_analysis import ErrorTotals
from segarena.scoring.objects import SIZES

#: Bins with a smaller share of the pixels are not drawn in the reliability diagram: they are mostly noise.
_FEW = 1e-3


def draw_errors(comparison: Comparison) -> Figure | None:
    """Draw the three parts side by side; None where the comparison has no slices.json."""
    slices = read_slices(comparison)
    if slices is None:
        return None
    totals = totals_of(comparison, slices)
    figure = Figure(figsize=(8.6, 3.3), layout="constrained")
    by_size, by_distance, reliability = figure.subplots(1, 3)
    _draw_sizes(by_size, comparison, totals)
    _draw_distances(by_distance, comparison, totals)
    _draw_reliability(reliability, comparison, totals)
    handles = [
        Line2D([], [], color=style.color, marker=style.marker, ms=6, lw=1.4, label=style.lines)
        for style in comparison.styles.values()
    ]
    columns = legend_columns(handles, 8.6, min(len(handles), 6))
    figure.legend(handles=handles, loc="outside upper center", ncols=columns, columnspacing=1.6)
    return figure


def error_rows(comparison: Comparison) -> Rows:
    """Return the numbers of the three parts, by their names in the column `chart`; empty without slices.json.

    `low` and `high` are the ends of a bin: areas and distances in pixels, confidences as fractions. `count` is of
    objects or pixels, over all seeds; `correct` of those that were found or labelled correctly.
    """
    slices = read_slices(comparison)
    if slices is None:
        return []
    rows: list[dict[str, Value]] = []
    for name, total in totals_of(comparison, slices).items():
        confidence = total.confidence
        pixels, correct = confidence.pixels.sum(axis=0), confidence.correct.sum(axis=0)
        sums = confidence.confidence.sum(axis=0)
        edges = np.linspace(0, 1, len(pixels) + 1).tolist()
        charts = (
            ("objects by area", _ends(SIZES), total.objects[:, :, :2].sum(axis=0)),
            ("pixels by distance to a boundary", _ends(DISTANCES), total.boundaries.bands),
            ("pixels by confidence", list(pairwise(edges)), np.stack([pixels, correct], axis=1)),
        )
        for chart, ends, counts in charts:
            means = sums / np.maximum(pixels, 1) if chart == charts[-1][0] else np.full(len(counts), np.nan)
            rows += [
                {
                    "chart": chart,
                    "model": name,
                    "low": low,
                    "high": high,
                    "count": int(count),
                    "correct": int(right),
                    "share_correct": int(right) / int(count),
                    "mean_confidence": float(mean),
                }
                for (low, high), (count, right), mean in zip(ends, counts, means, strict=True)
                if count
            ]
    return rows


def _ends(starts: Sequence[int]) -> list[tuple[int, int | None]]:
    """The first and the last number of each bin, of those that begin at `starts`; the last bin has no end."""
    return [*((low, following - 1) for low, following in pairwise(starts)), (starts[-1], None)]


def _draw_sizes(axes: Axes, comparison: Comparison, totals: dict[str, ErrorTotals]) -> None:
    first = next(iter(totals.values())).objects[..., 0].sum(axis=0)
    used = np.flatnonzero(first)
    for name, total in totals.items():
        objects, found = total.objects[:, used, 0].sum(axis=0), total.objects[:, used, 1].sum(axis=0)
        _line(axes, np.arange(len(used)), 100 * found / objects, comparison, name)
    titles = [size_titles()[size].replace(",000", "k").replace(",999", ".9k") for size in used]
    seeds = len(comparison.seeds(comparison.names[0]))
    titles = [f"{title}\n{first[size] // seeds:,}" for title, size in zip(titles, used, strict=True)]
    axes.set_xticks(np.arange(len(used)), titles, fontsize=8)
    axes.set_xlim(-0.4, len(used) - 0.6)
    axes.set_ylim(0, 103)
    axes.set_title("Objects found (%)")
    axes.set_xlabel("area in pixels, number of objects")


def _draw_distances(axes: Axes, comparison: Comparison, totals: dict[str, ErrorTotals]) -> None:
    pixels = next(iter(totals.values())).boundaries.bands[:, 0]
    used = np.flatnonzero(pixels)
    for name, total in totals.items():
        counted, correct = total.boundaries.bands[used].T
        _line(axes, np.arange(len(used)), 100 * correct / counted, comparison, name)
    titles = [f"{low}+" if end is None else f"{low}" if end == low else f"{low}–{end}" for low, end in _ends(DISTANCES)]
    shares = 100 * pixels / pixels.sum()
    axes.set_xticks(np.arange(len(used)), [f"{titles[place]}\n{shares[place]:.0f}%" for place in used], fontsize=8)
    low = axes.get_ylim()[0]
    axes.set_ylim(max(0, 10 * np.floor(low / 10)), 101.5)
    axes.set_xlim(-0.4, len(used) - 0.6)
    axes.set_title("Correct, by distance (%)")
    axes.set_xlabel("pixels from a boundary, share of pixels")


def _draw_reliability(axes: Axes, comparison: Comparison, totals: dict[str, ErrorTotals]) -> None:
    axes.plot([0, 100], [0, 100], color=MUTED, lw=1, ls=(0, (4, 3)), zorder=1)
    axes.fill_between([0, 100], [0, 100], 0, color=BAND, lw=0, zorder=0)
    axes.text(97, 4, "overconfident", ha="right", color=MUTED, fontsize=8.5)
    axes.text(3, 96, "underconfident", va="top", color=MUTED, fontsize=8.5)
    for name, total in totals.items():
        pixels, correct = total.confidence.pixels.sum(axis=0), total.confidence.correct.sum(axis=0)
        used = pixels > max(0, _FEW * pixels.sum())
        if used.any():
            mean = total.confidence.confidence.sum(axis=0)[used] / pixels[used]
            _line(axes, 100 * mean, 100 * correct[used] / pixels[used], comparison, name)
    axes.set_xticks(range(0, 101, 20))
    axes.set_xlim(0, 102)
    axes.set_ylim(0, 102)
    axes.set_title("Correct, by confidence (%)")
    axes.set_xlabel(f"confidence (%), {BINS} bins")
    axes.tick_params(labelcolor=INK)


def _line(axes: Axes, x: NDArray[Any], y: NDArray[Any], comparison: Comparison, name: str) -> None:
    style = comparison.styles[name]
    axes.plot(x, y, color=style.color, marker=style.marker, ms=5, mec="white", mew=0.4, lw=1.4, zorder=3, clip_on=False)
    axes.tick_params(labelcolor=INK)
    axes.spines["bottom"].set_color(RULE)
