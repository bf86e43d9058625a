"""Where the memory is too small for a batch, its gradients are computed in smaller parts, and the step is the same."""

from __future__ import annotations

import copy
import io
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import torch
from torch import Tensor, nn

import segarena
from segarena.errors import Interrupted, OutOfMemoryError
from segarena.experiment import training_task
from segarena.models import build_model
from segarena.records.metrics import Metrics
from segarena.training import accumulation, checkpoint, engine, evaluation
from segarena.training.accumulation import MicroBatches
from segarena.training.checkpoint import LAST, load_state, save_state, saved_micro_batch
from segarena.training.devices import seed_dropout
from segarena.training.losses import SegmentationLoss
from segarena.training.optimization import build_optimizer, build_scaler
from segarena.training.steps import TrainingStep
from support import QUICK, refuses

OPTIONS = {**QUICK, "model": "fcn"}
NAMES = ("best.safetensors", "images.csv")
MESSAGE = "CUDA out of memory. Tried to allocate 5.00 GiB"
to_input = accumulation.to_input


def limit(patch: pytest.MonkeyPatch, images: int, first: int = 0, where: Any = accumulation) -> list[int]:
    """Raise PyTorch's error where more images are computed at a time, from a call on; returns those of each call."""
    calls: list[int] = []

    def limited(batch: Tensor, *rest: Any) -> Tensor:
        calls.append(len(batch))
        if len(batch) > images and len(calls) > first:
            raise torch.OutOfMemoryError(MESSAGE)
        return to_input(batch, *rest)

    patch.setattr(where, "to_input", limited)
    return calls


