"""A recorded step does what the step does: the logic around a CUDA graph, tried on a processor with a stand-in."""

from __future__ import annotations

import copy
import gc
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from segarena.kernels.triton_grid import places_on
from segarena.models import build_model
from segarena.models.own import OwnNetwork
from segarena.training import steps
from segarena.training.devices import seed_dropout
from segarena.training.losses import SegmentationLoss
from segarena.training.optimization import build_optimizer, build_scaler
from segarena.training.steps import WARM_UP, RecordedStep, TrainingStep, make_step

SIDE, CLASSES = 32, 3


def new_step(optimizer: Any = "adamw", precision: str = "fp32", device: str = "cpu") -> TrainingStep:
    torch.manual_seed(0)
    model = build_model("deeplabv3", CLASSES, encoder="mobilenet_v2", weights="none").train()
    made = build_optimizer(model, optimizer, 1e-3, 1e-2)
    return TrainingStep(
        model,
        SegmentationLoss("ce+dice"),
        made,
        build_scaler("cpu", precision),
        parts=1,
        clip_norm=5.0,
        device=device,
        precision=precision,
    )


class Graph:
    """Stands for a CUDA graph: what is recorded is undone, and done again with the same memory when it is replayed."""

    made: list[Graph]

    def __init__(self) -> None:
        self.replays = 0
        self.made.append(self)

    @contextmanager
    def recording(self, step: TrainingStep, recorded: RecordedStep) -> Iterator[None]:
        moments = list(step.optimizer.state.values())
        before = copy.deepcopy((step.model.state_dict(), moments, step.scaler.state_dict()))
        with torch.random.fork_rng(devices=[]):
            yield
        self._rates = [group["lr"] for group in step.optimizer.param_groups]
        assert all(isinstance(rate, Tensor) for rate in self._rates)
        assert all(group.get("capturable", True) for group in step.optimizer.param_groups)
        step.model.load_state_dict(before[0])
        for own, earlier in zip(moments, before[1], strict=True):
            for name, tensor in own.items():
                tensor.copy_(earlier[name])
        step.scaler.load_state_dict(before[2])
        self._step, self._recorded = step, recorded

    def replay(self) -> None:
        self.replays += 1
        for group, rate in zip(self._step.optimizer.param_groups, self._rates, strict=True):
            group["lr"] = float(rate)
        self._step.optimizer.zero_grad()
        found = self._step.compute(self._recorded._images, self._recorded._mask)
        for place, value in zip(self._recorded._losses, found, strict=True):
            if place is not None and value is not None:
                place.copy_(value)


@pytest.fixture
def graphs(monkeypatch: pytest.MonkeyPatch) -> list[Graph]:
    """The graphs that are made; there is a GPU with memory for any step."""
    Graph.made = []
    current: list[RecordedStep] = []
    record = RecordedStep._record

    def note(self: RecordedStep, *arguments: Any) -> None:
        current[:] = [self]
        record(self, *arguments)

    monkeypatch.setattr(RecordedStep, "_record", note)
    monkeypatch.setattr(torch.cuda, "CUDAGraph", Graph)
    monkeypatch.setattr(torch.cuda, "graph_pool_handle", lambda: (0, 1))
    monkeypatch.setattr(
        torch.cuda, "graph", lambda graph, memory, capture_error_mode: graph.recording(current[0]._step, current[0])
    )
    monkeypatch.setattr(torch.cuda, "get_device_properties", lambda device: SimpleNamespace(total_memory=1000))
    monkeypatch.setattr(torch.cuda, "max_memory_allocated", lambda device: 100)
    return Graph.made


def batch(number: int, images: int = 4) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(number)
    shapes = ((images, 3, SIDE, SIDE), 256), ((images, SIDE, SIDE), CLASSES)
    pixels, mask = (torch.randint(0, most, shape, dtype=torch.uint8, generator=generator) for shape, most in shapes)
    return pixels, mask


