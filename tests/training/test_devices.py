"""Number formats, memory and random numbers of each kind of device, tried without a GPU."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pandas as pd
import pytest
import safetensors.torch
import torch
from torch import nn

import segarena
from segarena.errors import ConfigError, Interrupted
from segarena.models.layers import without_tf32
from segarena.records.config import Config
from segarena.training import devices
from segarena.training.checkpoint import LAST, load_state
from segarena.training.engine import Trainer
from segarena.training.evaluation import to_input
from segarena.training.optimization import build_optimizer, build_scaler
from support import QUICK, refuses

#: GPUs: name, compute capability, what they compute fastest.
GPUS = [
    ("NVIDIA H100", (9, 0), "bf16"),
    ("NVIDIA A100", (8, 0), "bf16"),
    ("Tesla T4", (7, 5), "fp16"),
    ("Tesla V100", (7, 0), "fp16"),
    ("NVIDIA GeForce GTX 1660", (7, 5), "fp32"),
    ("NVIDIA GeForce GTX 1080", (6, 1), "fp32"),
]


@pytest.fixture
def gpu(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Call it with a name and a capability: torch then reports such a GPU."""

    def install(name: str, capability: tuple[int, int]) -> None:
        properties = SimpleNamespace(name=name, major=capability[0], minor=capability[1])
        monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
        monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
        monkeypatch.setattr(torch.cuda, "device", lambda number: nullcontext())
        monkeypatch.setattr(torch.cuda, "get_device_name", lambda device: name)
        monkeypatch.setattr(torch.cuda, "get_device_properties", lambda device: properties)
        monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda including_emulation: capability >= (8, 0))

    return install


@pytest.mark.parametrize(("name", "capability", "fastest"), GPUS)
def test_a_gpu_trains_in_what_it_computes_natively(
    gpu: Any, name: str, capability: tuple[int, int], fastest: str
) -> None:
    gpu(name, capability)
    assert devices.fastest_precision("cuda") == fastest
    assert devices.usable_precision("cuda", "bf16") == ("bf16" if fastest == "bf16" else "fp32")
    if fastest == "bf16":
        devices.check_precision("cuda", "bf16")
        return
    with refuses(ConfigError, where="--precision bf16", value=name) as caught:
        devices.check_precision("cuda", "bf16")
    assert f"--precision {fastest}" in caught.value.remedy
    devices.check_precision("cuda", fastest)


@pytest.mark.parametrize(("device", "precision"), [("cpu", "fp16"), ("mps", "fp16"), ("mps", "bf16")], ids=str)
def test_formats_that_a_device_has_not_are_refused(device: str, precision: str) -> None:
    with refuses(ConfigError, where=f"--precision {precision}"):
        devices.check_precision(device, precision)
    assert devices.usable_precision(device, precision) == "fp32"
    devices.check_precision(device, "fp32")


def test_apples_gpu_has_float32_sums_and_contiguous_memory() -> None:
    assert devices.fastest_precision("mps") == "fp32"
    assert devices.sum_type("mps") is torch.float32
    assert devices.sum_type("cuda:1") is torch.float64
    assert devices.memory_format("mps") is torch.contiguous_format
    assert devices.memory_format("cpu") is devices.memory_format("cuda:0") is torch.channels_last


def test_batchnorm_gets_contiguous_images_on_apples_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[bool] = []
    model = nn.Sequential(nn.BatchNorm2d(3), nn.ReLU())
    monkeypatch.setattr(model, "to", lambda *_, **__: model)
    model[0].register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0].is_contiguous()))
    permuted = torch.zeros(2, 4, 5, 3).permute(0, 3, 1, 2)
    copy.deepcopy(devices.place(model, "cuda"))(permuted)
    model[0]._forward_pre_hooks.clear()
    devices.place(model, "mps")[0].register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0].is_contiguous()))
    copy.deepcopy(model)(permuted)
    assert seen == [False, True]


def test_dropout_is_seeded_on_its_device_only(monkeypatch: pytest.MonkeyPatch) -> None:
    seeds: list[tuple[str, int]] = []
    monkeypatch.setattr(torch.cuda, "manual_seed", lambda seed: seeds.append(("cuda", seed)))
    monkeypatch.setattr(torch.cuda, "device", lambda number: seeds.append(("number", number)) or nullcontext())
    monkeypatch.setattr(torch.mps, "manual_seed", lambda seed: seeds.append(("mps", seed)))
    before = torch.default_generator.get_state()
    devices.seed_dropout(3, "cuda")
    devices.seed_dropout(4, "cuda:1")
    devices.seed_dropout(5, "mps")
    assert seeds == [("cuda", 3), ("number", 1), ("cuda", 4), ("mps", 5)]
    assert torch.equal(torch.default_generator.get_state(), before)
    devices.seed_dropout(6, "cpu")
    assert torch.default_generator.initial_seed() == 6


