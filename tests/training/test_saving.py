"""The state of a training is saved by time, and the best weights on disk always belong to it."""

from __future__ import annotations

import errno
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import safetensors.torch
import torch
from torch import nn

import segarena
from segarena.errors import RunError
from segarena.records.metrics import Metrics
from segarena.runs import SAVE_EVERY
from segarena.training import saving
from segarena.training.checkpoint import BEST, HISTORY, LAST
from segarena.training.engine import Trainer
from segarena.training.saving import SavedState
from support import QUICK, refuses

OPTIONS: dict[str, Any] = {**QUICK, "model": "unet", "epochs": 5}


class Killed(BaseException):
    """As SIGKILL: nothing is written any more."""


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The time, which a test sets."""
    now = [0.0]
    monkeypatch.setattr(saving.time, "perf_counter", lambda: now[0])
    return now


def content(epoch: int) -> dict[str, Any]:
    row = {"epoch": epoch, "train_loss": 1.0}
    return {"progress": {"history": [row]}, "value": torch.tensor(epoch)}


def test_a_state_is_saved_once_a_minute(tmp_path: Path, clock: list[float]) -> None:
    saved = SavedState(tmp_path)
    clock[0] = SAVE_EVERY - 1
    assert not saved.is_due
    clock[0] = SAVE_EVERY
    assert saved.is_due
    saved.save({"progress": {"history": []}})
    assert not saved.is_due
    clock[0] += SAVE_EVERY
    assert saved.is_due


def test_a_slow_disk_is_written_to_less_often(
    tmp_path: Path, clock: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    saved = SavedState(tmp_path)

    def save_slowly(*_: Any) -> None:
        clock[0] += 30

    monkeypatch.setattr(saving, "save_state", save_slowly)
    saved.save({"progress": {"history": []}})
    clock[0] += 10 * 30
    assert not saved.is_due
    clock[0] += 10 * 30
    assert saved.is_due


def test_best_weights_and_history_are_those_of_the_state(tmp_path: Path) -> None:
    model = nn.Linear(1, 1)
    saved = SavedState(tmp_path)
    nn.init.constant_(model.weight, 1.0)
    saved.keep_best(model)
    saved.save(content(1))
    nn.init.constant_(model.weight, 2.0)
    saved.keep_best(model)  # of an epoch that is not saved
    assert safetensors.torch.load_file(tmp_path / BEST)["weight"].item() == 1
    # killed between the state and the other files, or before a later epoch was saved: the state decides
    safetensors.torch.save_file({"weight": torch.full((1, 1), 3.0)}, tmp_path / BEST)
    (tmp_path / HISTORY).write_text("of a later epoch")
    restored = SavedState(tmp_path).restore()
    assert restored is not None
    assert restored["value"] == 1
    assert safetensors.torch.load_file(tmp_path / BEST)["weight"].item() == 1
    assert list(pd.read_csv(tmp_path / HISTORY)["epoch"]) == [1]


def test_a_state_of_an_earlier_version_keeps_its_file(tmp_path: Path) -> None:
    (tmp_path / "last").mkdir()
    torch.save(content(4), tmp_path / LAST)
    (tmp_path / BEST).write_bytes(b"weights")
    assert SavedState(tmp_path).restore() is not None
    assert (tmp_path / BEST).read_bytes() == b"weights"
    assert SavedState(tmp_path / "new").restore() is None


@pytest.mark.parametrize("saved_after", [0, 1, 3])
@pytest.mark.parametrize("options", [{}, {"ema_decay": 0.9}])
@pytest.mark.long
def test_a_killed_training_ends_as_if_it_had_not_been(
    options: dict[str, Any], saved_after: int, squares: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Killed in the fifth epoch, after the state had been saved at the end of an earlier one, or never."""
    whole = segarena.train(squares, out=tmp_path / "whole", **OPTIONS, **options).folder
    part, finish = tmp_path / "part", Trainer._finish_epoch

    def finish_or_die(self: Trainer) -> bool:
        if self.state.epoch == 5:
            raise Killed
        monkeypatch.setattr(SavedState, "is_due", self.state.epoch == saved_after)
        return finish(self)

    with monkeypatch.context() as patch:
        patch.setattr(SavedState, "is_due", False)
        patch.setattr(Trainer, "_finish_epoch", finish_or_die)
        with pytest.raises(Killed):
            segarena.train(squares, out=part, **OPTIONS, **options)
    assert (part / LAST).exists() == (part / BEST).exists() == (saved_after > 0)
    if saved_after:
        assert list(pd.read_csv(part / HISTORY)["epoch"]) == list(range(1, saved_after + 1))
    segarena.train(resume=part)
    columns = ["epoch", "train_loss", "val_miou", "learning_rate"]
    first, second = (pd.read_csv(run / HISTORY)[columns] for run in (whole, part))
    pd.testing.assert_frame_equal(first, second, check_exact=True)
    one, other = (safetensors.torch.load_file(run / BEST) for run in (whole, part))
    assert all(torch.equal(tensor, other[name]) for name, tensor in one.items())
    assert Metrics.read(part).miou == Metrics.read(whole).miou


def test_a_state_that_is_whole_is_not_to_be_deleted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Too little memory for it, and a disk that does not answer, are no damage."""

    def fail(error: Exception) -> Any:
        raise error

    SavedState(tmp_path).save(content(1))
    shortage = torch.OutOfMemoryError("CUDA out of memory")
    with pytest.raises(torch.OutOfMemoryError):
        SavedState(tmp_path).restore(lambda _: fail(shortage))
    for error in (shortage, MemoryError()):
        monkeypatch.setattr(torch, "load", lambda *_, error=error, **__: fail(error))
        with pytest.raises(type(error)):
            SavedState(tmp_path).restore()
    monkeypatch.setattr(torch, "load", lambda *_, **__: fail(OSError(errno.EIO, "Input/output error")))
    with refuses(RunError, where=tmp_path / LAST, value="Input/output error") as caught:
        SavedState(tmp_path).restore()
    assert "Delete" not in caught.value.remedy
