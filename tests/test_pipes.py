"""Output that nobody reads or that cannot be written: the right exit status, no traceback, and no lost training.

Each command line runs as a process of its own, because Python writes what is left when it ends.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from support import QUICK, write_squares

pytestmark = pytest.mark.skipif(os.name == "nt", reason="pipes and devices of Unix")


def run(line: str, cwd: Path) -> tuple[int, str]:
    """Run a line of bash in which S is segarena. Returns the status of S, which comes first, and standard error."""
    script = f'S() {{ "{sys.executable}" -m segarena "$@"; }}\n{line}\nexit ${{PIPESTATUS[0]}}'
    done = subprocess.run(["bash", "-c", script], capture_output=True, text=True, check=False, cwd=cwd, timeout=300)
    return done.returncode, done.stderr


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("pipes")
    write_squares(folder / "data", 8)
    return folder


@pytest.mark.parametrize("command", ["--version", "--help", "compare --help", "--completion bash", "check data"])
def test_a_reader_that_has_gone_ends_a_command_as_other_programs(data: Path, command: str) -> None:
    assert run(f"S {command} | exec 0<&-", data) == (141, "")  # 128 and SIGPIPE


@pytest.mark.parametrize("command", ["--version", "--help", "synth --help", "check data"])
def test_a_full_device_is_one_message(data: Path, command: str) -> None:
    status, errors = run(f"S {command} > /dev/full", data)
    assert status == 2
    assert "standard output" in errors
    assert errors.count("\n") == 1


@pytest.mark.parametrize(
    ("line", "status"),
    [
        ("S --version >&-", 0),
        ("S check data --json closed.json >&- <&-", 0),
        ("S check missing 2>/dev/full", 2),
        ("S check missing >&- 2>&- <&-", 2),
        ("S compar 2>/dev/full", 2),
    ],
)
def test_closed_streams_and_full_devices_leave_the_status_as_it_is(data: Path, line: str, status: int) -> None:
    assert run(line, data) == (status, "")
    if "json" in line:
        assert (data / "closed.json").read_text().startswith("{")


@pytest.mark.slow
def test_a_training_goes_on_when_its_reader_has_gone(data: Path) -> None:
    options = " ".join(f"--{name.replace('_', '-')} {value}" for name, value in QUICK.items())
    status, errors = run(f"S train data --model fcn {options} --out run | grep --max-count=1 'seed 0'", data)
    assert (status, errors) == (141, "")
    assert (data / "run" / "costs.json").exists()
    assert "epoch   2/2" in (data / "run" / "log.txt").read_text()
