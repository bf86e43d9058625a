"""The clickable areas of a figure: its points, its bars and its cells, in percent of the picture."""

from __future__ import annotations

from dataclasses import dataclass

from matplotlib.figure import Figure
from matplotlib.transforms import Bbox

from segarena import formats
from segarena.reporting.comparison import Comparison
from segarena.reporting.score_figures import measured, position
from segarena.reporting.style import PAD


@dataclass(frozen=True)
class Spot:
    """A clickable area of a picture.

    Args:
        kind: "class", a class of the bars; "model", a point; "confusion", all cells of a matrix.
        value: The class index, or the name of the model.
        label: What a click does, in words.
        left: Left edge, in percent of the picture's width, 0..100.
        top: Upper edge, in percent of its height.
        width: In percent of its width; 0 for a point, which gets the size of a finger tip.
        height: In percent of its height; 0 likewise.
    """

    kind: str
    value: str
    label: str
    left: float
    top: float
    width: float = 0.0
    height: float = 0.0


def find_spots(name: str, figure: Figure, comparison: Comparison) -> tuple[Spot, ...]:
    """Return the clickable areas of a figure that has been drawn.

    Args:
        name: The figure, as `save_figures` names it.
        figure: The figure, saved with a tight box and PAD around it.
        comparison: The comparison.
    """
    if not figure.axes:
        return ()
    if name == "class_iou":
        return _class_bars(figure, comparison)
    if name == "accuracy_latency":
        return _points(figure, comparison)
    if name.startswith("confusion_"):
        return _matrix(figure, comparison, name.removeprefix("confusion_"))
    return ()


def _class_bars(figure: Figure, comparison: Comparison) -> tuple[Spot, ...]:
    axes = figure.axes[0]
    group = len(comparison.names) + 1
    spots = []
    for row, index in enumerate(comparison.class_order):
        ends = [axes.transData.transform((0, row * group + offset))[1] for offset in (-1, group - 1)]
        _, top, _, height = _fractions(figure, Bbox([[0, min(ends)], [1, max(ends)]]))
        label = f"Sort the images by IoU of {comparison.class_names[index]}"
        spots.append(Spot("class", str(index), label, 0.0, top, 100.0, height))
    return tuple(spots)


def _points(figure: Figure, comparison: Comparison) -> tuple[Spot, ...]:
    axes = figure.axes[0]
    spots = []
    for entry in measured(comparison):
        x, y = axes.transData.transform(position(entry))
        left, top, _, _ = _fractions(figure, Bbox([[x, y], [x, y]]))
        label = f"Show the images with the labels of {comparison.styles[entry.model].label}"
        spots.append(Spot("model", entry.model, label, left, top))
    return tuple(spots)


def _matrix(figure: Figure, comparison: Comparison, model: str) -> tuple[Spot, ...]:
    label = f"{formats.shorten(comparison.styles[model].label)}: show the images and pixels behind a cell"
    return (Spot("confusion", model, label, *_fractions(figure, figure.axes[0].get_window_extent())),)


def _fractions(figure: Figure, box: Bbox) -> tuple[float, float, float, float]:
    """Left, top, width and height of a box in the figure's pixels, as percentages of the saved picture."""
    whole = figure.get_tightbbox().padded(PAD)
    inches = Bbox(box.get_points() / figure.dpi)
    return (
        round(100 * (inches.x0 - whole.x0) / whole.width, 3),
        round(100 * (whole.y1 - inches.y1) / whole.height, 3),
        round(100 * inches.width / whole.width, 3),
        round(100 * inches.height / whole.height, 3),
    )
