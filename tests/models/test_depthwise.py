"""Gradients of dilated convolutions: in bfloat16 on a CPU those of torch's depthwise ones are wrong."""

import pytest
import torch
from networks import relative
from torch import nn

from segarena.models import build_encoder
from segarena.models.encoders.depthwise import DepthwiseConv2d


def gradients(layer, features, direction):
    features = features.detach().requires_grad_()
    result = layer(features)
    return result, *torch.autograd.grad(result, [features, *layer.parameters()], direction.to(result.dtype))


@pytest.mark.parametrize("size", [(9, 12), (7, 5), (1, 2)], ids=str)
@pytest.mark.parametrize(("side", "dilation"), [(3, 2), (3, 4), (5, 3), (7, 2)])
@pytest.mark.parametrize("bias", [False, True])
def test_phases_give_the_dilated_convolution_and_its_gradients(size, side, dilation, bias):
    torch.manual_seed(0)
    options = {"padding": dilation * (side // 2), "dilation": dilation, "groups": 6, "bias": bias}
    plain = nn.Conv2d(6, 6, side, **options).double()
    layer = DepthwiseConv2d.like(plain)
    layer.dilation = plain.dilation
    features, direction = torch.randn(2, 2, 6, *size, dtype=torch.float64)
    for ours, expected in zip(*(gradients(m, features, direction) for m in (layer, plain)), strict=True):
        assert relative(ours, expected) < 1e-12
    with torch.no_grad():
        assert torch.equal(layer(features), plain(features))


def test_like_shares_the_parameters_and_draws_no_random_number():
    plain = nn.Conv2d(4, 4, 3, stride=2, padding=1, groups=4, bias=False)
    torch.manual_seed(0)
    state = torch.get_rng_state()
    layer = DepthwiseConv2d.like(plain)
    assert torch.equal(torch.get_rng_state(), state)
    assert layer.weight is plain.weight
    features = torch.randn(1, 4, 7, 8)
    assert torch.equal(layer(features), plain(features))


@pytest.mark.parametrize(
    "name", ["mobilenet_v2", "mobilenet_v3_large", "efficientnet_b0", "resnet18", "resnext50_32x4d"]
)
def test_bf16_weight_gradients_are_near_the_exact_ones_at_stride_8(name):
    """At 23 x 30 pixels and more, torch 2.15's own are wrong by more than the largest gradient, or NaN."""
    torch.manual_seed(0)
    encoder = build_encoder(name, output_stride=8)
    dilated = [m for m in encoder.modules() if isinstance(m, nn.Conv2d) and m.dilation != (1, 1)]
    distinct = {(m.in_channels, m.kernel_size, m.dilation, m.groups): m for m in dilated}
    assert distinct
    for layer in distinct.values():
        layer.to(memory_format=torch.channels_last)
        shape = (2, layer.in_channels, 23, 30)
        features = torch.randn(shape).bfloat16().float().to(memory_format=torch.channels_last)
        direction = torch.randn(2, layer.out_channels, 23, 30).bfloat16().float()
        *_, exact = gradients(layer, features, direction)
        with torch.autocast("cpu", torch.bfloat16):
            *_, short = gradients(layer, features, direction)
        assert relative(short, exact) < 0.02, layer
