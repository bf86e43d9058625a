"""Open options are closed once, by rules, with a reason for each."""

from __future__ import annotations

import ast
import shlex
import sys
from collections.abc import Iterator
from dataclasses import fields, is_dataclass, replace
from importlib import import_module
from pathlib import Path
from types import NoneType
from typing import Any, get_args, get_type_hints

import pytest

from recording import FACTS
from segarena import cli
from segarena.config import Choice, CompareOptions, Protocol, ProtocolOptions, TrainOptions, command_name, defaults
from segarena.config.defaults import ComputeFacts
from segarena.config.typed_settings import TypedSettings
from segarena.errors import ConfigError, RunError
from segarena.experiment import resolve_machine as module
from segarena.experiment.resolve import resolve
from support import refuses

CPU = {"device": "cpu", "precision": "fp32"}
ALWAYS = {
    "encoder",
    "weights",
    "size",
    "batch_size",
    "epochs",
    "patience",
    "learning_rate",
    "decoder_factor",
    "clip_norm",
    "scale_jitter",
    "loss",
}


def parts(hint: Any) -> Iterator[Any]:
    yield hint
    if is_dataclass(hint):
        for own in get_type_hints(hint).values():
            yield from parts(own)
    for inner in get_args(hint):
        yield from parts(inner)


def test_a_folder_that_was_started_on_a_gpu_needs_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    before = {"device": Choice("device", "cuda", "a GPU was found")}
    place: dict[str, Any] = {"resume": Path("runs/a"), "out": Path("runs/a")}
    for recorded, device, precision in ((before, "auto", "auto"), ({}, "cuda", "fp16")):
        options = CompareOptions(data=Path("my data"), epochs=3, device=device, precision=precision, **place)
        with refuses(RunError, where=Path("runs/a"), value="GPU") as raised:
            resolve(options, FACTS, recorded)
        started: list[CompareOptions] = []
        line = raised.value.remedy[raised.value.remedy.index("segarena compare") :]
        monkeypatch.setattr("segarena.commands.paths.check_paths", lambda options: None)
        monkeypatch.setattr("segarena.commands.compare.run", started.append)
        monkeypatch.setattr(sys, "argv", shlex.split(line))
        assert cli.main() == 0
        new = CompareOptions(data=Path("my data"), epochs=3, device="cpu", out=Path("NEW_FOLDER"))
        assert started == [new]
        resolve(new, FACTS)


def test_what_was_chosen_is_not_chosen_again() -> None:
    before = {"epochs": Choice("epochs", 7, "as many as then"), "batch_size": Choice("batch_size", 3, "few images")}
    for typed in ({}, {"batch_size": 64}):  # it was typed, and larger than the data allowed
        protocol, choices = resolve(CompareOptions(**typed, **CPU), replace(FACTS, num_train=3), before)
        assert (protocol.epochs, protocol.batch_size) == (7, 3)
        assert set(before.values()) <= set(choices)


def test_a_protocol_has_no_open_field() -> None:
    assert NoneType not in list(parts(Protocol))
    protocol, _ = resolve(CompareOptions(track="paper"), FACTS)
    open_ones = [item.name for item in fields(Protocol) if getattr(protocol, item.name) in (None, "auto")]
    assert open_ones == ["cache_gib"]  # half of the memory that is free that day is no setting


def test_no_file_of_the_experiment_asserts_that_an_option_is_closed() -> None:
    for path in Path(module.__file__).parent.rglob("*.py"):
        asserted = [node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Assert)]
        assert not [node for node in asserted if "is not None" in ast.unparse(node.test)], path.name


def test_each_open_option_has_a_choice_with_its_reason() -> None:
    protocol, choices = resolve(CompareOptions(), FACTS)
    assert {choice.name for choice in choices} == {
        *ALWAYS,
        "output_stride",
        "device",
        "precision",
        "workers",
        "threads",
    }
    settings = protocol.settings()
    for choice in choices:
        assert settings[choice.name] == choice.value
        assert choice.why in choice.sentence


