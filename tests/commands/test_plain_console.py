"""Names of files and classes on a terminal: in lines, tables and bars they are shown, and command nothing."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path

import pytest
from rich.markup import escape

from segarena.commands.progress import TerminalReporter, show_progress
from segarena.commands.tables import new_table
from segarena.commands.terminal import console, log_also_in
from segarena.experiment.progress import TrainingStart

#: Clears the screen, sets the title, is markup, an emoji, a carriage return, and C1's form of an escape sequence.
NAME = "\x1b[2Ja\x1b]0;title\x07[bold]b[/bold] :dog:\rc\x9b6n"
SHOWN = r"\x1b[2Ja\x1b]0;title\x07[bold]b[/bold] :dog:\x0dc\x9b6n"


def print_line(folder: Path) -> None:
    console.print(NAME, markup=False)


def print_markup(folder: Path) -> None:
    console.result(f"class {escape(NAME)}")


def print_table(folder: Path) -> None:
    table = new_table(["class", "IoU"], left=["class"])
    table.add_row(escape(NAME), "12.3%")
    console.result(table)


def move_bar(folder: Path) -> None:
    with show_progress(f"labelling {NAME}") as move:
        move(1, 2)


def train_side_by_side(folder: Path) -> None:
    reporter, start = TerminalReporter(), TrainingStart(NAME, 1, 1, 10, folder)
    with reporter.side_by_side(2), reporter.training(start):
        reporter._table.progress.refresh()  # type: ignore[union-attr]


WAYS: list[Callable[[Path], None]] = [print_line, print_markup, print_table, move_bar, train_side_by_side]


@pytest.mark.parametrize("is_terminal", [False, True])
@pytest.mark.parametrize("show", WAYS, ids=lambda show: show.__name__)
def test_names_command_nothing(
    show: Callable[[Path], None], is_terminal: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stream = io.StringIO()
    settings = {"_force_terminal": is_terminal, "is_interactive": is_terminal, "_color_system": None, "_width": 150}
    for name, value in {**settings, "_height": 25}.items():
        monkeypatch.setattr(console.rich, name, value)
    monkeypatch.setattr(console.rich, "_file", stream)
    with log_also_in(tmp_path):
        show(tmp_path)
    shown = stream.getvalue()
    if is_terminal or show is not move_bar:
        assert SHOWN in shown
    assert not [code for code in ("\x1b[2J", "\x1b]", "\x07", "\x9b") if code in shown]
    log = (tmp_path / "log.txt").read_text(encoding="utf-8") if (tmp_path / "log.txt").exists() else ""
    assert not set(log) & {"\x1b", "\x07", "\x9b"}


def test_a_row_with_control_characters_is_as_wide_as_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = io.StringIO()
    monkeypatch.setattr(console.rich, "_file", stream)
    monkeypatch.setattr(console.rich, "_width", 150)
    table = new_table(["class", "IoU"], left=["class"])
    for name in (NAME, "road"):
        table.add_row(escape(name), "12.3%")
    console.result(table)
    assert len({len(line.rstrip()) for line in stream.getvalue().splitlines()}) == 1
