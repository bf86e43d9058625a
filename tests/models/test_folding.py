"""A copy for inference computes what its network computes, with fewer operations."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from segarena.models import build_model, pspnet
from segarena.models.folding import inference_copy
from segarena.models.layers import FixedUpsampling
from segarena.training import costs
from segarena.training.evaluation import prepared


def trained(name: str, encoder: str, **options: object) -> nn.Module:
    """A network whose BatchNorm has statistics, scales and shifts of a training."""
    torch.manual_seed(0)
    model = build_model(name, 5, encoder=encoder, **options)
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.uniform_(module.running_mean, -0.5, 0.5)
            nn.init.uniform_(module.running_var, 0.5, 2)
            nn.init.uniform_(module.weight, 0.5, 1.5)
            nn.init.uniform_(module.bias, -0.5, 0.5)
        elif isinstance(module, nn.Conv2d) and not module.weight.any():
            nn.init.normal_(module.weight)  # FCN's scores begin at 0
    return model.eval()


@pytest.mark.parametrize(
    ("name", "encoder", "left"),
    [
        ("fcn", "resnet18", 0),
        ("unet", "resnet18", 0),
        ("pspnet", "resnet18", 2),  # in its fusion, whose weights it also uses in parts, and its auxiliary head
        ("deeplabv3", "resnet18", 0),
        ("fcn", "mobilenet_v2", 0),
        ("unet", "efficientnet_b0", 0),
        ("deeplabv3", "mobilenet_v3_large", 0),
    ],
)
@torch.no_grad()
def test_logits_are_those_of_the_network(name: str, encoder: str, left: int) -> None:
    model = trained(name, encoder)
    folded = inference_copy(model)
    assert sum(isinstance(module, nn.BatchNorm2d) for module in folded.modules()) == left
    for size in ((64, 64), (96, 160)):
        image = torch.randn(2, 3, *size)
        expected, found = model(image).logits, folded(image).logits
        assert float((found - expected).norm() / expected.norm()) < 1e-5, size


@torch.no_grad()
def test_half_weights_change_nothing_under_autocast() -> None:
    model = trained("unet", "convnext_tiny")  # LayerNorm and linear layers, and BatchNorm in the decoder
    exact, half = inference_copy(model), inference_copy(model, torch.bfloat16)
    image = torch.randn(1, 3, 64, 64)
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(exact(image).logits, half(image).logits)
    assert not any(module.weight.dtype == torch.float32 for module in half.modules() if isinstance(module, nn.Conv2d))


@torch.no_grad()
def test_a_fixed_upsampling_keeps_its_weights_in_float32() -> None:
    model = nn.Sequential(nn.Conv2d(3, 2, 3), FixedUpsampling(2, 32))
    half = inference_copy(model, torch.bfloat16)
    assert half[0].weight.dtype == torch.bfloat16
    assert not torch.equal(model[1].weight, model[1].weight.bfloat16().float())  # bf16 would round them
    assert torch.equal(half[1].weight, model[1].weight)
    with torch.autocast("cpu", torch.bfloat16):
        image = torch.randn(1, 3, 16, 16)
        assert torch.equal(half(image), model(image))


def test_the_network_stays_as_it_is() -> None:
    model = trained("fcn", "resnet18").train()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    inference_copy(model, torch.bfloat16)
    after = model.state_dict()
    assert list(before) == list(after)
    assert all(torch.equal(value, after[name]) for name, value in before.items())
    assert model.training


@pytest.mark.parametrize(
    ("name", "encoder", "options"),
    [
        ("fcn", "resnet18", {}),
        ("unet", "resnet18", {}),
        ("pspnet", "resnet18", {"output_stride": 8}),
        ("deeplabv3", "mobilenet_v2", {}),
        ("unet", "convnext_tiny", {}),  # LayerNorm and linear layers
        pytest.param("unet", "swin_t", {}, marks=pytest.mark.long),
        pytest.param("fcn32s", "vgg16", {"track": "paper"}, marks=pytest.mark.long),  # a fixed upsampling in float32
    ],
)
@torch.no_grad()
def test_logits_with_half_weights_are_the_same_to_the_bit(
    name: str, encoder: str, options: dict[str, str | int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pspnet, "FEWEST_EVALUATED", 1)  # its fusion is computed by parts
    model = trained(name, encoder, **options)
    before = {key: value.clone() for key, value in model.state_dict().items()}
    half = prepared(model, "cpu", "bf16")
    assert {value.dtype for value in half.state_dict().values()} >= {torch.bfloat16}
    for size in ((64, 64), (96, 160)):
        image = torch.randn(2, 3, *size).to(memory_format=torch.channels_last)
        with torch.autocast("cpu", torch.bfloat16):
            assert torch.equal(model(image, size="native").logits, half(image, size="native").logits), size
    after = model.state_dict()
    assert all(torch.equal(value, after[key]) and value.dtype == after[key].dtype for key, value in before.items())


def test_a_copy_on_a_cpu_shares_all_but_weights_of_convolutions() -> None:
    model = trained("fcn", "resnet18")
    half = prepared(model, "cpu", "bf16")
    shared = {value.data_ptr() for value in model.state_dict().values()}
    own = [key for key, value in half.state_dict().items() if value.data_ptr() not in shared]
    assert own
    assert all(half.get_parameter(key).dtype == torch.bfloat16 for key in own)


def test_what_each_device_computes_with() -> None:
    model = trained("fcn", "resnet18")
    assert prepared(model, "cpu", "fp32") is model
    assert prepared(model, "mps", "bf16") is model
    for precision, dtype in (("fp32", torch.float32), ("bf16", torch.bfloat16), ("fp16", torch.float16)):
        copy = prepared(model, "cuda:1", precision)
        assert {module.weight.dtype for module in copy.modules() if isinstance(module, nn.Conv2d)} == {dtype}


def test_the_latency_is_that_of_the_prepared_network(monkeypatch: pytest.MonkeyPatch) -> None:
    used = []
    monkeypatch.setattr(costs, "prepared", lambda model, device, precision: used.append(device) or model)
    costs.measure_latency({"a": trained("fcn", "resnet18")}, (32, 32), device="cpu", precision="fp32", rounds=1)
    assert used == ["cpu"]


@pytest.mark.gpu
@pytest.mark.parametrize("name", ["fcn", "unet", "pspnet", "deeplabv3"])
@torch.no_grad()
def test_logits_on_a_gpu_are_those_of_the_network(name: str) -> None:
    model = trained(name, "resnet18").cuda().to(memory_format=torch.channels_last)
    image = torch.randn(2, 3, 96, 160, device="cuda").to(memory_format=torch.channels_last)
    with torch.backends.cudnn.flags(enabled=True, allow_tf32=False):
        expected, found = model(image).logits, prepared(model, "cuda", "fp32")(image).logits
    assert float((found - expected).norm() / expected.norm()) < 1e-4
