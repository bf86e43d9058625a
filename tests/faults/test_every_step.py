"""A training is ended in each of its steps, and resumed to the same files. `make test-faults`."""

from __future__ import annotations

import os
import shutil
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import segarena
from faults.killer import NAMES, left_over
from segarena.errors import Interrupted
from segarena.training.engine import Trainer
from support import QUICK

pytestmark = [pytest.mark.faults, pytest.mark.usefixtures("usual_signals")]
MODELS = ("fcn", "unet", "pspnet", "deeplabv3")
STEPS = QUICK["epochs"] * 2


@pytest.mark.parametrize("workers", [0, 2])
@pytest.mark.parametrize("model", MODELS)
def test_a_training_is_resumed_from_each_step(
    model: str, workers: int, squares: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With workers too, whose batches come in any order: the uninterrupted training has none."""
    options = {**QUICK, "model": model, "threads": 1}
    whole = segarena.train(squares, out=tmp_path / "whole", **options).folder
    step: Callable[..., Any] = Trainer._train_step
    for stop_at in range(STEPS):
        taken: list[int] = []

        def stopped(self: Trainer, *batch: Any, taken: list[int] = taken, stop_at: int = stop_at) -> Any:
            if len(taken) == stop_at:
                os.kill(os.getpid(), signal.SIGTERM)
            taken.append(len(taken))
            return step(self, *batch)

        out = tmp_path / f"{stop_at}"
        with monkeypatch.context() as patch:
            patch.setattr(Trainer, "_train_step", stopped)
            with pytest.raises(Interrupted):
                segarena.train(squares, out=out, workers=workers, **options)
        segarena.train(resume=out)
        assert not left_over(out)
        for name in NAMES:
            assert (out / name).read_bytes() == (whole / name).read_bytes(), name
        shutil.rmtree(out)
