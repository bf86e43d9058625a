"""The help texts, `segarena --help` and `segarena COMMAND --help`, and what a mistyped word may have meant."""

from __future__ import annotations

import ast
import inspect
import shutil
import textwrap
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import MISSING, Field, dataclass, fields, is_dataclass
from itertools import pairwise, takewhile
from pathlib import Path
from types import NoneType
from typing import Any, Literal, get_args, get_origin, get_type_hints

from tyro.conf import Positional

from segarena.config.checks import flag
from segarena.config.groups import group_options
from segarena.config.names import find_alike
from segarena.errors import ConfigError
from segarena.formats import command, join_words

#: Columns of the widest help text, and of the options beside their texts.
WIDTH, LEFT = 100, 26
#: A longer list of choices is in the text of the option, not beside its name.
_LONGEST_CHOICES = 34

DESCRIPTION = "Which of FCN, U-Net, PSPNet and DeepLabv3 is right for your images, by how much, at what cost?"
_EXAMPLES = {
    "segarena check my_data": "how the folder is read, what looks wrong",
    "segarena compare my_data --out runs/mine": "train and compare the four",
    "segarena predict runs/mine photos/": "label new images with the best one",
}
_STATUS = (
    "Exit status: 0 done; 2 wrong input, with one message: what, where and what to do; 3 a model failed, the others are"
    " ranked; 130 interrupted, the state is saved; 141 the reader of a pipe has closed it; 1 a bug."
)


@dataclass(frozen=True)
class Option:
    """An option of a command as it is typed and explained."""

    name: str
    """Name of the field."""
    typed: str
    """The option with its value: `--size INT`; only the value where it has its place: `DATA`."""
    text: str
    """What it is, with its default."""
    is_positional: bool
    """Whether its value is typed without a name."""
    is_required: bool
    """Whether it has no default."""
    is_several: bool
    """Whether it takes several values."""
    choices: tuple[str, ...]
    """The values that it takes, if they are fixed."""


def command_help(verb: str, kind: type) -> str:
    """Return what `segarena VERB --help` shows.

    Args:
        verb: The command.
        kind: Its options.
    """
    options = {option.name: option for option in find_options(kind)}
    placed = [option for option in options.values() if option.is_positional]
    named = [option for option in options.values() if not option.is_positional]
    words = [option.typed if option.is_required else f"[{option.typed}]" for option in placed]
    words += [option.typed for option in named if option.is_required]
    lines = [
        f"usage: segarena {verb} {' '.join([*words, '[OPTIONS]'])}",
        "",
        *textwrap.wrap(inspect.getdoc(kind) or "", _width()),
    ]
    if placed:
        lines += ["", *(line for option in placed for line in _rows(option.typed, option.text))]
    for title, group in group_options([option.name for option in named]).items():
        lines += ["", title]
        lines += [line for name in group for line in _rows(options[name].typed, options[name].text)]
    lines += _rows("-h, --help", "Show this text.")
    return "\n".join(lines) + "\n"


def main_help(commands: Mapping[str, type], *, short: bool = False) -> str:
    """Return what `segarena --help` shows.

    Args:
        commands: The options of each command.
        short: Without examples and exit statuses, as `segarena` alone shows it.
    """
    lines = ["usage: segarena COMMAND [OPTIONS]", "", *textwrap.wrap(DESCRIPTION, _width()), "", "Commands"]
    for verb, kind in commands.items():
        lines += _rows(verb, (inspect.getdoc(kind) or "").partition("\n")[0], left=14)
    lines += ["", "Options"]
    lines += _rows("-h, --help", "Show this text; after a command, its options: segarena compare --help")
    lines += _rows("--version", "Show the version.")
    lines += _rows("--completion {bash,zsh}", "Print a script that completes commands and options with the Tab key.")
    if not short:
        lines += ["", "First steps"]
        lines += [line for typed, text in _EXAMPLES.items() for line in _rows(typed, text, left=45)]
        lines += ["", *textwrap.wrap(_STATUS, _width())]
    return "\n".join(lines) + "\n"


def check_command(verb: str, commands: Mapping[str, type]) -> None:
    """Refuse a command that does not exist, with what it may have meant. Raises ConfigError."""
    if verb not in commands:
        meant = find_alike(verb, commands)
        remedy = f"Did you mean {meant[0]}? " if meant else ""
        remedy += f"`{command('segarena', '--help')}` lists all commands"
        raise ConfigError("there is no such command", where=verb, remedy=remedy)


