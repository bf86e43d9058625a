"""How the training went: validation mIoU and losses over the epochs, the best epoch marked."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullLocator

from segarena.reporting.comparison import Comparison
from segarena.reporting.style import MUTED

# Losses that fall by more than this factor are drawn on a logarithmic axis.
_LOG_SPREAD = 12.0
#: More lines of one model than this are drawn thinner.
MANY_RUNS = 3


def draw_learning_curves(comparison: Comparison) -> Figure:
    """Validation mIoU on the left, training loss (and validation loss, dashed) on the right; a line per run."""
    figure = Figure(figsize=(6.4, 3.6), layout="constrained")
    scores, losses = figure.subplots(1, 2)
    with_validation = False
    for name in comparison.names:
        style = comparison.styles[name]
        runs = comparison.runs(name)
        many = len(runs) > MANY_RUNS
        for run in runs:
            history = comparison.histories[run]
            best = history[history["epoch"] == comparison.best_epochs[run]]
            alpha = 0.9 if len(runs) == 1 else 0.35 if many else 0.6
            line = {"color": style.color, "lw": 1.0 if many else 1.5, "alpha": alpha}
            dot = {
                "color": style.color,
                "ms": 5 if many else 8,
                "mec": "white",
                "mew": 0.7 if many else 1.0,
                "zorder": 4,
            }
            known = history.dropna(subset=["val_miou"])
            scores.plot(known["epoch"], 100 * known["val_miou"], **line)
            scores.plot(best["epoch"], 100 * best["val_miou"], style.marker, **dot)
            losses.plot(history["epoch"], history["train_loss"], **line)
            losses.plot(best["epoch"], best["train_loss"], style.marker, **dot)
            if "val_loss" in history.columns and history["val_loss"].notna().any():
                with_validation = True
                known = history.dropna(subset=["val_loss"])
                losses.plot(known["epoch"], known["val_loss"], ls=(0, (3, 2)), **line)
    scores.set_title("Validation mIoU (%)")
    losses.set_title("Loss" if with_validation else "Training loss")
    scores.set_ylim(bottom=0)
    _set_loss_axis(losses)
    longest = max(len(history) for history in comparison.histories.values())
    for axes in (scores, losses):
        axes.set_xlim(0, 1.04 * max(longest, 2))
        axes.set_xlabel("epoch")
        axes.xaxis.set_major_locator(MaxNLocator(6, integer=True))
    _add_legend(figure, comparison, with_validation)
    return figure


def _set_loss_axis(axes: Axes) -> None:
    values = np.concatenate([np.asarray(line.get_ydata(), dtype=np.float64) for line in axes.get_lines()])
    values = values[values > 0]
    if len(values) and values.max() / values.min() > _LOG_SPREAD:
        axes.set_yscale("log")
        axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        axes.yaxis.set_minor_locator(NullLocator())
    else:
        axes.set_ylim(bottom=0)


def _add_legend(figure: Figure, comparison: Comparison, with_validation: bool) -> None:
    handles = [
        Line2D([], [], color=style.color, marker=style.marker, ms=7, mec="white", lw=1.5, label=style.label)
        for style in comparison.styles.values()
    ]
    if with_validation:
        handles.append(Line2D([], [], color=MUTED, lw=1.5, label="training"))
        handles.append(Line2D([], [], color=MUTED, lw=1.5, ls=(0, (3, 2)), label="validation"))
    figure.legend(
        handles=handles, loc="outside lower center", ncols=len(handles) if len(handles) <= 6 else 4, handlelength=1.8
    )
