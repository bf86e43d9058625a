"""What all functions of the Python API do: check the names of options, and write errors as Python spells options."""

from __future__ import annotations

import functools
import importlib
import inspect
import os
import re
import shlex
from collections.abc import Callable, Mapping
from contextvars import ContextVar
from dataclasses import fields
from typing import Any, TypeVar, cast, get_args

from segarena import config
from segarena.config import DataOptions, OutputOptions, make_options
from segarena.config.names import find_alike
from segarena.config.own_models import Builder, given_builder, own_models, separate
from segarena.config.training import ModelName
from segarena.errors import Interrupted, OptionTypeError, SegarenaError
from segarena.formats import join_words
from segarena.reuse.complete import complete
from segarena.tracking.calling import own_callbacks

#: The names of the arguments that were given to the function that is being called.
_GIVEN: ContextVar[frozenset[str]] = ContextVar("given")
Function = TypeVar("Function", bound=Callable[..., Any])

#: Words that follow an option in a sentence and are not its value.
_NO_VALUES = (
    "and or to for if is with in of as from does has cannot was were are by but the so then only names where see"
)
_COMMAND = r"`[^`]*`|\b(?:\S*/)?segarena [a-z]+(?= )[^;:]*?(?=[.;:]? [A-Z][a-z]|[.;:]?$)"
_VALUE = r"'[^']*'|[\w*/.~+-]*[\w*/~+-](?::\w+)?"
_OPTION = rf"--([a-z][a-z0-9-]*)(?:[ =](?!--|(?:{'|'.join(_NO_VALUES.split())})\b)({_VALUE}))?"


def api_function(function: Function) -> Function:
    """Decorate a function of the API: a misspelt option, and an error that names options, get messages for Python."""
    signature = inspect.signature(function)
    names = tuple(signature.parameters)

    @functools.wraps(function)
    def call(*arguments: Any, **options: Any) -> Any:
        _check_names(function.__name__, signature, arguments, options)
        token = _GIVEN.set(frozenset(names[: len(arguments)]) | options.keys())
        try:
            return function(*arguments, **options)
        except SegarenaError as error:
            error.restate(in_python)
            raise
        except Interrupted as stop:
            stop.args = (_resume_in_python(str(stop)),)
            raise
        finally:
            _GIVEN.reset(token)

    return cast(Function, call)


def run_command(kind: type, values: Mapping[str, Any], name: str) -> Any:
    """Run a command with the arguments of an API function.

    Args:
        kind: The options of the command.
        values: The function's arguments, by name. Those that were not given may come from a file or a folder.
        name: Name of the command.

    Returns:
        What the command's `run` returns.
    """
    values, builders = _take_builders(values)
    callbacks = values.pop("callbacks", ())
    with own_models(builders), own_callbacks(callbacks):
        options: Any
        if issubclass(kind, DataOptions):
            options = complete(kind, **{name: value for name, value in values.items() if name in _GIVEN.get()})
        else:
            options = make_options(kind, **values)
        importlib.import_module("segarena.commands.paths").check_possible(options)
        return importlib.import_module(f"segarena.commands.{name}").run(options)


def _take_builders(values: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str | None, Builder]]:
    """The values without the functions that build modules, and these by the names of their models."""
    rest = dict(values)
    builders = given_builder(rest.pop("build", None))
    for option in ("model", "models"):
        if option in rest:
            rest[option], found = separate(rest[option], option, get_args(ModelName))
            builders |= found
    return rest, builders


def in_python(text: str) -> str:
    """Write the options in a text as keyword arguments; command lines stay as they are.

    >>> in_python("Add --track paper, or leave out --batch-size")
    'Add track="paper", or leave out batch_size'
    >>> in_python("Name the folder: --out DIR")
    'Name the folder: out=DIR'
    >>> in_python("Use --device cuda:1")
    'Use device="cuda:1"'
    """
    parts = re.split(f"({_COMMAND})", text)
    return "".join(part if place % 2 else re.sub(_OPTION, _keyword, part) for place, part in enumerate(parts))


def _resume_in_python(text: str) -> str:
    """Write the call that resumes before the command line that does.

    >>> _resume_in_python("stopped. Resume with: segarena train --resume runs/x")
    "stopped. Resume with: segarena.train(resume='runs/x'), or in a shell: segarena train --resume runs/x"
    """
    found = re.search(r"Resume with: (.* (compare|suite|train) --resume (.+))$", text)
    if found is None:
        return text
    folder = found[3].strip('"') if os.name == "nt" else shlex.split(found[3])[0]
    call = f"segarena.{found[2]}(resume={folder!r})"
    return f"{text[: found.start(1)]}{call}, or in a shell: {found[1]}"


@functools.cache
def _flags() -> frozenset[str]:
    """The options that are typed without a value, in every command that has them."""
    kinds = [kind for kind in vars(config).values() if isinstance(kind, type) and issubclass(kind, OutputOptions)]
    defaults = [(item.name, item.default) for kind in kinds for item in fields(kind)]
    with_value = {name for name, default in defaults if default is not False}
    return frozenset(name for name, _ in defaults if name not in with_value)


def _keyword(found: re.Match[str]) -> str:
    name, value = found[1].replace("-", "_"), found[2]
    name = {"from": "source"}.get(name, name)
    if name in _flags():
        rest = "" if value is None else f" {value}"
        return f"{name}=True{rest}"
    if value is None:
        return name
    value = value.strip("'")
    is_literal = value.isupper() or re.fullmatch(r"[\d.]+", value)  # DIR, FILE, K; a number
    return f"{name}={value}" if is_literal else f'{name}="{value}"'


def _check_names(
    function: str, signature: inspect.Signature, arguments: tuple[Any, ...], options: Mapping[str, Any]
) -> None:
    """Raise OptionTypeError where Python's own message would not name the remedy."""
    names = list(signature.parameters)
    positional = [name for name, item in signature.parameters.items() if item.kind is item.POSITIONAL_OR_KEYWORD]
    more = f"help(segarena.{function}) shows all options"
    for name in options:
        if name not in names:
            alike = [f"Did you mean {other}? " for other in find_alike(name, names)[:1]]
            raise OptionTypeError(f"{function}() has no option {name!r}", remedy=f"{''.join(alike)}{more}")
    if len(arguments) > len(positional):
        value = arguments[len(positional)]
        raise OptionTypeError(
            f"{function}() takes {join_words(positional)} without a name, and not {value!r}",
            remedy=f"Name the option, e.g. {names[len(positional)]}={value!r}",
        )
    needed = [name for name, item in signature.parameters.items() if item.default is item.empty]
    for name in needed:
        if name not in options and name not in positional[: len(arguments)]:
            raise OptionTypeError(
                f"{function}() needs {name!r}", remedy=f"Add {name}=...; see help(segarena.{function})"
            )