def test_a_step_that_did_not_fit_is_the_step_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    """The error comes after the first part of two: gradients, running statistics and dropout have been used."""
    images = torch.randint(0, 256, (8, 3, 32, 32), dtype=torch.uint8)
    mask = torch.randint(0, 3, (8, 32, 32), dtype=torch.uint8)
    network = build_model("deeplabv3", 3, encoder="mobilenet_v2", weights="none").train()
    states: list[dict[str, Tensor]] = []
    for begins_with in (4, 2):  # parts
        model = copy.deepcopy(network)
        parts = MicroBatches(model, 8, 8 // begins_with)
        optimizer = build_optimizer(model, "adamw", 1e-3, 1e-2)
        scaler = build_scaler("cpu", "fp32")
        step = TrainingStep(model, SegmentationLoss("ce"), optimizer, scaler, parts.parts, 5.0, "cpu", "fp32")
        step.split_further = lambda parts=parts: parts.use(parts.next_smaller)
        seed_dropout(1, "cpu")
        with monkeypatch.context() as patch:
            if begins_with == 2:
                calls = limit(patch, 2, first=1)
            step(images, mask)
        assert step.parts == 4
        states.append(model.state_dict())
    assert calls == [4, 4, 2, 2, 2, 2]
    assert all(torch.equal(value, states[1][name]) for name, value in states[0].items())


def test_a_step_is_not_repeated_for_another_error() -> None:
    network = build_model("fcn", 3, encoder="mobilenet_v2", weights="none").train()
    optimizer = build_optimizer(network, "adamw", 1e-3, 1e-2)
    step = TrainingStep(network, SegmentationLoss("ce"), optimizer, build_scaler("cpu", "fp32"), 1, 5.0, "cpu", "fp32")
    step.split_further = lambda: 2
    with pytest.raises(RuntimeError, match="must match the size"):
        step(torch.zeros(4, 5, 32, 32, dtype=torch.uint8), torch.zeros(4, 32, 32, dtype=torch.uint8))


def test_a_training_goes_on_in_smaller_parts_and_reports_it(
    squares: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    expected = segarena.train(squares, out=tmp_path / "expected", **OPTIONS, micro_batch=2).folder
    capsys.readouterr()
    limit(monkeypatch, 2)
    run = segarena.train(squares, out=tmp_path / "run", **OPTIONS).folder
    shown = " ".join(capsys.readouterr().out.split())
    assert "2 images are computed at a time from step 1 of epoch 1 on" in shown
    assert (Metrics.read(expected).micro_batch, Metrics.read(run).micro_batch) == (None, 2)
    for name in NAMES:
        assert (run / name).read_bytes() == (expected / name).read_bytes(), name


@pytest.mark.long
def test_a_resumed_training_stays_with_the_smaller_parts(
    squares: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    options = {**OPTIONS, "epochs": 3}
    expected = segarena.train(squares, out=tmp_path / "expected", **options, micro_batch=2).folder
    run, train_run = tmp_path / "run", training_task.train_run

    def stop(training: Any, start: Any, should_stop: Any, reporter: Any, **rest: Any) -> None:
        train_run(training, start, lambda: len(calls) > 2, reporter, **rest)

    with monkeypatch.context() as patch, pytest.raises(Interrupted):
        calls = limit(patch, 2)
        patch.setattr(training_task, "train_run", stop)
        segarena.train(squares, out=run, **options)
    assert saved_micro_batch(run) == 2
    assert load_state(run / LAST)["progress"]["epoch"] == 1  # type: ignore[index]
    segarena.train(resume=run)  # with memory again
    assert Metrics.read(run).micro_batch == 2
    for name in NAMES:
        assert (run / name).read_bytes() == (expected / name).read_bytes(), name


@pytest.mark.long
def test_a_restarted_training_stays_with_them(squares: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    limit(monkeypatch, 2)
    monkeypatch.setattr(engine.EarlyStopping, "is_useless", lambda self, state: True)
    run = segarena.train(squares, out=tmp_path / "run", **{**OPTIONS, "epochs": 1}).folder
    metrics = Metrics.read(run)
    assert (metrics.restart, metrics.micro_batch) == ("majority", 2)


def test_where_two_images_do_not_fit_the_message_has_what_does(
    squares: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    limit(monkeypatch, 1)
    out = tmp_path / "run"
    with refuses(OutOfMemoryError, where=out, value="FCN with 2 images of 64 × 64 at a time") as caught:
        segarena.train(squares, out=out, **{**OPTIONS, "size": 64})
    assert "size=32" in caught.value.remedy
    assert "micro_batch" not in caught.value.remedy


@pytest.mark.long
def test_a_comparison_names_the_model_on_its_page(
    squares: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The memory is too small for the first of two models only."""
    with monkeypatch.context() as patch:
        done: list[bool] = []

        def once(batch: Tensor, *rest: Any) -> Tensor:
            if not done:
                done.append(True)
                raise torch.OutOfMemoryError(MESSAGE)
            return to_input(batch, *rest)

        patch.setattr(accumulation, "to_input", once)
        out = segarena.compare(squares, models=["fcn", "unet"], seeds=1, out=tmp_path / "out", **QUICK).folder
    rows = pd.read_csv(out / "models.csv").set_index("model")["micro_batch"]
    assert rows["fcn"] == 2
    assert rows.isna()["unet"]
    page = (out / "report.html").read_text(encoding="utf-8")
    assert "FCN, seed 0: the memory became too small" in page
    assert "U-Net, seed 0: the memory" not in page


@pytest.mark.long
def test_folds_together_have_the_fewest_images(tmp_path: Path, squares: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    limit(monkeypatch, 2)
    run = segarena.train(squares, out=tmp_path / "run", **OPTIONS, folds=2).folder
    assert Metrics.read(run).micro_batch == 2


@pytest.mark.long
def test_an_evaluation_that_does_not_fit_labels_fewer_images_at_a_time(
    squares: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = segarena.train(squares, out=tmp_path / "expected", **OPTIONS, split=0.5).folder
    limit(monkeypatch, 1, where=evaluation)
    run = segarena.train(squares, out=tmp_path / "run", **OPTIONS, split=0.5).folder
    for name in NAMES:
        assert (run / name).read_bytes() == (expected / name).read_bytes(), name


def test_a_state_for_which_there_is_no_memory_is_an_error_of_memory(tmp_path: Path) -> None:
    """PyTorch has an error of its own for a buffer that does not grow."""

    class Full(io.BytesIO):
        def write(self, content: Any) -> int:
            raise MemoryError

    with pytest.MonkeyPatch.context() as patch, pytest.raises(MemoryError):
        patch.setattr(checkpoint.io, "BytesIO", Full)
        save_state({"model": {"weight": torch.zeros(1000)}}, tmp_path / "state.pt")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("momentum", [0.1, None])
def test_the_statistics_follow_the_parts(momentum: float | None) -> None:
    layer = nn.BatchNorm2d(2, momentum=momentum)
    parts = MicroBatches(layer, 16, 0)
    assert (parts.parts, parts.largest, parts.next_smaller) == (1, 16, 8)
    parts.use(8)
    parts.use(2)
    assert (parts.parts, parts.largest, parts.next_smaller) == (8, 2, None)
    assert layer.momentum == (None if momentum is None else pytest.approx(1 - 0.9 ** (1 / 8)))
