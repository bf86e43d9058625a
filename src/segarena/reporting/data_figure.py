"""The figure of the learning curve over the data: mIoU by the number of training images, and what each class gained."""

from __future__ import annotations

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, MaxNLocator, NullLocator

from segarena.records.data_curve import DataCurve
from segarena.reporting.comparison import Comparison
from segarena.reporting.figure_files import Rows, Value
from segarena.reporting.style import legend_columns
from segarena.scoring.data_curve import name_of

#: Parts whose numbers of images are nearer than this factor are drawn on a linear axis.
_LOG_SPREAD = 3.0
#: How far the markers of the models are moved apart, as a share of the width of the axis.
_APART = 0.012


def draw_data_curve(comparison: Comparison, curve: DataCurve) -> Figure:
    """Draw a line for each model, with the interval of each score.

    Args:
        comparison: The comparison.
        curve: Its learning curve over the data.
    """
    figure = Figure(figsize=(6.4, 3.9), layout="constrained")
    axes = figure.add_subplot()
    images = [part.images for part in curve.parts]
    is_log = images[-1] / images[0] >= _LOG_SPREAD
    middle = (len(curve.models) - 1) / 2
    for number, one in enumerate(curve.models):
        style = comparison.styles[one.model]
        scores = {entry.model: entry for entry in one.statistics.models}
        points = [scores[name_of(part.fraction)] for part in curve.parts]
        places = [_shift(place, images, (number - middle) * _APART, is_log=is_log) for place in images]
        axes.plot(places, [100 * point.miou for point in points], color=style.color, lw=1.6, alpha=0.9)
        for place, point in zip(places, points, strict=True):
            if point.low is not None and point.high is not None:
                axes.vlines(place, 100 * point.low, 100 * point.high, color=style.color, lw=1.4, alpha=0.6)
        axes.plot(
            places,
            [100 * point.miou for point in points],
            style.marker,
            color=style.color,
            ms=9,
            mec="white",
            mew=1.0,
            zorder=4,
            label=style.lines,
        )
    axes.set_ylabel("mIoU (%)")
    axes.set_ylim(bottom=0)
    axes.yaxis.set_major_locator(MaxNLocator(6, steps=[1, 2, 5, 10]))
    _set_images_axis(axes, images, is_log=is_log)
    handles, _ = axes.get_legend_handles_labels()
    columns = legend_columns(handles, 6.4, min(len(handles), 4))
    figure.legend(handles=handles, loc="outside lower center", ncols=columns, handlelength=1.2)
    return figure


def curve_rows(curve: DataCurve) -> Rows:
    """Return mIoU of each model with each part, and IoU of each class, with the ends of the intervals."""
    rows: list[dict[str, Value]] = []
    for one in curve.models:
        for part in curve.parts:
            name = name_of(part.fraction)
            start: dict[str, Value] = {"model": one.model, "fraction": part.fraction, "images": part.images}
            for entry in one.statistics.models:
                if entry.model == name:
                    rows.append({**start, "class": "", "score": entry.miou, "low": entry.low, "high": entry.high})
            for row in one.statistics.classes:
                for own in row.models:
                    if own.model == name:
                        score: dict[str, Value] = {"class": row.class_name, "score": own.iou}
                        rows.append({**start, **score, "low": own.low, "high": own.high})
    return rows


def _shift(place: int, images: list[int], share: float, *, is_log: bool) -> float:
    """Move a marker by a share of the axis, so that the lines of several models do not cover each other."""
    if is_log:
        return float(place * (images[-1] / images[0]) ** share)
    return float(place + share * (images[-1] - images[0]))


def _set_images_axis(axes: Axes, images: list[int], *, is_log: bool) -> None:
    if is_log:
        axes.set_xscale("log")
    axes.xaxis.set_major_locator(FixedLocator(images))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))
    axes.set_xlabel("training images" + (" (logarithmic)" if is_log else ""))
    axes.margins(x=0.06)
