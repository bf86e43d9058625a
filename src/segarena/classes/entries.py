"""One entry of `classes` in a classes.yaml: a name, its values, a colour."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from typing import Any

from segarena.classes.values import Color, Value, Written, read_rgb, read_values
from segarena.errors import DataError

#: Part of the remedies of errors about the content of a classes.yaml.
REMEDY = "Write it as `classes: [{name: road, value: 3, color: [128, 64, 128]}, ...]` and `ignore: [255]`"
_VALUES = ("value", "values")

#: Paul Tol's "bright" and "muted" sets (personal.sron.nl/~pault), which colour-blind readers can distinguish; the
#: colours of classes that are declared without one.
DEFAULT_COLORS: tuple[tuple[int, int, int], ...] = (
    (221, 221, 221),
    (68, 119, 170),
    (238, 102, 119),
    (34, 136, 51),
    (204, 187, 68),
    (102, 204, 238),
    (170, 51, 119),
    (51, 34, 136),
    (221, 204, 119),
    (17, 119, 51),
    (136, 204, 238),
    (136, 34, 85),
    (68, 170, 153),
    (153, 153, 51),
)


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

    @property
    def values(self) -> tuple[Value, ...]:
        """All its values in the mask files."""
        return (self.value, *self.others)


def check_entry(index: int, entry: Any, where: object) -> None:
    """Raise DataError where an entry of `classes` has not what a class needs, or more."""
    if not isinstance(entry, dict) or _is_empty(entry.get("name")) or all(map(_is_empty, map(entry.get, _VALUES))):
        hint = ' A colour is written in quotes, `"#804080"`' if isinstance(entry, dict) and "value" in entry else ""
        raise DataError(f"class {index} has no name or no value", where=where, remedy=f"{REMEDY}.{hint}".rstrip("."))
    unknown = sorted(set(entry) - {"name", *_VALUES, "color"}, key=str)
    if unknown:
        raise DataError(f"class {index} has an unknown key {unknown[0]!r}", where=where, remedy=REMEDY)
    if all(name in entry for name in _VALUES):
        raise DataError(f"class {index} has both `value` and `values`", where=where, remedy="Remove one of the two")


def values_of(entry: dict[str, Any]) -> Written:
    """Return the values of an entry. Raises ValueMistakeError."""
    return read_values(entry["values"], several=True) if "values" in entry else read_values(entry["value"])


def make_class(index: int, entry: dict[str, Any], values: tuple[Value, ...], where: object) -> SegmentationClass:
    """Make the class of an entry, with a name on one line. Raises DataError where its colour is none."""
    name = " ".join("".join(" " if unicodedata.category(sign) == "Cc" else sign for sign in str(entry["name"])).split())
    if not name:
        raise DataError(f"class {index} has no name or no value", where=where, remedy=REMEDY)
    color = values[0] if isinstance(values[0], tuple) else DEFAULT_COLORS[index % len(DEFAULT_COLORS)]
    given = entry.get("color")
    if not _is_empty(given) and given not in ("null", "~"):
        read = read_rgb(given)
        if read is None:
            raise DataError(f"class {index} has a color that is not [r, g, b]", where=where, remedy=REMEDY)
        color = read
    return SegmentationClass(name, values[0], color, values[1:])


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
