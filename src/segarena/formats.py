"""Numbers and lists as people read them. Files keep fractions, seconds and counts; this makes text of them."""

from __future__ import annotations

import math
from collections.abc import Sequence

#: Stands where there is no value: a class that neither truth nor prediction has, a cost that was not measured.
NOTHING = "–"

_MINUTE, _HOUR = 60.0, 3600.0


def is_missing(value: object) -> bool:
    """Whether a value of a table or of comparison.json is absent: None, NaN or an infinity."""
    return value is None or (isinstance(value, float) and not math.isfinite(value))


def percent(fraction: float | None, digits: int = 1) -> str:
    """0.532 -> "53.2%"."""
    return NOTHING if fraction is None or is_missing(fraction) else f"{100 * fraction:.{digits}f}%"


def small_percent(fraction: float) -> str:
    """A share that may be small: 0.0712 -> "7.1%", 0.0007 -> "0.07%", 0 -> "0%"."""
    return percent(fraction) if fraction >= 0.01 else f"{100 * fraction:.2g}%"


def plural(number: int, noun: str) -> str:
    """1, "image" -> "1 image"; 3, "image" -> "3 images"; 2, "class" -> "2 classes"; 1234, ... -> "1,234 ..."."""
    ending = "" if number == 1 else "es" if noun.endswith("s") else "s"
    return f"{number:,} {noun}{ending}"


def count(number: float | None) -> str:
    """14328209 -> "14.3 M", 74210 -> "74.2 k"; the unit follows in the text."""
    return NOTHING if number is None or is_missing(number) else _scaled(number)


def giga(number: float | None) -> str:
    """23512345678 -> "23.5 G", always in thousand millions, so that a column compares at a glance."""
    return NOTHING if number is None or is_missing(number) else f"{_significant(number / 1e9)} G"


def milliseconds(value: float | None) -> str:
    """12.345 -> "12.3 ms"."""
    return NOTHING if value is None or is_missing(value) else f"{_significant(value)} ms"


def mebibytes(value: float | None) -> str:
    """1234.5 -> "1,234 MiB"."""
    return NOTHING if value is None or is_missing(value) else f"{value:,.0f} MiB"


def duration(seconds: float | None) -> str:
    """75 -> "1 min 15 s", 3720 -> "1 h 02 min"."""
    if seconds is None or is_missing(seconds):
        return NOTHING
    if seconds < _MINUTE:
        return f"{_significant(seconds)} s"
    whole = round(seconds)
    if whole < _HOUR:
        return f"{whole // 60} min {whole % 60:02d} s"
    minutes = round(seconds / _MINUTE)
    return f"{minutes // 60} h {minutes % 60:02d} min"


def shorten(text: str, length: int = 24) -> str:
    """A name that fits beside an axis: whole, or cut with an ellipsis; never more than one line."""
    text = " ".join(text.split())
    return text if len(text) <= length else text[: length - 1].rstrip() + "…"


def join_words(items: Sequence[str], last: str = "and") -> str:
    """["a", "b", "c"] -> "a, b and c", all of them."""
    return f"{', '.join(items[:-1])} {last} {items[-1]}" if len(items) > 1 else "".join(items)


def listing(names: Sequence[str], most: int = 5) -> str:
    """The first names with commas, and how many more there are: "a, b and 3 more"."""
    return ", ".join(names[:most]) + (f" and {len(names) - most} more" if len(names) > most else "")


def plain(value: object) -> str:
    """A setting as a reader expects it: lists without brackets, yes and no, a dash for nothing."""
    if value is None:
        return NOTHING
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, (list, tuple)):
        return ", ".join(plain(item) for item in value) or NOTHING
    if isinstance(value, dict):
        return ", ".join(f"{key}: {plain(item)}" for key, item in value.items()) or NOTHING
    return f"{value:g}" if isinstance(value, float) else str(value)


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
