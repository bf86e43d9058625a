"""The legend of an overlay: a strip below the picture, or beside a narrow one, with the classes that occur in it."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from segarena import formats
from segarena.classes import IGNORE_INDEX, ClassTable
from segarena.reporting.fonts import class_label, find_font, shorten_to, text_width

_INK, _EDGE, _PAPER = (29, 35, 41), (136, 136, 136), (255, 255, 255)
#: Pixels of an em: at least the first; in a large picture a part of its longer side, but no more of its shorter side.
_SMALLEST, _OF_LONGER, _OF_SHORTER = 13, 1 / 75, 1 / 15
_NAME = 16  # the longest name, in ems
_MOST, _FEWEST_ROWS = 0.4, 4  # the strip below has this share of the picture's height or less, or this number of rows
_BESIDE = 8  # rows of the strip beside, or more in a high picture
_BOX, _GAP = 1.35, 1.4  # ems from the box to the name, and between two classes


@dataclass(frozen=True)
class Entry:
    """A class of the legend.

    Args:
        name: Its name, as it can be written.
        remark: What is written behind the name: its share of the pixels.
        color: RGB, 0..255; None for one that is not tinted, whose box is empty.
        is_striped: Whether it is void, which has no colour.
        is_class: Whether it has a box.
    """

    name: str
    remark: str
    color: tuple[int, int, int] | None
    is_striped: bool = False
    is_class: bool = True


def list_classes(labels: NDArray[np.uint8], classes: ClassTable) -> list[Entry]:
    """Return the classes that occur in the labels, the most frequent first, void last.

    Args:
        labels: Class indices, (H, W); 255 is void.
        classes: Names and colours.
    """
    pixels = Image.fromarray(labels).histogram()
    present = [index for index in range(classes.num_classes) if pixels[index]]
    entries = []
    for index in sorted(present, key=lambda index: -pixels[index]):
        share = formats.small_percent(pixels[index] / labels.size)
        name = class_label(classes.names[index], index)
        if index == classes.untinted:
            entries.append(Entry(name, f"{share} (not tinted)", None))
        else:
            entries.append(Entry(name, share, classes.colors[index]))
    if pixels[IGNORE_INDEX]:
        entries.append(Entry("void", formats.small_percent(pixels[IGNORE_INDEX] / labels.size), None, is_striped=True))
    return entries


def add_legend(picture: NDArray[np.uint8], labels: NDArray[np.uint8], classes: ClassTable) -> Image.Image:
    """Return a picture with its legend below it, or to the right of one that is too narrow for that.

    Args:
        picture: RGB, (H, W, 3), 0..255; it is the upper left corner of the result.
        labels: Class indices, (H, W); 255 is void.
        classes: Names and colours.
    """
    height, width = labels.shape
    em = max(_SMALLEST, int(min(_OF_LONGER * max(height, width), _OF_SHORTER * min(height, width))))
    line, margin = round(1.6 * em), round(0.6 * em)
    entries = [replace(entry, name=shorten_to(entry.name, em, _NAME * em)) for entry in list_classes(labels, classes)]
    widest = round(max(_length(entry, em) for entry in entries))
    if width >= widest + 2 * margin:
        places = _flow(entries, em, width - 2 * margin)[: max(_FEWEST_ROWS, int(_MOST * height) // line)]
        size = (width, height + len(places) * line + 2 * margin)
        left, top = margin, height + margin
    else:
        places = [[entry] for entry in entries][: max(_BESIDE, height // line - 1)]
        size = (width + widest + 2 * margin, max(height, len(places) * line + 2 * margin))
        left, top = width + margin, margin
    result = Image.new("RGB", size, _PAPER)
    result.paste(Image.fromarray(picture))
    draw = ImageDraw.Draw(result)
    _count_missing(places, len(entries), em, size[0] - left - margin)
    for row, shown in enumerate(places):
        x: float = left
        for entry in shown:
            _draw_entry(draw, entry, round(x), top + row * line, em)
            x += _length(entry, em) + _GAP * em
    return result


def draw_legend(classes: ClassTable) -> Image.Image:
    """Return a legend by itself, of all classes, one below the other: for the overlay of a video."""
    em = 2 * _SMALLEST
    line, margin = round(1.6 * em), round(0.6 * em)
    entries = []
    for index, name in enumerate(classes.names):
        is_tinted = index != classes.untinted
        label = shorten_to(class_label(name, index), em, _NAME * em)
        entries.append(Entry(label, "" if is_tinted else "(not tinted)", classes.colors[index] if is_tinted else None))
    widest = round(max(_length(entry, em) for entry in entries))
    result = Image.new("RGB", (widest + 2 * margin, len(entries) * line + 2 * margin), _PAPER)
    draw = ImageDraw.Draw(result)
    for row, entry in enumerate(entries):
        _draw_entry(draw, entry, margin, margin + row * line, em)
    return result


def _flow(entries: list[Entry], em: int, width: int) -> list[list[Entry]]:
    """The entries in rows, as many in each as fit into the width."""
    rows: list[list[Entry]] = []
    used = 0.0
    for entry in entries:
        length = _length(entry, em)
        if not rows or used + length > width:
            rows.append([])
            used = 0.0
        rows[-1].append(entry)
        used += length + _GAP * em
    return rows


def _count_missing(rows: list[list[Entry]], number: int, em: int, width: int) -> None:
    """If the rows have not all entries, put their number in the place of the last one, or two if that is narrow."""
    last = rows[-1]
    while (missing := number - sum(map(len, rows))) > 0:
        rest = Entry(f"and {missing + 1} more", "", None, is_class=False)
        if len(last) == 1 or sum(_length(entry, em) + _GAP * em for entry in [*last[:-1], rest]) <= width:
            last[-1] = rest
            return
        del last[-1]


def _draw_entry(draw: ImageDraw.ImageDraw, entry: Entry, left: int, top: int, em: int) -> None:
    middle = top + round(0.8 * em)
    if entry.is_class:
        x, y, thin = left, middle - em // 2, max(1, em // 13)
        draw.rectangle((x, y, x + em, y + em), fill=entry.color, outline=_EDGE, width=thin)
        if entry.is_striped:
            for part in (0.35, 0.7, 1.0):
                draw.line((x, y + part * em, x + part * em, y), fill=_EDGE, width=thin)
    start = left + _BOX * em if entry.is_class else left
    draw.text((start, middle), entry.name, _INK, _font(entry.name, em), "lm")
    draw.text((start + text_width(f"{entry.name} ", em), middle), entry.remark, _INK, _font("", em), "lm")


def _length(entry: Entry, em: int) -> float:
    """The width of an entry in pixels."""
    return _BOX * em + text_width(f"{entry.name} ", em) + text_width(entry.remark, em)


def _font(text: str, em: int) -> ImageFont.FreeTypeFont:
    font = find_font(text.strip(), em) or find_font("", em)
    assert font is not None, "matplotlib has DejaVu Sans"
    return font
