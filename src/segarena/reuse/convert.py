"""From a value in a file, which may be text, to the type of its option."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from types import NoneType
from typing import Any, Literal, get_args, get_origin

_WORDS = {"true": True, "yes": True, "on": True, "false": False, "no": False, "off": False}
_NAMES = {bool: "true or false", int: "a whole number", float: "a number", str: "text", Path: "a path"}


class MismatchError(Exception):
    """A value is not of the type of its option: what was found and what is wanted, in words."""

    def __init__(self, found: str, wanted: str) -> None:
        super().__init__(f"{found}, not {wanted}")
        self.found, self.wanted = found, wanted


def convert(value: Any, hint: Any) -> Any:
    """Convert a value that was read from YAML or JSON.

    Args:
        value: A string, number, bool, list of them, or None; nothing else is accepted.
        hint: The type of the option: str, int, float, bool, Path, Literal, tuple of one of them, or that or None.

    Returns:
        The value; None where it is empty.

    Raises:
        MismatchError: The value is not of that type.

    >>> convert("1e-3", float | None), convert("unet, fcn", tuple[str, ...]), convert("null", int | None)
    (0.001, ('unet', 'fcn'), None)
    >>> convert("auto", int | Literal["auto"] | None), convert("8", int | Literal["auto"] | None)
    ('auto', 8)
    """
    if value is None or (isinstance(value, str) and value.strip() in ("", "~", "null")):
        return None
    kinds = [kind for kind in get_args(hint) if kind is not NoneType]
    if NoneType in get_args(hint):
        return _first_fit(value, kinds)
    if get_origin(hint) is tuple:
        items = value if isinstance(value, list) else str(value).split(",")
        return tuple(_scalar(item, kinds[0]) for item in items)
    return _scalar(value, hint)


def _first_fit(value: Any, kinds: Sequence[Any]) -> Any:
    """The value as the first of the types that it can be."""
    wanted: list[str] = []
    found = ""
    for kind in kinds:
        try:
            return convert(value, kind)
        except MismatchError as error:
            wanted.append(error.wanted)
            found = found or error.found
    raise MismatchError(found, " or ".join(wanted))


def _scalar(value: Any, hint: Any) -> Any:
    if not isinstance(value, (str, int, float)):
        raise MismatchError("a list" if isinstance(value, list) else "keys of its own", _describe(hint))
    text = str(value).strip()
    if get_origin(hint) is Literal:
        choices = {str(choice).lower(): choice for choice in get_args(hint)}
        if text.lower() not in choices:
            raise MismatchError(repr(text), _describe(hint))
        return choices[text.lower()]
    if hint is bool:
        if text.lower() not in _WORDS:
            raise MismatchError(repr(text), _describe(hint))
        return _WORDS[text.lower()]
    try:
        return hint(text)
    except ValueError:
        raise MismatchError(repr(text), _describe(hint)) from None


def _describe(hint: Any) -> str:
    if get_origin(hint) is Literal:
        choices = ", ".join(map(str, get_args(hint)))
        return f"one of {choices}" if len(get_args(hint)) > 1 else choices
    return _NAMES[hint]
