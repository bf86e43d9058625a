"""Commands that are ended at random moments are resumed to the same files. Many times: `make test-faults`."""

from __future__ import annotations

import random
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Iterator
from functools import cached_property
from operator import attrgetter
from pathlib import Path

import pytest

from faults.killer import NAMES, OPTIONS, TIMES, finish, left_over, start
from faults.warm import Server
from support import write_squares

pytestmark = [
    pytest.mark.faults,
    pytest.mark.skipif(sys.platform == "win32", reason="forks, and sends signals"),
]
TRAIN = ("--model", "unet", *OPTIONS)
COMPARE = ("--models", "unet", "fcn", "--seeds", "1", *OPTIONS)
RUNS = ("unet-seed0", "fcn-seed0")
KILLED = signal.SIGTERM if sys.platform == "win32" else signal.SIGKILL
ASKED = [getattr(signal, name) for name in ("SIGTERM", "SIGINT", "SIGHUP") if hasattr(signal, name)]
name_of = attrgetter("name")
#: A folder in memory (tmpfs) on Linux.
MEMORY = Path("/dev/shm")
#: On a machine that does other things too; docs/reliability.md has what was measured.
MOST_SECONDS = 60.0


class Ends:
    """Commands from one server, and a training and a comparison that were not ended."""

    def __init__(self, server: Server, root: Path) -> None:
        self.server, self.root, self.data = server, root, root / "data"
        write_squares(self.data, 12)

    @cached_property
    def run(self) -> tuple[Path, float]:
        return self._whole("train", *TRAIN)

    @cached_property
    def comparison(self) -> tuple[Path, float]:
        return self._whole("compare", *COMPARE)

    def _whole(self, verb: str, *options: str) -> tuple[Path, float]:
        return self.root / verb, self.finish(verb, self.data, *options, "--out", self.root / verb)

    def finish(self, *words: object) -> float:
        """Run a command to its end: the seconds of a processor that it took."""
        status, output, seconds = self.server.start(*words, log=self.root / "log").finish()
        assert status == 0, output
        assert "Traceback" not in output
        return seconds

    def end(self, words: list[object], number: int, seconds: float, draw: random.Random) -> tuple[int, str, float]:
        """End a command after a random part of the work that takes some seconds of a processor.

        One in five gets the signal twice, and every other one saves its state after each step.

        Returns:
            The exit status, what was printed, and the seconds from the signal to the end.
        """
        twice, log = draw.random() < 0.2, self.root / "log"
        command = self.server.start(*words, log=log, saves_each_step=draw.random() < 0.5)
        command.work(draw.uniform(0, seconds))
        time.sleep(draw.uniform(0, 0.02))  # it may wait for the disk, which takes no time of a processor
        command.send_signal(number)
        begun = time.monotonic()
        if twice:
            time.sleep(draw.uniform(0, 0.1))
            command.send_signal(number)
        status, output, _ = command.finish()
        return status, output, time.monotonic() - begun


@pytest.fixture(scope="module")
def ends(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ends]:
    with Server() as server:
        yield Ends(server, tmp_path_factory.mktemp("ends"))


@pytest.fixture
def memory() -> Iterator[Path]:
    """A folder on a file system in memory."""
    if not MEMORY.is_dir():
        pytest.skip(f"{MEMORY} is not there")
    with tempfile.TemporaryDirectory(dir=MEMORY) as folder:
        yield Path(folder)


def begins_again(out: Path) -> bool:
    """Whether a command was ended before anything was recorded; its folder is removed then."""
    if (out / "options.json").exists():
        return False
    shutil.rmtree(out, ignore_errors=True)
    return True


def end_and_resume(ends: Ends, begin: list[object], number: int, attempt: int, seconds: float) -> None:
    """End a command before it is done, and resume it until it is."""
    draw, out = random.Random(f"{begin[0]} {number} {attempt}"), Path(str(begin[-1]))
    status = 0
    while status == 0:  # it was done before
        shutil.rmtree(out, ignore_errors=True)
        status, output, waited = ends.end(begin, number, seconds, draw)
        seconds *= 0.8
    assert status in {-number, 128 + number}, output  # the first before Python has a handler
    assert "Traceback" not in output
    assert waited < MOST_SECONDS
    print(
        f"status {status}, {waited:.1f} s after the signal: {output.strip().rpartition(chr(10))[2][:80]!r}"
    )  # with -s
    ends.finish(*(begin if begins_again(out) else [begin[0], "--resume", out]))
    assert not left_over(out)


