"""The entries of `classes` in a classes.yaml: a name, its values, a colour, whether it is the background."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from segarena.classes.background import find_untinted
from segarena.classes.colors import choose_colors
from segarena.classes.values import Color, Value, Written, read_rgb, read_values
from segarena.errors import DataError
from segarena.formats import listing, plural

#: Part of the remedies of errors about the content of a classes.yaml.
REMEDY = "Write it as `classes: [{name: road, value: 3, color: [128, 64, 128]}, ...]` and `ignore: [255]`"
_VALUES = ("value", "values")
_MARKS = {"true": True, "yes": True, "on": True, **dict.fromkeys(("", "false", "no", "off", "null", "~"), False)}


@dataclass(frozen=True)
class SegmentationClass:
    """One class of a data set."""

    name: str
    value: Value
    """Its value in the mask files: 0..65535, or RGB of 0..255."""
    color: Color
    """The colour it is drawn in, RGB of 0..255."""
    others: tuple[Value, ...] = ()
    """Further values of the class, of the same kind as `value`: several values are one class."""
    is_background: bool = False
    """Whether it is marked as background."""

    @property
    def values(self) -> tuple[Value, ...]:
        """All its values in the mask files."""
        return (self.value, *self.others)


def check_entry(index: int, entry: Any, where: object) -> None:
    """Raise DataError where an entry of `classes` has not what a class needs, or more."""
    if not isinstance(entry, dict) or _is_empty(entry.get("name")) or all(map(_is_empty, map(entry.get, _VALUES))):
        hint = ' A colour is written in quotes, `"#804080"`' if isinstance(entry, dict) and "value" in entry else ""
        raise DataError(f"class {index} has no name or no value", where=where, remedy=f"{REMEDY}.{hint}".rstrip("."))
    unknown = sorted(set(entry) - {"name", *_VALUES, "color", "background"}, key=str)
    if unknown:
        raise DataError(f"class {index} has an unknown key {unknown[0]!r}", where=where, remedy=REMEDY)
    if all(name in entry for name in _VALUES):
        raise DataError(f"class {index} has both `value` and `values`", where=where, remedy="Remove one of the two")


def values_of(entry: dict[str, Any]) -> Written:
    """Return the values of an entry. Raises ValueMistakeError."""
    return read_values(entry["values"], several=True) if "values" in entry else read_values(entry["value"])


def make_classes(
    entries: Sequence[dict[str, Any]], values: Sequence[tuple[Value, ...]], where: object
) -> tuple[SegmentationClass, ...]:
    """Make the classes of the entries, with names on one line; classes without a colour get one.

    Raises DataError where a name is empty, a colour is none, or more than one class is the background.
    """
    names = [_read_name(index, entry, where) for index, entry in enumerate(entries)]
    marks = [index for index, entry in enumerate(entries) if _read_mark(index, entry, where)]
    if len(marks) > 1:
        raise DataError(
            f"marks {plural(len(marks), 'class')} as background: {listing([names[index] for index in marks])}",
            where=where,
            remedy="Keep `background: true` at one of them; to make one class of several, give it all their values",
        )
    marked = marks[0] if marks else None
    declared = [_read_color(index, entry, values[index], where) for index, entry in enumerate(entries)]
    colors = choose_colors(declared, find_untinted(names, [one[0] for one in values], marked))
    return tuple(
        SegmentationClass(name, one[0], color, one[1:], is_background=index == marked)
        for index, (name, one, color) in enumerate(zip(names, values, colors, strict=True))
    )


def _read_name(index: int, entry: dict[str, Any], where: object) -> str:
    name = " ".join("".join(" " if unicodedata.category(sign) == "Cc" else sign for sign in str(entry["name"])).split())
    if not name:
        raise DataError(f"class {index} has no name or no value", where=where, remedy=REMEDY)
    return name


def _read_color(index: int, entry: dict[str, Any], values: tuple[Value, ...], where: object) -> Color | None:
    """The colour that is declared; None without one."""
    given = entry.get("color")
    if _is_empty(given) or given in ("null", "~"):
        return values[0] if isinstance(values[0], tuple) else None
    color = read_rgb(given)
    if color is None:
        raise DataError(f"class {index} has a color that is not [r, g, b]", where=where, remedy=REMEDY)
    return color


def _read_mark(index: int, entry: dict[str, Any], where: object) -> bool:
    """Whether the entry is marked as background."""
    given = entry.get("background")
    word = "" if given is None else str(given).strip().lower()
    if word not in _MARKS:
        raise DataError(
            f"class {index} has a background that is not true or false: {given!r}",
            where=where,
            remedy="Write `background: true` at the class that is the background, and nothing at the others",
        )
    return _MARKS[word]


def plain_value(value: Value) -> int | list[int]:
    """Return a value as it is written: a number, or [r, g, b]."""
    return value if isinstance(value, int) else list(value)


def plain_values(entry: SegmentationClass) -> dict[str, Any]:
    """Return the value of a class as an entry has it: `value`, or `values` if there are several."""
    if entry.others:
        return {"values": [plain_value(value) for value in entry.values]}
    return {"value": plain_value(entry.value)}


def _is_empty(written: Any) -> bool:
    return written is None or written in ("", [])
