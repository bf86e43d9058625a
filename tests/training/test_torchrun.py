"""A training that torchrun started: it makes an ordinary run, and a process that is lost costs no saved step."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

import segarena
from segarena.records.config import Config
from segarena.records.metrics import Metrics
from support import small_encoders, write_squares

#: Four steps of each epoch.
OPTIONS = "--model unet --encoder mobilenet_v2 --weights none --size 32 --batch-size 4 --epochs 3 --device cpu".split()
#: How often a process is lost at a random moment by `make test-faults`.
TIMES = int(os.environ.get("SEGARENA_FAULTS", "20"))


@pytest.fixture(scope="module")
def squares(tmp_path_factory: pytest.TempPathFactory) -> Path:
    data = tmp_path_factory.mktemp("squares") / "data"
    return write_squares(data, 20)


def launch(words: Sequence[str], place: Path, lost: Sequence[int], *, processes: int = 2, restarts: int = 2) -> str:
    """Run torchrun in the folder `place`; what it wrote. It fails where it may not start lost processes again."""
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--standalone"]
    torchrun += [f"--nproc-per-node={processes}", f"--max-restarts={restarts}"]
    program = Path(__file__).with_name("joint_program.py")
    paths = os.pathsep.join([str(program.parents[1])])
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": paths}
    environment |= {"SEGARENA_LOST": json.dumps(list(lost)), "SEGARENA_BEGUN": str(place / "begun")}
    command = [*torchrun, str(program), "train", *words]
    done = subprocess.run(command, check=False, cwd=place, env=environment, text=True, capture_output=True, timeout=900)
    assert (done.returncode == 0) == (restarts > 0), done.stdout + done.stderr
    return done.stdout + done.stderr


def begins(place: Path) -> list[list[int]]:
    """What each attempt began with."""
    return [json.loads(line) for line in (place / "begun").read_text().splitlines()]


def check_run(place: Path, data: Path, processes: int = 2) -> None:
    """One run, which predicts."""
    (run,) = (place / "runs").iterdir()
    assert Config.read(run).processes == processes
    assert Metrics.read(run).epochs == 3
    image = next((data / "images").iterdir())
    with small_encoders():
        assert segarena.load(run).predict(image).shape == (48, 48)


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSTOP], ids=["killed", "hung"])
def test_a_lost_process_costs_no_saved_step(squares: Path, tmp_path: Path, number: int) -> None:
    launch([str(squares), *OPTIONS], tmp_path, (1, 2, 1, number))
    assert begins(tmp_path) == [[0, 1, 0], [1, 2, 1]]
    check_run(tmp_path, squares)


@pytest.mark.slow
def test_a_signal_to_one_stops_all_after_its_step(squares: Path, tmp_path: Path) -> None:
    """Ctrl-C in one of two; then three go on."""
    shown = launch([str(squares), *OPTIONS], tmp_path, (1, 2, 1, signal.SIGINT), restarts=0)
    assert shown.count("Resume with:") == 1
    (run,) = (tmp_path / "runs").iterdir()
    launch(["--resume", str(run)], tmp_path, (0, 0, 0, 0), processes=3)
    assert begins(tmp_path) == [[0, 1, 0], [0, 2, 2]]
    check_run(tmp_path, squares, processes=3)


@pytest.mark.faults
@pytest.mark.parametrize("seed", range(TIMES))
def test_processes_lost_at_random_are_survived(squares: Path, tmp_path: Path, seed: int) -> None:
    draw = random.Random(seed)
    rank, epoch, step = draw.randrange(2), draw.randint(1, 3), draw.randrange(4)
    launch([str(squares), *OPTIONS], tmp_path, (rank, epoch, step, signal.SIGKILL))
    assert begins(tmp_path) == [[0, 1, 0], [1, epoch, step]]
    check_run(tmp_path, squares)
