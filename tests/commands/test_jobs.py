"""`compare --jobs`: trainings in processes of their own give the bits of those in turn; a process that is killed."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

import segarena
from own_modules import Killed, Tiny
from segarena.errors import ConfigError
from segarena.records.comparison import ComparisonRecord
from segarena.records.options import OptionsRecord
from segarena.records.run import Costs
from support import QUICK, refuses

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX")
TINY = {name: value for name, value in QUICK.items() if name not in ("encoder", "weights")}
OPTIONS = {**TINY, "models": [("killed", Killed), ("tiny", Tiny)], "learning_rate": 0.003, "seeds": 1, "threads": 1}


def same_bits(one: Path, other: Path, *runs: str) -> None:
    for run in runs:
        for name in ("metrics.json", "best.safetensors", "images.csv", "config.json", "data.json"):
            assert (one / run / name).read_bytes() == (other / run / name).read_bytes(), (run, name)


@pytest.mark.long
def test_bits_are_those_of_one_at_a_time_also_after_a_kill(
    squares: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A module of the user's own kills its process: as the system does where the memory is used up."""
    serial = segarena.compare(squares, out=tmp_path / "serial", **OPTIONS).folder
    capsys.readouterr()
    monkeypatch.setenv("KILLED_BY_TEST", str(os.getpid()))
    found = segarena.compare(squares, out=tmp_path / "out", jobs=2, **OPTIONS)
    same_bits(serial, found.folder, "tiny-seed0")
    assert Costs.read(found / "tiny-seed0").latency_ms > 0  # measured when both were over
    [failed] = found.record.failed
    assert (failed.model, failed.seed, failed.reason) == ("killed", 0, "ended")
    assert "SIGKILL" in failed.message
    assert [entry.model for entry in found.record.ranking] == ["tiny"]
    assert "killed is not ranked" in found.verdict
    shown = capsys.readouterr().out
    assert "killed, seed 0 failed" in shown
    assert re.search("^tiny, seed 0: epoch +2/2 ", shown, re.M)
    assert "tiny, seed 0: epoch" in (found / "log.txt").read_text()
    own = (found / "tiny-seed0" / "log.txt").read_text()
    assert "epoch   2/2" in own
    assert "killed" not in own
    assert OptionsRecord.read(found.folder).options["jobs"] == 2
    monkeypatch.delenv("KILLED_BY_TEST")
    again = segarena.compare(resume=found, models=OPTIONS["models"], jobs=1)
    same_bits(serial, again.folder, "killed-seed0", "tiny-seed0")
    assert {entry.model for entry in again.record.ranking} == {"killed", "tiny"}
    assert not again.record.failed


def test_a_module_that_another_process_cannot_build_is_refused(squares: Path, tmp_path: Path) -> None:
    models = [("mine", lambda **_: None), "fcn"]
    with refuses(ConfigError, where="jobs", value="mine"):
        segarena.compare(squares, out=tmp_path / "out", models=models, jobs=2, device="cpu")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(("device", "gpus"), [("cuda", 1), ("cuda:0", 2)])
def test_more_trainings_than_gpus_are_refused(
    device: str, gpus: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("torch.cuda.is_available", lambda: True)
    monkeypatch.setattr("torch.cuda.device_count", lambda: gpus)
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    with refuses(ConfigError, where="jobs", value="1 GPU"):
        segarena.compare(device=device, jobs=2, out=tmp_path / "out")


@pytest.mark.slow
@pytest.mark.usefixtures("their_own_encoders")
def test_a_signal_saves_all_and_resuming_gives_the_same_bits(squares: Path, tmp_path: Path) -> None:
    """Two of the four at a time, stopped by Ctrl-C, then by SIGTERM, which are sent to all processes."""
    options = {**QUICK, "models": ("fcn", "unet", "pspnet", "deeplabv3"), "seeds": 1, "threads": 1}
    runs = [f"{model}-seed0" for model in options["models"]]
    serial = segarena.compare(squares, out=tmp_path / "serial", **options).folder
    out = tmp_path / "out"
    words = [str(squares), "--out", str(out), "--jobs", "2", "--seeds", "1", "--threads", "1"]
    for name, value in QUICK.items():
        words += [f"--{name.replace('_', '-')}", str(value)]
    for number, wanted in ((signal.SIGINT, runs[:2]), (signal.SIGTERM, runs[2:])):
        command = [sys.executable, "-m", "segarena", "compare", *words]
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
        with subprocess.Popen(command, text=True, start_new_session=True, **pipes) as shell:
            end = time.monotonic() + 300
            while not all((out / run / "config.json").exists() for run in wanted) and time.monotonic() < end:
                time.sleep(0.01)
            os.killpg(shell.pid, number)
            text = shell.communicate(timeout=300)[0]
        assert shell.returncode == 128 + number, text
        assert text.count("Resume with:") == 1
        assert "Traceback" not in text
        words = ["--resume", str(out)]
    same_bits(serial, segarena.compare(resume=out).folder, *runs)
    assert not ComparisonRecord.read(out).failed
