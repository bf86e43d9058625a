"""Options from Python values, and as the command line that gives them."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any, TypeVar, get_type_hints

from segarena.config.arguments import convert_argument, refuse_unknown
from segarena.config.checks import flag
from segarena.config.groups import order_options
from segarena.config.training import ProtocolOptions, command_name, is_own
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


def to_command(options: ProtocolOptions, *, with_out: bool = False) -> str:
    """Return the command line that gives these options, as files have it.

    Args:
        options: The options; those that have their default value are left out, and so are --out, --resume, --config,
            --like, --dry-run, --json, --quiet and --verbose.
        with_out: Whether --out is kept: for a command that is started now, not for one that repeats what was written.
    """
    line = command_line(type(options), vars(options))
    return f"{line} {command('--out', options.out)}" if with_out and options.out is not None else line


def command_line(
    kind: type[ProtocolOptions], values: Mapping[str, Any], *, program: Sequence[str] | None = ("segarena",)
) -> str:
    """Return the command line of `train` or `compare` that gives the options the values, as files have it.

    With a module of a Python program it is the call of the function.

    Args:
        kind: The options of the command.
        values: Values by the options' names; other names are ignored.
        program: How segarena is called; None: as it was called here.
    """
    models = [*(values.get("models") or ()), values.get("model", "unet")]
    if any(is_own(model) for model in models):
        return _python_call(kind, values)
    data = values.get("data")
    words: list[object] = ["segarena", command_name(kind), *([data] if data is not None else [])]
    words += values.get("runs", ())
    for name, value in _given(kind, values).items():
        items = value if isinstance(value, tuple) else [] if value is True else [value]
        words += [flag(name), *items]
    return command(*words, program=program)


def _given(kind: type[ProtocolOptions], values: Mapping[str, Any]) -> dict[str, Any]:
    """The options with another value than their default, in the order of --help; not the data and what is written."""
    left_out = ("data", "runs", "out", "resume", "config", "like", "dry_run", "json", "quiet", "verbose")
    defaults = {item.name: item.default for item in fields(kind)}
    given = {name: values.get(name) for name in order_options(list(defaults)) if name not in left_out}
    return {name: value for name, value in given.items() if value is not None and value != defaults[name]}


def _python_call(kind: type[ProtocolOptions], values: Mapping[str, Any]) -> str:
    """The call that gives the options the values; the builder of a module has the module's name, as far as it can."""

    def write(name: str, value: Any) -> str:
        if name in ("model", "models"):
            items = [
                f"({item!r}, {re.sub(r'[^A-Za-z0-9_]', '_', item)})" if is_own(item) else repr(item)
                for item in (value if isinstance(value, tuple) else (value,))
            ]
            return items[0] if name == "model" else f"[{', '.join(items)}]"
        return repr(str(value)) if isinstance(value, Path) else repr(value)

    data, runs = values.get("data"), [str(run) for run in values.get("runs", ())]
    arguments = [] if data is None else [repr(str(data))]
    arguments += [f"runs={runs!r}"] if runs else []
    arguments += [f"{name}={write(name, value)}" for name, value in _given(kind, values).items()]
    return f"segarena.{command_name(kind)}({', '.join(arguments)})"
