"""How much a command shows (--quiet, --verbose), and log.txt: what was shown, with the time, and what ended it."""

from __future__ import annotations

import importlib
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from rich.table import Table

import segarena
from segarena import cli
from segarena.commands import log
from segarena.commands.progress import TerminalReporter
from segarena.commands.terminal import _Session, _session, console
from segarena.config import CheckOptions, OutputOptions
from segarena.errors import ConfigError, DataError, Interrupted
from segarena.experiment import run as experiment_run
from segarena.experiment.progress import TrainingStart
from segarena.training.state import Step
from support import QUICK, refuses, write_pair


@pytest.fixture
def shown(capsys: pytest.CaptureFixture[str]) -> Callable[..., str]:
    """Runs a public function and returns what it printed."""

    def call(function: Callable[..., Any], *arguments: Any, **options: Any) -> str:
        capsys.readouterr()
        function(*arguments, **options)
        return capsys.readouterr().out

    return call


def test_quiet_shows_the_result_alone_and_verbose_more(
    trained: Path, tmp_path: Path, shown: Callable[..., str]
) -> None:
    write_pair(tmp_path, "new", seed=99)
    image = tmp_path / "images" / "new.png"
    usual, quiet, verbose = (
        shown(segarena.predict, trained, image, out=tmp_path / str(index), **options)
        for index, options in enumerate(({}, {"quiet": True}, {"verbose": True}))
    )
    assert len(quiet.splitlines()) == 1
    assert str(tmp_path / "1") in quiet
    assert len(usual.splitlines()) > 1
    assert "new.png" in verbose
    assert len(verbose.splitlines()) > len(usual.splitlines())


def test_warnings_are_shown_in_any_case(trained: Path, tmp_path: Path, shown: Callable[..., str]) -> None:
    (tmp_path / "photos").mkdir()
    for number in range(8):
        Image.new("RGB", (48, 48), (255, 255, 255)).save(tmp_path / "photos" / f"{number}.png")
    assert "warning: " in shown(segarena.predict, trained, tmp_path / "photos", out=tmp_path / "out", quiet=True)


def test_both_options_together_are_refused() -> None:
    with refuses(ConfigError, where="--quiet", value="--verbose"):
        CheckOptions(data=Path("x"), quiet=True, verbose=True)


