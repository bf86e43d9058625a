"""The values of classes as people write them: numbers, colours, several of either."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from segarena.formats import shorten

#: RGB of 0..255.
Color = tuple[int, int, int]
#: The value of a class in a mask file: a number, or RGB of 0..255.
Value = int | Color

HIGHEST = 65535
#: Characters of a value that messages show.
_SHOWN = 100
#: The void label of many libraries, which no file of unsigned numbers has: `encoding.declared` finds what it became.
MINUS_ONE = -1

_INTEGER = re.compile(r"[+-]?\d{1,20}|0[xX][0-9a-fA-F]{1,16}")  # Python refuses to read thousands of digits
_HEX_COLOR = re.compile(r"#(?:[0-9a-fA-F]{3}|[0-9a-fA-F]{6}|[0-9a-fA-F]{8})|0[xX][0-9a-fA-F]{6}")
#: What separates two numbers fits in one way only: with two, each more number would double the time of a misfit.
_SEVERAL = re.compile(r"[(\[]?\s*\d+(?:(?:\s*[,;]\s*|\s+)\d+)+\s*[)\]]?")


class Written(NamedTuple):
    """Values as they are written, before it is clear whether those of the file are numbers or colours.

    Args:
        items: Numbers and colours, at least one.
        is_triple: Whether `items` is one colour that could also be three numbers, `[1, 2, 3]`.
        is_number: Whether it has numbers for sure.
        is_color: Whether it has colours for sure.
    """

    items: tuple[Value, ...]
    is_triple: bool = False
    is_number: bool = False
    is_color: bool = False


class ValueMistakeError(ValueError):
    """What is written is not a mask value; the message is the value."""


def read_values(written: Any, *, several: bool = False) -> Written:
    """Read the value or values of one class.

    Args:
        written: A number, a colour `[r, g, b]` or `"#rrggbb"`, or a list of numbers or of colours. Strings may have
            numbers.
        several: Whether three numbers are three values, never a colour.

    Raises:
        ValueMistakeError: It is none of these.

    >>> read_values([1, 2]).items, read_values("#804080").items, read_values([[1, 2, 3], [4, 5, 6]]).items
    ((1, 2), ((128, 64, 128),), ((1, 2, 3), (4, 5, 6)))
    """
    if isinstance(written, str) and _SEVERAL.fullmatch(written.strip()):
        written = re.findall(r"\d+", written)
    if not isinstance(written, list):
        item = read_item(written)
        return Written((item,), is_number=isinstance(item, int), is_color=not isinstance(item, int))
    if not written:
        raise ValueMistakeError("[]")
    if not several and (color := read_rgb(written)) is not None:
        return Written((color,), is_triple=True)
    items = tuple(read_item(item) for item in written)
    numbers = [isinstance(item, int) for item in items]
    return Written(items, is_number=any(numbers), is_color=not all(numbers))


def read_item(written: Any) -> Value:
    """Read one number of 0..65535 or one colour. Raises ValueMistakeError."""
    color = read_rgb(written)
    if color is not None:
        return color
    number = read_number(written)
    if number is None or not 0 <= number <= HIGHEST:
        raise ValueMistakeError(shorten(str(_unquoted(written)), _SHOWN))
    return number


def read_rgb(written: Any) -> Color | None:
    """Return a colour: `[r, g, b]`, "r, g, b", "#rrggbb", "#rgb", each also with alpha. None for anything else."""
    if isinstance(written, str):
        text = written.strip()
        if _HEX_COLOR.fullmatch(text):
            digits = text.lstrip("#").removeprefix("0x").removeprefix("0X")
            digits = "".join(2 * digit for digit in digits) if len(digits) == 3 else digits
            return (int(digits[:2], 16), int(digits[2:4], 16), int(digits[4:6], 16))
        if not _SEVERAL.fullmatch(text):
            return None
        written = re.findall(r"\d+", text)
    if isinstance(written, (list, tuple)) and len(written) == 3:
        channels = [read_number(channel) for channel in written]
        if all(channel is not None and 0 <= channel <= 255 for channel in channels):
            red, green, blue = (int(channel or 0) for channel in channels)
            return (red, green, blue)
    return None


def read_number(written: Any) -> int | None:
    """Return a whole number, also from its digits. None for anything else."""
    if isinstance(written, bool) or not isinstance(written, (int, str)):
        return None
    if isinstance(written, int):
        return written
    text = written.strip()
    if not _INTEGER.fullmatch(text):
        return None
    return int(text, 16) if text[:2].lower() == "0x" else int(text)


def settle(classes: Sequence[Written], ignored: Sequence[Written]) -> tuple[list[tuple[Value, ...]], tuple[Value, ...]]:
    """Decide whether lists of three are colours or three numbers, by the other values of the file.

    They are colours, unless another class has a number and nothing is surely a colour. Greys beside numbers, e.g.
    "#010101" beside 0, are numbers.

    Args:
        classes: The values of each class.
        ignored: The void values.

    Returns:
        The values of each class, and the void values.

    Raises:
        ValueMistakeError: A class has a value twice, such as the two zeros of [0, 0, 256].
    """
    values, void = _settle(classes, ignored)
    for one in values:
        if len(set(one)) < len(one):
            shown = str([list(value) if isinstance(value, tuple) else value for value in one])
            raise ValueMistakeError(shorten(shown, _SHOWN))
    return values, void


def _settle(
    classes: Sequence[Written], ignored: Sequence[Written]
) -> tuple[list[tuple[Value, ...]], tuple[Value, ...]]:
    if classes and all(len(one.items) == 4 and one.items[3] == 255 and not one.is_color for one in classes):
        classes, ignored = ([_without_alpha(one) for one in some] for some in (classes, ignored))
    everything = [*classes, *ignored]
    repeats = any(one.is_triple and len(set(_flat(one))) < 3 for one in classes)
    if any(one.is_number for one in classes) and not any(one.is_color for one in everything) and not repeats:
        return [tuple(_split(one)) for one in classes], tuple(value for one in ignored for value in _split(one))
    values, void = [one.items for one in classes], tuple(value for one in ignored for value in one.items)
    flat = [value for one in (*values, void) for value in one if value != MINUS_ONE]
    colors = [value for value in flat if not isinstance(value, int)]
    if 0 < len(colors) < len(flat) and all(len(set(color)) == 1 for color in colors):
        return [tuple(map(_grey_number, one)) for one in values], tuple(map(_grey_number, void))
    return values, void


def _without_alpha(one: Written) -> Written:
    """An opaque RGBA colour, four numbers, as RGB; other values as they are."""
    color = read_rgb(one.items[:3]) if len(one.items) == 4 and one.items[3] == 255 else None
    return Written((color,), is_color=True) if color else one


def read_ignored(written: Any) -> list[Written]:
    """Read the void values: nothing, one value, or a list of values, -1 among them. Raises ValueMistakeError."""
    if written is None or (isinstance(written, str) and written.strip().lower() in ("", "null", "none", "~")):
        return []
    items = written if isinstance(written, list) else [written]
    if read_rgb(items) is not None:  # [0, 0, 0]: one colour or three numbers
        return [read_values(items)]
    return [_read_ignored(item) for item in items]


def _read_ignored(written: Any) -> Written:
    if read_number(written) == MINUS_ONE:
        return Written((MINUS_ONE,))
    return read_values(written)._replace(is_color=isinstance(written, list))


def _split(one: Written) -> Iterator[Value]:
    """The values, with the three of a list of three as numbers."""
    return iter(_flat(one) if one.is_triple else one.items)


def _flat(one: Written) -> Color:
    [color] = one.items
    assert isinstance(color, tuple)
    return color


def _grey_number(value: Value) -> int:
    return value if isinstance(value, int) else value[0]


def _unquoted(written: Any) -> Any:
    """What is written, with numbers in place of the strings that YAML's words are."""
    if isinstance(written, list):
        return [_unquoted(item) for item in written]
    number = read_number(written)
    return written if number is None else number
