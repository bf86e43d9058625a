"""Figures by class: IoU of each class, and the confusion matrix normalised by rows."""

from __future__ import annotations

import numpy as np
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from numpy.typing import NDArray

from segarena import formats
from segarena.reporting.comparison import Comparison
from segarena.reporting.fonts import class_label
from segarena.reporting.style import BAND, INK, MUTED, RULE, ModelStyle, legend_columns

#: The most classes for which the cells of a confusion matrix have numbers.
ANNOTATED_CLASSES = 12


def draw_class_iou(comparison: Comparison) -> Figure:
    """Draw horizontal bars grouped by class, each with its model's marker at the end; largest class on top.

    Lines are 95% intervals; in comparisons of earlier versions they reach from the lowest seed to the highest.
    """
    names, order = comparison.names, comparison.class_order
    step = float(np.clip(9.0 / (len(order) * (len(names) + 1)), 0.062, 0.15))  # inches from bar to bar
    figure = Figure(figsize=(6.4, 1.1 + step * (len(names) + 1) * len(order)), layout="constrained")
    axes = figure.add_subplot()
    group = len(names) + 1
    for row in range(1, len(order), 2):
        axes.axhspan(row * group - 1, (row + 1) * group - 1, color=BAND, lw=0, zorder=0)
    for place, name in enumerate(names):
        iou = 100 * comparison.class_iou(name).iloc[order].to_numpy(dtype=np.float64)
        rows = np.arange(len(order)) * group + place
        for row, index in enumerate(order):
            if (ends := comparison.class_interval(name, index)) is not None:
                iou[row, 1:] = 100 * np.array(ends)
        _draw_bars(axes, rows, iou, comparison.styles[name], 72 * step)
    _mark_undefined(axes, comparison, 72 * step)
    shares = comparison.class_shares
    labels = [
        f"{formats.shorten(class_label(comparison.class_names[i], i))}  ·  {formats.percent(shares[i])}" for i in order
    ]
    axes.set_yticks(np.arange(len(order)) * group + (len(names) - 1) / 2, labels)
    axes.tick_params(axis="y", labelcolor=INK, labelsize=9.5 if step * group > 0.25 else 7.5)
    axes.set_ylim(len(order) * group - 1, -1)
    axes.set_xlim(0, 103)
    axes.set_xlabel("IoU (%)")
    axes.grid(axis="y", visible=False)
    axes.spines["left"].set_visible(False)
    handles = [
        Line2D([], [], ls="", marker=style.marker, color=style.color, ms=8, label=style.lines)
        for style in comparison.styles.values()
    ]
    figure.legend(
        handles=handles,
        loc="outside upper center",
        ncols=legend_columns(handles, 6.4, min(len(handles), 6)),
        columnspacing=1.4,
        handletextpad=0.2,
    )
    return figure


def draw_confusion(comparison: Comparison, model: str) -> Figure:
    """Draw the confusion matrix: each row is a true class and sums to 100%; a row without pixels is hatched."""
    rates = row_rates(comparison.confusions[model])
    size = len(rates)
    labels = [formats.shorten(class_label(name, i), 18) for i, name in enumerate(comparison.class_names)]
    figure = Figure(figsize=(5.6, 5.0) if size <= ANNOTATED_CLASSES else (7.2, 6.4), layout="constrained")
    axes = figure.add_subplot()
    axes.set_facecolor(BAND)
    annotated = size <= ANNOTATED_CLASSES
    sns.heatmap(
        100 * rates,
        ax=axes,
        vmin=0,
        vmax=100,
        cmap=sns.light_palette("#124a72", as_cmap=True),
        square=True,
        linewidths=0.6 if size <= 20 else 0.2,
        linecolor="white",
        annot=_cell_texts(rates) if annotated else False,
        fmt="",
        annot_kws={"fontsize": 8.5 if size <= 9 else 7.5},
        xticklabels=labels,
        yticklabels=labels,
        rasterized=size > 20,  # in SVG one picture instead of thousands of squares
        cbar_kws={"label": "share of the true class (%)", "shrink": 0.72, "pad": 0.02},
    )
    for row in np.flatnonzero(np.isnan(rates).all(axis=1)).tolist():
        axes.axhspan(row, row + 1, fill=False, hatch="////", color=RULE, lw=0)
    fontsize = 9.5 if size <= ANNOTATED_CLASSES else max(5.0, min(9.0, 240 / size))
    axes.tick_params(labelsize=fontsize, labelcolor=INK, length=0)
    axes.set_xticklabels(labels, rotation=45 if size <= 20 else 90, ha="right" if size <= 20 else "center")
    axes.set_yticklabels(labels, rotation=0)
    axes.set_xlabel("predicted class")
    axes.set_ylabel("true class")
    return figure


def row_rates(confusion: NDArray[np.int64]) -> NDArray[np.float64]:
    """Divide counts (C, C), rows = truth, by the sums of their rows: fractions 0..1, NaN in a row without pixels."""
    totals = confusion.sum(axis=1, keepdims=True).astype(np.float64)
    totals[totals == 0] = np.nan
    rates: NDArray[np.float64] = confusion / totals
    return rates


def _cell_texts(rates: NDArray[np.float64]) -> NDArray[np.object_]:
    """Whole percents; below 0.5% nothing, so that the errors stand out."""
    texts = [["" if np.isnan(rate) or rate < 0.005 else f"{100 * rate:.0f}" for rate in row] for row in rates]
    return np.array(texts, dtype=object)


def _draw_bars(axes: Axes, rows: NDArray[np.intp], iou: NDArray[np.float64], style: ModelStyle, points: float) -> None:
    """Draw one model's bars; iou (N, 3) has the mean and the ends of a line in percent, bars are `points` apart."""
    mean, lowest, highest = iou.T
    known = ~np.isnan(mean)
    axes.barh(rows[known], mean[known], height=0.78, color=style.tint, lw=0, zorder=2)
    axes.hlines(rows[known], lowest[known], highest[known], color=style.color, lw=1.2, zorder=3)
    axes.plot(
        mean[known],
        rows[known],
        style.marker,
        color=style.color,
        ms=float(np.clip(0.72 * points, 4.2, 7.0)),
        mec="white",
        mew=0.4,
        zorder=4,
        clip_on=False,
    )


def _mark_undefined(axes: Axes, comparison: Comparison, points: float) -> None:
    """Write "undefined" in place of a bar, once where it is so for all models."""
    ious = np.array([comparison.class_iou(name)["mean"].to_numpy(dtype=float) for name in comparison.names])
    undefined = np.isnan(ious[:, comparison.class_order])
    group = len(ious) + 1
    for row in range(undefined.shape[1]):
        for_all = undefined[:, row].all()
        places = [(len(ious) - 1) / 2] if for_all else list(np.flatnonzero(undefined[:, row]))
        size = 8.5 if for_all else min(0.95 * points, 8)
        for place in places:
            y = row * group + place
            axes.text(0.8, y, "undefined", va="center", fontsize=size, color=MUTED, style="italic")
