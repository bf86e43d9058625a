"""What every set of options checks alike, and how an option is called on the command line."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal, get_args, get_origin, get_type_hints

import tyro

from segarena.errors import ConfigError

Flag = tyro.conf.FlagCreatePairsOff[bool]

#: Marks an option that is chosen for the data and the machine where it is not given.
CHOSEN = tyro.conf.arg(help_behavior_hint="")


def check_choices(options: object) -> None:
    """Check each field with fixed choices, for the command line and the Python API alike."""
    for name, hint in get_type_hints(type(options)).items():
        choices = _literals(hint)
        value = getattr(options, name)
        for item in value if isinstance(value, tuple) else (value,):
            if choices and item is not None and item not in choices:
                raise ConfigError(
                    f"unknown {name.removesuffix('s').replace('_', ' ')} {item!r}",
                    where=flag(name),
                    remedy=f"Choose from {', '.join(map(str, choices))}",
                )


def _literals(hint: Any) -> list[object]:
    if get_origin(hint) is Literal:
        return list(get_args(hint))
    return [choice for part in get_args(hint) for choice in _literals(part)]


def flag(name: str) -> str:
    """Return the option as it is typed: batch_size -> --batch-size."""
    return "--" + {"source": "from"}.get(name, name).replace("_", "-")  # `from` is Python's own word


def check_at_least(name: str, value: int | None, smallest: int) -> None:
    """Raise ConfigError where the option is given and below `smallest`."""
    if value is not None and value < smallest:
        raise ConfigError(f"{value} is too small", where=flag(name), remedy=f"Give {smallest} or more")


def make_paths(options: object, *names: str) -> None:
    """Turn strings into paths: the Python API takes both."""
    for name in names:
        value = getattr(options, name)
        if isinstance(value, str):
            object.__setattr__(options, name, Path(value))


def check_share(name: str, value: float, *, least: float | None = None) -> None:
    """Raise ConfigError where the option is no share: above 0 (or from `least` on) and below 1."""
    if not (0 < value < 1 or value == least):
        raise ConfigError(f"{value} is not between 0 and 1", where=flag(name), remedy="Give a share such as 0.2")
