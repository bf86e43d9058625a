"""The words of a command line: the folder and the file that they name, which give the options that are not typed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import MISSING, fields
from pathlib import Path
from typing import Any

import tyro

from segarena.config import DataOptions
from segarena.config.arguments import expand_home
from segarena.config.checks import flag
from segarena.errors import ConfigError
from segarena.reuse.complete import Given, find_given


def read_words(words: Sequence[str], kinds: Mapping[str, type]) -> tuple[list[str], Given]:
    """Read what --config and --resume give for the options of a command.

    Args:
        words: The words of the command line after the program: the command and its options.
        kinds: The options of each command.

    Returns:
        The words as --help spells the options, with the folder of --out after a --resume that has none; and what is
        given.

    Raises:
        ConfigError: The file cannot be read, or it is not clear what is resumed.
        RunError: There is nothing to resume in the folder.
    """
    words = _respell(words)
    kind = kinds.get(words[0]) if words else None
    if kind is None or not issubclass(kind, DataOptions) or {"-h", "--help"} & set(words):
        return words, Given()
    words = _name_folder(words)
    config, resume, out, like = (_find_path(words, f"--{name}") for name in ("config", "resume", "out", "like"))
    model, all_images = _find(words, "--model"), "--all-images" in words
    given = find_given(kind, config=config, resume=resume, out=out, like=like, model=model, all_images=all_images)
    return words, given


def as_default(kind: type, values: Mapping[str, Any]) -> Any:
    """Return options with these values, for tyro: what is typed replaces them. As a whole they are not checked yet.

    Args:
        kind: The options of a command.
        values: Values by the options' names; the others have their defaults.
    """
    options: Any = object.__new__(kind)
    for item in fields(kind):
        default = tyro.MISSING if item.default is MISSING else item.default
        value = values.get(item.name, default)
        value = default if value is True else value  # a flag: see `given_flags`
        object.__setattr__(options, item.name, value)
    return options


def given_flags(given: Given) -> list[str]:
    """Return the options without a value that a file or a folder gives, as they are typed.

    As defaults, tyro would name them after what turns them off.
    """
    return [flag(name) for name, value in given.values.items() if value is True]


def typed_names(words: Sequence[str]) -> set[str]:
    """Return the names of the options among the words of a command line."""
    return {word[2:].partition("=")[0].replace("-", "_") for word in words if word.startswith("--")}


def _name_folder(words: Sequence[str]) -> list[str]:
    for number, word in enumerate(words):
        if word == "--resume" and (number + 1 == len(words) or words[number + 1].startswith("-")):
            out = _find(words, "--out")
            if out is None:
                raise ConfigError("no folder to resume is named", where=word, remedy="Name it: --resume DIR")
            return [*words[: number + 1], out, *words[number + 1 :]]
    return list(words)


def _respell(words: Sequence[str]) -> list[str]:
    """The words with the options in one spelling, and `--out=~/x` as a shell reads `--out ~/x`."""
    end = words.index("--") if "--" in words else len(words)
    found = []
    for word in words[:end]:
        name, joint, value = word.partition("=")
        value = str(expand_home(value)) if value.startswith("~") else value
        found.append(name.replace("_", "-") + joint + value if word.startswith("--") else word)
    return [*found, *words[end:]]


def _find_path(words: Sequence[str], option: str) -> Path | None:
    value = _find(words, option)
    return None if value is None else Path(value)


def _find(words: Sequence[str], option: str) -> str | None:
    """The value of an option, the last one where it is typed twice; None where it is not there."""
    found = None
    for word, following in zip(words, [*words[1:], None], strict=True):
        if word == option:
            found = following
        elif word.startswith(f"{option}="):
            found = word.removeprefix(f"{option}=")
    return found
