"""Files that change and processes that are lost while a training runs: one message, and the state is saved."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from segarena.cli import main
from segarena.data.folder import FolderSource
from segarena.errors import DataError
from segarena.loading import processes
from segarena.loading.dataset import TrainingLoader
from support import refuses, write_pair

OPTIONS = "--weights none --encoder mobilenet_v2 --size 32 --batch-size 4 --epochs 2 --device cpu".split()


def train(
    data: Path, out: Path, patch: pytest.MonkeyPatch, at_step: Callable[[int], object], *more: str, resume: bool = False
) -> int:
    """Train, and call a function after each step with its number; returns the exit status."""
    epoch = TrainingLoader.epoch

    def watched(loader: TrainingLoader, number: int, first: int = 0) -> Iterator[Any]:
        for step, batch in enumerate(epoch(loader, number, first), start=first + 1):
            yield batch
            at_step((number - 1) * 2 + step)

    with patch.context() as context:
        context.setattr(TrainingLoader, "epoch", watched)
        options = ["--resume", str(out)] if resume else [str(data), "--model", "unet", *OPTIONS, "--out", str(out)]
        context.setattr(sys, "argv", ["segarena", "train", *options, *more])
        return main()


def replace_masks(data: Path) -> None:
    """Other labels in files of the same size."""
    for path in (data / "masks").iterdir():
        labels = np.asarray(Image.open(path))
        Image.fromarray(np.ascontiguousarray(labels.T)).save(path)


def lose_one(data: Path) -> None:
    for path in (data / "images").iterdir():
        path.unlink()


@pytest.mark.parametrize("change", [replace_masks, lose_one])
def test_a_file_that_changes_is_named_and_the_state_is_saved(
    change: Callable[[Path], None],
    squares: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    out = tmp_path / "run"
    more = ["--cache-gib", "0", "--disk-cache-gib", "0"]
    status = train(squares, out, monkeypatch, lambda step: change(squares) if step == 1 else None, *more)
    assert status == 2
    message = capsys.readouterr().err
    assert message.startswith(f"segarena: {squares / ('masks' if change is replace_masks else 'images')}")
    assert message.count("\n") == 1
    assert (out / "last" / "state.pt").exists()


def test_other_content_of_the_same_size_is_noticed(tmp_path: Path) -> None:
    for number in range(4):
        write_pair(tmp_path / "data", f"{number}", seed=number)
    source = FolderSource(tmp_path / "data")
    source.read(0)
    replace_masks(tmp_path / "data")
    for read in (source.read, source.read_labels):
        with refuses(DataError, where=source.samples[0].mask, value="changed"):
            read(0)


def test_a_file_that_is_copied_again_is_the_same(tmp_path: Path) -> None:
    for number in range(4):
        write_pair(tmp_path / "data", f"{number}", seed=number)
    source = FolderSource(tmp_path / "data")
    path = source.samples[0].mask
    content = path.read_bytes()
    path.unlink()
    path.write_bytes(content)
    source.read(0)


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere, processes that load images do not see what is patched")
@pytest.mark.parametrize("kind", ["killed", "asleep", "stopped", "in an endless loop"])
@pytest.mark.long
def test_a_killed_or_hung_worker_ends_the_training_with_one_message(
    kind: str, squares: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """One that computes may have a large image, and is waited for longer than one that does nothing."""
    main_process, read, mark = os.getpid(), FolderSource.read, tmp_path / "mark"

    def lost(source: FolderSource, index: int) -> Any:
        if os.getpid() != main_process and mark.exists():
            if kind in ("killed", "stopped"):
                os.kill(os.getpid(), signal.SIGKILL if kind == "killed" else signal.SIGSTOP)
            while kind == "in an endless loop":
                pass
            time.sleep(60)
        return read(source, index)

    out, decode_each_time = tmp_path / "run", ["--cache-gib", "0", "--disk-cache-gib", "0"]
    with monkeypatch.context() as patch:
        patch.setattr(processes, "LOOK_EVERY", 0.5)
        patch.setattr(processes, "_BUSY", 0.02)
        patch.setattr(processes, "PATIENCE", 7)
        patch.setattr(processes, "QUIET", 3)
        patch.setattr(FolderSource, "read", lost)
        status = train(squares, out, patch, lambda step: mark.touch(), "--workers", "1", *decode_each_time)
    assert status == 2
    message = capsys.readouterr().err
    assert message.startswith("segarena: --workers: ")
    seconds = {"killed": "ended from outside", "in an endless loop": "answered for 4 s"}.get(kind, "anything for 2 s")
    assert seconds in message
    assert message.count("\n") == 1
    assert (out / "last" / "state.pt").exists()
    mark.unlink()
    assert train(squares, out, monkeypatch, lambda step: None, resume=True) == 0
