"""Callbacks and --track-with through `compare` and `train`: what is called when, and one that fails ends nothing."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

import pytest

import segarena
from own_modules import Tiny
from segarena.errors import ConfigError, OptionTypeError
from segarena.records.metrics import Metrics
from segarena.records.options import OptionsRecord
from segarena.tracking.callback import TrackedRun
from segarena.tracking.tensorboard import TensorBoardTracker
from support import QUICK, refuses

TINY = {name: value for name, value in QUICK.items() if name not in ("encoder", "weights")}
OPTIONS = {**TINY, "models": [("first", Tiny), ("second", Tiny)], "learning_rate": 0.003, "seeds": 1, "threads": 1}

pytestmark = pytest.mark.usefixtures("quick_runs", "blank_figures")


class Recording(segarena.Callback):
    """Keeps what it is called with, and that it was in this process."""

    def __init__(self) -> None:
        self.calls: list[tuple[object, ...]] = []
        self.scores: dict[str, Mapping[str, float]] = {}
        self.runs: dict[str, TrackedRun] = {}

    def on_run_start(self, run: TrackedRun) -> None:
        self.runs[run.name] = run
        self.calls.append(("start", run.name, os.getpid()))

    def on_epoch_end(self, run: TrackedRun, epoch: int, metrics: Mapping[str, float]) -> None:
        assert {"train_loss", "val_miou", "val_iou/foreground", "learning_rate", "epoch_seconds"} <= set(metrics)
        self.calls.append(("epoch", run.name, epoch))

    def on_run_end(self, run: TrackedRun, metrics: Mapping[str, float], error: str | None) -> None:
        self.calls.append(("end", run.name, error))
        self.scores[run.name] = metrics

    def close(self) -> None:
        self.calls.append(("close",))


class Failing(segarena.Callback):
    """Fails in its first epoch."""

    def on_epoch_end(self, run: TrackedRun, epoch: int, metrics: Mapping[str, float]) -> None:
        raise ZeroDivisionError("on purpose")


@pytest.mark.parametrize("jobs", [1, pytest.param(2, marks=pytest.mark.slow)])
def test_what_callbacks_get(squares: Path, tmp_path: Path, jobs: int, capsys: pytest.CaptureFixture[str]) -> None:
    seen = Recording()
    found = segarena.compare(squares, out=tmp_path / "out", callbacks=[Failing(), seen], jobs=jobs, **OPTIONS)
    pid = os.getpid()
    for name in ("first-seed0", "second-seed0"):
        own = [call for call in seen.calls if name in call]
        assert own == [("start", name, pid), ("epoch", name, 1), ("epoch", name, 2), ("end", name, None)]
        metrics = Metrics.read(found / name)
        assert seen.scores[name]["val_miou"] == metrics.miou
        assert seen.scores[name]["val_iou/foreground"] == metrics.per_class["foreground"].iou
        assert seen.scores[name]["best_epoch"] == metrics.best_epoch
        assert seen.runs[name].parameters["learning_rate"] == 0.003
        assert seen.runs[name].folder == found / name
    assert seen.calls[-1] == ("close",)
    assert "".join(capsys.readouterr()).count("ZeroDivisionError: on purpose") == 1


def test_a_comparison_is_tracked_resumed_and_sent_later(
    squares: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The tracker is recorded with the options; one that is named later gets all of what is finished."""
    logged: list[tuple[str, str, int]] = []

    class Fake(TensorBoardTracker):
        def open(self, run: TrackedRun, known: object) -> str:
            return run.name

        def log(self, run: TrackedRun, step: int, metrics: Mapping[str, float]) -> None:
            logged.append(("log", run.name, step))

        def log_final(self, run: TrackedRun, metrics: Mapping[str, float]) -> None:
            logged.append(("final", run.name, round(metrics["epochs"])))

        def finish(self, run: TrackedRun, status: object) -> None:
            pass

    monkeypatch.setattr("segarena.tracking.choose._TRACKERS", {"tensorboard": Fake})
    monkeypatch.setattr("segarena.tracking.choose.require", lambda *_: None)
    out, models = tmp_path / "out", OPTIONS["models"]
    segarena.compare(squares, out=out, **{**OPTIONS, "models": models[:1]})
    assert logged == []
    of_first = [("log", "first-seed0", 1), ("log", "first-seed0", 2), ("final", "first-seed0", 2)]
    segarena.compare(resume=out, models=models[:1], track_with="tensorboard")
    assert logged == of_first
    assert list(OptionsRecord.read(out).options["track_with"]) == ["tensorboard"]
    logged.clear()
    segarena.compare(resume=out, models=models)
    assert logged == [(kind, "second-seed0", step) for kind, _, step in of_first]


def test_train_has_callbacks_too(squares: Path, tmp_path: Path) -> None:
    seen = Recording()
    options = {name: value for name, value in OPTIONS.items() if name not in ("models", "seeds")}
    run = segarena.train(squares, model=("first", Tiny), out=tmp_path / "run", callbacks=[seen], **options)
    assert [call[0] for call in seen.calls] == ["start", "epoch", "epoch", "end", "close"]
    assert seen.runs["run"].comparison == run.folder


@pytest.mark.parametrize("wrong", [[print], "tensorboard", [Recording]])
def test_what_is_no_callback_is_refused(wrong: object, tmp_path: Path) -> None:
    with refuses(OptionTypeError, where="callbacks", value="is of type") as caught:
        segarena.compare(out=tmp_path / "out", callbacks=wrong)
    assert "segarena.Callback" in caught.value.remedy


def test_an_unknown_tracker_is_refused(tmp_path: Path) -> None:
    with refuses(ConfigError, where="track_with", value="neptune"):
        segarena.compare(out=tmp_path / "out", track_with="neptune")
