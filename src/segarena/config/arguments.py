"""Values of a Python program as the values of options: one string for a list, a string for a path, numbers of numpy.

A value of the wrong type is an `OptionTypeError`, which is a TypeError; a value of the right type that cannot work is a
plain ConfigError, which the options raise themselves.
"""

from __future__ import annotations

import operator
import os
from collections.abc import Iterable, Mapping, Set
from numbers import Real
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, Literal, NamedTuple, Union, get_args, get_origin

from segarena.config.checks import NUMBERED, flag
from segarena.config.names import choose_from, split_names
from segarena.errors import ConfigError, OptionTypeError
from segarena.formats import join_words, shorten


class _MismatchError(Exception):
    """The value has another type than the hint."""


def convert_argument(name: str, value: Any, hint: Any) -> Any:
    """Convert the value of an option to the type of its field.

    Args:
        name: Name of the option.
        value: What was given.
        hint: Type of the field, with its annotations.

    Raises:
        OptionTypeError: The value is of another type.
        ConfigError: A list is given for a count, and its items are not 0, 1, ...
    """
    if NUMBERED in getattr(hint, "__metadata__", ()):
        value = _count(name, value)
    hint = _plain(hint)
    try:
        return _convert(value, hint)
    except _MismatchError:
        remedy = f"Give {describe_hint(hint)}"
        if value is None:
            remedy += ", or leave it out"
        if name == "images" and _is_in_memory(value):
            remedy += ". For images in memory use segarena.load(run).predict(image)"
        raise OptionTypeError(
            f"{shorten(repr(value), 60)} is of type {type(value).__name__}", where=flag(name), remedy=remedy
        ) from None


def refuse_unknown(names: Iterable[str], known: Iterable[str]) -> None:
    """Raise OptionTypeError if one of the names is not among the known options."""
    known = sorted(known)
    for name in names:
        if name not in known:
            raise OptionTypeError("there is no such option", where=name, remedy=choose_from(known, like=name))


def describe_hint(hint: Any) -> str:
    """Write which values a field takes.

    >>> describe_hint(int | None), describe_hint(tuple[Literal["a", "b"], ...])
    ('a whole number', 'one or several of a, b')
    """
    parts = [_plain(part) for part in _members(hint) if part is not NoneType]
    choices = [str(choice) for part in parts if get_origin(part) is Literal for choice in get_args(part)]
    words = [f"one of {', '.join(choices)}"] if choices else []
    for part in parts:
        if get_origin(part) is tuple:
            inner = describe_hint(get_args(part)[0])
            words.append(
                f"one or several of {inner.removeprefix('one of ')}" if "one of" in inner else f"{inner}, or a list"
            )
        elif part in _TYPES:
            words.append(_TYPES[part].words)
    return join_words(words, "or")


def _convert(value: Any, hint: Any) -> Any:
    members = _members(hint)
    if len(members) > 1:
        for member in members:
            try:
                return _convert(value, _plain(member))
            except _MismatchError:
                continue
        raise _MismatchError
    if hint is NoneType:
        return _only(value, value is None)
    if get_origin(hint) is Literal:
        return _choice(value, get_args(hint))
    if get_origin(hint) is tuple:
        return tuple(_convert(item, get_args(hint)[0]) for item in _items(value, get_args(hint)[0]))
    return _TYPES[hint].convert(value) if hint in _TYPES else value


def _only(value: Any, fits: bool) -> Any:
    if not fits:
        raise _MismatchError
    return value


def _choice(value: Any, choices: tuple[Any, ...]) -> Any:
    """A choice may be unknown here: the options refuse it, with the choices."""
    if all(isinstance(choice, str) for choice in choices):
        return str(_only(value, isinstance(value, str)))
    return _whole(value)


def _items(value: Any, inner: Any) -> Iterable[Any]:
    if isinstance(value, str) and get_origin(inner) is Literal:
        return split_names(value)
    if isinstance(value, (str, os.PathLike)) or not isinstance(value, Iterable):
        return [value]
    return _only(value, not isinstance(value, (bytes, Mapping, Set)))  # type: ignore[no-any-return]


def _path(value: Any) -> Path:
    text = os.fspath(_only(value, isinstance(value, (str, os.PathLike))))
    return expand_home(_only(text, isinstance(text, str) and text != ""))


def expand_home(path: str | os.PathLike[str]) -> Path:
    """Return a path with `~` as the user's home folder; as it is where there is no such user, e.g. `~backup.png`."""
    try:
        return Path(path).expanduser()
    except RuntimeError:
        return Path(path)


def _text(value: Any) -> str:
    return str(os.fspath(_only(value, isinstance(value, (str, os.PathLike)))))


def _whole(value: Any) -> int:
    if isinstance(value, float) and value.is_integer():  # also numpy.float64: a number read from a table
        return int(value)
    try:
        return operator.index(_only(value, not _is_bool(value)))
    except TypeError:
        raise _MismatchError from None


def _number(value: Any) -> float:
    return float(_only(value, isinstance(value, Real) and not _is_bool(value)))


def _truth(value: Any) -> bool:
    return bool(_only(value, _is_bool(value)))


def _is_bool(value: Any) -> bool:
    return isinstance(value, bool) or type(value).__name__ in ("bool", "bool_")  # numpy's; it is not imported for that


def _count(name: str, value: Any) -> Any:
    """The number of items of [0, 1, ...], whose numbers are those that a count stands for; anything else as it is."""
    if isinstance(value, (str, Mapping, Set)) or not isinstance(value, Iterable):
        return value
    items = list(value)
    if items != list(range(len(items))) or not items:
        raise ConfigError(
            f"the trainings are numbered from 0, but {shorten(repr(items), 60)} was given",
            where=flag(name),
            remedy="Give their number: 3 means the seeds 0, 1 and 2. One training takes any seed: "
            f"segarena.train(..., seed={items[0] if items else 0})",
        )
    return len(items)


def _is_in_memory(value: Any) -> bool:
    """Whether it is an image, or a list of them, of a library that is not imported for this."""
    items = value if isinstance(value, (list, tuple)) else [value]
    return any(type(item).__module__.partition(".")[0] in ("PIL", "numpy", "torch", "torchvision") for item in items)


def _members(hint: Any) -> tuple[Any, ...]:
    return get_args(hint) if get_origin(hint) in (Union, UnionType) else (hint,)


def _plain(hint: Any) -> Any:
    """A type without its annotations."""
    return _plain(get_args(hint)[0]) if hasattr(hint, "__metadata__") else hint


class _Type(NamedTuple):
    words: str
    convert: Any


_TYPES: dict[Any, _Type] = {
    Path: _Type("a path, as text or a Path", _path),
    str: _Type("a text", _text),
    bool: _Type("True or False", _truth),
    int: _Type("a whole number", _whole),
    float: _Type("a number", _number),
}
