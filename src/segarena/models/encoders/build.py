"""Build an encoder by its name: torchvision's network, its first convolution, its output stride, its weights."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from torch import nn
from torchvision.models import get_model
from torchvision.models.resnet import ResNet

from segarena.config.names import choose_from
from segarena.errors import ConfigError
from segarena.models.checks import require_positive
from segarena.models.encoders import swin
from segarena.models.encoders.base import Encoder
from segarena.models.encoders.features import FeatureListEncoder
from segarena.models.encoders.resnet import ResNetEncoder
from segarena.models.fitting import load_encoder
from segarena.models.weights import read_weights

#: The encoders, by torchvision's names.
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
    """Build an encoder, with random or pretrained weights.

    Args:
        name: One of ENCODERS.
        weights: None or "none" for random weights from torch's generator, "imagenet", or a file: see `read_weights`.
        output_stride: 32, or 16 or 8 to replace the last one or two strides by dilation.
        in_channels: Channels of the image. Pretrained weights for RGB are adapted to another number.

    Raises:
        ConfigError: The name is unknown, or the encoder does not support the stride or the number of channels.
        WeightsError: The weights cannot be downloaded or read, or do not fit.

    >>> import torch
    >>> encoder = build_encoder("resnet18", output_stride=16)
    >>> encoder.channels, encoder.strides
    ((64, 64, 128, 256, 512), (2, 4, 8, 16, 16))
    >>> [tuple(features.shape) for features in encoder(torch.zeros(2, 3, 64, 64))][-1]
    (2, 512, 4, 4)
    """
    encoder = create_encoder(name, output_stride=output_stride, in_channels=in_channels)
    load_encoder(encoder, read_weights(weights, name))
    return encoder


def create_encoder(name: str, *, output_stride: int = 32, in_channels: int = 3) -> Encoder:
    """Build an encoder with random weights; arguments and ConfigError as in `build_encoder`."""
    if name not in ENCODERS:
        raise ConfigError(f"there is no encoder {name!r}", remedy=choose_from(ENCODERS, like=str(name)))
    require_positive("in_channels", in_channels, "image channels")
    network: Any = get_model(name, weights=None, **(swin.PARTS if name == "swin_t" else {}))
    kind = ResNetEncoder if isinstance(network, ResNet) else FeatureListEncoder
    encoder = kind(name, network)
    _replace_stem(encoder, in_channels)
    encoder.set_output_stride(output_stride)
    return encoder


def _replace_stem(encoder: Encoder, in_channels: int) -> None:
    """Replace a first convolution for another number of channels by a new one with He initialisation."""
    name = encoder.stem.removesuffix(".weight")
    conv = encoder.get_submodule(name)
    assert isinstance(conv, nn.Conv2d)
    if conv.in_channels == in_channels:
        return
    new = type(conv)(
        in_channels,
        conv.out_channels,
        conv.kernel_size[0],
        stride=conv.stride[0],
        padding=int(conv.padding[0]),
        bias=conv.bias is not None,
    )
    nn.init.kaiming_normal_(new.weight, mode="fan_out", nonlinearity="relu")
    if new.bias is not None:
        nn.init.zeros_(new.bias)
    parent, _, child = name.rpartition(".")
    setattr(encoder.get_submodule(parent), child, new)
