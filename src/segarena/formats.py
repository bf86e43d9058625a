"""Numbers and lists as text for people. Files keep fractions, seconds and counts."""

from __future__ import annotations

import math
import os
import re
import shlex
import subprocess
from collections.abc import Sequence
from pathlib import PurePath

#: Text for an absent value: a class in neither truth nor prediction, a cost that was not measured.
NOTHING = "–"

_MINUTE, _HOUR = 60.0, 3600.0


def is_missing(value: object) -> bool:
    """Whether a value of a table or of comparison.json is absent: None, NaN or an infinity."""
    return value is None or (isinstance(value, float) and not math.isfinite(value))


def percent(fraction: float | None, digits: int = 1) -> str:
    """Write a fraction in percent, with a fixed number of decimals.

    >>> percent(0.532), percent(None)
    ('53.2%', '–')
    """
    return NOTHING if fraction is None or is_missing(fraction) else f"{100 * fraction:.{digits}f}%"


def small_percent(fraction: float) -> str:
    """Write a fraction in percent, with two significant digits where it is below 1%.

    >>> small_percent(0.0712), small_percent(0.0007), small_percent(0)
    ('7.1%', '0.07%', '0%')
    """
    return percent(fraction) if fraction >= 0.01 else f"{100 * fraction:.2g}%"


def plural(number: int, noun: str) -> str:
    """Write a number and its noun, in the plural where the number is not 1.

    >>> plural(1, "image"), plural(1234, "image"), plural(2, "class")
    ('1 image', '1,234 images', '2 classes')
    """
    ending = "" if number == 1 else "es" if noun.endswith("s") else "s"
    return f"{number:,} {noun}{ending}"


def count(number: float | None) -> str:
    """Write a count with three significant digits and k, M or G.

    >>> count(14328209), count(74210), count(999)
    ('14.3 M', '74.2 k', '999')
    """
    return NOTHING if number is None or is_missing(number) else _scaled(number)


def giga(number: float | None) -> str:
    """Write a number in thousand millions, so that a column has one unit.

    >>> giga(23512345678), giga(42000000)
    ('23.5 G', '0.0420 G')
    """
    return NOTHING if number is None or is_missing(number) else f"{_significant(number / 1e9)} G"


def milliseconds(value: float | None) -> str:
    """Write milliseconds with three significant digits.

    >>> milliseconds(12.345)
    '12.3 ms'
    """
    return NOTHING if value is None or is_missing(value) else f"{_significant(value)} ms"


def mebibytes(value: float | None) -> str:
    """Write mebibytes without decimals.

    >>> mebibytes(1234.5)
    '1,234 MiB'
    """
    return NOTHING if value is None or is_missing(value) else f"{value:,.0f} MiB"


def duration(seconds: float | None) -> str:
    """Write seconds in the one or two units that fit them; tenths only below ten seconds.

    >>> duration(8.85), duration(42), duration(65), duration(3720)
    ('8.8 s', '42 s', '1 min 05 s', '1 h 02 min')
    """
    if seconds is None or is_missing(seconds):
        return NOTHING
    whole = round(seconds)
    if whole < 10:
        return f"{seconds:.1f} s"
    if whole < _MINUTE:
        return f"{whole} s"
    if whole < _HOUR:
        return f"{whole // 60} min {whole % 60:02d} s"
    minutes = round(seconds / _MINUTE)
    return f"{minutes // 60} h {minutes % 60:02d} min"


def shorten(text: str, length: int = 24) -> str:
    """Cut a text to `length` characters with an ellipsis, and put it on one line.

    >>> shorten("a name that is too long", 12)
    'a name that…'
    """
    text = " ".join(text.split())
    return text if len(text) <= length else text[: length - 1].rstrip() + "…"


def join_words(items: Sequence[str], last: str = "and") -> str:
    """Join all items, with commas and a last word.

    >>> join_words(["a", "b", "c"]), join_words(["a", "b"], "or")
    ('a, b and c', 'a or b')
    """
    return f"{', '.join(items[:-1])} {last} {items[-1]}" if len(items) > 1 else "".join(items)


def listing(names: Sequence[str], most: int = 5) -> str:
    """Join the first names with commas, and count the others.

    >>> listing(["a", "b", "c", "d", "e"], most=2)
    'a, b and 3 more'
    """
    return ", ".join(names[:most]) + (f" and {len(names) - most:,} more" if len(names) > most else "")


def command(*words: object, windows: bool = os.name == "nt") -> str:
    """Write a command line as it can be pasted into a shell: words with spaces, quotes or other signs are quoted.

    Args:
        *words: The command, options, paths, ...
        windows: Whether the shell is that of Windows (cmd) rather than one of POSIX.

    >>> command("segarena", "predict", PurePath("r/my run"), "IMAGES")
    "segarena predict 'r/my run' IMAGES"
    >>> command("segarena", "check", "a&b", PurePath("-x"), windows=True)
    'segarena check "a&b" ./-x'
    """
    texts = [f"./{word}" if isinstance(word, PurePath) and str(word).startswith("-") else str(word) for word in words]
    return " ".join(map(_quote_for_cmd, texts)) if windows else shlex.join(texts)


def plain(value: object) -> str:
    """Write a setting without Python's punctuation.

    >>> plain([8, 16]), plain(True), plain(None), plain(0.001), plain({"fold": 2})
    ('8, 16', 'yes', '–', '0.001', 'fold: 2')
    """
    if value is None:
        return NOTHING
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, (list, tuple)):
        return ", ".join(plain(item) for item in value) or NOTHING
    if isinstance(value, dict):
        return ", ".join(f"{key}: {plain(item)}" for key, item in value.items()) or NOTHING
    return f"{value:g}" if isinstance(value, float) else str(value)


def _quote_for_cmd(word: str) -> str:
    quoted = subprocess.list2cmdline([word])
    return f'"{word}"' if quoted == word and re.search(r"[&|<>()^%!;,='`]", word) else quoted


def _scaled(number: float) -> str:
    for size, unit in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if number >= size:
            return f"{_significant(number / size)} {unit}"
    return f"{number:.0f}"


def _significant(value: float) -> str:
    """Three significant digits without an exponent: 0.123, 1.23, 12.3, 123, 1,234."""
    if value >= 100:
        return f"{value:,.0f}"
    digits = 2 - math.floor(math.log10(value)) if value > 0 else 0
    return f"{value:.{min(max(digits, 0), 4)}f}"
