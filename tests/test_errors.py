"""Errors keep their parts when they are pickled, and suggest options that the command has."""

from __future__ import annotations

import ast
import pickle
import re
from dataclasses import fields
from pathlib import Path

import pytest

from segarena import config, errors

PACKAGE = Path(errors.__file__).parent
COMMANDS = ("compare", "train", "evaluate", "predict", "check", "report", "synth", "models", "convert")
TRAINING = ("compare", "train")


@pytest.mark.parametrize("kind", errors.SegarenaError.__subclasses__(), ids=lambda kind: kind.__name__)
def test_every_error_survives_pickling(kind: type[errors.SegarenaError]) -> None:
    error = pickle.loads(pickle.dumps(kind("is empty", where=Path("a.png"), remedy="Remove it")))
    assert type(error) is kind
    assert (error.what, error.where, error.remedy) == ("is empty", Path("a.png"), "Remove it")
    assert str(error) == "a.png: is empty. Remove it."


def options_of(command: str) -> set[str]:
    return {f"--{field.name.replace('_', '-')}" for field in fields(getattr(config, f"{command.capitalize()}Options"))}


def named_options(path: Path) -> set[str]:
    """The options in the strings of a module, its docstrings excepted."""
    tree = ast.parse(path.read_text())
    prose = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    words = [n.value for n in ast.walk(tree) if isinstance(n, ast.Constant) and id(n) not in prose]
    return {option for word in words if isinstance(word, str) for option in re.findall(r"(?<![\w-])--[a-z][a-z-]+", word)}


@pytest.mark.parametrize(
    ("module", "commands"),
    [
        # every command calls these, so no option that only some of them have is a remedy there
        *((name, COMMANDS) for name in ("errors", "files", "classes", "formats", "seeding", "threads")),
        *(("models/weights", TRAINING), ("models/registry", TRAINING), ("models/fitting", TRAINING)),
        *(("training/engine", TRAINING), ("training/checkpoint", TRAINING)),
        ("training/machine", (*TRAINING, "evaluate", "predict")),
    ],
)
def test_remedies_name_options_of_every_command_that_can_show_them(module: str, commands: tuple[str, ...]) -> None:
    common = set.intersection(*(options_of(command) for command in commands))
    named = named_options(PACKAGE / f"{module}.py") - {"--error-unmatch", "--short"}  # git's
    assert named <= common


def test_every_option_in_a_message_exists() -> None:
    known = set.union(*(options_of(command) for command in COMMANDS))
    known |= {"--from", "--version", "--error-unmatch", "--short"}  # of convert, of no command, and git's
    found = {str(path.relative_to(PACKAGE)): named_options(path) - known for path in PACKAGE.rglob("*.py")}
    assert not {path: options for path, options in found.items() if options}
