import pytest
import torch
import torchvision
from torch import nn

from segarena.models import ENCODERS, build_encoder
from segarena.models.weights import adapt_stem


def settle(module: nn.Module) -> nn.Module:
    """BatchNorm with statistics that differ from channel to channel, in eval mode."""
    for m in module.modules():
        if isinstance(m, nn.BatchNorm2d):
            nn.init.uniform_(m.running_mean, -0.1, 0.1)
            nn.init.uniform_(m.running_var, 0.8, 1.2)
    return module.eval()


@pytest.mark.parametrize("name", ENCODERS)
@pytest.mark.parametrize("stride", [8, 16, 32])
def test_channels_and_strides_tell_the_truth(name, stride):
    with torch.device("meta"):
        encoder = build_encoder(name, output_stride=stride)
        features = encoder(torch.randn(2, 3, 65, 34))
    assert encoder.strides == tuple(min(s, stride) for s in (2, 4, 8, 16, 32))
    assert [tuple(f.shape[1:]) for f in features] == [
        (c, -(-65 // s), -(-34 // s)) for c, s in zip(encoder.channels, encoder.strides, strict=True)
    ]


@pytest.mark.parametrize("name", ["resnet18", "resnet50", "mobilenet_v2"])
def test_undilated_features_are_torchvisions(name):
    torch.manual_seed(0)
    reference = settle(getattr(torchvision.models, name)(weights=None))
    encoder = build_encoder(name).eval()
    result = encoder.load_state_dict(reference.state_dict(), strict=False)
    assert not result.missing_keys
    image = torch.randn(1, 3, 50, 70)
    if name == "mobilenet_v2":
        wanted = {f"features.{i}": str(i) for i in (1, 3, 6, 13, 17)}
    else:
        wanted = {node: node for node in ("relu", "layer1", "layer2", "layer3", "layer4")}
    extract = torchvision.models.feature_extraction.create_feature_extractor(reference, wanted)
    with torch.no_grad():
        expected = list(extract(image).values())
        assert all(torch.equal(ours, theirs) for ours, theirs in zip(encoder(image), expected, strict=True))


@pytest.mark.parametrize(("stride", "dilate"), [(16, [False, False, True]), (8, [False, True, True])])
def test_dilated_resnet50_is_torchvisions(stride, dilate):
    torch.manual_seed(0)
    reference = settle(torchvision.models.resnet50(weights=None, replace_stride_with_dilation=dilate))
    encoder = build_encoder("resnet50", output_stride=stride).eval()
    encoder.load_state_dict(reference.state_dict(), strict=False)
    extract = torchvision.models.feature_extraction.create_feature_extractor(reference, ["layer3", "layer4"])
    image = torch.randn(1, 3, 65, 64)
    with torch.no_grad():
        for ours, theirs in zip(encoder(image)[3:], extract(image).values(), strict=True):
            assert torch.equal(ours, theirs)


@pytest.mark.parametrize("name", ["resnet18", "mobilenet_v2"])
@pytest.mark.parametrize(("stride", "size"), [(16, (64, 48)), (8, (64, 48)), (8, (75, 49))], ids=str)
def test_dilated_features_contain_the_strided_ones(name, stride, size):
    """Removing a stride adds places and changes none: every second value of a dilated map is the strided map."""
    torch.manual_seed(0)
    strided = settle(build_encoder(name)).double()
    dilated = build_encoder(name, output_stride=stride).double().eval()
    dilated.load_state_dict(strided.state_dict())
    image = torch.randn(1, 3, *size, dtype=torch.float64)
    with torch.no_grad():
        maps = zip(strided(image), dilated(image), strided.strides, dilated.strides, strict=True)
        for coarse, fine, full, reduced in maps:
            step = full // reduced
            torch.testing.assert_close(fine[..., ::step, ::step], coarse, rtol=0, atol=1e-10)


@pytest.mark.parametrize("name", ["resnet18", "mobilenet_v2"])
def test_dilation_adds_no_parameter_and_renames_none(name):
    plain, dilated = build_encoder(name).state_dict(), build_encoder(name, output_stride=8).state_dict()
    assert {k: v.shape for k, v in plain.items()} == {k: v.shape for k, v in dilated.items()}


@pytest.mark.parametrize("in_channels", [1, 2, 3, 4, 7])
def test_adapted_first_convolution_answers_a_grey_scene_as_the_rgb_one(in_channels):
    torch.manual_seed(0)
    weight = torch.randn(8, 3, 7, 7, dtype=torch.float64)
    adapted = adapt_stem(weight, in_channels)
    assert adapted.shape == (8, in_channels, 7, 7)
    grey = torch.randn(1, 1, 20, 20, dtype=torch.float64)
    expected = nn.functional.conv2d(grey.repeat(1, 3, 1, 1), weight)
    torch.testing.assert_close(nn.functional.conv2d(grey.repeat(1, in_channels, 1, 1), adapted), expected)


def test_adapted_first_convolution_keeps_the_colour_filters_where_there_are_more_channels():
    weight = torch.randn(8, 3, 7, 7)
    torch.testing.assert_close(adapt_stem(weight, 4)[:, :3] * (4 / 3), weight)
