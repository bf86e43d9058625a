"""A user's module: what its function is called with, what it may return, and what is refused before training."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
import torch
from torch import nn

from own_modules import Answering, Counting, Tied, Tiny
from segarena.errors import ConfigError
from segarena.models.own import build_own, try_own
from segarena.training.costs import logit_stride
from segarena.training.optimization import build_optimizer
from support import refuses

CROP, IMAGE = (64, 96), (64, 128)
IMAGES = torch.randn(2, 3, 64, 96, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize(
    "builder",
    [
        Tiny,
        lambda num_classes, scale=1: Tiny(scale * num_classes),
        lambda n, scale=1: Tiny(scale * n),
        lambda: Tiny(4),
        lambda encoder="x", **others: Tiny(others.get("num_classes", 4)),
        partial(Answering, answer=lambda logits: logits),
    ],
)
def test_a_function_is_called_with_the_classes_that_it_takes(builder: Callable[..., nn.Module]) -> None:
    model = try_own("mine", 4, builder, CROP, IMAGE)
    assert model(IMAGES).logits.shape == (2, 4, 64, 96)
    assert model(IMAGES, size="native").logits.shape == (2, 4, 16, 24)
    assert logit_stride(model.eval(), IMAGE) == 4


@pytest.mark.parametrize(
    ("answer", "has_auxiliary"),
    [
        (lambda logits: (logits,), False),
        (lambda logits: [logits, 2 * logits], True),
        (lambda logits: {"out": logits}, False),
        (lambda logits: {"out": logits, "aux": 2 * logits}, True),
        (lambda logits: {"logits": logits, "loss": None}, False),
    ],
)
def test_common_forms_of_outputs_are_taken(answer: Any, has_auxiliary: bool) -> None:
    model = try_own("mine", 3, partial(Answering, answer=answer), CROP, IMAGE)
    output = model(IMAGES)
    assert (output.auxiliary is not None) == has_auxiliary
    if output.auxiliary is not None:
        assert torch.allclose(output.auxiliary, 2 * output.logits)
    assert model.eval()(IMAGES).auxiliary is None


def answering(answer: Any) -> Callable[..., nn.Module]:
    return partial(Answering, answer=answer)


def holding(tensor: torch.Tensor) -> Callable[..., nn.Module]:
    """A builder of a module with another tensor."""

    def build() -> nn.Module:
        module = Tiny(3)
        module.register_buffer("other", tensor)
        return module

    return build


SAME = Tiny(3)
WRONG: dict[str, tuple[Any, str]] = {
    "too few channels": (lambda: Tiny(2), "2 classes, and the data has 3"),
    "a vector for an image": (answering(lambda logits: logits.mean(dim=(2, 3))), "(2, 3)"),
    "no tensor": (answering(lambda logits: "logits"), "str"),
    "None": (answering(lambda logits: None), "None"),
    "three tensors": (answering(lambda logits: (logits, logits, logits)), "3 values"),
    "other keys": (answering(lambda logits: {"masks": logits}), "masks"),
    "a label for an image beside the logits": (answering(lambda x: (x, x.mean(dim=(2, 3)))), "(2, 3)"),
    "classes in place of logits": (answering(lambda logits: logits.argmax(dim=1)), "(2, 16, 24)"),
    "a border that is cut off": (answering(lambda logits: logits[:, :, 1:-1, 1:-1]), "(2, 3, 14, 22)"),
    "larger than the image": (answering(lambda x: nn.functional.interpolate(x, scale_factor=8)), "(2, 3, 128, 192)"),
    "NaN": (answering(lambda logits: logits * float("nan")), "NaN"),
    "no gradient": (answering(lambda logits: logits.detach()), "gradient"),
    "an error for this size": (answering(lambda logits: logits.reshape(7, 7)), "64 x 96"),
    "the same module twice": (lambda: SAME, "same"),
    "no module": (lambda: "unet", "str"),
    "lazy layers": (lambda num_classes: nn.LazyConv2d(num_classes, 1), "lazy"),
    "a state beside its tensors": (Counting, "'_extra_state'"),
    "a sparse tensor": (holding(torch.eye(4).to_sparse()), "'other'"),
    "complex numbers": (holding(torch.zeros(4, dtype=torch.complex64)), "'other'"),
    "no parameters": (nn.Identity, "parameter"),
    "an error in the function": (lambda num_classes: 1 / 0, "ZeroDivisionError"),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_module_is_refused_with_its_fault(name: str) -> None:
    builder, value = WRONG[name]
    with refuses(ConfigError, where="mine", value=value):
        try_own("mine", 3, builder, CROP, IMAGE)


@pytest.mark.parametrize(("builder", "slow"), [(Tiny, "encoder"), (Tied, "backbone"), (nn.Conv2d, None)])
def test_the_encoder_is_known_by_its_name(builder: Any, slow: str | None) -> None:
    """Its parameters have the learning rate itself, all others the multiple of it."""
    made = partial(builder, 3, kernel_size=1) if builder is nn.Conv2d else builder
    model = build_own("mine", 3, made)
    groups = build_optimizer(model, "adamw", 0.1, 0.0, decoder_factor=5.0).param_groups
    factor = {id(p): group["factor"] for group in groups for p in group["params"]}
    for name, parameter in model.network.named_parameters():
        assert factor[id(parameter)] == (1.0 if slow is not None and name.startswith(f"{slow}.") else 5.0)
