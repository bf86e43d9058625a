"""What every encoder guarantees; nearly all on the meta device, where nothing is computed."""

import functools

import pytest
import torch
import torchvision
from torch import nn

from segarena.errors import ConfigError
from segarena.models import ENCODERS, Encoder, build_encoder
from segarena.models.fitting import adapt_stem
from support import refuses

STRIDES = (
    dict.fromkeys(ENCODERS, (2, 4, 8, 16, 32))
    | {"vgg16_bn": (1, 2, 4, 8, 16, 32)}
    | dict.fromkeys(("convnext_tiny", "convnext_small", "swin_t"), (4, 8, 16, 32))
)
CHANNELS = {
    **dict.fromkeys(("resnet18", "resnet34"), (64, 64, 128, 256, 512)),
    **dict.fromkeys(("resnet50", "resnet101", "resnext50_32x4d"), (64, 256, 512, 1024, 2048)),
    "vgg16_bn": (64, 128, 256, 512, 512, 512),
    "mobilenet_v2": (16, 24, 32, 96, 320),
    "mobilenet_v3_large": (16, 24, 40, 112, 160),
    **dict.fromkeys(("efficientnet_b0", "efficientnet_b1"), (16, 24, 40, 112, 320)),
    "efficientnet_b2": (16, 24, 48, 120, 352),
    "efficientnet_b3": (24, 32, 48, 136, 384),
    "efficientnet_b4": (24, 32, 56, 160, 448),
    **dict.fromkeys(("convnext_tiny", "convnext_small", "swin_t"), (96, 192, 384, 768)),
}
#: One of each family; the others differ in widths and depths, and their maps are computed at fewer output strides.
SMALLEST = ("resnet18", "vgg16_bn", "mobilenet_v2", "mobilenet_v3_large", "efficientnet_b0", "convnext_tiny", "swin_t")
every = pytest.mark.parametrize("name", ENCODERS)


@functools.cache
def on_meta(name: str) -> Encoder:
    """The encoder on the meta device, cached: its output stride is the one that was set last."""
    with torch.device("meta"):
        return build_encoder(name)


def test_there_are_16_encoders():
    assert len(ENCODERS) == 16
    assert set(ENCODERS) == set(CHANNELS)