def check_training(ends: Ends, out: Path, number: int, attempt: int) -> None:
    expected, seconds = ends.run
    begin: list[object] = ["train", ends.data, *TRAIN, "--out", out]
    end_and_resume(ends, begin, number, attempt, seconds)
    for name in NAMES:
        assert (out / name).read_bytes() == (expected / name).read_bytes(), name


@pytest.mark.parametrize("attempt", range(TIMES))
def test_a_killed_training_is_resumed_to_the_same_files(attempt: int, ends: Ends, tmp_path: Path) -> None:
    check_training(ends, tmp_path / "run", KILLED, attempt)


@pytest.mark.parametrize("attempt", range(TIMES))
def test_on_a_file_system_in_memory_too(attempt: int, ends: Ends, memory: Path) -> None:
    check_training(ends, memory / "run", KILLED, TIMES + attempt)


@pytest.mark.parametrize("attempt", range((TIMES + 1) // 2))
@pytest.mark.parametrize("number", ASKED, ids=name_of)
def test_a_training_that_is_asked_to_end_is_resumed_to_the_same_files(
    number: signal.Signals, attempt: int, ends: Ends, tmp_path: Path
) -> None:
    check_training(ends, tmp_path / "run", number, attempt)


@pytest.mark.parametrize("attempt", range((TIMES + 1) // 2))
@pytest.mark.parametrize("number", [KILLED, *ASKED], ids=name_of)
def test_an_ended_comparison_is_resumed_to_the_same_files(
    number: signal.Signals, attempt: int, ends: Ends, tmp_path: Path
) -> None:
    """The moments are those of its trainings, tests, measurements and its report."""
    expected, seconds = ends.comparison
    out = tmp_path / "comparison"
    begin: list[object] = ["compare", ends.data, *COMPARE, "--out", out]
    end_and_resume(ends, begin, number, attempt, seconds)
    for name in (f"{run}/{name}" for run in RUNS for name in NAMES):
        assert (out / name).read_bytes() == (expected / name).read_bytes(), name
    assert (out / "classes.csv").read_bytes() == (expected / "classes.csv").read_bytes()
    assert (out / "report.html").exists()


@pytest.fixture(scope="module")
def shell(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path, float]:
    """Data, a training that a shell started and that was not ended, and its seconds."""
    root = tmp_path_factory.mktemp("shell")
    data = write_squares(root / "data", 12)
    status, output, seconds = finish("train", data, *TRAIN, "--out", root / "run")
    assert status == 0, output
    return data, root / "run", seconds


@pytest.mark.usefixtures("usual_signals")
@pytest.mark.parametrize("attempt", range((TIMES + 19) // 20))
@pytest.mark.parametrize("number", [KILLED, *ASKED], ids=name_of)
def test_a_training_that_a_shell_started_is_resumed_to_the_same_files(
    number: signal.Signals, attempt: int, shell: tuple[Path, Path, float], tmp_path: Path
) -> None:
    """The moments are those of the imports too, and the encoder is torchvision's."""
    data, expected, seconds = shell
    out = tmp_path / "run"
    begin: list[object] = ["train", data, *TRAIN, "--out", out]
    process = start(*begin)
    time.sleep(random.Random(f"{number} {attempt}").uniform(0, seconds))
    process.send_signal(number)
    process.communicate()
    assert process.returncode in {-number, 128 + number, 0}
    status, output, _ = finish(*(begin if begins_again(out) else ["train", "--resume", out]))
    assert status == 0, output
    assert "Traceback" not in output
    assert not left_over(out)
    for name in NAMES:
        assert (out / name).read_bytes() == (expected / name).read_bytes(), name