def check_words(words: Sequence[str], commands: Mapping[str, type]) -> None:
    """Refuse a command line with a command or an option that does not exist, or with what is missing or has no place.

    Args:
        words: The command line, without the program.
        commands: The options of each command.

    Raises:
        ConfigError: The command line cannot work; the message has what was wrong, and what may have been meant.
    """
    verb = words[0]
    check_command(verb, commands)
    _check_empty(words)
    options = list(_describe_options(commands[verb], {}))
    named = {flag(option.name): option for option in options if not option.is_positional}
    for place, word in enumerate(words):
        if word == "--":
            return
        if word.startswith("--"):
            name, is_joined, value = word.partition("=")
            name = name.replace("_", "-")
            following = list(takewhile(lambda other: not other.startswith("--"), words[place + 1 :]))
            if name in named:
                _check_values(name, [value] if is_joined else following, named[name])
            elif name != "--help":
                raise ConfigError(f"{verb} has no such option", where=name, remedy=_advise(name, verb, commands))
    _check_places(verb, options, words[1:])


def _check_places(verb: str, options: Sequence[Option], words: Sequence[str]) -> None:
    """Refuse values without a place, and a command without what it needs. Raises ConfigError."""
    named = {flag(option.name): option for option in options if not option.is_positional}
    values: list[str] = []
    left, given = 0.0, set()
    for word in words:
        if word.startswith("--"):
            name, is_joined, _ = word.partition("=")
            name = name.replace("_", "-")
            given.add(name)
            option = named.get(name)
            takes = 0 if option is None or is_joined or " " not in option.typed else 1
            left = float("inf") if takes and option is not None and option.is_several else takes
        elif left:
            left -= 1
        else:
            values.append(word)
    see_all = f"`{command('segarena', verb, '--help')}` explains each option"
    placed = [option for option in options if option.is_positional]
    if len(values) > len(placed) and not any(option.is_several for option in placed):
        extra = values[len(placed)]
        raise ConfigError(
            f"{verb} has no place for it", where=extra, remedy=f"Put quotes around a name that has spaces. {see_all}"
        )
    if given & {"--config", "--resume", "--like"}:  # a file or a folder gives what is not typed
        return
    required = [option for option in placed if option.is_required][len(values) :]
    required += [option for name, option in named.items() if option.is_required and name not in given]
    if required:
        line = command("segarena", verb, *values)
        typed = " ".join(option.typed for option in required)
        raise ConfigError(f"{typed} is missing", where=verb, remedy=f"Add it: `{line} {typed}`. {see_all}")


def _check_empty(words: Sequence[str]) -> None:
    """Refuse an empty word: as a path it would be the working directory. Raises ConfigError."""
    for before, word in pairwise(words):
        if not word or (word.startswith("--") and word.endswith("=")):
            raise ConfigError(
                "a value is empty",
                where=word[:-1] or (before if before.startswith("--") else words[0]),
                remedy="Give one, or leave it out: perhaps a variable of the shell is not set",
            )


def _check_values(name: str, values: Sequence[str], option: Option) -> None:
    """Refuse what is no number where one is expected, and an option of several values that has none.

    Raises ConfigError.
    """
    if option.is_several and not values:
        remedy = f"Choose from {', '.join(option.choices)}" if option.choices else "Give one or several"
        raise ConfigError("a value is missing", where=name, remedy=f"{remedy}, or leave it out")
    kind = option.typed.partition(" ")[2].removesuffix(" ...")
    if kind not in _NUMBERS:
        return
    words, example, convert = _NUMBERS[kind]
    for value in values if option.is_several else [next(iter(values), None)]:
        try:
            convert(value or "")
        except ValueError:
            what = f"{value!r} is not {words}" if value is not None else f"{words} is missing"
            raise ConfigError(what, where=name, remedy=f"Give {words}, e.g. {name} {example}") from None


_NUMBERS: dict[str, tuple[str, str, Callable[[str], object]]] = {
    "INT": ("a whole number", "8", int),
    "FLOAT": ("a number", "0.5", float),
}


def _advise(name: str, verb: str, commands: Mapping[str, type]) -> str:
    flags = {other: _flags(_describe_options(kind, {})) for other, kind in commands.items()}
    see_all = f"`{command('segarena', verb, '--help')}` lists all"
    meant = find_alike(name, flags[verb])[:1] or [one for one in flags[verb] if one.startswith(name)][:1]
    if meant:
        return f"Did you mean {meant[0]}? {see_all}"
    others = [other for other, known in flags.items() if name in known]
    return f"It is an option of {join_words(others)}. {see_all}" if others else see_all


