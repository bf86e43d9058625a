"""The house stands: imports go down only, `--help` is instant, a file holds one idea."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

from segarena.models import TRACKS

PACKAGE = Path(__file__).parents[1] / "src" / "segarena"

#: Floors from the ground up; a room may import its own files and the floors below it.
FLOORS = (
    {"config", "classes", "runs", "files", "formats", "errors", "seeding", "threads", "_version"},
    {"kernels"},
    {"data", "models", "scoring"},
    {"training", "reporting"},
    {"experiment"},
    {"commands"},
    {"cli"},
    {"__init__", "__main__"},
)
FLOOR = {room: height for height, rooms in enumerate(FLOORS) for room in rooms}
FILES = sorted(PACKAGE.rglob("*.py"))


def room(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imported_modules(path: Path) -> set[str]:
    """Names of all modules that a file imports anywhere, `from segarena.x import y` as segarena.x and segarena.x.y."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: write imports in full"
            names |= {f"{node.module}", *(f"{node.module}.{alias.name}" for alias in node.names)}
    return names


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_imports_go_down_only(path: Path) -> None:
    here = room(path)
    for name in imported_modules(path):
        parts = name.split(".")
        if parts[0] != "segarena" or len(parts) < 2 or parts[1] not in FLOOR or parts[1] == here:
            continue
        assert FLOOR[parts[1]] < FLOOR[here] or FLOOR[here] == 0, f"{here} must not import {parts[1]}"


def test_every_room_has_a_floor() -> None:
    assert {room(path) for path in FILES} == set(FLOOR)


def test_no_verb_imports_another_but_compare() -> None:
    verbs = {"train", "evaluate", "predict", "check", "report", "synth", "convert", "models", "compare"}
    for verb in verbs - {"compare"}:
        others = {f"segarena.commands.{other}" for other in verbs - {verb}}
        found = imported_modules(PACKAGE / "commands" / f"{verb}.py") & others
        assert not found, f"{verb} imports {found}"


def test_an_architecture_imports_no_other() -> None:
    names = {kind.__module__.rpartition(".")[2] for models in TRACKS.values() for kind in models.values()}
    assert len(names) >= 4
    for name in names:
        others = {f"segarena.models.{other}" for other in names - {name}}
        assert not imported_modules(PACKAGE / "models" / f"{name}.py") & others


@pytest.mark.parametrize(
    "module",
    ["segarena", "segarena.cli", "segarena.reporting.page", "segarena.scoring.scores", "segarena.scoring.verdict"],
)
def test_imports_no_torch(module: str) -> None:
    code = f"import sys, {module}; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_only_commands_and_the_command_line_print() -> None:
    for path in FILES:
        if room(path) in ("commands", "cli"):
            continue
        calls = [node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Call)]
        assert not [c for c in calls if isinstance(c.func, ast.Name) and c.func.id == "print"], f"{path} prints"


def test_files_hold_one_idea() -> None:
    long = {str(p.relative_to(PACKAGE)): n for p in FILES if (n := len(p.read_text().splitlines())) > 350}
    assert not long
