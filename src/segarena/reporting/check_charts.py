"""Two charts of a data set: the share of each class in each split, and the sizes of the images."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.patches import Rectangle
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullLocator
from numpy.typing import NDArray

from segarena import formats
from segarena.classes import ClassTable
from segarena.config.training import LOGIT_STRIDES, models_at
from segarena.reporting.figure_files import Rows, Value
from segarena.reporting.fonts import class_label
from segarena.reporting.style import INK, MUTED, RULE, model_styles, to_unit
from segarena.scoring.ceilings import Ceiling

#: The most rows of the chart. Of more classes, half of the rows are for the most frequent ones, half for the rarest.
ROWS = 30

#: Colour (of Okabe and Ito) and marker of each split.
_PARTS = {"train": ("#0072B2", "o"), "val": ("#D55E00", "s"), "test": ("#009E73", "^")}
_SMALL, _SMALLER = 8.5, 8.0
#: Positions of the two columns of numbers, in widths of the chart: pixels left-aligned, images right-aligned.
_PIXELS, _IMAGES = 1.03, 1.38


def draw_frequencies(
    axes: Axes, classes: ClassTable, pixels: dict[str, NDArray[np.int64]], images: NDArray[np.int64], void: float
) -> None:
    """Draw a row for each class, the most frequent on top: its share of the pixels in each split, logarithmic.

    Args:
        axes: Where to draw.
        classes: Names and colours.
        pixels: For each split, the number of pixels of each class, (num_classes,).
        images: The number of masks that have the class, (num_classes,).
        void: The share of void among all pixels, 0..1.
    """
    total = np.sum(list(pixels.values()), axis=0)
    shares = total / max(1, total.sum())
    parts = {part: counts / max(1, counts.sum()) for part, counts in pixels.items()}
    lowest = min([share for values in parts.values() for share in values if share > 0], default=0.01)
    left = 10 ** np.floor(np.log10(min(lowest, 0.01)))
    order = frequency_order(total)
    rows = np.arange(len(order))
    axes.hlines(rows, left, np.maximum(left, shares[order]), color=RULE, lw=3, zorder=1)
    for part, values in parts.items():
        present = values[order] > 0
        axes.plot(values[order][present], rows[present], **_marker(part), ls="", zorder=3, clip_on=False)
    for row, label in enumerate(order):
        axes.add_patch(_swatch(axes, row, classes.colors[label]))
        _write_beside(axes, row, _PIXELS, formats.small_percent(shares[label]), INK)
        _write_beside(axes, row, _IMAGES, f"{images[label]:,}", MUTED)
    _set_log_axis(axes, left)
    axes.set_xlabel(
        "share of the labelled pixels; " + (f"void: {formats.small_percent(void)} of all" if void else "no void")
    )
    axes.set_yticks(
        range(len(order)), [formats.shorten(class_label(classes.names[label], label), 18) for label in order]
    )
    axes.tick_params(axis="y", labelcolor=INK, labelsize=_SMALL, length=0, pad=14)
    axes.set_ylim(len(order) - 0.4, -0.6)
    axes.grid(axis="y", visible=False)
    axes.spines["left"].set_visible(False)
    _write_heads(axes, list(parts))
    axes.set_title("Classes" if len(order) == len(total) else f"{ROWS} of {len(total)} classes", pad=8, y=1)


def draw_sizes(axes: Axes, sizes: list[tuple[int, int]]) -> None:
    """Draw a dot for each (height, width), its area by the number of images, and label the most frequent one."""
    different = Counter(sizes)
    heights, widths = np.array(list(different), dtype=np.float64).T
    counts = np.array(list(different.values()))
    axes.scatter(widths, heights, s=30 + 370 * counts / counts.max(), color="#0072B2", alpha=0.35, lw=0, zorder=2)
    axes.plot(widths, heights, ".", color="#0072B2", ms=4, zorder=3)
    (height, width), number = different.most_common(1)[0]
    label = f"{width} x {height}\n" + ("all" if len(different) == 1 else f"{number:,} of") + f" {len(sizes):,} images"
    axes.annotate(
        label,
        (width, height),
        xytext=(0, 13),
        textcoords="offset points",
        ha="center",
        va="bottom",
        fontsize=_SMALL,
        zorder=4,
    )
    axes.set_xlim(0, 1.35 * widths.max())
    axes.set_ylim(0, 1.6 * heights.max())
    axes.set_xlabel("width (px)")
    axes.set_ylabel("height (px)")
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_locator(MaxNLocator(5, integer=True))
        axis.label.set_fontsize(_SMALL)
    axes.tick_params(labelsize=_SMALL)
    axes.set_title("Image sizes" if len(different) == 1 else f"Image sizes: {len(different)} different", pad=8, y=1)


def has_ceilings(ceilings: Sequence[Ceiling]) -> bool:
    """Whether there is a ceiling to draw: one of masks with truth pixels."""
    return bool(ceilings) and not np.isnan(ceilings[0].miou)


def draw_ceilings(axes: Axes, ceilings: Sequence[Ceiling]) -> None:
    """Draw the resolution ceiling by working size, a line for each stride, named after the models that have it.

    Args:
        axes: Where to draw.
        ceilings: Those of all sizes and strides; each has an mIoU.
    """
    styles = model_styles(list(LOGIT_STRIDES))
    sizes = sorted({ceiling.grid.size for ceiling in ceilings})
    for stride in sorted({ceiling.grid.stride for ceiling in ceilings}):
        line = sorted((c.grid.size, c.miou) for c in ceilings if c.grid.stride == stride)
        models = models_at(stride)
        style = styles[models[0]]
        label = f"stride {stride}: {', '.join(styles[name].label for name in models)}"
        axes.plot(*zip(*line, strict=True), color=style.color, marker=style.marker, ms=4, lw=1.5, label=label)
    axes.legend(loc="best", fontsize=_SMALLER, borderaxespad=0.2, labelspacing=0.3)
    axes.set_ylim(0, 1.04)
    axes.set_xticks(sizes)
    axes.set_xlim(0, 1.06 * max(sizes))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{100 * value:g}%"))
    axes.set_xlabel("working size (px)")
    axes.xaxis.label.set_fontsize(_SMALL)
    axes.tick_params(labelsize=_SMALL)
    axes.set_title("Resolution ceiling (mIoU)", pad=8, y=1)


def chart_rows(
    classes: ClassTable,
    pixels: dict[str, NDArray[np.int64]],
    images: NDArray[np.int64],
    sizes: Sequence[tuple[int, int]],
    ceilings: Sequence[Ceiling],
) -> Rows:
    """Return the numbers of the charts, by their names in the column `chart`: classes (all of them), sizes, ceilings.

    Args:
        classes: Names.
        pixels: For each split, the number of pixels of each class, (num_classes,).
        images: The number of masks that have the class, (num_classes,).
        sizes: Height and width of each image.
        ceilings: Those of all sizes and strides.
    """
    rows: list[dict[str, Value]] = [
        {
            "chart": "classes",
            "class_index": index,
            "class": name,
            "split": part,
            "pixels": int(counts[index]),
            "share_of_split": float(counts[index] / max(1, counts.sum())),
            "images": int(images[index]),
        }
        for index, name in enumerate(classes.names)
        for part, counts in pixels.items()
    ]
    rows += [
        {"chart": "sizes", "height": height, "width": width, "images": number}
        for (height, width), number in Counter(sizes).most_common()
    ]
    if has_ceilings(ceilings):
        rows += [
            {"chart": "ceilings", "size": one.grid.size, "stride": one.grid.stride, "miou": one.miou}
            for one in ceilings
        ]
    return rows


def frequency_order(total: NDArray[np.int64]) -> list[int]:
    """Return the class indices, the most frequent first; of more than ROWS classes, those in the middle are left out.

    Args:
        total: The number of pixels of each class, (num_classes,).
    """
    order = np.argsort(-total, kind="stable").tolist()
    return order if len(order) <= ROWS else [*order[: ROWS // 2], *order[-(ROWS // 2) :]]


def _set_log_axis(axes: Axes, left: float) -> None:
    axes.set_xscale("log")
    axes.set_xlim(left, 1)
    axes.xaxis.set_major_locator(LogLocator(base=10))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{100 * value:g}%"))
    axes.tick_params(axis="x", labelsize=_SMALL)
    axes.xaxis.label.set_fontsize(_SMALL)


def _write_heads(axes: Axes, parts: list[str]) -> None:
    for x, text, side in ((_PIXELS, "pixels", "left"), (_IMAGES, "images", "right")):
        axes.annotate(
            text,
            (x, 1),
            xycoords="axes fraction",
            xytext=(0, 9),
            textcoords="offset points",
            ha=side,
            fontsize=_SMALLER,
            color=MUTED,
        )
    handles = [Line2D([], [], ls="", **_marker(part), label=part) for part in parts]
    axes.legend(
        handles=handles,
        loc="lower right",
        bbox_to_anchor=(1.0, 1.0),
        ncols=3,
        fontsize=_SMALL,
        handletextpad=0.1,
        columnspacing=0.9,
        borderaxespad=0.15,
    )


def _write_beside(axes: Axes, row: int, x: float, text: str, color: str) -> None:
    side = "left" if x == _PIXELS else "right"
    where = axes.get_yaxis_transform()
    axes.text(x, row, text, transform=where, va="center_baseline", ha=side, fontsize=_SMALL, color=color)


def _swatch(axes: Axes, row: int, color: tuple[int, int, int]) -> Rectangle:
    return Rectangle(
        (-0.055, row - 0.32),
        width=0.035,
        height=0.64,
        transform=axes.get_yaxis_transform(),
        facecolor=to_unit(color),
        edgecolor="#888888",
        lw=0.4,
        clip_on=False,
    )


def _marker(part: str) -> dict[str, Any]:
    color, marker = _PARTS[part]
    return {"color": color, "marker": marker, "ms": 5.5, "mec": "white", "mew": 0.6}