def test_a_log_has_everything_with_the_time(squares: Path, tmp_path: Path, shown: Callable[..., str]) -> None:
    """Also what only --verbose shows, and what was shown before there was a folder. A resumed run continues it."""
    options = {**QUICK, "out": tmp_path / "run", "model": "fcn"}
    text = shown(segarena.train, squares, **options)
    lines = (tmp_path / "run" / log.LOG).read_text().splitlines()
    assert all(re.match(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d[+-]\d\d:\d\d  ", line) for line in lines)
    content = [line[27:] for line in lines]
    assert set(text.splitlines()) <= set(content)
    assert any("torch" in line for line in content)
    assert any(re.search("background .*foreground ", line) for line in content)
    shown(segarena.train, squares, **options, resume=True)
    assert (tmp_path / "run" / log.LOG).read_text().splitlines()[: len(lines)] == lines
    assert len((tmp_path / "run" / log.LOG).read_text().splitlines()) > len(lines)


def test_a_comparison_and_each_of_its_runs_have_a_log(squares: Path, tmp_path: Path, shown: Callable[..., str]) -> None:
    text = shown(segarena.compare, squares, models=("fcn",), seeds=2, out=tmp_path / "out", quiet=True, **QUICK)
    whole, first, second = ((tmp_path / "out" / part / log.LOG).read_text() for part in ("", "fcn-seed0", "fcn-seed1"))
    assert "training 2 of 2" in whole
    assert "training 2 of 2" in second
    assert "training 2 of 2" not in first
    assert re.search(r"training 2 of 2.*left", second)
    assert "1/2" not in text
    assert "report.html" in text


@pytest.mark.parametrize(
    "error", [DataError("is empty", remedy="Leave it out"), ZeroDivisionError("bug"), Interrupted()]
)
def test_a_log_has_what_ended_the_work(
    squares: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def fail(*arguments: object) -> None:
        raise error

    monkeypatch.setattr(experiment_run, "evaluate_split", fail)
    with pytest.raises(type(error)):
        segarena.compare(squares, models=["fcn"], out=tmp_path / "out", **QUICK)
    for folder in (tmp_path / "out", tmp_path / "out" / "fcn-seed0"):
        text = (folder / log.LOG).read_text()
        assert str(error) in text
        assert ("Traceback" in text) is not isinstance(error, Interrupted)
        assert len(re.findall(r"^\S+ \S+  (?:error|bug|interrupted):", text, re.MULTILINE)) == 1


@contextmanager
def session() -> Iterator[_Session]:
    own = _Session()
    token = _session.set(own)
    yield own
    _session.reset(token)


def test_a_log_that_cannot_be_written_stops_nothing_and_is_reported_once(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / log.LOG).mkdir()
    with session() as own:
        own.log.open(tmp_path)
        console.print("one")
        console.print("two")
    text = capsys.readouterr().out
    assert text.count(log.LOG) == 1
    assert text.endswith("one\ntwo\n")


def test_a_full_disk_leaves_whole_lines(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    own = log.Log()
    own.open(tmp_path)
    own.add("one")
    before = (tmp_path / log.LOG).read_bytes()
    real = Path.open

    class Full:
        """Takes half of what is written."""

        def __init__(self, stream: Any) -> None:
            self.stream = stream

        def __enter__(self) -> Full:
            return self

        def __exit__(self, *exception: object) -> None:
            self.stream.close()

        def write(self, content: bytes) -> int:
            return int(self.stream.write(content[: len(content) // 2]))

        def __getattr__(self, name: str) -> Any:
            return getattr(self.stream, name)

    monkeypatch.setattr(Path, "open", lambda path, *mode, **options: Full(real(path, *mode, **options)))
    own.add("a longer line")
    monkeypatch.setattr(Path, "open", real)
    assert (tmp_path / log.LOG).read_bytes() == before
    assert own.failure is not None
    own.add("space again")
    assert (tmp_path / log.LOG).read_text().splitlines()[-1].endswith("space again")


@pytest.fixture
def narrow(monkeypatch: pytest.MonkeyPatch) -> None:
    """A terminal of 40 columns."""
    monkeypatch.setattr(console.rich, "_force_terminal", True)
    monkeypatch.setattr(console.rich, "_width", 40)
    monkeypatch.setattr(console.rich, "_height", 25)


def test_a_terminal_breaks_lines_between_words(narrow: None, capsys: pytest.CaptureFixture[str]) -> None:
    long = "runs/a-folder/with-a-name-that-is-longer-than-the-terminal-is-wide/check.png"
    command = "Use FCN: segarena predict runs/a-folder-with-a-long-name IMAGES"
    console.print("  layout: images in images/, masks in masks/, and more words", markup=False)
    console.print(f"Overlays: {long}", markup=False)
    console.print(f"[bold]one[/] two\n{command}")
    lines = re.sub(r"\x1b\[[\d;]*m", "", capsys.readouterr().out).splitlines()
    assert lines[:2] == ["  layout: images in images/, masks in", "    masks/, and more words"]
    assert long in [line.strip() for line in lines]
    assert lines[-2:] == ["one two", command]


def test_a_table_fits_the_terminal(narrow: None, capsys: pytest.CaptureFixture[str]) -> None:
    table = Table("class", "IoU")
    table.add_row("a name of a class that is longer than the terminal is wide", "12.3%")
    console.result(table)
    lines = re.sub(r"\x1b\[[\d;]*m", "", capsys.readouterr().out).splitlines()
    assert max(map(len, lines)) <= 40
    assert any("12.3%" in line for line in lines)


def test_a_pipe_has_each_message_on_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    console.print("word " * 60, markup=False)
    assert capsys.readouterr().out == "word " * 60 + "\n"


def test_a_check_in_quiet_shows_its_problems(squares: Path, tmp_path: Path, shown: Callable[..., str]) -> None:
    (squares / "masks" / "square00.png").unlink()
    quiet = shown(segarena.check, squares, out=tmp_path / "out", quiet=True)
    usual = shown(segarena.check, squares, out=tmp_path / "again")
    assert "layout" in usual
    assert "layout" not in quiet
    assert "square00" in quiet
    assert "check.png" in quiet


@pytest.mark.parametrize("verb", cli.COMMANDS)
def test_quiet_and_verbose_hold_for_each_command(verb: str) -> None:
    kind, module = cli.COMMANDS[verb]
    run = importlib.import_module(module).run
    assert run.__wrapped__.__module__ == module, "decorated with `shown`"
    assert issubclass(kind, OutputOptions)


@pytest.mark.parametrize(("width", "is_fast"), [(80, False), (120, True)])
def test_a_bar_fits_the_terminal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], width: int, is_fast: bool
) -> None:
    """With the time left; the speed where there is room."""
    for name, value in {"_force_terminal": True, "is_interactive": True, "_width": width, "_height": 25}.items():
        monkeypatch.setattr(console.rich, name, value)
    start = TrainingStart("deeplabv3, seed 2, fold 4 of 5", 39, 60, 120, tmp_path, seconds_left=18000)
    with TerminalReporter().training(start) as listener:
        listener.on_step(Step(epoch=12, step=120, steps=400, loss=0.592, images_per_second=123.4), 5100)
        listener.bar.refresh()  # type: ignore[attr-defined]
    lines = re.split(r"[\r\n]", re.sub(r"\x1b\[[\d;?]*[a-zA-Z]", "", capsys.readouterr().out))
    [bar] = {line.rstrip() for line in lines if "120/400" in line}
    assert "1 h 25 min left" in bar
    assert ("123.4 images/s" in bar) is is_fast
    assert max(map(len, lines)) <= width
    assert any("training 39 of 60" in line and "5 h left" in line for line in lines)
