"""PSPNet and its pooling against transcriptions of the paper."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from networks import Case, relative
from torch import nn
from torch.nn import functional as F

from segarena.models import build_encoder, build_model, pspnet
from segarena.models.layers import resize
from segarena.models.pspnet import PSPNet, PyramidPooling, convolve_pyramid, pool_grids


@settings(max_examples=40, deadline=None)
@given(height=st.integers(1, 40), width=st.integers(1, 40), last=st.booleans())
def test_pooling_by_matrix_products_is_adaptive_average_pooling(height, width, last):
    features = torch.randn(2, 5, height, width, dtype=torch.float64)
    if last:
        features = features.to(memory_format=torch.channels_last)
    bins = (1, 2, 3, 6)
    for grid, k in zip(pool_grids(features, bins), bins, strict=True):
        torch.testing.assert_close(grid, F.adaptive_avg_pool2d(features, k), rtol=0, atol=1e-14)


@pytest.mark.parametrize("size", [(8, 8), (5, 9), (3, 3)], ids=str)
def test_pyramid_equals_a_transcription_of_the_paper(size):
    torch.manual_seed(0)
    pyramid = PyramidPooling(16).double().eval()
    features = torch.randn(2, 16, *size, dtype=torch.float64)
    expected = [features]
    for k, (conv, norm, _) in zip((1, 2, 3, 6), pyramid.reduce, strict=True):
        nn.init.uniform_(norm.running_mean, -0.5, 0.5)
        pooled = F.relu(norm(F.conv2d(F.adaptive_avg_pool2d(features, k), conv.weight)))
        expected.append(F.interpolate(pooled, size, mode="bilinear", align_corners=False))
    result = pyramid(features)
    assert result.shape == (2, 32, *size)
    assert (result - torch.cat(expected, dim=1)).abs().max() < 1e-10


def fuse_both_ways(size, dtype):
    """Results and gradients of the fusion by parts, and of the convolution of the concatenated maps."""
    torch.manual_seed(0)
    inputs = [torch.randn(2, 8, *size), *(torch.randn(2, 2, k, k) for k in (1, 2, 3, 6)), torch.randn(4, 16, 3, 3)]
    inputs = [tensor.to(dtype).requires_grad_() for tensor in inputs]
    features, *grids, weight = inputs
    maps = [features, *(resize(grid, size) for grid in grids)]
    as_written = F.conv2d(torch.cat(maps, dim=1), weight, padding=1)
    by_parts = convolve_pyramid(features, grids, weight)
    direction = torch.randn_like(by_parts)
    return [
        (result, *torch.autograd.grad((result * direction).sum(), inputs, retain_graph=True))
        for result in (by_parts, as_written)
    ]


@pytest.mark.parametrize(("dtype", "limit"), [(torch.float64, 1e-13), (torch.float32, 1e-5)], ids=str)
@pytest.mark.parametrize("size", [(20, 23), (7, 12), (6, 6), (3, 1)], ids=str)
def test_fusion_by_parts_is_the_convolution_of_concatenated_maps(size, dtype, limit):
    for ours, expected in zip(*fuse_both_ways(size, dtype), strict=True):
        assert ours.dtype == expected.dtype
        assert relative(ours, expected) < limit


def test_fusion_by_parts_under_autocast_is_as_exact_as_the_convolution():
    torch.manual_seed(0)
    features, weight = torch.randn(2, 8, 16, 16), torch.randn(4, 16, 3, 3)
    grids = [torch.randn(2, 2, k, k) for k in (1, 2, 3, 6)]
    maps = torch.cat([features, *(resize(grid, (16, 16)) for grid in grids)], dim=1)
    exact = F.conv2d(maps, weight, padding=1)
    with torch.autocast("cpu", torch.bfloat16):
        by_parts, as_written = convolve_pyramid(features, grids, weight), F.conv2d(maps, weight, padding=1)
    assert by_parts.dtype == as_written.dtype == torch.bfloat16
    assert (by_parts - exact).std() < 1.5 * (as_written - exact).std()


def transcription(stage5, w):
    """Figure 3 after the encoder, with the authors' layers: pool, reduce, upsample, concatenate, fuse, classify."""

    def norm(x, name):
        return F.batch_norm(x, *(w[f"{name}.{part}"] for part in ("running_mean", "running_var", "weight", "bias")))

    branches = [stage5]
    for n, bins in enumerate((1, 2, 3, 6)):
        pooled = F.conv2d(F.adaptive_avg_pool2d(stage5, bins), w[f"pyramid.reduce.{n}.0.weight"])
        pooled = F.relu(norm(pooled, f"pyramid.reduce.{n}.1"))
        branches.append(F.interpolate(pooled, stage5.shape[2:], mode="bilinear", align_corners=False))
    fused = F.conv2d(torch.cat(branches, dim=1), w["fusion.0.weight"], padding=1)
    return F.conv2d(F.relu(norm(fused, "fusion.1")), w["classifier.weight"], w["classifier.bias"])


