"""benchmarks/gpu.sh: a step that fails or takes too long does not stop the others, and its results are kept."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path
from types import ModuleType

import pytest

from support import load_script

BENCHMARKS = Path(__file__).parents[1] / "benchmarks"

#: Stands for Python: each step writes its results, and then does what its name has to do.
PYTHON = """#!/bin/bash
case "$1" in
*tables.py) exec REAL "$@" ;;
*environment.py) echo '[{"gpu": "a GPU"}, {"bf16 TFLOP/s": 700.0}]' >"$2/environment.json" ;;
*losses.py) echo half-way; exit 3 ;;
*upconv.py) echo '[{"layer": "8 to 4", "ratio": [1.25, 1.0, 1.5]}]' >"$2/upconv.json"; exec sleep 60 ;;
esac
"""

pytestmark = pytest.mark.skipif(shutil.which("bash") is None, reason="bash is not installed")


@pytest.fixture(scope="module")
def session(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """The folder and the output of a session of four steps within eight seconds."""
    folder = tmp_path_factory.mktemp("session")
    python = folder / "python"
    python.write_text(PYTHON.replace("REAL", sys.executable))
    python.chmod(0o755)
    steps = "environment losses upconv checks"
    environment = os.environ | {"PYTHON": str(python), "STEPS": steps, "GPU_SECONDS": "8"}
    command = ["bash", str(BENCHMARKS / "gpu.sh"), str(folder / "out")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, env=environment, check=True)
    return folder / "out", done.stdout


@pytest.mark.long
def test_a_failing_step_and_a_slow_one_do_not_stop_the_others(session: tuple[Path, str]) -> None:
    folder, output = session
    statuses = dict(line.split(" ", 1) for line in (folder / "steps.txt").read_text().splitlines())
    assert list(statuses) == ["environment", "checks", "losses", "upconv"]
    assert "STATUS" not in statuses["environment"] + statuses["checks"]
    assert statuses["losses"].endswith("STATUS 3")
    assert statuses["upconv"].endswith("STATUS 124")
    assert "half-way" in output


@pytest.mark.long
def test_what_a_stopped_step_has_written_is_in_the_table(session: tuple[Path, str]) -> None:
    folder, output = session
    assert "8 to 4: 1.25x" in output
    assert json.loads((folder / "gpu.json").read_text())["environment"][1] == {"bf16 TFLOP/s": 700.0}
    with tarfile.open(f"{folder}.tar.gz") as archive:
        assert {"./gpu.json", "./losses.log", "./table.txt"} <= set(archive.getnames())


@pytest.fixture(scope="module")
def tables() -> ModuleType:
    return load_script(BENCHMARKS / "gpu" / "tables.py")


def test_the_table_of_a_whole_session_fits_a_screen(
    tables: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, rows in json.loads((BENCHMARKS / "results" / "h100.json").read_text()).items():
        (tmp_path / f"{name}.json").write_text(json.dumps(rows))
    monkeypatch.setattr("sys.argv", ["tables.py", str(tmp_path)])
    tables.main()
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) <= 60
    assert not [line for line in lines if "incomplete" in line]
    assert any("fcn" in line and "593 (0.10)" in line for line in lines)
