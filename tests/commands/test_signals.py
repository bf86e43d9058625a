"""What a second Ctrl-C does, and what is kept of the steps before the first; in another clock than the usual one."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
import weakref
from collections.abc import Callable
from pathlib import Path
from queue import SimpleQueue
from typing import Any

import pytest

import segarena
from segarena import cli
from segarena.commands.interrupts import catch_interrupt
from segarena.commands.signals import terminating
from segarena.errors import Interrupted
from segarena.training.checkpoint import LAST
from segarena.training.engine import Trainer
from support import QUICK

OPTIONS = {**QUICK, "model": "fcn", "epochs": 2}
STEPS = 2 * 2
SAME = ("metrics.json", "best.safetensors", "images.csv")


def in_step(patch: pytest.MonkeyPatch, do: Callable[[int], None]) -> list[int]:
    """Call a function in each step of a training, with its number; returns the steps that were taken to their end."""
    taken: list[int] = []
    step: Callable[..., Any] = Trainer._train_step
    begun: list[int] = []

    def watched(self: Trainer, *arguments: Any) -> Any:
        begun.append(len(begun))
        do(begun[-1])
        losses = step(self, *arguments)
        taken.append(begun[-1])
        return losses

    patch.setattr(Trainer, "_train_step", watched)
    return taken


def same(one: Path, other: Path) -> bool:
    return all((one / name).read_bytes() == (other / name).read_bytes() for name in SAME)


@pytest.mark.usefixtures("usual_signals")
@pytest.mark.parametrize("name", ["SIGINT", pytest.param("SIGTERM", marks=pytest.mark.long)])
def test_a_second_signal_stops_at_once_and_nothing_more_is_saved(
    name: str, squares: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    number, out = getattr(signal, name), tmp_path / "run"
    whole = segarena.train(squares, out=tmp_path / "whole", **OPTIONS).folder

    def press_twice(step: int) -> None:
        if step == 2:
            os.kill(os.getpid(), number)
            os.kill(os.getpid(), number)

    with monkeypatch.context() as patch:
        taken = in_step(patch, press_twice)
        words = [f"--{name.replace('_', '-')}={value}" for name, value in OPTIONS.items()]
        patch.setattr(sys, "argv", ["segarena", "train", str(squares), *words, "--out", str(out)])
        assert cli.main() == 128 + number
    assert taken == [0, 1]
    assert not (out / LAST).exists()
    shown = capsys.readouterr()
    assert "again to stop at once" in " ".join(shown.out.split())
    assert shown.err.count(f"segarena train --resume {out}") == 1
    assert "Traceback" not in shown.err
    assert same(segarena.train(resume=out).folder, whole)


@pytest.mark.usefixtures("usual_signals")
@pytest.mark.parametrize("stop_at", [1, *(pytest.param(step, marks=pytest.mark.long) for step in (0, 2, 3))])
def test_no_finished_step_is_taken_again(
    stop_at: int, squares: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "run"
    with monkeypatch.context() as patch:
        before = in_step(patch, lambda step: os.kill(os.getpid(), signal.SIGTERM) if step == stop_at else None)
        with pytest.raises(Interrupted):
            segarena.train(squares, out=out, **OPTIONS)
    after = in_step(monkeypatch, lambda step: None)
    segarena.train(resume=out)
    assert len(before) == stop_at + 1
    assert len(before) + len(after) == STEPS


@pytest.mark.long
def test_a_clock_that_is_set_back_changes_nothing(
    squares: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By an hour at each look, on files that are of a later year."""
    whole = segarena.train(squares, out=tmp_path / "whole", **OPTIONS).folder
    later = time.time() + 400 * 24 * 3600
    for path in squares.rglob("*.png"):
        os.utime(path, (later, later))
    now = [time.time()]

    def set_back() -> float:
        now[0] -= 3600
        return now[0]

    monkeypatch.setattr(time, "time", set_back)
    found = segarena.train(squares, out=tmp_path / "back", **OPTIONS).folder
    assert same(found, whole)


@pytest.mark.usefixtures("usual_signals")
@pytest.mark.skipif(sys.platform == "win32", reason="sends signals")
@pytest.mark.parametrize("status", [pytest.param(-signal.SIGINT, id="at exit"), pytest.param(130, id="in the report")])
def test_a_second_ctrl_c_after_the_work_leaves_no_traceback(status: int) -> None:
    interrupt = "lambda: os.kill(os.getpid(), signal.SIGINT)"
    work = interrupt if status == 130 else f"lambda: atexit.register({interrupt}) and 0"
    script = f"import atexit, os, signal, sys; from segarena import cli; cli.main = {work}; sys.exit(cli.program())"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (status, "")


@pytest.mark.usefixtures("usual_signals")
@pytest.mark.skipif(sys.platform == "win32", reason="sends signals")
@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM", "SIGHUP"])
@pytest.mark.parametrize("is_second", [False, True])
def test_a_signal_that_a_library_turns_into_an_error_ends_all_the_same(name: str, is_second: bool) -> None:
    """As NumPy does where it comes while records are compared."""
    number = getattr(signal, name)
    with pytest.raises(KeyboardInterrupt) as stop, catch_interrupt(resume="") if is_second else terminating():
        try:
            for _ in range(1 + is_second):
                signal.raise_signal(number)
        except KeyboardInterrupt as error:
            raise TypeError("Cannot compare structured arrays") from error
    assert getattr(stop.value, "signal", signal.SIGINT) == number


@pytest.mark.usefixtures("usual_signals")
@pytest.mark.skipif(sys.platform == "win32", reason="sends signals")
@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM", "SIGHUP"])
@pytest.mark.parametrize("rest", [0.0, 60.0], ids=["at the end", "in a call that waits"])
def test_a_signal_that_python_drops_is_sent_again(name: str, rest: float, capsys: pytest.CaptureFixture[str]) -> None:
    """What a handler raises in the callback of a weak reference goes nowhere: Matplotlib has many of them."""

    class Axis:
        pass

    number, axis = getattr(signal, name), Axis()
    reference = weakref.ref(axis, lambda _: signal.raise_signal(number))
    begun, hook = time.monotonic(), sys.unraisablehook
    with pytest.raises(KeyboardInterrupt) as stop, terminating():
        del axis
        time.sleep(rest)
    assert reference() is None
    assert getattr(stop.value, "signal", signal.SIGINT) == number
    assert time.monotonic() - begun < 30
    assert sys.unraisablehook is hook
    assert capsys.readouterr().err == ""


def test_an_error_without_a_signal_stays_the_error() -> None:
    with pytest.raises(TypeError), terminating():
        raise TypeError


def test_work_that_trains_nothing_is_not_called_a_training() -> None:
    with pytest.raises(Interrupted) as caught, catch_interrupt(resume="segarena predict RUN IMAGES --resume DIR"):
        signal.raise_signal(signal.SIGINT)
    assert "training" not in str(caught.value)


def test_a_handler_that_is_no_function_of_python_is_left_to_its_owner() -> None:
    received: SimpleQueue[int] = SimpleQueue()
    before = signal.signal(signal.SIGTERM, received.put)  # type: ignore[arg-type]  # it has no module
    try:
        with terminating():
            assert signal.getsignal(signal.SIGTERM) == received.put
    finally:
        signal.signal(signal.SIGTERM, before)
