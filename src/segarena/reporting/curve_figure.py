"""Learning curves: validation mIoU and training loss over the epochs, with the best epoch marked."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullLocator

from segarena.reporting.comparison import Comparison
from segarena.reporting.style import legend_columns

#: Losses that fall by more than this factor are drawn on a logarithmic axis.
_LOG_SPREAD = 12.0
#: More lines of one model than this are drawn thinner.
_MANY_RUNS = 3


def draw_learning_curves(comparison: Comparison) -> Figure:
    """Draw validation mIoU on the left, training loss on the right; a line for each run."""
    figure = Figure(figsize=(6.4, 3.6), layout="constrained")
    scores, losses = figure.subplots(1, 2)
    for name in comparison.names:
        style = comparison.styles[name]
        runs = comparison.runs(name)
        many = len(runs) > _MANY_RUNS
        line = {
            "color": style.color,
            "lw": 1.0 if many else 1.5,
            "alpha": 0.35 if many else 0.6 if len(runs) > 1 else 0.9,
        }
        dot = {"color": style.color, "ms": 5 if many else 8, "mec": "white", "mew": 0.7 if many else 1.0, "zorder": 4}
        for run in runs:
            history = comparison.histories[run]
            best = history[history["epoch"] == comparison.best_epochs[run]]
            known = history.dropna(subset=["val_miou"])
            scores.plot(known["epoch"], 100 * known["val_miou"], **line)
            scores.plot(best["epoch"], 100 * best["val_miou"], style.marker, **dot)
            losses.plot(history["epoch"], history["train_loss"], **line)
            losses.plot(best["epoch"], best["train_loss"], style.marker, **dot)
    scores.set_title("Validation mIoU (%)")
    losses.set_title("Training loss")
    scores.set_ylim(bottom=0)
    _set_loss_axis(losses)
    longest = max(len(history) for history in comparison.histories.values())
    for axes in (scores, losses):
        axes.set_xlim(0, 1.04 * max(longest, 2))
        axes.set_xlabel("epoch")
        axes.xaxis.set_major_locator(MaxNLocator(6, integer=True))
    handles = [
        Line2D([], [], color=style.color, marker=style.marker, ms=7, mec="white", lw=1.5, label=style.lines)
        for style in comparison.styles.values()
    ]
    figure.legend(
        handles=handles,
        loc="outside lower center",
        ncols=legend_columns(handles, 6.4, len(handles) if len(handles) <= 6 else 4),
        handlelength=1.8,
    )
    return figure


def _set_loss_axis(axes: Axes) -> None:
    """Start the axis at 0, or make it logarithmic where the losses are far apart."""
    values = np.concatenate([np.asarray(line.get_ydata(), dtype=np.float64) for line in axes.get_lines()])
    values = values[values > 0]
    if len(values) and values.max() / values.min() > _LOG_SPREAD:
        axes.set_yscale("log")
        axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        axes.yaxis.set_minor_locator(NullLocator())
    else:
        axes.set_ylim(bottom=0)
