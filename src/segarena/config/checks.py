"""What the options of every command have in common: how they are checked, spelled and shown in --help."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal, get_args, get_origin, get_type_hints

import tyro

from segarena.errors import ConfigError

Flag = tyro.conf.FlagCreatePairsOff[bool]


def default(rule: str | Callable[..., Any]) -> Any:
    """Annotate an option that may be left open, so that --help shows what is used then.

    Args:
        rule: What is used, in words, or the function of `segarena.config.defaults` that chooses it: then the first
            line of its docstring.
    """
    text = rule if isinstance(rule, str) else (rule.__doc__ or "").partition("\n")[0].removesuffix(".")
    return tyro.conf.arg(help_behavior_hint=f"(default: {text[:1].lower()}{text[1:]})" if text else "")


#: Annotates an option that has no effect where it is left out.
OPTIONAL = default("")


def check_choices(options: object) -> None:
    """Check each field that has fixed choices, for the command line and the Python API alike. Raises ConfigError."""
    for name, hint in get_type_hints(type(options)).items():
        choices = _literals(hint)
        value = getattr(options, name)
        several = isinstance(value, tuple)
        for item in value if several else (value,):
            if choices and item is not None and item not in choices:
                noun = (name.removesuffix("s") if several else name).replace("_", " ")
                raise ConfigError(
                    f"unknown {noun} {item!r}",
                    where=flag(name),
                    remedy=f"Choose from {', '.join(map(str, choices))}",
                )


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


def check_share(name: str, value: float, *, least: float | None = None) -> None:
    """Raise ConfigError unless the option is above 0 and below 1, or equal to `least`."""
    if not (0 < value < 1 or value == least):
        raise ConfigError(f"{value} is not between 0 and 1", where=flag(name), remedy="Give a share such as 0.2")


def _literals(hint: Any) -> list[object]:
    """The choices of a type hint, also inside of others, as in `tuple[Literal["a"], ...] | None`."""
    if get_origin(hint) is Literal:
        return list(get_args(hint))
    return [choice for part in get_args(hint) for choice in _literals(part)]
