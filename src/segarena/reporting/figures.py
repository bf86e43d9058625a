"""Draw every figure of a comparison and save it as figures/NAME.png."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from functools import partial
from pathlib import Path

from matplotlib.figure import Figure

from segarena.files import write_with
from segarena.reporting import style
from segarena.reporting.class_figures import draw_class_iou, draw_confusion
from segarena.reporting.comparison import Comparison
from segarena.reporting.curve_figure import draw_learning_curves
from segarena.reporting.gallery import Example, draw_gallery
from segarena.reporting.score_figures import draw_accuracy_latency, draw_ranking


def save_figures(comparison: Comparison, examples: list[Example]) -> dict[str, Path]:
    """Draw and write the figures. Returns name -> path, without those that have nothing to show.

    Names: ranking, accuracy_latency, learning_curves, class_iou, confusion_MODEL, gallery. Matplotlib's
    settings and pyplot's list of open figures are as before. Raises RunError where a file cannot be written.
    """
    figures: dict[str, Callable[[], Figure | None]] = {
        "ranking": partial(draw_ranking, comparison),
        "accuracy_latency": partial(draw_accuracy_latency, comparison),
        "learning_curves": partial(draw_learning_curves, comparison),
        "class_iou": partial(draw_class_iou, comparison),
        **{f"confusion_{name}": partial(draw_confusion, comparison, name) for name in comparison.names},
    }
    if examples:
        figures["gallery"] = partial(draw_gallery, comparison, examples)
    paths = {}
    with style.theme(), warnings.catch_warnings():
        # A class name in a script that no installed font has: boxes in the figure, right in the page.
        warnings.filterwarnings("ignore", message="Glyph .* missing from font")
        for name, draw in figures.items():
            figure = draw()
            if figure is not None:
                paths[name] = comparison.folder / "figures" / f"{name}.png"
                write_with(paths[name], partial(_save, figure))
    return paths


def _save(figure: Figure, stream: object) -> None:
    figure.savefig(stream, format="png", dpi=style.DPI, bbox_inches="tight", pad_inches=0.05)  # type: ignore[arg-type]
