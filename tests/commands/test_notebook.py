"""In a notebook: no flood of lines, one that changes in place; a log as ever; errors end at the user's own line."""

from __future__ import annotations

import signal
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

import segarena
from segarena.errors import ConfigError, Interrupted
from support import QUICK


class Notebook:
    """What a notebook's IPython shows: each display, with the contents that it had one after the other."""

    def __init__(self) -> None:
        self.displays: list[list[dict[str, str]]] = []

    def display(self, content: dict[str, str], *, raw: bool, display_id: bool) -> SimpleNamespace:
        assert raw
        assert display_id
        self.displays.append([content])
        shown = self.displays[-1]
        return SimpleNamespace(update=lambda content, raw: shown.append(content))


@pytest.fixture
def notebook(monkeypatch: pytest.MonkeyPatch) -> Notebook:
    shown = Notebook()
    module: Any = ModuleType("IPython")
    module.get_ipython = lambda: SimpleNamespace(kernel=object())
    module.display = SimpleNamespace(display=shown.display)
    monkeypatch.setitem(sys.modules, "IPython", module)
    monkeypatch.setattr("segarena.commands.notebook._INTERVAL", 0)
    return shown


def test_a_training_changes_one_line_and_prints_two(
    notebook: Notebook, squares: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    segarena.train(squares, model="fcn", out=tmp_path / "run", **{**QUICK, "epochs": 3})
    printed = capsys.readouterr().out
    assert "epoch   1/3" not in printed
    assert printed.count("best epoch") == 2  # at the end of the training, and in the result
    assert "epoch   1/3" in (tmp_path / "run" / "log.txt").read_text()
    [lines] = [display for display in notebook.displays if "epoch 3/3" in str(display)]
    assert "<progress" in lines[0]["text/html"]
    assert lines[-1]["text/html"] == "", "the line is taken away"
    for line in printed.splitlines():
        assert printed.count(f"{line}\n") == 1 or not line, "a line is shown twice"


def test_quiet_shows_no_line(notebook: Notebook, squares: Path, tmp_path: Path) -> None:
    segarena.train(squares, model="fcn", out=tmp_path / "run", quiet=True, **{**QUICK, "epochs": 1})
    assert notebook.displays == []


def test_errors_end_at_the_users_own_line(tmp_path: Path) -> None:
    cell = tmp_path / "cell.py"
    cell.write_text("import segarena\nsegarena.compare('data', models='unett')\n")
    with pytest.raises(ConfigError) as caught:
        exec(compile(cell.read_text(), str(cell), "exec"), {})
    text = "\n".join(caught.value._render_traceback_())
    assert "cell.py" in text
    assert "calls.py" not in text
    assert text.endswith(f"ConfigError: {caught.value}")
    assert Interrupted("stopped")._render_traceback_() == ["Interrupted: stopped"]


def test_an_interrupted_call_names_the_call_that_resumes(
    squares: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As the stop button of a notebook does: the state is saved, and the message can be pasted into the next cell."""
    steps: list[object] = []

    def press(listener: object, *arguments: object) -> None:
        if not steps:
            signal.raise_signal(signal.SIGINT)
        steps.append(arguments)

    monkeypatch.setattr("segarena.commands.progress._TrainingProgress.on_epoch", press)
    out = tmp_path / "my run"
    with pytest.raises(Interrupted) as caught:
        segarena.train(squares, model="fcn", out=out, **{**QUICK, "epochs": 3})
    call = f"segarena.train(resume={str(out)!r})"
    assert f"Resume with: {call}, or in a shell: " in str(caught.value)
    run = eval(call)
    assert list(run.history["epoch"]) == [1, 2, 3]
