"""Fonts for text in pictures, in any script that an installed font has."""

from __future__ import annotations

from bisect import bisect
from collections.abc import Iterable, Iterator
from functools import cache, lru_cache
from pathlib import Path

import matplotlib
from matplotlib.ft2font import FT2Font
from PIL import ImageFont

from segarena import formats


@lru_cache(1024)
def find_font(text: str, size: int) -> ImageFont.FreeTypeFont | None:
    """Return a font with all characters of a text: DejaVu Sans, else an installed one; None if no font has them.

    Args:
        text: What is to be written, on one line.
        size: Pixels of an em.
    """
    needed = {ord(character) for character in text if not character.isspace()}
    for path in _files():
        if needed <= _characters(path):
            try:
                return ImageFont.truetype(path, size)
            except OSError:  # bitmaps of one size, as of emoji
                continue
    return None


def displayable(text: str) -> str:
    """Return a text as a font can show it: without symbols that no font has. Empty if no font has its letters.

    >>> displayable("  Main  Straße ")
    'Main Straße'
    """
    if find_font(text, 16) is None:
        text = "".join(character if character.isalnum() or find_font(character, 16) else " " for character in text)
    text = " ".join(text.split())
    return text if find_font(text, 16) else ""


def class_label(name: str, index: int) -> str:
    """Return a class's name as a picture can show it; "class 3" for class 3 if no installed font has its letters."""
    return displayable(name) or f"class {index}"


def shorten_to(text: str, size: int, width: float) -> str:
    """Cut a text with an ellipsis so that it is no wider than a width in the font of `find_font`.

    Args:
        text: The text, which is put on one line.
        size: Of the font, in pixels.
        width: In pixels.

    >>> shorten_to("a name that is too long", 16, 100)
    'a name th…'
    """
    text = " ".join(text.split())
    lengths = range(1, len(text) + 1)
    fitting = bisect(lengths, width, key=lambda length: text_width(formats.shorten(text, length), size))
    return formats.shorten(text, max(1, fitting))


@lru_cache(1024)
def text_width(text: str, size: int) -> float:
    """Return the width of a text in pixels; characters that no font has get the width of DejaVu Sans's placeholder.

    Args:
        text: The text, on one line.
        size: Pixels of an em.
    """
    font = find_font(text, size) or find_font("", size)
    assert font is not None, "matplotlib has DejaVu Sans"
    return font.getlength(text)


def add_fonts(families: list[str], texts: Iterable[str]) -> list[str]:
    """Return the families, and after them one for each character of the texts that they lack and `find_font` has.

    Args:
        families: Names of installed fonts, as matplotlib searches them for a character.
        texts: What is to be written.
    """
    from matplotlib import font_manager

    entries = font_manager.fontManager.ttflist
    missing = {ord(character) for text in texts for character in text if not character.isspace()}
    if missing:
        missing -= frozenset().union(*(_characters(entry.fname) for entry in entries if entry.name in families))
    names = {entry.fname: entry.name for entry in entries}
    added = list(families)
    for path in _files() if missing else ():
        if (found := missing & _characters(path)) and path in names:
            added.append(names[path])
            missing -= found
    return added


def _files() -> Iterator[str]:
    yield str(Path(matplotlib.get_data_path(), "fonts", "ttf", "DejaVuSans.ttf"))
    from matplotlib import font_manager  # reads the list of installed fonts, which few texts need

    entries = [entry for entry in font_manager.fontManager.ttflist if "Last Resort" not in entry.name]
    # Matplotlib lists them in another order on each machine; the same fonts are the same picture.
    entries.sort(
        key=lambda entry: (
            entry.style != "normal",
            entry.weight not in (400, "normal", "regular"),
            entry.name,
            entry.fname,
        )
    )
    yield from (entry.fname for entry in entries)


@cache
def _characters(path: str) -> frozenset[int]:
    """The characters that a font file has; none if it cannot be read, or has bitmaps of one size, as of emoji."""
    try:
        font = FT2Font(path)
        return frozenset(font.get_charmap()) if font.scalable else frozenset()
    except (OSError, RuntimeError):
        return frozenset()
