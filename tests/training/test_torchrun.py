"""A training that torchrun started: it makes an ordinary run, and a process that is lost costs no saved step."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
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


def train(data: Path, place: Path, lost: Sequence[int]) -> tuple[list[list[int]], float]:
    """Train with two processes in the folder `place`, without --out: what each attempt began with, and the seconds."""
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2", "--max-restarts=2"]
    program = Path(__file__).with_name("joint_program.py")
    paths = os.pathsep.join([str(program.parents[1])])
    begun = place / "begun"
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": paths}
    environment |= {"SEGARENA_LOST": json.dumps(list(lost)), "SEGARENA_BEGUN": str(begun)}
    words = [*command, str(program), "train", str(data), *OPTIONS]
    start = time.monotonic()
    done = subprocess.run(words, check=False, cwd=place, env=environment, text=True, capture_output=True, timeout=900)
    assert done.returncode == 0, done.stdout + done.stderr
    return [json.loads(line) for line in begun.read_text().splitlines()], time.monotonic() - start


def check_run(place: Path, data: Path) -> None:
    """One run, which predicts."""
    (run,) = (place / "runs").iterdir()
    assert Config.read(run).processes == 2
    assert Metrics.read(run).epochs == 3
    image = next((data / "images").iterdir())
    with small_encoders():
        assert segarena.load(run).predict(image).shape == (48, 48)


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSTOP], ids=["killed", "hung"])
def test_a_lost_process_costs_no_saved_step(squares: Path, tmp_path: Path, number: int) -> None:
    begun, _ = train(squares, tmp_path, (1, 2, 1, number))
    assert begun == [[0, 1, 0], [1, 2, 1]]
    check_run(tmp_path, squares)


@pytest.mark.faults
@pytest.mark.parametrize("seed", range(TIMES))
def test_processes_lost_at_random_are_survived(squares: Path, tmp_path: Path, seed: int) -> None:
    draw = random.Random(seed)
    rank, epoch, step = draw.randrange(2), draw.randint(1, 3), draw.randrange(4)
    begun, _ = train(squares, tmp_path, (rank, epoch, step, signal.SIGKILL))
    assert begun == [[0, 1, 0], [1, epoch, step]]
    check_run(tmp_path, squares)
