"""A folder that is removed while a training writes into it ends the training with one message."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import pytest

from segarena.cli import main
from segarena.training.engine import Trainer

OPTIONS = "--weights none --encoder mobilenet_v2 --size 32 --batch-size 4 --epochs 2 --device cpu".split()


@pytest.mark.parametrize(("command", "removed"), [("train", "."), ("compare", "."), ("compare", "unet-seed0")])
def test_a_removed_folder_is_not_made_again(
    command: str,
    removed: str,
    squares: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    out, finish = tmp_path / "out", Trainer._finish_epoch

    def remove_first(self: Trainer) -> bool:
        shutil.rmtree(out / removed, ignore_errors=True)
        return finish(self)

    monkeypatch.setattr(Trainer, "_finish_epoch", remove_first)
    which = ["--model", "unet"] if command == "train" else ["--models", "unet", "fcn"]
    words = [command, str(squares), *which, *OPTIONS, "--out", str(out)]
    monkeypatch.setattr(sys, "argv", ["segarena", *words])
    assert main() == 2
    message = capsys.readouterr().err
    assert message.startswith(f"segarena: {out if removed == '.' else out / removed}: was removed")
    assert not (out / removed).exists()
