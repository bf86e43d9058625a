"""torchvision backbones as encoders: an image in, feature maps at several resolutions out."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from torchvision.models import get_model
from torchvision.models.resnet import ResNet

from segarena.errors import ConfigError
from segarena.models.checks import require_positive
from segarena.models.encoders import swin
from segarena.models.encoders.base import Encoder
from segarena.models.encoders.features import FeatureListEncoder
from segarena.models.encoders.resnet import ResNetEncoder
from segarena.models.encoders.vgg16 import VGG16
from segarena.models.fitting import load_encoder
from segarena.models.stem import replace_stem
from segarena.models.weights import read_weights

__all__ = ["ENCODERS", "VGG16", "Encoder", "build_encoder", "create_encoder"]

#: torchvision's names.
ENCODERS = (
    "resnet18",
    "resnet34",
    "resnet50",
    "resnet101",
    "resnext50_32x4d",
    "vgg16_bn",
    "mobilenet_v2",
    "mobilenet_v3_large",
    "efficientnet_b0",
    "efficientnet_b1",
    "efficientnet_b2",
    "efficientnet_b3",
    "efficientnet_b4",
    "convnext_tiny",
    "convnext_small",
    "swin_t",
)


def build_encoder(
    name: str, *, weights: str | Path | None = None, output_stride: int = 32, in_channels: int = 3
) -> Encoder:
    """Build one of ENCODERS: random from torch's generator, or with `weights` (see `weights.read_weights`).

    `output_stride` 16 or 8 replaces the last one or two strides by dilation. With `in_channels` other than 3 the
    pretrained first convolution is adapted. Raises ConfigError for a name, stride or channel count that cannot be,
    WeightsError for weights.
    """
    encoder = create_encoder(name, output_stride=output_stride, in_channels=in_channels)
    load_encoder(encoder, read_weights(weights, name))
    return encoder


def create_encoder(name: str, *, output_stride: int = 32, in_channels: int = 3) -> Encoder:
    """Build one of ENCODERS with random weights. Raises ConfigError."""
    if name not in ENCODERS:
        raise ConfigError(f"there is no encoder {name!r}", remedy=f"Choose one of {', '.join(ENCODERS)}")
    require_positive("in_channels", in_channels, "image channels")
    network: Any = get_model(name, weights=None, **(swin.PARTS if name == "swin_t" else {}))
    kind = ResNetEncoder if isinstance(network, ResNet) else FeatureListEncoder
    encoder = kind(name, network)
    replace_stem(encoder, in_channels)
    encoder.set_output_stride(output_stride)
    return encoder
