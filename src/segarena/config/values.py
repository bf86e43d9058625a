"""Options from Python values, and as the command line that gives them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any, TypeVar, get_args, get_type_hints

from segarena.config.checks import flag
from segarena.config.training import ProtocolOptions, TrainOptions
from segarena.formats import command

Options = TypeVar("Options")


def make_options(kind: type[Options], **values: Any) -> Options:
    """Make the options of a command from the values of a Python program.

    Args:
        kind: The options of the command.
        **values: Values by the options' names; a path may be a string, a tuple may be a list.

    Raises:
        ConfigError: An option has a value that cannot work.
        TypeError: There is no such option.
    """
    hints = get_type_hints(kind)
    return kind(**{name: _convert(value, hints.get(name)) for name, value in values.items()})


def to_command(options: ProtocolOptions, out: Path | None = None) -> str:
    """Return the command line that gives these options.

    Args:
        options: The options; those that have their default value are left out, and so are --out, --resume,
            --quiet and --verbose.
        out: The folder of a run: the command line then resumes it.
    """
    line = command_line(type(options), vars(options))
    return line if out is None else f"{line} {command('--out', out, '--resume')}"


def command_line(kind: type[ProtocolOptions], values: Mapping[str, Any]) -> str:
    """Return the command line of `train` or `compare` that gives the options the values, as files have it.

    Args:
        kind: The options of the command.
        values: Values by the options' names; other names are ignored.
    """
    verb = "train" if issubclass(kind, TrainOptions) else "compare"
    data = values.get("data")
    words: list[object] = ["segarena", verb, *([data] if data is not None else [])]
    for item in fields(kind):
        value = values.get(item.name)
        if (
            item.name not in ("data", "out", "resume", "quiet", "verbose")
            and value is not None
            and value != item.default
        ):
            items = value if isinstance(value, tuple) else [] if value is True else [value]
            words += [flag(item.name), *items]
    return command(*words, program=("segarena",))


def _convert(value: Any, hint: Any) -> Any:
    if isinstance(value, list):
        value = tuple(value)
    if isinstance(value, tuple):
        return tuple(_convert(item, hint) for item in value)
    if isinstance(value, (str, Path)):
        return Path(value) if _takes_path(hint) else str(value)
    return value


def _takes_path(hint: Any) -> bool:
    return hint is Path or any(_takes_path(part) for part in get_args(hint))
