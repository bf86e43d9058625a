"""A command with processes that load images ends, whatever ends it, and so do they."""

from __future__ import annotations

import gc
import signal
import sys
import threading
import weakref
from pathlib import Path

import pytest

import segarena
from faults.killer import OPTIONS, start
from segarena.training.engine import Trainer
from support import QUICK

#: A command that has not ended after so many seconds hangs; with its imports it takes five on a quiet machine.
HANGS = 90
sends_signals = pytest.mark.skipif(sys.platform == "win32", reason="sends a signal that Windows does not have")


@pytest.mark.long
@pytest.mark.parametrize("is_ended", [False, pytest.param(True, marks=sends_signals)])
def test_a_training_ends_with_its_workers(is_ended: bool, squares: Path, tmp_path: Path) -> None:
    """By itself, or by a signal for the main process alone, as from `kill`, `docker stop` or a service manager."""
    epochs = "10000" if is_ended else "2"
    options = [*("--model", "unet", "--workers", "2"), *OPTIONS[:-4], *("--epochs", epochs)]
    with start("train", squares, *options, "--out", tmp_path / "run") as process:
        guard = threading.Timer(HANGS, process.kill)
        guard.start()
        assert process.stdout is not None
        if is_ended:
            next(line for line in process.stdout if "val mIoU" in line)
            process.send_signal(signal.SIGTERM)
        process.stdout.read()  # to its end, which comes when no worker has it any more
    guard.cancel()
    assert process.returncode == (128 + signal.SIGTERM if is_ended else 0)


@pytest.mark.usefixtures("quick_runs")
def test_a_trainer_is_gone_when_its_training_is(squares: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A cycle would keep it, its network and the processes of its loader until the garbage collector finds it."""
    found: list[weakref.ref[Trainer]] = []
    fit = Trainer.fit

    def remember(trainer: Trainer) -> object:
        gc.collect()
        gc.disable()
        found.append(weakref.ref(trainer))
        return fit(trainer)

    monkeypatch.setattr(Trainer, "fit", remember)
    try:
        segarena.train(squares, model="unet", out=tmp_path / "run", **QUICK)
        assert [trainer() for trainer in found] == [None]
    finally:
        gc.enable()