@pytest.mark.parametrize("track", ["paper", "encoder"])
@pytest.mark.parametrize("size", [(64, 96), (33, 71), (160, 216)], ids=str)
def test_head_equals_a_transcription_of_figure_3(monkeypatch, track, size):
    monkeypatch.setattr(pspnet, "FEWEST_EVALUATED", 0)  # the largest size is fused by parts
    model = Case("pspnet", track).build().double().eval()
    image = torch.randn(2, 3, *size, dtype=torch.float64)
    with torch.no_grad():
        scores = transcription(model.encoder(image)[-1], model.state_dict())
        assert relative(model(image, size="native").logits, scores) < 1e-10
        enlarged = F.interpolate(scores, size, mode="bilinear", align_corners=False)
        assert relative(model(image).logits, enlarged) < 1e-10


def test_auxiliary_head_is_stage_four_through_3x3_norm_relu_and_1x1():
    model = Case("pspnet", "paper").build().double()
    model.auxiliary_head[1].eval()  # dropout
    image = torch.randn(2, 3, 48, 64, dtype=torch.float64)
    stage4 = model.encoder(image)[-2]
    conv, norm, _ = model.auxiliary_head[0]
    x = F.conv2d(stage4, conv.weight, padding=1)
    mean, var = x.mean((0, 2, 3), keepdim=True), x.var((0, 2, 3), correction=0, keepdim=True)
    x = (x - mean) / (var + 1e-5).sqrt() * norm.weight[:, None, None] + norm.bias[:, None, None]
    expected = F.conv2d(F.relu(x), model.auxiliary_head[2].weight, model.auxiliary_head[2].bias)
    assert relative(model(image, size="native").auxiliary, expected) < 1e-10


@pytest.mark.parametrize("encoder", ["resnet50", "resnet101"])
def test_the_papers_network(encoder):
    """Output stride 8, four bins of C / 4 = 512, 3x3 fusion of 4096 to 512, dropout 0.1, auxiliary head on stage 4."""
    with torch.device("meta"):
        model = build_model("pspnet", 19, track="paper", encoder=encoder)
    assert model.encoder.name == encoder
    assert model.encoder.strides == (2, 4, 8, 8, 8)
    assert model.pyramid.bins == (1, 2, 3, 6)
    assert [m[0].weight.shape for m in model.pyramid.reduce] == [(512, 2048, 1, 1)] * 4
    assert model.fusion[0].weight.shape == (512, 4096, 3, 3)
    assert model.classifier.weight.shape == (19, 512, 1, 1)
    assert isinstance(model.dropout, nn.Dropout2d)
    assert model.dropout.p == 0.1
    assert model.auxiliary_head[0][0].weight.shape == (256, 1024, 3, 3)


def test_no_adaptive_pooling_as_onnx_has_it_for_fixed_sizes_only():
    program = torch.export.export(PyramidPooling(8).eval(), (torch.randn(1, 8, 9, 9),))
    assert not [node for node in program.graph.nodes if "adaptive" in str(node.target)]


def test_channels_not_divisible_by_the_grids_are_refused():
    with pytest.raises(ValueError, match="10 channels"):
        PyramidPooling(10)


@pytest.mark.parametrize(("name", "width"), [("resnet18", 512), ("resnet50", 512), ("mobilenet_v2", 320)])
def test_fusion_is_512_wide_but_never_wider_than_the_encoder(name, width):
    with torch.device("meta"):
        encoder = build_encoder(name, output_stride=8)
        model = PSPNet(encoder, 3)
    conv = model.fusion[0]
    assert (conv.in_channels, conv.out_channels, conv.kernel_size) == (2 * encoder.channels[-1], width, (3, 3))
    assert [m[0].out_channels for m in model.pyramid.reduce] == [encoder.channels[-1] // 4] * 4
    assert model.dropout.p == 0.1


def test_bf16_pooling_is_near_the_exact_average():
    """Shares of a bin such as 1 / 61, rounded to bfloat16, would make 0.992 of a map of ones."""
    ones = torch.ones(1, 2, 61, 47, dtype=torch.bfloat16)
    assert all(torch.equal(grid, torch.ones_like(grid)) for grid in pool_grids(ones, (1, 2, 3, 6)))
    features = torch.rand(2, 8, 45, 45, generator=torch.Generator().manual_seed(0)).bfloat16()
    for bins, grid in zip((1, 2, 3, 6), pool_grids(features, (1, 2, 3, 6)), strict=True):
        exact = F.adaptive_avg_pool2d(features.double(), bins)
        assert relative(grid.double(), exact) < 4 * 2**-9


def test_a_convolution_that_was_replaced_is_called(monkeypatch):
    """By quantisation, or by an adapter: its weight is not all that it computes."""
    monkeypatch.setattr(pspnet, "FEWEST_EVALUATED", 0)
    model = Case("pspnet", "encoder").build().eval()
    image = torch.randn(2, 3, 160, 216)
    with torch.no_grad():
        before = model(image, size="native").logits
        model.fusion[0] = nn.Sequential(model.fusion[0], nn.Identity())
        assert relative(model(image, size="native").logits, before) < 1e-4
