"""Nothing in a step makes the processor wait for a GPU: tried without one, on tensors that have no values.

A value that is needed on the processor raises an error there. A copy of memory that a GPU cannot read while the
processor goes on is found by its arguments.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch._subclasses.fake_tensor import (
    DataDependentOutputException,
    DynamicOutputShapeException,
    FakeTensorMode,
    UnsupportedOperatorException,
)
from torch.utils._python_dispatch import TorchDispatchMode

from segarena.loading import transforms
from segarena.models import SegmentationModel, build_model
from segarena.training import losses
from segarena.training.averaging import WeightAverage
from segarena.training.evaluation import predict_masks, to_input
from segarena.training.losses import SegmentationLoss
from segarena.training.optimization import build_optimizer

MODELS = ("fcn", "unet", "pspnet", "deeplabv3")
#: The losses: kind, class weights, and what else there is to choose.
LOSSES: list[tuple[Any, bool, dict[str, float]]] = [
    ("ce", False, {}),
    ("ce+dice", True, {}),
    ("ce+dice", False, {"label_smoothing": 0.1}),
    ("ce", True, {"hard_pixels": 0.5}),
]
CLASSES, SIDE = 5, 64


class RefuseWaiting(TorchDispatchMode):
    """Raise an error where tensors are copied between a GPU and the processor, and the processor would wait."""

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        if func.name() in ("aten::_to_copy", "aten::copy_"):
            tensors = [value for value in args if isinstance(value, Tensor)]
            target = torch.device(kwargs.get("device") or tensors[0].device)
            waits = not (kwargs.get("non_blocking") or True in args[2:])
            assert target.type == tensors[-1].device.type or not waits, f"a copy to {target} that is waited for"
        return func(*args, **kwargs)


@pytest.fixture(autouse=True)
def gpu_without_values(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Tensors can be made on "cuda", and have shapes and types only."""
    monkeypatch.setattr(losses, "can_compute", lambda logits: False)  # a kernel needs values
    transforms._mean_and_std.cache_clear()
    with FakeTensorMode():
        transforms.normalize(torch.zeros(1, 3, 1, 1, device="cuda"))  # once for a device
        yield
    transforms._mean_and_std.cache_clear()


def network(name: str) -> SegmentationModel:
    with torch.device("cuda"):
        return build_model(name, CLASSES, encoder="mobilenet_v2", weights="none")


def batch() -> tuple[Tensor, Tensor]:
    return torch.zeros(4, 3, SIDE, SIDE, dtype=torch.uint8), torch.zeros(4, SIDE, SIDE, dtype=torch.uint8)


@pytest.mark.parametrize("name", MODELS)
def test_a_forward_pass_and_the_loss_do_not_wait(name: str) -> None:
    model, loss = network(name), SegmentationLoss("ce+dice", torch.ones(CLASSES, device="cuda"))
    images, mask = batch()
    with RefuseWaiting():
        output = model(to_input(images, "cuda"), size="native")
        total, _ = loss(output.logits, output.auxiliary, mask.to("cuda", non_blocking=True))
    assert total.device.type == "cuda"


@pytest.mark.parametrize(("kind", "weighted", "options"), LOSSES)
def test_no_loss_waits(kind: Any, weighted: bool, options: dict[str, float]) -> None:
    weights = torch.ones(CLASSES, device="cuda") if weighted else None
    logits = torch.zeros(4, CLASSES, 8, 8, device="cuda")
    mask = torch.zeros(4, SIDE, SIDE, dtype=torch.uint8, device="cuda")
    with RefuseWaiting():
        total, _ = SegmentationLoss(kind, weights, **options)(logits, None, mask)
    assert total.device.type == "cuda"


def test_a_step_of_the_optimizer_does_not_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    model = network("unet")
    made = build_optimizer(model, "adamw", 1e-3, 1e-2)
    with monkeypatch.context() as patch:
        patch.setattr("copy.deepcopy", lambda model: network("unet"))  # it looks where the values are
        average = WeightAverage(model, 0.99)
    for _ in range(2):
        for parameter in model.parameters():
            parameter.grad = torch.zeros_like(parameter)
        with RefuseWaiting():
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            made.step()
            average.update(1)


@pytest.mark.parametrize("name", MODELS)
def test_a_batch_is_labelled_without_waiting(name: str) -> None:
    model = network(name).eval()
    images, _ = batch()
    with RefuseWaiting():
        labels = predict_masks(model, images[..., 4:], (107, 100), device="cuda", precision="fp32")
    assert labels.device.type == "cuda"


@pytest.mark.parametrize("name", MODELS)
def test_a_backward_pass_needs_no_values(name: str) -> None:
    with torch.device("meta"):
        model = build_model(name, CLASSES, encoder="mobilenet_v2", weights="none")
        output = model(torch.zeros(4, 3, SIDE, SIDE), size="native")
        mask = torch.zeros(4, SIDE, SIDE, dtype=torch.uint8)
        total, _ = SegmentationLoss("ce+dice")(output.logits, output.auxiliary, mask)
        total.backward()
    assert all(parameter.grad is not None for parameter in model.parameters() if parameter.requires_grad)


def test_what_would_wait_is_found() -> None:
    values = torch.zeros(3, dtype=torch.int64, device="cuda")
    with RefuseWaiting():
        for copy in (lambda: torch.tensor([1.0, 2.0], device="cuda"), values.cpu, torch.zeros(3).cuda):
            with pytest.raises(AssertionError):
                copy()
        for wait in (values.max().item, values.nonzero, lambda: values[values > 0], lambda: torch.bincount(values)):
            with pytest.raises(
                (DataDependentOutputException, DynamicOutputShapeException, UnsupportedOperatorException)
            ):
                wait()