@pytest.fixture
def settings() -> Iterator[Any]:
    """The settings of an NVIDIA GPU as they are now."""
    cudnn, products = torch.backends.cudnn, torch.backends.cuda.matmul
    before = (cudnn.benchmark, cudnn.allow_tf32, products.allow_tf32)
    yield lambda: (cudnn.benchmark, cudnn.allow_tf32, products.allow_tf32)
    cudnn.benchmark, cudnn.allow_tf32, products.allow_tf32 = before


def test_a_gpu_computes_as_it_is_recorded_and_settings_return(settings: Any) -> None:
    torch.backends.cudnn.allow_tf32, torch.backends.cuda.matmul.allow_tf32 = False, True
    with devices.computing_on("cuda", fixed_sizes=True):
        assert settings() == (True, True, False)
        with devices.computing_on("cuda"):
            assert settings() == (False, True, False)
            with without_tf32(SimpleNamespace(device=torch.device("cuda"))):  # type: ignore[arg-type]
                assert settings() == (False, False, False)
        assert settings() == (True, True, False)
    assert settings() == (False, False, True)
    with devices.computing_on("cpu", fixed_sizes=True):
        assert settings() == (False, False, True)


def test_settings_that_cannot_be_mixed_are_left_alone(settings: Any) -> None:
    torch.backends.cudnn.conv.fp32_precision = "ieee"
    with devices.computing_on("cuda", fixed_sizes=True):
        assert torch.backends.cudnn.benchmark
        assert torch.backends.cudnn.conv.fp32_precision == "ieee"
    assert not torch.backends.cudnn.benchmark


def test_gradients_are_clipped_as_they_are_and_infinite_ones_skipped() -> None:
    layer = nn.Linear(2, 1, bias=False)
    optimizer, scaler = build_optimizer(layer, "sgd", 0.1, 0.0), build_scaler("cpu", "fp16")
    before = layer.weight.detach().clone()
    for factor, scale in ((float("inf"), 2048.0), (2.0, 2048.0)):
        optimizer.zero_grad()
        scaler.scale(layer(torch.ones(1, 2)).sum() * factor).backward()
        scaler.unscale_(optimizer)
        nn.utils.clip_grad_norm_(layer.parameters(), 1.0)
        scaler.step(optimizer)
        scaler.update()
        assert scaler.get_scale() == scale
        if factor != 2.0:
            assert torch.equal(layer.weight, before)
    # the gradient (2, 2) is clipped to the norm 1
    torch.testing.assert_close(layer.weight, before - 0.1 / 2**0.5)
    assert not build_scaler("cpu", "bf16").is_enabled()


@pytest.mark.long
def test_a_training_in_float16_is_resumed_exactly(
    squares: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a CPU, where it is slow and refused otherwise."""
    monkeypatch.setattr("segarena.experiment.resolve_machine.check_precision", lambda device, precision: None)
    monkeypatch.setattr("segarena.training.predictor.usable_precision", lambda device, precision: precision)
    options = {**QUICK, "model": "unet", "precision": "fp16", "epochs": 3}
    whole = segarena.train(squares, out=tmp_path / "whole", **options).folder
    part, steps, step = tmp_path / "part", [], Trainer._train_step

    def stop(self: Trainer, *arguments: Any) -> Any:
        steps.append(self.scaler.get_scale())
        self.should_stop = lambda: len(steps) == 3
        return step(self, *arguments)

    with monkeypatch.context() as patch:
        patch.setattr(Trainer, "_train_step", stop)
        with pytest.raises(Interrupted):
            segarena.train(squares, out=part, **options)
    saved = load_state(part / LAST)
    assert saved is not None
    assert saved["scaler"]["scale"] == 4096.0
    assert saved["scaler"]["_growth_tracker"] == 3
    segarena.train(resume=part)
    first, second = (pd.read_csv(run / "history.csv")[["train_loss", "val_miou"]] for run in (whole, part))
    pd.testing.assert_frame_equal(first, second, check_exact=True)
    one, other = (safetensors.torch.load_file(run / "best.safetensors") for run in (whole, part))
    assert all(torch.equal(tensor, other[name]) for name, tensor in one.items())
    assert Config.read(part).protocol.precision == "fp16"


def test_images_are_in_the_order_of_the_device() -> None:
    images = torch.zeros(2, 3, 4, 6, dtype=torch.uint8)
    assert to_input(images, "cpu").is_contiguous(memory_format=torch.channels_last)
