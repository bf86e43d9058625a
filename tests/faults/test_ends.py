"""A training that is ended at random moments is resumed to the same files. Many times: `make test-faults`."""

from __future__ import annotations

import shutil
import signal
import sys
from pathlib import Path

import pytest

from faults.killer import OPTIONS, TIMES, end_at_random, finish, left_over, start
from support import write_pair

pytestmark = [
    pytest.mark.faults,
    pytest.mark.skipif(sys.platform == "win32", reason="sends signals"),
]
NAMES = ("metrics.json", "best.safetensors", "images.csv")


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path, float]:
    """The data, a training that was not ended, and its seconds."""
    root = tmp_path_factory.mktemp("whole")
    for number in range(12):
        write_pair(root / "data", f"square{number:02}", seed=number)
    status, output, seconds = finish("train", root / "data", *OPTIONS, "--out", root / "run")
    assert status == 0, output
    return root / "data", root / "run", seconds


def resume(out: Path, data: Path) -> None:
    """Resume until the end; a folder that was killed before anything was recorded is begun again."""
    if not (out / "options.json").exists():
        shutil.rmtree(out, ignore_errors=True)
        words: list[object] = ["train", data, *OPTIONS, "--out", out]
    else:
        words = ["train", "--resume", out]
    status, output, _ = finish(*words)
    assert status == 0, output
    assert "Traceback" not in output


@pytest.mark.parametrize("attempt", range(TIMES))
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT, signal.SIGHUP], ids=str)
def test_an_ended_training_is_resumed_to_the_same_files(
    number: signal.Signals, attempt: int, whole: tuple[Path, Path, float], tmp_path: Path
) -> None:
    data, expected, seconds = whole
    out = tmp_path / "run"
    process = start("train", data, *OPTIONS, "--out", out)
    status, waited = end_at_random(process, number, seconds, seed=1000 * attempt + number)
    allowed = {-number, 128 + number, 0}  # before Python has a handler, with it, after the end
    assert status in allowed
    assert waited < 30
    resume(out, data)
    assert not left_over(out)
    for name in NAMES:
        assert (out / name).read_bytes() == (expected / name).read_bytes()
