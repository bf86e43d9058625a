"""On an NVIDIA GPU: recorded training steps train as launched ones do. Run by `make test-slow` where there is one."""

from __future__ import annotations

from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from torch import nn

import segarena
from on_a_gpu import GPU, MODELS, batch, network
from segarena.models import ENCODERS
from segarena.models.base import SegmentationOutput
from segarena.training.devices import place, seed_dropout
from segarena.training.losses import SegmentationLoss
from segarena.training.optimization import build_optimizer, build_scaler
from segarena.training.steps import WARM_UP, RecordedStep, TrainingStep
from support import waiting_is_an_error

pytestmark = pytest.mark.gpu


def training_step(
    name: str, encoder: str = "resnet18", *, precision: str = "bf16", dropout: float = 0.5
) -> TrainingStep:
    model = network(name, encoder)
    for module in model.modules():
        if isinstance(module, nn.modules.dropout._DropoutNd):
            module.p = dropout
    place(model, "cuda").train()
    made = build_optimizer(model, "adamw", 3e-4, 1e-2)
    loss, scaler = SegmentationLoss("ce+dice"), build_scaler("cuda", precision)
    return TrainingStep(model, loss, made, scaler, parts=1, clip_norm=5.0, device="cuda", precision=precision)


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("precision", ["fp32", "bf16", "fp16"])
def test_a_recorded_step_trains_as_a_step_does(name: str, precision: str) -> None:
    """With dropout: its random numbers are those of the seed of each step."""
    losses: dict[str, list[float]] = {}
    images, mask = (part.cuda() for part in batch())
    for way in ("plain", "recorded"):
        step = training_step(name, precision=precision)
        made, take = step.optimizer, RecordedStep(step) if way == "recorded" else step
        losses[way] = []
        for number in range(12):
            for group in made.param_groups:
                group["lr"] = 3e-4 * (1 - number / 12)
            seed_dropout(number, "cuda")
            with waiting_is_an_error() if number > WARM_UP + 1 else nullcontext():
                total, _ = take(images, mask)
            losses[way].append(float(total))
    assert losses["recorded"][WARM_UP + 1] != losses["recorded"][WARM_UP]  # it is computed anew
    assert losses["recorded"] == pytest.approx(losses["plain"], rel=0.02)
    assert losses["recorded"][-1] < losses["recorded"][0]


@pytest.mark.parametrize("encoder", ENCODERS)
def test_a_step_can_be_recorded_with_each_encoder(encoder: str) -> None:
    images, mask = (part.cuda() for part in batch(2))
    take = RecordedStep(training_step("fcn", encoder))
    losses = [float(take(images, mask)[0]) for _ in range(WARM_UP + 3)]
    assert take._graph is not None
    assert losses[-1] < losses[0]


def wait(model: nn.Module, inputs: Any, output: SegmentationOutput) -> None:
    output.logits.detach().sum().item()


def test_a_network_that_waits_for_the_gpu_trains_without_a_record() -> None:
    """Nothing of the attempt to record it is left: neither in the weights nor in the generator of dropout."""
    losses: dict[str, list[float]] = {}
    images, mask = (part.cuda() for part in batch())
    for way in ("plain", "recorded"):
        step = training_step("deeplabv3")
        step.model.register_forward_hook(wait)
        take = RecordedStep(step) if way == "recorded" else step
        losses[way] = []
        for number in range(WARM_UP + 4):
            seed_dropout(number, "cuda")
            losses[way].append(float(take(images, mask)[0]))
        assert isinstance(take, TrainingStep) or (take._graph is None and not take._can_record)
    assert losses["recorded"] == pytest.approx(losses["plain"], rel=0.02)


def test_a_training_with_recorded_steps(squares: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """From start to end, with validation between, an average of the weights, and resumed."""
    options = {**GPU, "model": "deeplabv3", "epochs": 6, "ema_decay": 0.9}
    recorded = segarena.train(squares, out=tmp_path / "recorded", **options).folder
    monkeypatch.setenv("SEGARENA_GRAPHS", "off")
    plain = segarena.train(squares, out=tmp_path / "plain", **options).folder
    monkeypatch.delenv("SEGARENA_GRAPHS")
    first, second = (pd.read_csv(run / "history.csv") for run in (plain, recorded))
    assert second["train_loss"].tolist() == pytest.approx(first["train_loss"].tolist(), rel=0.1)
    assert second["learning_rate"].tolist() == pytest.approx(first["learning_rate"].tolist())
    segarena.compare(squares, out=tmp_path / "all", models=["fcn", "unet", "pspnet"], seeds=1, **{**GPU, "epochs": 4})
