"""A figure as files: PNG to look at, SVG to edit, and CSV with the numbers that it shows."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.transforms import Bbox
from numpy.typing import NDArray

from segarena.files import write_bytes, write_text, write_with
from segarena.formats import is_missing
from segarena.reporting.png import encode_png
from segarena.reporting.style import DPI, PAD

#: A number of a figure, or a name that belongs to it; None where it is not known.
Value = str | int | float | bool | None
#: The numbers of a figure: a row for each mark that is drawn, by the names of the columns.
Rows = Sequence[Mapping[str, Value]]
#: The endings of the files of a figure.
KINDS = ("png", "svg", "csv")


def write_figure(figure: Figure, path: Path, rows: Rows) -> None:
    """Write a figure as PATH.png, PATH.svg and PATH.csv, cut to what is drawn.

    Args:
        figure: The figure. Its layout is fixed by this: the three files show the same.
        path: The files, without their ending.
        rows: The numbers that the figure shows. Scores are fractions, 0..1.

    Raises:
        RunError: A file cannot be written.
    """
    figure.dpi = DPI
    if (layout := figure.get_layout_engine()) is not None:
        layout.execute(figure)
        figure.set_layout_engine("none")  # once is enough; `bbox_inches="tight"` would draw everything once more
    box = figure.get_tightbbox().padded(PAD)
    write_bytes(path.with_name(f"{path.name}.png"), encode_png(_draw(figure, box), DPI, level=6))
    write_svg(figure, path, box)
    write_rows(path, rows)


def write_svg(figure: Figure, path: Path, box: Bbox | None = None) -> None:
    """Write a figure as PATH.svg.

    Args:
        figure: The figure.
        path: The file, without its ending.
        box: The part of the figure, in inches; None for all of it.

    Raises:
        RunError: The file cannot be written.
    """
    save = partial(figure.savefig, format="svg", bbox_inches=box, metadata={"Date": None})
    write_with(path.with_name(f"{path.name}.svg"), save)


def write_rows(path: Path, rows: Rows) -> None:
    """Write PATH.csv, with the columns in the order of the rows.

    Args:
        path: The file, without its ending.
        rows: The numbers of the figure; None, NaN and infinities are empty cells.

    Raises:
        RunError: The file cannot be written.
    """
    text = io.StringIO()
    names = list(dict.fromkeys(name for row in rows for name in row))
    writer = csv.DictWriter(text, names, lineterminator="\n")
    writer.writeheader()
    writer.writerows({name: _written(value) for name, value in row.items()} for row in rows)
    write_text(path.with_name(f"{path.name}.csv"), text.getvalue())


def _written(value: Value) -> Value:
    """A value as the tables of a comparison have it: empty where it is not known."""
    if isinstance(value, str | bool):
        return value
    return None if is_missing(value) else value


def _draw(figure: Figure, box: Bbox) -> NDArray[np.uint8]:
    """The pixels of a part of a figure, RGB (H, W, 3); what is beyond the figure is white."""
    canvas = FigureCanvasAgg(figure)
    canvas.draw()  # type: ignore[no-untyped-call]
    drawn = np.asarray(canvas.buffer_rgba())[..., :3]  # type: ignore[no-untyped-call]
    height, _ = drawn.shape[:2]
    left, bottom, right, top = (round(edge * DPI) for edge in box.extents)
    result = np.full((top - bottom, right - left, 3), 255, np.uint8)
    inside = drawn[max(0, height - top) : height - max(0, bottom), max(0, left) : right]
    y, x = max(0, top - height), max(0, -left)
    result[y : y + inside.shape[0], x : x + inside.shape[1]] = inside
    return result