def test_what_is_typed_is_kept_and_is_no_choice() -> None:
    typed = {
        "encoder": "resnet34",
        "weights": "none",
        "size": 64,
        "batch_size": 4,
        "micro_batch": 2,
        "epochs": 7,
        "patience": 3,
        "output_stride": 8,
    }
    typed |= {
        "learning_rate": 0.5,
        "decoder_factor": 2.0,
        "clip_norm": 3.0,
        "scale_jitter": 1.5,
        "loss": "ce",
        "workers": 1,
        "threads": 3,
        **CPU,
    }
    protocol, choices = resolve(TrainOptions(model="pspnet", **typed), FACTS)
    assert choices == ()
    settings = protocol.settings()
    assert {name: settings[name] for name in typed} == typed
    assert set(settings) == {item.name for item in fields(Protocol)} - {"network"} | set(protocol.network)


def test_settings_that_nothing_chooses_are_handed_on_as_typed() -> None:
    typed = {
        "label_smoothing": 0.1,
        "hard_pixels": 0.5,
        "ema_decay": 0.9,
        "freeze_batchnorm": True,
        "flip": "both",
        "rotation": 10.0,
        "elastic": 0.02,
        "tune": 4,
    }
    assert typed.keys() == {item.name for item in fields(TypedSettings)}
    typed |= {"track": "paper", "optimizer": "sgd", "schedule": "poly", "weight_decay": 0.5, "crop_foreground": 0.25}
    protocol, choices = resolve(CompareOptions(**typed, **CPU), FACTS)
    assert {name: getattr(protocol, name) for name in typed} == typed
    assert not typed.keys() & {choice.name for choice in choices}


@pytest.mark.parametrize(
    ("options", "network"),
    [
        (CompareOptions(**CPU), {"encoder": "resnet18", "weights": "imagenet", "output_stride": 16}),
        (CompareOptions(models=("unet", "fcn"), **CPU), {"encoder": "resnet18", "weights": "imagenet"}),
        (CompareOptions(track="paper", **CPU), {"weights": "imagenet"}),
        (TrainOptions(model="unet", track="paper", weights="none", **CPU), {}),
        (
            TrainOptions(model="deeplabv3", output_stride=8, weights="none", **CPU),
            {"encoder": "resnet18", "weights": "none", "output_stride": 8},
        ),
    ],
)
def test_what_concerns_no_model_is_absent(options: ProtocolOptions, network: dict[str, object]) -> None:
    assert resolve(options, FACTS)[0].network == network


@pytest.mark.parametrize(
    ("options", "loss", "jitter"),
    [
        ({}, "ce+dice", 1.25),
        ({"track": "paper"}, "ce", 2.0),
        ({"track": "paper", "loss": "ce+dice", "scale_jitter": 1.5}, "ce+dice", 1.5),
    ],
)
def test_the_paper_track_keeps_the_loss_and_the_scales_of_the_papers(
    options: dict[str, Any], loss: str, jitter: float
) -> None:
    protocol, _ = resolve(CompareOptions(**options, **CPU), FACTS)
    assert (protocol.loss, protocol.scale_jitter) == (loss, jitter)


def test_a_batch_is_at_most_all_training_images() -> None:
    protocol, choices = resolve(TrainOptions(model="unet", batch_size=64, **CPU), replace(FACTS, num_train=9))
    assert protocol.batch_size == 9
    assert [choice.value for choice in choices if choice.name == "batch_size"] == [9]
    earlier = {"batch_size": Choice("batch_size", 12, "of a training on more images")}
    protocol, choices = resolve(TrainOptions(model="unet", **CPU), replace(FACTS, num_train=9), earlier)
    assert protocol.batch_size == 9
    assert [choice.value for choice in choices if choice.name == "batch_size"] == [9]


