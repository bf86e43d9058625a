"""A command that is printed works in the shell in which it is printed, however segarena was called."""

from __future__ import annotations

import os
import shlex
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import pytest

from annotated import write_bowl
from segarena import formats
from support import write_pair

pytestmark = [pytest.mark.long, pytest.mark.skipif(os.name == "nt", reason="the commands are run by a shell of POSIX")]
INSTALLED = Path(sys.executable).with_name("segarena")


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A folder with spaces and a quote in its name, with masks of objects and two scripts `segarena`."""
    place = tmp_path / "it's a place"
    for number in range(3):
        write_bowl(place / "my cells", f"cell{number}", a=["11..", "...."], b=["....", "..11"])
    for folder in ("bin", "other bin"):
        (place / folder).mkdir()
        shutil.copy(INSTALLED, place / folder)
    return place


def environment(place: Path) -> dict[str, str]:
    """That of a shell that finds `segarena` in bin/, and the Python of this environment as `python`."""
    folders = [str(place / "bin"), str(Path(sys.executable).parent), os.environ["PATH"]]
    return {**os.environ, "PATH": os.pathsep.join(folders)}


def run(line: str, place: Path) -> str:
    """What a line prints in a shell."""
    done = subprocess.run(
        line, shell=True, cwd=place, env=environment(place), capture_output=True, text=True, check=True
    )
    return done.stdout


@pytest.mark.parametrize(
    ("called", "printed"),
    [
        pytest.param("segarena", "segarena", marks=pytest.mark.slow),
        ("bin/segarena", "segarena"),
        pytest.param("'other bin/segarena'", "'other bin/segarena'", marks=pytest.mark.slow),
        ('"$PWD/other bin/segarena"', None),
        ("python -m segarena", "python -m segarena"),
        pytest.param(
            f"{shlex.quote(sys.executable)} -m segarena",
            f"{shlex.quote(sys.executable)} -m segarena",
            marks=pytest.mark.slow,
        ),
    ],
)
def test_the_printed_command_has_the_program_as_it_was_called(called: str, printed: str | None, place: Path) -> None:
    text = run(f"{called} convert 'my cells' 'as masks' --from instances", place)
    line = text.splitlines()[-1].partition(": ")[2]
    start = shlex.join([str(place / "other bin" / "segarena")]) if printed is None else printed
    assert line == f"{start} check 'as masks'"
    assert "3 images" in run(line, place)


def test_another_python_program_prints_a_command_that_works(place: Path) -> None:
    (place / "mine.py").write_text("import segarena\nsegarena.convert('my cells', 'as masks', source='instances')\n")
    text = run(f"{shlex.quote(sys.executable)} mine.py", place)
    line = text.splitlines()[-1].partition(": ")[2]
    assert Path(shlex.split(line)[0]) == INSTALLED
    assert "3 images" in run(line, place)


@pytest.mark.parametrize(
    ("argv", "module", "is_command_line"),
    [
        (["/x/bin/segarena", "check"], None, True),
        (["C:/x/Scripts/SEGARENA.EXE"], None, True),
        (["/x/segarena/__main__.py"], "segarena.__main__", True),
        (["/x/ipykernel_launcher.py", "-f", "segarena"], "ipykernel_launcher", False),
        (["mine.py"], None, False),
        ([""], None, False),
        ([], None, False),
    ],
)
def test_a_command_line_is_told_from_other_programs(
    argv: list[str], module: str | None, is_command_line: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "argv", argv)
    spec = None if module is None else SimpleNamespace(name=module)
    monkeypatch.setitem(sys.modules, "__main__", SimpleNamespace(__spec__=spec))
    assert formats.is_command_line() is is_command_line
    assert formats.called_program()


def test_without_a_script_the_python_of_the_program_is_called(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    python = tmp_path / "python3"
    python.touch(mode=0o755)
    monkeypatch.setattr(sys, "argv", ["mine.py"])
    monkeypatch.setattr(sys, "executable", str(python))
    monkeypatch.setenv("PATH", "")
    assert formats.called_program() == (str(python), "-m", "segarena")
    monkeypatch.setenv("PATH", str(tmp_path))
    assert formats.called_program() == ("python3", "-m", "segarena")


@pytest.mark.slow
@pytest.mark.parametrize("called", ["'other bin/segarena'", "python -m segarena"])
def test_ctrl_c_prints_a_command_that_ends_the_comparison(called: str, place: Path) -> None:
    for number in range(8):
        write_pair(place / "my data", f"square{number}", seed=number)
    options = "--models fcn --encoder mobilenet_v2 --weights none --epochs 8 --size 32 --batch-size 4 --device cpu"
    process = subprocess.Popen(
        f"exec {called} compare 'my data' {options} --out 'my runs/a'",
        shell=True,
        cwd=place,
        env=environment(place),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    while not (place / "my runs" / "a" / "fcn-seed0" / "history.csv").exists():
        assert process.poll() is None
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    message = process.communicate()[1]
    assert process.returncode == 130
    line = message.strip().partition("Resume with: ")[2]
    assert line == f"{called} compare --resume 'my runs/a'"
    assert "mIoU" in run(line, place)
    assert (place / "my runs" / "a" / "report.html").exists()
