"""A model that fails for a reason of its own does not end a comparison: the others are ranked, the exit status is 3."""

from __future__ import annotations

import math
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

import segarena
from segarena import cli
from segarena.errors import ConfigError, DataError, OutOfMemoryError, RunError
from segarena.experiment.failures import find_failure
from segarena.models.unet import EncoderUNet
from segarena.records.comparison import ComparisonRecord
from segarena.records.run import Costs
from segarena.runs import Run
from segarena.training.engine import Trainer
from support import QUICK, refuses

OPTIONS = {**QUICK, "epochs": 1, "models": ("fcn", "unet")}


def breaking(patch: pytest.MonkeyPatch, how: Callable[[], Any], models: type = EncoderUNet) -> None:
    """Steps of a model fail, or have the loss that `how` returns."""
    step: Callable[..., Any] = Trainer._train_step

    def broken(self: Trainer, *arguments: Any) -> Any:
        if not isinstance(self.model, models):
            return step(self, *arguments)
        total, auxiliary = step(self, *arguments)
        return total * how(), auxiliary

    patch.setattr(Trainer, "_train_step", broken)


def exhaust() -> float:
    raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB")


def main(patch: pytest.MonkeyPatch, *words: object) -> int:
    patch.setattr(sys, "argv", ["segarena", *map(str, words)])
    return cli.main()


def test_the_others_are_ranked_and_resuming_tries_again(
    squares: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    words = [f"--{name.replace('_', '-')}={value}" for name, value in {**QUICK, "epochs": 1, "seeds": 2}.items()]
    out = tmp_path / "out"
    with monkeypatch.context() as patch:
        breaking(patch, exhaust)
        # named first, it fails first
        assert main(patch, "compare", squares, "--models", "unet", "fcn", *words, "--out", out) == 3
    record = ComparisonRecord.read(out)
    assert [(one.model, one.seed, one.reason) for one in record.failed] == [("unet", 0, "out_of_memory")]
    assert [(entry.model, entry.seeds) for entry in record.ranking] == [("fcn", (0, 1))]
    assert not (out / "unet-seed1" / "config.json").exists()  # it would fail, too
    shown = capsys.readouterr().out
    assert shown.index("U-Net, seed 0 failed") < shown.index("FCN, seed 0")  # at once
    assert "U-Net is not ranked" in shown
    assert f"segarena compare --resume {out}" in shown.splitlines()[-1]
    assert "U-Net is not ranked" in record.verdict
    assert "U-Net is not ranked" in (out / "report.html").read_text()
    assert "out of memory" in (out / "unet-seed0" / "log.txt").read_text()
    weights = (out / "fcn-seed0" / "best.safetensors").read_bytes()
    assert main(monkeypatch, "compare", "--resume", out) == 0
    record = ComparisonRecord.read(out)
    assert {entry.model: entry.seeds for entry in record.ranking} == {"fcn": (0, 1), "unet": (0, 1)}
    assert not record.failed
    assert (out / "fcn-seed0" / "best.safetensors").read_bytes() == weights


def test_a_loss_that_is_nan_twice_is_the_models_own(
    squares: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    breaking(monkeypatch, lambda: math.nan)
    found = segarena.compare(squares, out=tmp_path / "out", seeds=1, **OPTIONS)
    assert [(one.model, one.reason) for one in found.record.failed] == [("unet", "diverged")]
    assert "NaN" in found.record.failed[0].message
    assert [entry.model for entry in found.record.ranking] == ["fcn"]


def test_with_no_model_left_there_is_no_comparison(
    squares: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    breaking(monkeypatch, exhaust, torch.nn.Module)
    with refuses(OutOfMemoryError, where=tmp_path / "one" / "fcn-seed0", value="out of memory"):
        segarena.compare(squares, out=tmp_path / "one", seeds=1, **{**OPTIONS, "models": ("fcn",)})
    with refuses(RunError, value="U-Net") as caught:
        segarena.compare(squares, out=tmp_path / "two", seeds=1, **OPTIONS)
    assert [type(part) for part in caught.value.parts] == [OutOfMemoryError, OutOfMemoryError]
    shown = capsys.readouterr().out
    assert (shown.count(" failed: "), shown.count("The other models go on")) == (2, 1)
    assert not (tmp_path / "two" / "comparison.json").exists()


def test_wrong_input_ends_a_comparison_at_once(squares: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def lose() -> float:
        raise DataError("is not there any more", where="images/1.png", remedy="Put it back")

    breaking(monkeypatch, lose, torch.nn.Module)
    with refuses(DataError, where="1.png"):
        segarena.compare(squares, out=tmp_path / "out", seeds=1, **OPTIONS)
    assert not (tmp_path / "out" / "unet-seed0" / Costs.file).exists()


def test_what_a_training_computed_is_freed_before_the_next_one() -> None:
    def fail() -> None:
        tensor = torch.zeros(1)
        tensor.add_(1)
        raise MemoryError

    with pytest.raises(MemoryError) as caught:
        fail()
    failure = find_failure(caught.value, Run("fcn", 0))
    assert failure is not None
    assert failure.record.reason == "out_of_memory"
    trace = caught.value.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    assert trace is not None
    assert "tensor" not in trace.tb_frame.f_locals
    assert find_failure(ConfigError("is wrong", remedy="Change it"), Run("fcn", 0)) is None