def test_a_gpu_has_defaults_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "choose_device", lambda device: "cuda")
    monkeypatch.setattr(module, "fastest_precision", lambda device: "bf16")
    monkeypatch.setattr(module, "check_precision", lambda device, precision: None)
    monkeypatch.setattr(module, "count_cores", lambda: 12)
    protocol, _ = resolve(CompareOptions(), replace(FACTS, num_train=1000, height=700, width=900))
    assert (protocol.device, protocol.precision, protocol.workers) == ("cuda", "bf16", 0)
    each, _ = resolve(CompareOptions(crops="each"), FACTS)
    assert each.workers == 10
    assert (protocol.network["encoder"], protocol.size, protocol.batch_size) == ("resnet50", 512, 16)
    assert protocol.crops == "batch"
    assert protocol.epochs == 64


@pytest.mark.parametrize(
    ("device", "options", "expected", "is_said"),
    [
        ("cuda", {}, 0, True),
        ("cuda", {"crops": "each"}, 3, False),
        ("cuda", {"rotation": 5.0}, 3, False),
        ("cpu", {"crops": "batch"}, 0, True),
        ("cpu", {}, 3, False),
    ],
)
def test_workers_that_would_have_no_effect_are_0_and_it_is_said(
    device: str, options: dict[str, Any], expected: int, is_said: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "choose_device", lambda _: device)
    monkeypatch.setattr(module, "fastest_precision", lambda _: "fp32")
    protocol, choices = resolve(CompareOptions(workers=3, **options), FACTS)
    assert protocol.workers == expected
    assert [choice.value for choice in choices if choice.name == "workers"] == ([0] if is_said else [])


@pytest.mark.parametrize("command", [CompareOptions, TrainOptions])
def test_a_device_that_is_not_there_is_refused_before_data_is_read(
    command: type[ProtocolOptions], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("compare", "train"):
        monkeypatch.setattr(f"segarena.commands.{name}.prepare", lambda *_: pytest.fail("data was read"))
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    run = import_module(f"segarena.commands.{command_name(command)}").run
    for options in ({"device": "cuda"}, {"device": "cpu", "precision": "fp16"}):
        typed = {"data": tmp_path, "out": tmp_path / "out", **options}
        if command is TrainOptions:
            typed["model"] = "fcn"
        with refuses(ConfigError, value=""):
            run(command(**typed))


@pytest.mark.parametrize(
    ("device", "options", "crops", "is_choice"),
    [
        ("cpu", {}, "each", False),
        ("cpu", {"crops": "batch"}, "batch", False),
        ("cuda", {}, "batch", True),
        ("cuda", {"crops": "each"}, "each", False),
        ("cuda", {"rotation": 5.0}, "each", True),
        ("cuda", {"elastic": 0.02}, "each", True),
    ],
)
def test_crops_are_computed_together_on_a_gpu(
    device: str, options: dict[str, Any], crops: str, is_choice: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "choose_device", lambda _: device)
    monkeypatch.setattr(module, "fastest_precision", lambda _: "fp32")
    protocol, choices = resolve(CompareOptions(**options), FACTS)
    assert protocol.crops == crops
    assert ("crops" in {choice.name for choice in choices}) == is_choice


def test_crops_are_not_computed_together_on_an_apple_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "choose_device", lambda _: "mps")
    monkeypatch.setattr(module, "fastest_precision", lambda _: "fp32")
    assert resolve(CompareOptions(), FACTS)[0].crops == "each"
    with refuses(ConfigError, where="--crops batch"):
        resolve(CompareOptions(crops="batch"), FACTS)


