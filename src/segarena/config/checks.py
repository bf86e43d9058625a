"""What the options of every command have in common: how they are checked, typed and shown in --help."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from errno import EACCES, EINVAL, ELOOP, ENAMETOOLONG
from pathlib import Path
from typing import Any, Literal, get_args, get_origin, get_type_hints

import tyro

from segarena.config.devices import check_device
from segarena.config.names import choose_from, find_choice, split_names
from segarena.config.own_models import own_names
from segarena.errors import ConfigError
from segarena.formats import join_words, shorten

Flag = tyro.conf.FlagCreatePairsOff[bool]

#: Characters of a path that messages show: a list of files may have thousands.
_SHOWN = 250


def default(rule: str | Callable[..., Any], *, shown: str | None = None) -> Any:
    """Annotate an option that may be left open, so that --help shows what is used then.

    Args:
        rule: What is used, in words, or the function of `segarena.config.defaults` that chooses it: then the first
            line of its docstring.
        shown: What is typed for the value, where the type does not show it.
    """
    text = rule if isinstance(rule, str) else (rule.__doc__ or "").partition("\n")[0].removesuffix(".")
    return tyro.conf.arg(help_behavior_hint=f"(default: {text[:1].lower()}{text[1:]})" if text else "", metavar=shown)


#: Annotates an option that has no effect where it is left out.
OPTIONAL = default("")
#: Annotates a count of things with the numbers 0, 1, ...: in Python the list of the numbers may be given instead.
NUMBERED = "numbered from 0"


def check_choices(options: object) -> None:
    """Check each field that has fixed choices, for the command line and the Python API alike.

    A name in another spelling is replaced by the choice, see `find_choice`. Raises ConfigError.
    """
    for name, hint in get_type_hints(type(options)).items():
        choices = _literals(hint)
        choices += own_names() if name in ("model", "models") else []
        value = getattr(options, name)
        if name == "device":
            object.__setattr__(options, name, check_device(value))
        numbers = [kind for kind in (int, float) if kind in _types(hint)]
        if not choices or value is None or (numbers and isinstance(value, int | numbers[-1])):
            continue
        several = isinstance(value, tuple)
        items = [part for item in value for part in split_names(item)] if several else [value]
        found = tuple(find_choice(item, choices) for item in items)
        for item, choice in zip(items, found, strict=True):
            if choice is None:
                noun = (name.removesuffix("s") if several else name).replace("_", " ")
                remedy = choose_from(choices, like=str(item))
                if numbers:
                    number = "a whole number" if numbers[-1] is int else "a number"
                    remedy = f"Give {number}, or {join_words([str(one) for one in choices], 'or')}"
                raise ConfigError(f"unknown {noun} {item!r}", where=flag(name), remedy=remedy)
        object.__setattr__(options, name, found if several else found[0])  # the options are frozen once checked


def flag(name: str) -> str:
    """Return an option as it is typed.

    >>> flag("batch_size")
    '--batch-size'
    """
    return "--" + {"source": "from"}.get(name, name).replace("_", "-")  # `from` is a keyword of Python


def check_at_least(name: str, value: int | None, smallest: int) -> None:
    """Raise ConfigError if the option has a value and it is below `smallest`."""
    if value is not None and value < smallest:
        raise ConfigError(f"{value} is too small", where=flag(name), remedy=f"Give {smallest} or more")


def check_is_new(name: str, path: Path | None) -> None:
    """Raise ConfigError if the option names a file that exists already."""
    if path is not None and path.exists():
        raise ConfigError("exists already", where=f"{flag(name)} {path}", remedy="Name another file, or remove it")


def check_positive(name: str, value: float | None) -> None:
    """Raise ConfigError if the option has a value and it is not a finite number above 0."""
    if value is not None and not 0 < value < math.inf:
        raise ConfigError(f"{value} is not a finite number above 0", where=flag(name), remedy="Give a number above 0")


def check_not_negative(name: str, value: float | None) -> None:
    """Raise ConfigError if the option has a value and it is not a finite number from 0 up."""
    if value is not None and not 0 <= value < math.inf:
        raise ConfigError(f"{value} is not a finite number from 0 up", where=flag(name), remedy="Give 0 or more")


def check_one_folder(out: Path | None, resume: Path | None) -> None:
    """Raise ConfigError if --out and --resume name two folders."""
    if out is not None and resume not in (None, out):
        raise ConfigError("names another folder than --resume", where="--out", remedy="Leave out one of the two")


def check_sides(name: str, sides: Sequence[int], what: str) -> None:
    """Raise ConfigError unless an option has one number or two, height and width, of at least 32 pixels.

    Args:
        name: The option's field.
        sides: Its numbers.
        what: What they are the size of, with its article, e.g. "a window".
    """
    if len(sides) not in (1, 2):
        raise ConfigError(
            f"{what} has one or two numbers, not {len(sides)}",
            where=flag(name),
            remedy="Give height and width, or one number for both",
        )
    for side in sides:
        check_at_least(name, side, 32)


def check_between(name: str, value: float | None, lowest: float, highest: float) -> None:
    """Raise ConfigError if the option has a value and it is not from `lowest` to `highest`."""
    if value is not None and not lowest <= value <= highest:
        raise ConfigError(
            f"{value} is not between {lowest} and {highest}",
            where=flag(name),
            remedy=f"Give a number from {lowest} to {highest}",
        )


def check_share(name: str, value: float, *, least: float | None = None) -> None:
    """Raise ConfigError unless the option is above 0 and below 1, or equal to `least`."""
    if not (0 < value < 1 or value == least):
        raise ConfigError(f"{value} is not between 0 and 1", where=flag(name), remedy="Give a share such as 0.2")


def _types(hint: Any) -> tuple[object, ...]:
    """The types of a hint of several, without its annotations."""
    return get_args(get_args(hint)[0] if hasattr(hint, "__metadata__") else hint)


def _literals(hint: Any) -> list[object]:
    """The choices of a type hint, also inside of others, as in `tuple[Literal["a"], ...] | None`."""
    if get_origin(hint) is Literal:
        return list(get_args(hint))
    return [choice for part in get_args(hint) for choice in _literals(part)]


def check_reachable(path: Path) -> None:
    """Raise ConfigError for a path in a folder that is closed to the user, and for a list of files that is one word."""
    error = unreachable(path)
    if error is not None:
        raise ConfigError(
            f"cannot be used ({error.strerror})",
            where=shorten(str(path), _SHOWN),
            remedy="Check the path and the permissions of the folders that it is in. Several paths are given one by "
            "one, not in one pair of quotation marks",
        ) from error


def unreachable(path: Path) -> OSError | None:
    """Return what the system answers if it cannot say whether a path exists; None if it can."""
    try:
        path.lstat()
    except OSError as error:
        return error if error.errno in (EACCES, ELOOP, ENAMETOOLONG) else None
    except ValueError as error:  # a zero byte
        return OSError(EINVAL, str(error))
    return None
