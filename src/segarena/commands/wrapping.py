"""Long lines of a terminal, divided between words."""

from __future__ import annotations

import re

from rich.cells import cell_len
from rich.console import Console
from rich.text import Text


def wrap(text: str, markup: bool, terminal: Console) -> Text:
    """Return the text in lines that fit, further ones indented. A line with a command stays whole, to be copied.

    Args:
        text: One line or several.
        markup: Whether words in square brackets are rich's markup.
        terminal: What it is printed on.
    """
    fitted = []
    for line in (Text.from_markup(text, emoji=False) if markup else Text(text)).split("\n", allow_blank=True):
        indent = len(line.plain) - len(line.plain.lstrip())
        if line.cell_len <= terminal.width or "segarena " in line.plain:
            fitted.append(line)
            continue
        for number, part in enumerate(line[indent:].divide(_breaks(line.plain[indent:], terminal.width - indent - 2))):
            part.rstrip()
            fitted.append(Text.assemble(" " * (indent + 2 * bool(number)), part))
    return Text("\n").join(fitted)


def _breaks(text: str, width: int) -> list[int]:
    """Where lines of at most `width` columns begin, between words; a longer word has a line of its own."""
    places, columns = [], 0
    for word in re.finditer(r"\S+\s*", text):
        if columns and columns + cell_len(word[0].rstrip()) > width:
            places.append(word.start())
            columns = 0
        columns += cell_len(word[0])
    return places