@every
def test_channels_and_strides_are_those_of_the_maps(name):
    encoder = on_meta(name)
    assert encoder.channels == CHANNELS[name]
    for stride in encoder.output_strides:
        encoder.set_output_stride(stride)
        assert encoder.strides == tuple(min(own, stride) for own in STRIDES[name])
        if stride > 8 and name not in SMALLEST:
            continue
        maps = encoder(torch.empty(2, 3, 65, 34, device="meta"))
        assert [tuple(features.shape) for features in maps] == [
            (2, c, -(-65 // s), -(-34 // s)) for c, s in zip(encoder.channels, encoder.strides, strict=True)
        ]


@pytest.mark.parametrize("name", [*ENCODERS, "vgg16"])
def test_torchvision_publishes_the_imagenet_weights_of_every_encoder(name):
    assert "IMAGENET1K_V1" in torchvision.models.get_model_weights(name).__members__


@every
def test_every_encoder_but_swin_can_be_dilated(name):
    assert on_meta(name).output_strides == ((32,) if name == "swin_t" else (8, 16, 32))


@pytest.mark.parametrize("stride", [8, 16])
def test_swin_refuses_dilation(stride):
    with refuses(ConfigError, value=f"swin_t does not support output stride {stride}") as caught:
        build_encoder("swin_t", output_stride=stride)
    assert "32, or another encoder" in caught.value.remedy


@every
def test_parameters_have_torchvisions_names_or_are_unused(name):
    ours = {key: value.shape for key, value in on_meta(name).state_dict().items()}
    with torch.device("meta"):
        network = torchvision.models.get_model(name, weights=None)
    theirs = {key: value.shape for key, value in network.state_dict().items()}
    assert ours.items() <= theirs.items()
    assert all(key.startswith(on_meta(name).unused) for key in theirs.keys() - ours.keys())
    assert not [key for key in ours if key.startswith(on_meta(name).unused)]
    assert on_meta(name).stem in ours
    assert ours[on_meta(name).stem][1] == 3


@every
def test_batch_norm_has_the_same_momentum_in_all(name):
    """Otherwise a short training would be evaluated with statistics of the initial weights."""
    layers = [layer for layer in on_meta(name).modules() if isinstance(layer, nn.BatchNorm2d)]
    assert {layer.momentum for layer in layers} <= {0.1}


@every
def test_dilation_can_be_set_and_removed(name):
    encoder = on_meta(name)

    def geometry() -> list[tuple[object, ...]]:
        layers = [m for m in encoder.modules() if type(m).__name__.endswith(("Conv2d", "MaxPool2d"))]
        return [(m.stride, m.dilation, getattr(m, "padding", None)) for m in layers]

    encoder.set_output_stride(32)
    before, keys = geometry(), list(encoder.state_dict())
    for stride in encoder.output_strides:
        encoder.set_output_stride(stride)
        assert (geometry() == before) is (stride == 32)
        assert list(encoder.state_dict()) == keys
    encoder.set_output_stride(32)
    assert geometry() == before


@pytest.mark.parametrize(("name", "blocks"), [("resnet18", 2), ("resnet101", 3), ("mobilenet_v2", 0), ("swin_t", 0)])
def test_only_resnets_have_blocks_for_a_multi_grid(name, blocks):
    assert len(on_meta(name).last_blocks) == blocks


@pytest.mark.parametrize(("name", "in_channels"), [("resnet18", 4), *((name, 1) for name in SMALLEST)])
def test_first_convolution_is_replaced_for_other_channels(name, in_channels):
    with torch.device("meta"):
        encoder = build_encoder(name, in_channels=in_channels)
    shapes = {key: value.shape for key, value in encoder.state_dict().items()}
    usual = {key: value.shape for key, value in on_meta(name).state_dict().items()}
    assert shapes.pop(encoder.stem)[1] == in_channels
    assert usual.pop(encoder.stem)[1] == 3
    assert shapes == usual
    stem = encoder.get_submodule(encoder.stem.removesuffix(".weight"))
    own = on_meta(name).get_submodule(encoder.stem.removesuffix(".weight"))
    assert type(stem) is type(own)
    for key in ("out_channels", "kernel_size", "stride", "padding", "dilation"):
        assert getattr(stem, key) == getattr(own, key)


@pytest.mark.parametrize(
    ("name", "side"),
    # VGG's last map comes from a pooling: its last BatchNorm has four pixels for each of the map
    [("resnet18", 32), ("mobilenet_v2", 32), ("efficientnet_b0", 32), ("vgg16_bn", 16)],
)
def test_a_single_pixel_for_a_batch_norm_is_refused_in_training(name, side):
    with torch.device("meta"):
        encoder = build_encoder(name)
        with refuses(ConfigError, value="batch of one image"):
            encoder(torch.empty(1, 3, side, side))
        encoder(torch.empty(1, 3, side, side + 1))
        encoder.eval()(torch.empty(1, 3, side, side))


def test_a_single_pixel_in_a_frozen_stage_is_not_refused():
    with torch.device("meta"):
        encoder = build_encoder("resnet18")
        encoder.layer4.eval()
        encoder(torch.empty(1, 3, 32, 32))
        with refuses(ConfigError, value="batch of one image"):
            encoder(torch.empty(1, 3, 16, 16))


@pytest.mark.parametrize("name", ["convnext_tiny", "swin_t"])
def test_encoders_without_batch_norm_train_on_one_small_image(name):
    with torch.device("meta"):
        assert build_encoder(name)(torch.empty(1, 3, 32, 32))[-1].shape[2:] == (1, 1)


@pytest.mark.parametrize("in_channels", [1, 2, 3, 4, 7])
def test_adapted_first_convolution_has_the_rgb_response_to_grey(in_channels):
    torch.manual_seed(0)
    weight = torch.randn(8, 3, 7, 7, dtype=torch.float64)
    adapted = adapt_stem(weight, in_channels)
    assert adapted.shape == (8, in_channels, 7, 7)
    grey = torch.randn(1, 1, 20, 20, dtype=torch.float64)
    expected = nn.functional.conv2d(grey.repeat(1, 3, 1, 1), weight)
    torch.testing.assert_close(nn.functional.conv2d(grey.repeat(1, in_channels, 1, 1), adapted), expected)


def test_adapted_first_convolution_keeps_the_colour_filters():
    weight = torch.randn(8, 3, 7, 7)
    torch.testing.assert_close(adapt_stem(weight, 4)[:, :3] * (4 / 3), weight)
