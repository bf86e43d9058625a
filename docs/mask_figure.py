"""A row of pictures: an image, its mask file in a viewer, some pixels of the file, what segarena understood."""

from __future__ import annotations

import re
import textwrap
from typing import Any

import numpy as np
from mask_files import Bytes, MaskFile, Reading
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from numpy.typing import NDArray

from segarena.data.encoding.mask_encoding import show
from segarena.reporting.overlay import draw_overlay
from segarena.reporting.style import ARCHITECTURES, BAND, DPI, INK, MUTED

#: Inches, as all that follows; on a page of 800 pixels an inch is 100.
_WIDTH, _PANEL, _GAP, _MARGIN = 8.0, 1.6, 0.1, 0.05
_TITLE, _CAPTION, _LINE = 0.22, 0.24, 0.15
_LEGEND = _MARGIN + 4 * (_PANEL + _GAP)
_SWATCH, _ENTRY = 0.14, 0.29

_PIXELS = round(_PANEL * DPI)
_LETTERS = 120  # in a line of the sentence
_FRAME = ARCHITECTURES["fcn"].color
_BRIGHT = 110  # from this grey on, dark letters are read better than light ones


def draw_row(way: MaskFile, reading: Reading) -> Figure:
    """Draw the four pictures and the legend, and below them the sentence of the reader as `segarena check` prints it.

    Raises ValueError where a panel is no whole multiple of the picture.
    """
    lines = _wrap(f"encoding: {reading.encoding.sentence}")
    height = _TITLE + _PANEL + _CAPTION + len(lines) * _LINE + 0.1 + _MARGIN
    figure = Figure(figsize=(_WIDTH, height), dpi=DPI, facecolor="white")
    square = _cut(reading.viewed, way)
    found = f"{len(np.unique(reading.values)):,} {'colours' if reading.colored else 'values'} in this file"
    panels = (
        ("image", f"{reading.image.shape[1]} × {reading.image.shape[0]} pixels", _enlarge(reading.image)),
        ("mask file in a viewer", way.format, _enlarge(reading.viewed)),
        (f"{square.shape[0]} × {square.shape[1]} of its pixels", found, _enlarge(square)),
        ("as segarena reads it", "classes over the image", _overlay(reading)),
    )
    for column, (title, caption, picture) in enumerate(panels):
        left = _MARGIN + column * (_PANEL + _GAP)
        bottom = height - _TITLE - _PANEL
        figure.figimage(picture, round(left * DPI), round(bottom * DPI), origin="upper")
        _text(figure, left, bottom + _PANEL + 0.06, title, weight="bold", size=9)
        _text(figure, left, bottom - 0.16, caption, color=MUTED)
    _mark(figure, way, reading, height - _TITLE)
    if not reading.colored:
        _write_numbers(figure, way, reading, square, height - _TITLE)
    _write_legend(figure, reading, height - _TITLE)
    _write_sentence(figure, lines)
    return figure


def _enlarge(picture: Bytes) -> Bytes:
    """Each pixel as a square, so that no edge is softened that the file has sharp."""
    times, rest = divmod(_PIXELS, picture.shape[0])
    if rest:
        raise ValueError(f"{picture.shape[0]} pixels do not fit evenly into {_PIXELS}")
    return picture.repeat(times, 0).repeat(times, 1)


def _overlay(reading: Reading) -> Bytes:
    return draw_overlay(_enlarge(reading.image), _enlarge(reading.labels), reading.encoding.classes)


