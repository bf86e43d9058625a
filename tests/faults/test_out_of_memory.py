"""A training whose process gets no more memory from the system. `make test-faults`."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from faults import limited
from segarena.records.config import Config
from segarena.records.metrics import Metrics
from support import write_squares

pytestmark = [pytest.mark.faults, pytest.mark.skipif(sys.platform != "linux", reason="needs Linux")]
NETWORK = "--model fcn --encoder mobilenet_v2 --weights none --size 160"
OPTIONS = f"{NETWORK} --batch-size 16 --epochs 1 --device cpu --precision fp32".split()


def train(data: Path, out: Path, mebibytes: int) -> tuple[int, str]:
    words = [sys.executable, limited.__file__, mebibytes, "train", data, *OPTIONS, "--out", out]
    done = subprocess.run(
        list(map(str, words)),
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    return done.returncode, " ".join(done.stdout.split())


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("memory") / "data"
    return write_squares(folder, 24)


@pytest.mark.parametrize("mebibytes", [600, 300, 100, 1])
def test_a_training_without_memory_goes_on_or_has_one_message(mebibytes: int, data: Path, tmp_path: Path) -> None:
    """A step of 16 images takes about 650 MiB. What of it fits depends on what the libraries keep."""
    out = tmp_path / "run"
    status, output = train(data, out, mebibytes)
    assert "Traceback" not in output
    if status == -signal.SIGSEGV and mebibytes < 300:
        assert not list(out.rglob("*.partial"))
        pytest.skip("PyTorch ended the process, in a library that does not check what it is given")
    assert status in (0, 2), output
    is_split = "are computed at a time from step 1 of epoch 1 on" in output
    if status == 0:
        assert (Metrics.read(out).micro_batch in (8, 4, 2)) == is_split
        assert (Config.read(out).protocol.batch_size, Config.read(out).protocol.micro_batch) == (16, 0)
    else:
        assert "out of memory in " in output
        assert f"segarena train --resume {out}" in output
        assert not (out / "metrics.json").exists()
