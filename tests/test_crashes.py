"""What `make test` does with a test that hangs."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

HANGS = """
import time
from pathlib import Path

def test_before(): pass

def test_hangs():
    flag = Path(__file__).parent / "flag"
    if not flag.exists():
        AGAIN
        time.sleep(60)

def test_after(): pass
"""
OPTIONS = ("-n", "2", "--dist", "loadfile", "--max-worker-restart", "1", "-p", "no:cacheprovider", "-p", "crashes")
LIMIT = ("-o", "faulthandler_timeout=2", "-o", "faulthandler_exit_on_timeout=true")


@pytest.mark.long
@pytest.mark.parametrize(("again", "end"), [("flag.touch()", "3 passed, 1 rerun"), ("", "1 failed, 1 passed, 1 rerun")])
def test_a_test_that_hangs_is_named_and_run_once_more(again: str, end: str, tmp_path: Path) -> None:
    (tmp_path / "test_it.py").write_text(HANGS.replace("AGAIN", again))
    command = [sys.executable, "-m", "pytest", *OPTIONS, *LIMIT, "--rootdir", str(tmp_path), str(tmp_path)]
    ran = subprocess.run(command, cwd=Path(__file__).parent, capture_output=True, text=True, timeout=120, check=False)
    assert ran.returncode == (0 if again else 1)
    assert end in ran.stdout.splitlines()[-1]
    assert "test_it.py::test_hangs hung" in ran.stdout
    assert ", line 11 in test_hangs" in ran.stderr + ran.stdout  # where it was