@pytest.mark.parametrize(
    ("facts", "expected", "why"),
    [
        (ComputeFacts(16, None, 16, 16, 0.0), 16, "PyTorch"),
        (ComputeFacts(16, None, 16, 16, 0.4), 16, "PyTorch"),
        (ComputeFacts(16, None, 16, 16, 1.0), 15, "1.0 of 16 cores"),
        (ComputeFacts(16, None, 16, 16, 15.7), 8, "15.7 of 16 cores"),
        (ComputeFacts(2, None, 2, 2, 0.6), 1, "0.6 of 2 cores"),
        (ComputeFacts(2, None, 2, 2, 8.0), 1, "8.0 of 2 cores"),
        (ComputeFacts(1, None, 1, 1, 8.0), 1, "PyTorch"),
        (ComputeFacts(8, None, 16, 16, 8.0), 8, "PyTorch"),  # one thread for each core of two processors
        (ComputeFacts(64, None, 64, 4, 0.0), 4, "container may use 4"),
        (ComputeFacts(64, None, 64, 4, 60.0), 4, "container may use 4"),
        (ComputeFacts(64, None, 64, 4, 64.0), 2, "64.0 of 64 cores"),
        (ComputeFacts(16, "OMP_NUM_THREADS", 16, 4, 16.0), 16, "OMP_NUM_THREADS"),
        (ComputeFacts(16, None, 16, 16, 16.0, recorded=6), 6, "resumed"),
    ],
)
def test_threads_are_those_that_other_work_leaves(facts: ComputeFacts, expected: int, why: str) -> None:
    threads, reason = defaults.threads(facts)
    assert threads == expected
    assert why in reason


@pytest.mark.parametrize(("variable", "load", "expected"), [(None, 1.0, 3), ("OMP_NUM_THREADS", 1.0, 4)])
def test_the_load_is_measured_only_where_it_counts(
    monkeypatch: pytest.MonkeyPatch, variable: str | None, load: float, expected: int
) -> None:
    for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS"):
        monkeypatch.delenv(name, raising=False)
    if variable:
        monkeypatch.setenv(variable, "4")
    measured: list[float] = []
    monkeypatch.setattr("torch.get_num_threads", lambda: 4)
    monkeypatch.setattr(module, "count_cores", lambda: 4)
    monkeypatch.setattr(module, "count_processors", lambda: 4)
    monkeypatch.setattr(module, "measure_load", lambda: measured.append(load) or load)
    assert resolve(CompareOptions(**CPU), FACTS)[0].threads == expected
    assert measured == ([load] if variable is None else [])
    assert resolve(CompareOptions(threads=2, **CPU), FACTS)[0].threads == 2
    assert len(measured) <= 1


def test_a_gpu_that_is_not_there_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    with refuses(ConfigError, where="--device"):
        resolve(CompareOptions(device="cuda"), FACTS)


@pytest.mark.parametrize(
    ("optimizer", "batch_size", "expected"),
    [("adamw", 8, 1e-3), ("adamw", 32, 2e-3), ("adamw", 2, 5e-4), ("sgd", 8, 1e-2), ("sgd", 16, 2e-2)],
)
def test_the_learning_rate_scales_with_the_batch_size(optimizer: str, batch_size: int, expected: float) -> None:
    assert defaults.learning_rate(optimizer, batch_size, True, "encoder")[0] == pytest.approx(expected)
    assert defaults.learning_rate(optimizer, batch_size, False, "encoder")[0] == pytest.approx(3 * expected)
    for pretrained in (True, False):
        assert defaults.learning_rate(optimizer, batch_size, pretrained, "paper")[0] == pytest.approx(expected / 10)


@pytest.mark.parametrize(
    ("num_train", "size", "batch_size", "epochs"),
    [(8, 96, 2, 60), (40, 96, 10, 60), (900, 128, 16, 10), (180, 129, 8, 45)],
)
def test_small_data_gets_small_batches_and_more_epochs(num_train: int, size: int, batch_size: int, epochs: int) -> None:
    facts = replace(FACTS, num_train=num_train)
    assert defaults.batch_size(facts, size, on_gpu=False)[0] == batch_size
    assert defaults.epochs(facts, on_gpu=False)[0] == epochs