@pytest.mark.parametrize(("optimizer", "precision"), [("adamw", "fp32"), ("sgd", "fp32"), ("adamw", "fp16")])
def test_recorded_steps_train_as_steps_do(graphs: list[Graph], optimizer: Any, precision: str) -> None:
    """With another rate in each step, random dropout, and one batch of another size."""
    plain, again = new_step(optimizer, precision), new_step(optimizer, precision)
    recorded = RecordedStep(again)
    sizes = [4] * 6 + [2] + [4] * 2
    for number, size in enumerate(sizes):
        losses = []
        for step, own in ((plain, plain), (recorded, again)):
            for group in own.optimizer.param_groups:
                group["lr"] = float(torch.tensor(1e-3 * (number + 1)))
            seed_dropout(number, "cpu")
            total, auxiliary = step(*batch(number, size))
            assert auxiliary is None
            losses.append(float(total))
        assert losses[0] == losses[1], number
    for name, tensor in plain.model.state_dict().items():
        assert torch.equal(tensor, again.model.state_dict()[name]), name
    assert [graph.replays for graph in graphs] == [len(sizes) - WARM_UP - 1]
    groups = again.optimizer.state_dict()["param_groups"]
    assert all(isinstance(group["lr"], float) and not group.get("capturable") for group in groups)


def test_a_step_that_needs_much_memory_is_not_recorded(graphs: list[Graph], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "max_memory_allocated", lambda device: 251)
    recorded = RecordedStep(new_step())
    for number in range(WARM_UP + 2):
        recorded(*batch(number))
    assert not graphs


def test_what_a_recorded_step_reads_stays_in_memory(graphs: list[Graph], monkeypatch: pytest.MonkeyPatch) -> None:
    """The places of pixels on the grid, although images of many other sizes are evaluated later."""
    made, used = new_step(), []
    compute = made.compute

    def note(images: Tensor, mask: Tensor) -> Any:
        used.append(weakref.ref(places_on(torch.device("cpu"), (2, 2), (SIDE, SIDE)).down))
        return compute(images, mask)

    monkeypatch.setattr(made, "compute", note)
    recorded = RecordedStep(made)
    for number in range(WARM_UP + 1):
        recorded(*batch(number))
    read = used[WARM_UP]
    for width in range(300):
        places_on(torch.device("cpu"), (2, 2), (SIDE, 100 + width))
    gc.collect()
    assert read() is not None


def test_settings_return_when_recording_fails(graphs: list[Graph], monkeypatch: pytest.MonkeyPatch) -> None:
    made = new_step()
    recorded = RecordedStep(made)
    for number in range(WARM_UP):
        recorded(*batch(number))
    monkeypatch.setattr(made, "compute", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        recorded(*batch(WARM_UP))
    assert all(isinstance(group["lr"], float) and not group["capturable"] for group in made.optimizer.param_groups)


def test_a_step_that_cannot_be_recorded_is_computed_as_it_is(graphs: list[Graph]) -> None:
    """A recording that fails computes nothing, and is tried once."""
    plain, again = new_step(), new_step()
    recorded = RecordedStep(again)
    compute, attempts = again.compute, 0

    def wait(images: Tensor, mask: Tensor) -> Any:
        nonlocal attempts
        if not isinstance(again.optimizer.param_groups[0]["lr"], float):
            attempts += 1
            raise RuntimeError("operation not permitted when stream is capturing")
        return compute(images, mask)

    again.compute = wait  # type: ignore[method-assign]
    for number in range(WARM_UP + 3):
        seed_dropout(number, "cpu")
        first = plain(*batch(number))[0]
        seed_dropout(number, "cpu")
        assert float(recorded(*batch(number))[0]) == float(first)
    assert (attempts, [graph.replays for graph in graphs]) == (1, [0])
    assert all(not group["capturable"] for group in again.optimizer.param_groups)


@pytest.mark.parametrize(
    ("switch", "device", "parts", "recorded"),
    [
        *(("on", "cuda", 1, True), ("on", "cuda:1", 1, True), ("on", "cuda", 2, False), ("on", "cpu", 1, False)),
        *(("off", "cuda", 1, False), (None, "mps", 1, False), (None, "cuda", 1, True)),
    ],
)
def test_which_steps_are_recorded(
    switch: str | None, device: str, parts: int, recorded: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(steps.SWITCH, raising=False)
    if switch is not None:
        monkeypatch.setenv(steps.SWITCH, switch)
    made = new_step(device=device)
    made.parts = parts
    assert isinstance(make_step(made), RecordedStep) == recorded
    made.model = OwnNetwork.__new__(OwnNetwork)
    nn.Module.__init__(made.model)
    assert make_step(made) is made
