"""Options from Python values, and as the command line that gives them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields
from typing import Any, TypeVar, get_type_hints

from segarena.config.arguments import convert_argument, refuse_unknown
from segarena.config.checks import flag
from segarena.config.training import ProtocolOptions, command_name
from segarena.formats import command

Options = TypeVar("Options")


def make_options(kind: type[Options], **values: Any) -> Options:
    """Make the options of a command from the values of a Python program.

    Args:
        kind: The options of the command.
        **values: Values by the options' names; a path may be a string, a tuple may be a list or its only item.

    Raises:
        ConfigError: An option has a value that cannot work.
        OptionTypeError: An option has a value of the wrong type, or there is no such option.
    """
    hints = get_type_hints(kind, include_extras=True)
    names = [item.name for item in fields(kind)]  # type: ignore[arg-type]  # all options are dataclasses
    refuse_unknown(values, names)
    return kind(**{name: convert_argument(name, value, hints[name]) for name, value in values.items()})


def to_command(options: ProtocolOptions) -> str:
    """Return the command line that gives these options, as files have it.

    Args:
        options: The options; those that have their default value are left out, and so are --out, --resume, --config,
            --like, --quiet and --verbose.
    """
    return command_line(type(options), vars(options))


def command_line(
    kind: type[ProtocolOptions], values: Mapping[str, Any], *, program: Sequence[str] | None = ("segarena",)
) -> str:
    """Return the command line of `train` or `compare` that gives the options the values, as files have it.

    Args:
        kind: The options of the command.
        values: Values by the options' names; other names are ignored.
        program: How segarena is called; None: as it was called here.
    """
    data = values.get("data")
    words: list[object] = ["segarena", command_name(kind), *([data] if data is not None else [])]
    for item in fields(kind):
        value = values.get(item.name)
        if (
            item.name not in ("data", "out", "resume", "config", "like", "quiet", "verbose")
            and value is not None
            and value != item.default
        ):
            items = value if isinstance(value, tuple) else [] if value is True else [value]
            words += [flag(item.name), *items]
    return command(*words, program=program)
