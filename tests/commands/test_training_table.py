"""The table of trainings that run side by side: a row for each, how many are over, and logs of their own."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from segarena.commands.progress import TerminalReporter
from segarena.commands.terminal import console
from segarena.commands.training_lines import SKIPS_SHOWN
from segarena.experiment.progress import TrainingStart
from segarena.training.engine import Step

ROW = {"val_miou": 0.31, "train_loss": 0.9, "val_pixel_accuracy": 0.8, "seconds": 3.0, "images_per_second": 9.0}


def starts(tmp_path: Path) -> list[TrainingStart]:
    found = [TrainingStart(f"{name}, seed 0", n, 3, 10, tmp_path / name) for n, name in enumerate("ab", start=1)]
    for start in found:
        start.folder.mkdir()
    return found


def test_a_row_for_each_training_and_one_for_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = Console(file=io.StringIO(), force_terminal=True, width=100, color_system=None)
    monkeypatch.setattr(console, "rich", terminal)
    reporter, shown = TerminalReporter(), Console(file=io.StringIO(), width=100, color_system=None)

    def rows() -> list[list[str]]:
        shown.file = io.StringIO()
        table: Any = reporter._table
        shown.print(table.progress.get_renderable())
        return [line.split() for line in shown.file.getvalue().splitlines()]

    first, second = starts(tmp_path)
    with reporter.side_by_side(2), reporter.training(first) as listener:
        with reporter.training(second):
            listener.on_classes({})
            listener.on_epoch({"epoch": 1, "learning_rate": 0.1, **ROW}, True, 270.0)
            listener.on_step(Step(2, 3, 24, 0.8, 9.0), 240.0)
            both = {" ".join(words[:3]): words for words in rows()}
            assert "27/240" in both["a, seed 0"]
            assert {"0.800", "31.0%"} <= set(both["a, seed 0"])
        assert [words[:3] for words in rows() if words[0] != "all"] == [["a,", "seed", "0"]]
        assert "1/3" in next(words for words in rows() if words[0] == "all")
    assert "epoch   1/10" in (tmp_path / "a" / "log.txt").read_text()
    assert "epoch" not in (tmp_path / "b" / "log.txt").read_text()


def test_steps_that_are_left_out_are_shown_as_with_one_training(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    reporter, [start, _] = TerminalReporter(), starts(tmp_path)
    with reporter.side_by_side(2), reporter.training(start) as listener:
        for number in range(1, SKIPS_SHOWN + 3):
            listener.on_skip(4, 10 + number, number)
    own = (start.folder / "log.txt").read_text()
    assert [f"step {10 + n} of epoch 4" in own for n in (1, SKIPS_SHOWN, SKIPS_SHOWN + 1)] == [True, True, False]
    shown = capsys.readouterr()
    assert (shown.out + shown.err).count("a, seed 0: step") == SKIPS_SHOWN
