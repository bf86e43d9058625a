"""A training that is ended at random moments is resumed to the same files. Many times: `make test-faults`."""

from __future__ import annotations

import shutil
import signal
import sys
from functools import cached_property
from pathlib import Path

import pytest

from faults.killer import NAMES, OPTIONS, TIMES, end_at_random, finish, left_over, start
from support import write_squares

pytestmark = [
    pytest.mark.faults,
    pytest.mark.skipif(sys.platform == "win32", reason="sends signals"),
]
TRAIN = ("--model", "unet", *OPTIONS)
COMPARE = ("--models", "unet", "fcn", "--seeds", "1", *OPTIONS)
SIGNALS = [signal.SIGKILL, signal.SIGTERM, signal.SIGINT, signal.SIGHUP] if sys.platform != "win32" else []


class Whole:
    """Data, and a training and a comparison that were not ended."""

    def __init__(self, root: Path) -> None:
        self.data, self.root = root / "data", root
        write_squares(self.data, 12)

    @cached_property
    def run(self) -> tuple[Path, float]:
        return self._finish("train", TRAIN)

    @cached_property
    def comparison(self) -> tuple[Path, float]:
        return self._finish("compare", COMPARE)

    def _finish(self, verb: str, options: tuple[str, ...]) -> tuple[Path, float]:
        status, output, seconds = finish(verb, self.data, *options, "--out", self.root / verb)
        assert status == 0, output
        return self.root / verb, seconds


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Whole:
    return Whole(tmp_path_factory.mktemp("whole"))


def resume(verb: str, out: Path, begin: list[object]) -> None:
    """Resume until the end; a folder that was killed before anything was recorded is begun again."""
    if not (out / "options.json").exists():
        shutil.rmtree(out, ignore_errors=True)
        words: list[object] = begin
    else:
        words = [verb, "--resume", out]
    status, output, _ = finish(*words)
    assert status == 0, output
    assert "Traceback" not in output


def end_and_resume(verb: str, begin: list[object], out: Path, number: int, seconds: float, attempt: int) -> None:
    """End a command at a random moment, and resume it."""
    process = start(*begin)
    status, waited = end_at_random(process, number, seconds, seed=1000 * attempt + number)
    assert status in {-number, 128 + number, 0}  # before Python has a handler, with it, after the end
    assert waited < 30
    resume(verb, out, begin)
    assert not left_over(out)


@pytest.mark.parametrize("attempt", range(TIMES))
@pytest.mark.parametrize("number", SIGNALS, ids=str)
def test_an_ended_training_is_resumed_to_the_same_files(
    number: signal.Signals, attempt: int, whole: Whole, tmp_path: Path
) -> None:
    expected, seconds = whole.run
    out = tmp_path / "run"
    end_and_resume("train", ["train", whole.data, *TRAIN, "--out", out], out, number, seconds, attempt)
    for name in NAMES:
        assert (out / name).read_bytes() == (expected / name).read_bytes()


@pytest.mark.parametrize("attempt", range(TIMES))
@pytest.mark.parametrize("number", SIGNALS, ids=str)
def test_an_ended_comparison_is_resumed_to_the_same_files(
    number: signal.Signals, attempt: int, whole: Whole, tmp_path: Path
) -> None:
    """The moments are those of its trainings, tests, measurements and its report."""
    expected, seconds = whole.comparison
    out = tmp_path / "comparison"
    end_and_resume("compare", ["compare", whole.data, *COMPARE, "--out", out], out, number, seconds, attempt)
    for name in NAMES:
        for run in ("unet-seed0", "fcn-seed0"):
            assert (out / run / name).read_bytes() == (expected / run / name).read_bytes()
    assert (out / "classes.csv").read_bytes() == (expected / "classes.csv").read_bytes()
    assert (out / "report.html").exists()
