"""Feature maps against torchvision's networks with the same weights, and dilated against strided networks."""

import pytest
import torch
import torchvision
from networks import randomise, relative, vgg16_bn
from torch import Tensor, nn
from torchvision.models.feature_extraction import create_feature_extractor
from torchvision.ops import SqueezeExcitation

from segarena.models import ENCODERS, Encoder, build_encoder

#: The last layer before each stride and at the end: nodes of torchvision's ResNet, or positions in its `features`.
RESNET = ["relu", "layer1", "layer2", "layer3", "layer4"]
POSITIONS = {
    "vgg16_bn": (5, 12, 22, 32, 42, 43),
    "mobilenet_v2": (1, 3, 6, 13, 17),
    "mobilenet_v3_large": (1, 3, 6, 12, 15),
    **{f"efficientnet_b{i}": (1, 2, 3, 5, 7) for i in range(5)},
    **dict.fromkeys(("convnext_tiny", "convnext_small", "swin_t"), (1, 3, 5, 7)),
}
#: torchvision drops the last row and column of an odd map in VGG's poolings and in the patches of ConvNeXt and Swin.
CUTTING = ("vgg16_bn", "convnext_tiny", "convnext_small", "swin_t")
QUICK = ("resnet18", "vgg16_bn", "mobilenet_v2", "mobilenet_v3_large", "efficientnet_b0", "convnext_tiny", "swin_t")
DILATED = ("resnet18", "vgg16_bn", "mobilenet_v2", "mobilenet_v3_large", "efficientnet_b0", "convnext_tiny")


def build(name: str) -> Encoder:
    torch.manual_seed(0)
    return randomise(vgg16_bn() if name == "vgg16_bn" else build_encoder(name)).eval()


def pair(name: str) -> tuple[Encoder, nn.Module]:
    """An encoder with random weights, and torchvision's network with the same weights."""
    encoder = build(name)
    if name == "vgg16_bn":
        with torch.device("meta"):
            reference = torchvision.models.vgg16_bn(weights=None)
        reference.features.to_empty(device="cpu")
    else:
        reference = torchvision.models.get_model(name, weights=None)
    result = reference.load_state_dict(encoder.state_dict(), strict=False)
    assert not result.unexpected_keys
    return encoder, reference.eval()


def torchvision_maps(reference: nn.Module, name: str, image: Tensor) -> list[Tensor]:
    if name not in POSITIONS:
        return list(create_feature_extractor(reference, RESNET)(image).values())
    maps, features = [], image
    for position, block in enumerate(reference.features):
        features = block(features)
        if position in POSITIONS[name]:
            # VGG's ReLU would overwrite it in place.
            maps.append((features.permute(0, 3, 1, 2) if name == "swin_t" else features).clone())
    return maps


@pytest.mark.parametrize(
    "name", [name if name in QUICK else pytest.param(name, marks=pytest.mark.slow) for name in ENCODERS]
)
def test_undilated_features_are_torchvisions(name):
    encoder, reference = pair(name)
    image = torch.randn(1, 3, *((64, 96) if name in CUTTING else (50, 71)))
    with torch.no_grad():
        for ours, theirs in zip(encoder(image), torchvision_maps(reference, name, image), strict=True):
            assert torch.equal(ours, theirs)


@pytest.mark.parametrize("name", ["vgg16_bn", "convnext_tiny"])
def test_patches_cut_by_the_border_are_padded(name):
    """With zeros for a convolution; the maximum of VGG's pooling is that of the pixels in the image."""
    encoder = build(name)
    first = next(m for m in encoder.modules() if type(m).__name__ in ("PatchConv2d", "PatchMaxPool2d"))
    side = first.kernel_size[0]
    features = torch.randn(1, 3, side + 1, 2 * side - 1)
    missing = (0, 1, 0, side - 1)
    with torch.no_grad():
        if name == "convnext_tiny":
            whole = nn.functional.pad(features, missing)
            assert torch.equal(first(features), nn.functional.conv2d(whole, first.weight, first.bias, stride=side))
        else:
            expected = nn.functional.max_pool2d(features, side, ceil_mode=True)
            assert torch.equal(first(features), expected)


@pytest.mark.parametrize(("stride", "dilate"), [(16, [False, False, True]), (8, [False, True, True])])
def test_dilated_resnet50_is_torchvisions(stride, dilate):
    torch.manual_seed(0)
    encoder = randomise(build_encoder("resnet50", output_stride=stride)).eval()
    with torch.device("meta"):
        reference = torchvision.models.resnet50(weights=None, replace_stride_with_dilation=dilate)
    reference = reference.to_empty(device="cpu").eval()
    reference.load_state_dict(encoder.state_dict(), strict=False)
    image = torch.randn(1, 3, 65, 40)
    with torch.no_grad():
        for ours, theirs in zip(encoder(image), torchvision_maps(reference, "resnet50", image), strict=True):
            assert torch.equal(ours, theirs)


@pytest.mark.parametrize(("name", "size"), [("resnet18", (64, 32)), *((name, (75, 49)) for name in DILATED)])
def test_dilated_features_contain_the_strided_ones(name, size):
    """Removing a stride adds positions and changes none: every second value of a dilated map is the strided map's.

    The averages of squeeze-and-excitation (MobileNetV3, EfficientNet) are over other positions in a dilated map, so
    they are constants here.
    """
    encoder = build(name).double()
    for module in encoder.modules():
        if isinstance(module, SqueezeExcitation):
            module.avgpool = Ones()
    image = torch.randn(1, 3, *size, dtype=torch.float64)
    with torch.no_grad():
        strided = encoder(image)
        own = encoder.strides
        for stride in (16, 8):
            encoder.set_output_stride(stride)
            for coarse, fine, full, reduced in zip(strided, encoder(image), own, encoder.strides, strict=True):
                step = full // reduced
                assert fine[..., ::step, ::step].shape == coarse.shape
                assert relative(fine[..., ::step, ::step], coarse) < 1e-10


class Ones(nn.Module):
    """Replaces an average over the whole map."""

    def forward(self, features: Tensor) -> Tensor:
        return features.new_ones(*features.shape[:2], 1, 1)