def _flags(options: Iterable[Option]) -> list[str]:
    """The options of a command as they are typed, without their values."""
    return [*(flag(option.name) for option in options if not option.is_positional), "--help"]


def find_options(kind: type) -> Iterator[Option]:
    """Return the options of a command in the order of its fields."""
    return _describe_options(kind, _docstrings(kind))


def _describe_options(kind: type, texts: Mapping[str, str]) -> Iterator[Option]:
    """`find_options` with these texts; reading them takes longer than all the rest of a command line."""
    hints = get_type_hints(kind, include_extras=True)
    for item in fields(kind):
        yield _describe(item, hints[item.name], texts.get(item.name, ""))


def _describe(item: Field[Any], hint: Any, text: str) -> Option:
    marks = getattr(hint, "__metadata__", ())
    is_positional = any(mark in marks for mark in getattr(Positional[int], "__metadata__", ()))
    bare = get_args(hint)[0] if marks else hint
    choices = [str(choice) for part in _parts(bare) if get_origin(part) is Literal for choice in get_args(part)]
    value = next((mark.metavar for mark in marks if getattr(mark, "metavar", None)), None) or _value(bare, choices)
    if choices and value == "NAME":
        text = f"{text} One of {', '.join(choices)}."
    is_several = any(get_origin(part) is tuple for part in _parts(bare))
    value += " ..." if is_several and value else ""
    is_required = item.default is MISSING
    default = _default(item, marks)
    typed = item.name.upper() + (" ..." if is_several else "") if is_positional else f"{flag(item.name)} {value}"
    return Option(
        name=item.name,
        typed=typed.rstrip(),
        text=f"{text} {default}".rstrip(),
        is_positional=is_positional,
        is_required=is_required,
        is_several=is_several,
        choices=tuple(choices),
    )


def _value(hint: Any, choices: Sequence[str]) -> str:
    """What is typed for a value, e.g. INT; empty for a flag."""
    parts = [part for part in _parts(hint) if part not in (NoneType, Ellipsis)]
    if choices:
        shown = "{" + ",".join([*(["INT"] if int in parts else []), *choices]) + "}"
        return shown if len(shown) <= _LONGEST_CHOICES else "NAME"
    names = {Path: "PATH", int: "INT", float: "FLOAT", str: "TEXT", bool: ""}
    return next((names[part] for part in parts if part in names), "VALUE")


def _default(item: Field[Any], marks: Sequence[Any]) -> str:
    """The default as it is shown: the rule, where the option is left open."""
    hint = next((mark.help_behavior_hint for mark in marks if hasattr(mark, "help_behavior_hint")), None)
    if hint is not None:
        return str(hint)
    if any(item.default is value for value in (MISSING, None, False)):
        return ""
    shown = " ".join(map(str, item.default)) if isinstance(item.default, tuple) else item.default
    return f"(default: {shown})"


def _parts(hint: Any) -> Iterator[Any]:
    """A type and the types inside of it, without annotations and the choices of a Literal."""
    yield hint
    if get_origin(hint) is not Literal:
        for part in get_args(hint):
            yield from _parts(part)


def _docstrings(kind: type) -> dict[str, str]:
    """The docstring below each field of a dataclass and of its bases, on one line."""
    texts: dict[str, str] = {}
    for base in reversed(kind.__mro__):
        if is_dataclass(base):
            [tree] = ast.parse(textwrap.dedent(inspect.getsource(base))).body
            body = getattr(tree, "body", [])
            for node, below in pairwise(body):
                is_text = isinstance(below, ast.Expr) and isinstance(below.value, ast.Constant)
                if is_text and isinstance(node, ast.AnnAssign):
                    texts[ast.unparse(node.target)] = " ".join(ast.literal_eval(below.value).split())
    return texts


def _rows(typed: str, text: str, *, left: int = LEFT) -> list[str]:
    """An option beside its text; above it where it is too long."""
    lines = textwrap.wrap(text, _width() - left, break_on_hyphens=False) or [""]
    if len(typed) + 4 <= left:
        return [f"  {typed:<{left - 2}}{lines[0]}".rstrip(), *(" " * left + line for line in lines[1:])]
    above = textwrap.wrap(typed, _width() - 2, break_on_hyphens=False, subsequent_indent="    ")
    return [*(f"  {line}" for line in above), *(" " * left + line for line in lines)]


def _width() -> int:
    return max(60, min(WIDTH, shutil.get_terminal_size().columns))
