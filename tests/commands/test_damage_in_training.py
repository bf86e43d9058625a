"""A file that is damaged while a training runs ends it with the message of wrong input, not with a traceback."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from segarena.cli import main
from segarena.loading.dataset import TrainingLoader


@pytest.mark.parametrize("workers", ["0", "2"])
def test_a_mask_damaged_during_training_is_wrong_input(
    squares: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], workers: str
) -> None:
    epoch = TrainingLoader.epoch

    def damage_first(loader: TrainingLoader, number: int, first: int = 0) -> object:
        for mask in (squares / "masks").iterdir():
            mask.write_bytes(mask.read_bytes()[:60])
        return epoch(loader, number, first)

    monkeypatch.setattr(TrainingLoader, "epoch", damage_first)
    options = "--model unet --encoder mobilenet_v2 --weights none --size 32 --batch-size 4 --cache-gib 0 --device cpu"
    command = ["segarena", "train", str(squares), *options.split(), "--out", str(tmp_path / "run")]
    command += ["--disk-cache-gib", "0"]
    monkeypatch.setattr(sys, "argv", [*command, "--workers", workers])
    assert main() == 2
    message = capsys.readouterr().err
    assert message.startswith(f"segarena: {squares / 'masks'}")
    assert "Traceback" not in message
