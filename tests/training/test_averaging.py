"""The moving average of the weights: its formula, and what a training does with it."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from torchvision.models import mobilenet_v2

import segarena
from own_modules import Tiny
from segarena.errors import ConfigError, Interrupted
from segarena.models import build_model
from segarena.training import engine
from segarena.training.averaging import WeightAverage
from segarena.training.checkpoint import load_state
from support import QUICK, refuses


def test_the_average_follows_its_formula() -> None:
    model = build_model("fcn", 2, encoder="mobilenet_v2")
    average = WeightAverage(model, 0.5)
    values = model.state_dict()
    name, statistics, counter = next(iter(values)), "running_mean", "num_batches_tracked"
    (mean,) = [key for key in values if key.endswith(statistics)][:1]
    (count,) = [key for key in values if key.endswith(counter)][:1]
    expected = {key: values[key].clone() for key in (name, mean)}
    for step in range(12):
        for key in (name, mean):
            values[key].add_(step + 1.0)
        values[count].add_(1)
        average.update(step)
        decay = min(0.5, (1 + step) / (10 + step))
        expected = {key: decay * value + (1 - decay) * values[key] for key, value in expected.items()}
    averaged = average.model.state_dict()
    for key, value in expected.items():
        torch.testing.assert_close(averaged[key], value)
    assert averaged[count] == 12
    assert not any(parameter.requires_grad for parameter in average.model.parameters())


@pytest.mark.long
def test_the_average_is_scored_saved_and_resumed_exactly(
    squares: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    options = {**QUICK, "model": "fcn", "ema_decay": 0.9}
    whole, plain = tmp_path / "whole", tmp_path / "plain"
    segarena.train(squares, out=whole, **options)
    segarena.train(squares, out=plain, **{**options, "ema_decay": 0.0})
    state, last = load_state(whole / "last/state.pt"), load_state(plain / "last/state.pt")
    assert state is not None
    assert last is not None
    assert "average" not in last
    assert all(torch.equal(state["model"][name], last["model"][name]) for name in last["model"])  # is not trained on
    assert (whole / "best.safetensors").read_bytes() != (plain / "best.safetensors").read_bytes()
    assert load_file(whole / "best.safetensors").keys() == last["model"].keys()

    steps, step = 0, engine.Trainer._train_step

    def interrupted(self: engine.Trainer, *arguments: object) -> object:
        nonlocal steps
        steps += 1
        if steps == 3:
            self.should_stop = lambda: True
        return step(self, *arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(engine.Trainer, "_train_step", interrupted)
    part = tmp_path / "part"
    with pytest.raises(Interrupted):
        segarena.train(squares, out=part, **options)
    segarena.train(resume=part)
    for name in ("metrics.json", "best.safetensors"):
        assert (part / name).read_bytes() == (whole / name).read_bytes()


@pytest.mark.usefixtures("their_own_encoders")
def test_frozen_batchnorm_keeps_the_statistics_of_the_encoder(
    squares: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    options = {**QUICK, "model": "unet", "freeze_batchnorm": True}
    with refuses(ConfigError, where="freeze_batchnorm", value="random"):
        segarena.train(squares, out=tmp_path / "none", **options)
    weights = tmp_path / "weights.pth"
    torch.save(mobilenet_v2().state_dict(), weights)
    before = build_model("unet", 2, encoder="mobilenet_v2", weights=str(weights)).state_dict()
    segarena.train(squares, out=tmp_path / "run", **{**options, "weights": str(weights)})
    state = load_state(tmp_path / "run/last/state.pt")
    assert state is not None
    after = state["model"]
    changed = {name for name in before if not torch.equal(before[name], after[name])}
    assert not [name for name in changed if name.startswith("encoder.") and "running_" in name]
    assert [name for name in changed if name.startswith("encoder.") and name.endswith("weight")]
    assert [name for name in changed if not name.startswith("encoder.") and "running_" in name]


def test_frozen_batchnorm_is_that_of_the_encoder_of_an_own_module(squares: Path, tmp_path: Path) -> None:
    run, options = tmp_path / "run", {name: value for name, value in QUICK.items() if name != "encoder"}
    segarena.train(squares, out=run, model=("tiny", Tiny), freeze_batchnorm=True, **options)
    state = load_state(run / "last/state.pt")
    assert state is not None
    assert not state["model"]["network.encoder.1.running_mean"].any()
    assert state["model"]["network.encoder.1.bias"].any()  # scale and shift are learned
