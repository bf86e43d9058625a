"""States of finished trainings make room; what a resumption or a prediction needs is never deleted."""

from __future__ import annotations

import os
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch

import segarena
from segarena.errors import ConfigError, Interrupted
from segarena.experiment import disk_space, training_task
from segarena.experiment.kept_states import drop_states
from segarena.experiment.plan import Training
from segarena.records.options import OptionsRecord
from segarena.training.checkpoint import LAST, load_state, save_state
from support import QUICK, real_encoders, refuses

MODELS = ("fcn", "unet")


def runs_with_a_state(out: Path) -> list[str]:
    return sorted(path.parent.parent.name for path in out.rglob("state.pt"))


def training(folder: Path, *, is_scored: bool = False) -> Any:
    return SimpleNamespace(folder=folder, is_scored=is_scored)


def make_run(folder: Path, *, is_finished: bool) -> Any:
    save_state({"model": torch.zeros(3), "progress": {"epoch": 4}}, folder / LAST)
    (folder / "best.safetensors").write_bytes(b"weights")
    if is_finished:
        (folder / "costs.json").write_text("{}")
    return training(folder)


@pytest.mark.parametrize(("keep", "left"), [(None, "abcd"), (3, "abcd"), (2, "bcd"), (1, "bd"), (0, "b")])
def test_the_last_states_of_finished_trainings_are_kept(keep: int | None, left: str, tmp_path: Path) -> None:
    """Four trainings: b is not finished, and a finished before c and d."""
    trainings = [make_run(tmp_path / name, is_finished=name != "b") for name in "abcd"]
    for number, name in enumerate("acd"):
        os.utime(tmp_path / name / "costs.json", (number, number))
    drop_states([*trainings, training(tmp_path / "not-begun")], keep)
    assert runs_with_a_state(tmp_path) == list(left)
    assert all((tmp_path / name / "best.safetensors").exists() for name in "abcd")
    assert sorted(path.name for path in tmp_path.rglob("last")) == ["last"] * len(left)


def test_of_a_training_that_waits_for_its_costs_the_progress_is_kept(tmp_path: Path) -> None:
    make_run(tmp_path / "a", is_finished=False)
    for keep in (None, 0):
        drop_states([training(tmp_path / "a", is_scored=True)], keep)
        content = load_state(tmp_path / "a" / LAST)
        assert content is not None
        assert content["progress"] == {"epoch": 4}
        assert ("model" in content) == (keep is None)


@pytest.mark.long
def test_a_comparison_keeps_as_many_states_as_are_asked_for(
    squares: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is stopped in the second training, whose state is what resumes it."""
    out = tmp_path / "out"
    options: dict[str, Any] = {**QUICK, "models": MODELS, "seeds": 1}
    train_run = training_task.train_run

    def stop(one: Training, start: Any, should_stop: Any, reporter: Any, **rest: Any) -> None:
        train_run(one, start, lambda: one.model == "unet", reporter, **rest)

    with monkeypatch.context() as patch, pytest.raises(Interrupted):
        patch.setattr(training_task, "train_run", stop)
        segarena.compare(squares, out=out, keep_states=0, **options)
    assert runs_with_a_state(out) == ["unet-seed0"]
    segarena.compare(resume=out, keep_states=1)
    assert OptionsRecord.read(out).options["keep_states"] == 1
    assert runs_with_a_state(out) == ["unet-seed0"]
    assert len(list(out.rglob("best.safetensors"))) == 2


@pytest.mark.long
def test_trainings_side_by_side_keep_none(squares: Path, tmp_path: Path) -> None:
    options: dict[str, Any] = {**QUICK, "models": MODELS, "seeds": 1, "jobs": 2, "keep_states": 0}
    with real_encoders():
        out = segarena.compare(squares, out=tmp_path / "out", **options).folder
    assert runs_with_a_state(out) == []
    assert len(list(out.rglob("costs.json"))) == 2


@pytest.mark.long
def test_a_disk_without_room_for_all_states_keeps_none(
    squares: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The disk has room for the weights of the two trainings and one state."""
    monkeypatch.setattr("segarena.experiment.calibration.FEWEST_STEPS", 1)
    fit = disk_space.fit_onto_disk
    least: list[float] = []

    def measure_first(folder: Path, sizes: Any, *rest: Any) -> int | None:
        least.append(disk_space.needed_space(sizes, 0, 1))
        return fit(folder, sizes, *rest)

    monkeypatch.setattr(disk_space, "free_disk", lambda folder: least[0])
    monkeypatch.setattr(disk_space, "fit_onto_disk", measure_first)
    out = segarena.compare(squares, out=tmp_path / "out", models=MODELS, seeds=1, **QUICK).folder
    assert "chosen: keep states 0" in " ".join(capsys.readouterr().out.split())
    assert runs_with_a_state(out) == []


def test_a_negative_number_is_refused(squares: Path) -> None:
    with refuses(ConfigError, where="--keep-states", value="-1"):
        segarena.compare(squares, keep_states=-1)