def _wrap(sentence: str) -> list[str]:
    """As few lines as possible, of about one length, that end in commas and semicolons outside of [r, g, b]."""
    glued = re.sub(r"(?<![,;]) | (?=\d+[],])", "\N{NO-BREAK SPACE}", sentence)
    wraps = [textwrap.wrap(glued, width, subsequent_indent=" " * 10) for width in range(_LETTERS // 2, _LETTERS + 1)]
    lines = next(lines for lines in wraps if len(lines) == len(wraps[-1]))
    return [line.replace("\N{NO-BREAK SPACE}", " ") for line in lines]


def _cut(picture: NDArray[Any], way: MaskFile) -> NDArray[Any]:
    row, column = way.corner
    return picture[row : row + way.cells, column : column + way.cells]


def _mark(figure: Figure, way: MaskFile, reading: Reading, top: float) -> None:
    """Frames around the chosen pixels, in the mask and enlarged."""
    pixel = _PANEL / reading.viewed.shape[0]
    row, column = way.corner
    side = (way.cells + 2) * pixel  # around the pixels, not over them
    left = _MARGIN + _PANEL + _GAP
    _frame(figure, left + (column - 1) * pixel, top - (row - 1) * pixel - side, side)
    _frame(figure, left + _PANEL + _GAP, top - _PANEL, _PANEL)


def _frame(figure: Figure, left: float, bottom: float, side: float) -> None:
    for width, color in ((3.0, "white"), (1.5, _FRAME)):
        figure.add_artist(_rectangle(figure, left, bottom, side, side, fill=False, edgecolor=color, lw=width))


def _write_numbers(figure: Figure, way: MaskFile, reading: Reading, square: Bytes, top: float) -> None:
    cell = _PANEL / way.cells
    left = _MARGIN + 2 * (_PANEL + _GAP)
    numbers = _cut(reading.values, way)
    for row, column in np.ndindex(numbers.shape):
        x, y = left + (column + 0.5) * cell, top - (row + 0.5) * cell
        color = INK if square[row, column] @ (0.3, 0.6, 0.1) > _BRIGHT else "white"
        _text(figure, x, y, str(numbers[row, column]), color=color, size=8.5, ha="center", va="center_baseline")


def _write_legend(figure: Figure, reading: Reading, top: float) -> None:
    classes = reading.encoding.classes
    entries: list[tuple[str, str, dict[str, Any]]] = [
        (entry.name, show(entry.value), {"facecolor": [channel / 255 for channel in entry.color]})
        for entry in classes.classes
    ]
    if classes.background is not None:
        name, value, _ = entries[classes.background]
        entries[classes.background] = (name, f"{value}, not tinted", {"facecolor": "white", "ls": (0, (2, 2))})
    entries += [("void", show(value), {"facecolor": "white", "hatch": "//////"}) for value in classes.ignore]
    for place, (name, value, look) in enumerate(entries):
        y = top - _SWATCH - place * _ENTRY
        figure.add_artist(_rectangle(figure, _LEGEND, y, _SWATCH, _SWATCH, edgecolor=MUTED, lw=0.6, **look))
        _text(figure, _LEGEND + _SWATCH + 0.06, y + 0.02, name)
        _text(figure, _LEGEND + _SWATCH + 0.06, y - 0.11, value, color=MUTED, size=7)


def _write_sentence(figure: Figure, lines: list[str]) -> None:
    high = len(lines) * _LINE + 0.1
    figure.add_artist(_rectangle(figure, _MARGIN, _MARGIN, _WIDTH - 2 * _MARGIN, high, facecolor=BAND, lw=0))
    for number, line in enumerate(lines):
        y = _MARGIN + high - 0.05 - (number + 1) * _LINE + 0.04
        _text(figure, _MARGIN + 0.08, y, line, size=7.5, family="DejaVu Sans Mono")


def _rectangle(figure: Figure, left: float, bottom: float, width: float, height: float, **look: object) -> Rectangle:
    tall = figure.get_figheight()
    place, size = (left / _WIDTH, bottom / tall), (width / _WIDTH, height / tall)
    return Rectangle(place, *size, transform=figure.transFigure, **look)  # type: ignore[arg-type]


def _text(figure: Figure, left: float, bottom: float, text: str, *, size: float = 8.5, **look: object) -> None:
    figure.text(left / _WIDTH, bottom / figure.get_figheight(), text, fontsize=size, **look)  # type: ignore[arg-type]
