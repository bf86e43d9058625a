"""Output that a terminal cannot show: every command ends as it should, with plain characters and escapes in place.

A pipe on Windows (cp1252, cp437), LANG=C (ASCII), file names that are not valid UTF-8: standard output and standard
error, messages, tables, help, and progress bars.
"""

from __future__ import annotations

import io
import os
import subprocess
import sys
from pathlib import Path

import pytest

import segarena
from segarena import cli
from segarena.commands.progress import TerminalReporter, show_progress
from segarena.commands.terminal import console
from segarena.experiment.progress import TrainingStart
from segarena.streams import make_printable
from support import write_pair

ENCODINGS = ("ascii", "cp1252", "cp437", "utf-8")


def stream(encoding: str) -> io.TextIOWrapper:
    return io.TextIOWrapper(io.BytesIO(), encoding=encoding, errors="strict", write_through=True)


def written(output: io.TextIOWrapper) -> str:
    assert isinstance(output.buffer, io.BytesIO)
    return output.buffer.getvalue().decode(output.encoding)


@pytest.mark.parametrize(
    ("encoding", "text", "shown"),
    [
        ("ascii", "██ 3 × 4 – a… “b”", '## 3 x 4 - a... "b"'),
        ("ascii", "Fläche 道路", r"Fl\xe4che \u9053\u8def"),
        ("cp1252", "██ 3 × 4 – Fläche ━╭╮│", "## 3 × 4 – Fläche -++|"),
        ("cp437", "██ Fläche –", "██ Fläche -"),
        ("cp1252", "road 🚗", r"road \U0001f697"),
        ("utf-8", "██ × 道路 🚗", "██ × 道路 🚗"),
        ("utf-8", os.fsdecode(b"bad\xff.png"), r"bad\xff.png"),
        ("ascii", os.fsdecode(b"bad\xff.png"), r"bad\xff.png"),
    ],
)
def test_what_an_encoding_lacks_is_replaced(encoding: str, text: str, shown: str) -> None:
    output = stream(encoding)
    make_printable(output).write(text)
    assert written(output) == shown


@pytest.mark.parametrize("output", [io.StringIO(), None, object()])
def test_what_cannot_be_changed_is_returned_as_it_is(output: object) -> None:
    assert make_printable(output) is output


@pytest.mark.parametrize("encoding", ["ascii", "cp1252"])
def test_check_and_its_errors_are_printed_in_any_encoding(encoding: str, tmp_path: Path) -> None:
    """Another process, as a redirect on Windows makes it. The second folder's name is in the error."""
    for number in range(4):
        write_pair(tmp_path / "Müll 道路", f"ä{number}", seed=number)
    environment = {**os.environ, "PYTHONIOENCODING": encoding}
    for folder, status, output in ((tmp_path / "Müll 道路", 0, 0), (tmp_path / "ß→", 2, 1)):
        command = [sys.executable, "-m", "segarena", "check", str(folder), "--out", str(tmp_path / f"out{status}")]
        done = subprocess.run(command, capture_output=True, check=False, env=environment, cwd=tmp_path)
        assert done.returncode == status
        assert b"Traceback" not in done.stderr
        text = (done.stdout, done.stderr)[output].decode(encoding)
        assert ("Müll" in text or r"M\xfcll" in text) if status == 0 else r"\u2192" in text or "->" in text


@pytest.mark.parametrize("encoding", ["ascii", "cp1252"])
@pytest.mark.parametrize("arguments", ["--help", "check --help", "compare --help", "paint", "predict"])
def test_help_and_usage_errors_are_printed_in_any_encoding(
    arguments: str, encoding: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    output, errors = stream(encoding), stream(encoding)
    monkeypatch.setattr(sys, "stdout", output)
    monkeypatch.setattr(sys, "stderr", errors)
    monkeypatch.setattr(sys, "argv", ["segarena", *arguments.split()])
    assert cli.main() == (0 if "help" in arguments else 2)
    assert "segarena" in written(output) + written(errors)


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_python_functions_and_bars_print_in_any_encoding(
    encoding: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without a command line, and with the bars of a terminal."""
    output = stream(encoding)
    monkeypatch.setattr(sys, "stdout", output)
    monkeypatch.setattr(console.rich, "_force_terminal", True)
    monkeypatch.setattr("segarena.commands.synth.write_scenes", lambda *_: None)
    segarena.synth(tmp_path / "scène 道路")
    with show_progress("größer …") as on_progress:
        on_progress(1, 3)
    TerminalReporter().say("3 × 4 █", title="道路")
    with TerminalReporter().training(TrainingStart("unet – seed 0", 1, 1, 2, tmp_path)):
        pass
    assert "scenes and their masks" in written(output)
