"""Networks for the tests: all their numbers are random, and those on thin encoders take milliseconds."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from typing import Any, NamedTuple, TypeVar
from unittest.mock import patch

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torchvision.models.resnet import BasicBlock, Bottleneck

from segarena.models import (
    ENCODERS,
    TRACKS,
    Encoder,
    SegmentationModel,
    build_encoder,
    build_model,
    registry,
)
from segarena.models.layers import conv_bn_relu
from segarena.models.unet import EncoderUNet, UNet

M = TypeVar("M", bound=nn.Module)


class Case(NamedTuple):
    """A network to test; with `encoder` "thin" or "coarse", the architecture on few channels.

    `stride` None is the architecture's own, which for the paper's DeepLabv3 is 16 in training and 8 in evaluation.
    """

    name: str
    track: str = "encoder"
    encoder: str | None = "thin"
    stride: int | None = None
    padded: bool = False

    def __str__(self) -> str:
        stride = "" if self.stride is None else f"-os{self.stride}"
        return f"{self.track}-{self.name}-{self.encoder or 'alone'}{stride}{'-padded' * self.padded}"

    def build(self, num_classes: int = 5, seed: int = 0, **options: Any) -> SegmentationModel:
        """Build it with random values in every parameter and statistic."""
        return randomise(self.build_untouched(num_classes, seed, **options))

    def build_untouched(self, num_classes: int = 5, seed: int = 0, **options: Any) -> SegmentationModel:
        """Build it as `build_model` does."""
        torch.manual_seed(seed)
        own = {"padded": True} if self.padded else {}
        arguments = {"track": self.track, "output_stride": self.stride, **own, **options}
        kind = {"thin": ThinEncoder, "coarse": CoarseEncoder}.get(self.encoder or "")
        with nullcontext() if kind is None else thin_networks(kind):
            encoder = self.encoder if kind is None else None
            return build_model(self.name, num_classes, encoder=encoder, **arguments)


def default_stride(name: str, track: str) -> int:
    kind = TRACKS[track][name]
    return kind.paper_options["output_stride"] if track == "paper" else kind.default_stride


PADDED = Case("unet", "paper", "thin", padded=True)
#: Every architecture of both tracks, at each output stride it has; U-Net also where it has fewer skips.
THIN = [
    Case("unet", "encoder", "coarse"),
    *(
        Case(name, "encoder", "thin", stride)
        for name, kind in TRACKS["encoder"].items()
        for stride in kind.output_strides
    ),
    *(Case(name, "paper", "thin") for name in TRACKS["paper"]),
    *(Case("fcn", "paper", "thin", stride) for stride in (16, 32)),
    PADDED,
]
#: Every architecture once, with its default options.
EACH = [Case(name, track, "thin") for track, models in TRACKS.items() for name in models]
#: Every architecture on every encoder that it supports, at every output stride.
ALL = [
    Case(name, track, encoder, stride)
    for track, models in TRACKS.items()
    for name, kind in models.items()
    for encoder in (ENCODERS if track == "encoder" else kind.paper_encoders or (None,))
    for stride in kind.output_strides
    if encoder != "swin_t" or stride == 32
]
#: The decoders on two real encoders: seconds.
REAL = [case for case in ALL if case.encoder in ("resnet18", "mobilenet_v2")]
#: The decoders on one encoder of each other family, and the networks of the papers, at their own stride: minutes.
FAMILIES = (
    *("resnet50", "resnext50_32x4d", "vgg16_bn"),
    *("mobilenet_v3_large", "efficientnet_b0", "convnext_tiny", "swin_t"),
)
HEAVY = [
    case
    for case in ALL
    if case.stride == default_stride(case.name, case.track) and (case.track == "paper" or case.encoder in FAMILIES)
]
HEAVY += [
    Case("deeplabv3", "paper", "resnet50"),
    Case("deeplabv3", "paper", "resnet101"),
    Case("unet", "paper", None, 16, padded=True),
]
#: All others: hours.
REST = [case for case in ALL if case not in REAL and case not in HEAVY]
#: What a test of all networks adds to the thin ones: the decoders on real encoders, half or all of them marked slow
#: where they take long; and the rest.
SLOW_REAL = [pytest.param(case, marks=pytest.mark.slow) for case in REAL]
HALF_REAL = [*REAL[::2], *SLOW_REAL[1::2]]
SLOW = [
    *(pytest.param(case, marks=pytest.mark.slow) for case in HEAVY),
    *(pytest.param(case, marks=pytest.mark.exhaustive) for case in REST),
]


class ThinEncoder(Encoder):
    """Convolutions of a few channels with BatchNorm, at an encoder's strides; the last stage has three blocks."""

    stem, unused = "stages.0.0.0.weight", ()
    channels, all_strides = (4, 8, 8, 8, 16), (2, 4, 8, 16, 32)

    def __init__(self, output_stride: int = 32, in_channels: int = 3) -> None:
        super().__init__("thin")
        widths = ThinEncoder.channels
        pairs = zip((in_channels, *widths), widths, strict=False)
        self.stages = nn.ModuleList(nn.Sequential(conv_bn_relu(before, width, 3)) for before, width in pairs)
        for stage in self.stages:
            stage[0][0].stride = (2, 2)
        self.stages[-1].extend([conv_bn_relu(16, 16, 3), conv_bn_relu(16, 16, 3)])
        self.prepare_strides(self.all_strides)
        self.set_output_stride(output_stride)

    @property
    def last_blocks(self) -> Sequence[nn.Module]:
        return list(self.stages[-1])

    @property
    def deep_stages(self) -> tuple[nn.Module, nn.Module]:
        return self.stages[3], self.stages[4]

    def forward(self, image: Tensor) -> tuple[Tensor, ...]:
        self.check_batch(image)
        maps = [image]
        for stage in self.stages:
            maps.append(stage(maps[-1]))
        return tuple(maps[-len(self.channels) :])


class CoarseEncoder(ThinEncoder):
    """Without a map at stride 2, as ConvNeXt and Swin."""

    channels, all_strides = ThinEncoder.channels[1:], ThinEncoder.all_strides[1:]


class ThinVGG16(nn.Module):
    """One convolution of few channels before each pooling, where VGG-16 has two or three; the same geometry."""

    name, stem, unused = "vgg16", "convs.0.weight", ()
    channels, strides = (8, 8, 16), (8, 16, 32)

    def __init__(self, in_channels: int = 3) -> None:
        super().__init__()
        self.convs = nn.ModuleList(nn.Conv2d(before, 8, 3, padding=1) for before in (in_channels, 8, 8, 8, 8))
        self.convs[0].padding = (100, 100)
        self.fc6, self.fc7 = nn.Conv2d(8, 16, 7), nn.Conv2d(16, 16, 1)

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        maps = [image]
        for conv in self.convs:
            maps.append(F.max_pool2d(F.relu(conv(maps[-1])), 2, ceil_mode=True))
        return maps[3], maps[4], F.relu(self.fc7(F.relu(self.fc6(maps[5]))))


@contextmanager
def thin_networks(kind: type[ThinEncoder] = ThinEncoder) -> Iterator[None]:
    """Let `build_model` build every architecture on few channels."""

    def create_encoder(_name: str, *, output_stride: int = 32, in_channels: int = 3) -> Encoder:
        return kind(output_stride, in_channels)

    with (
        patch.object(registry, "create_encoder", create_encoder),
        patch.object(registry, "VGG16", ThinVGG16),
        patch.object(UNet, "widths", (4, 8, 8, 16, 16)),
        patch.object(EncoderUNet, "widths", (32, 16, 16, 8, 8)),
    ):
        yield


def vgg16_bn() -> Encoder:
    """The encoder, without initialising the 124 million weights of the classifier, which takes seconds."""
    with torch.device("meta"):
        encoder = build_encoder("vgg16_bn")
    encoder.to_empty(device="cpu")
    for layer in encoder.modules():
        if isinstance(layer, (nn.Conv2d, nn.BatchNorm2d)):
            layer.reset_parameters()
    return encoder


def randomise(module: M) -> M:
    """Give random values to all parameters and statistics that are initialised to constants, which hide mistakes.

    The branch of a residual block gets smaller values than its input, as in a trained network. Otherwise the logits on
    a ResNet-101 would be tens of thousands, with a rounding error to match.
    """
    for layer in module.modules():
        if isinstance(layer, (nn.BatchNorm2d, nn.LayerNorm)):
            nn.init.uniform_(layer.weight, 0.8, 1.2)
            nn.init.uniform_(layer.bias, -0.1, 0.1)
        if isinstance(layer, nn.BatchNorm2d):
            nn.init.uniform_(layer.running_mean, -0.1, 0.1)
            nn.init.uniform_(layer.running_var, 0.8, 1.2)
    for block in module.modules():
        if isinstance(block, (BasicBlock, Bottleneck)):
            last = block.bn3 if isinstance(block, Bottleneck) else block.bn2
            nn.init.uniform_(last.weight, 0.3, 0.5)
    for key, parameter in module.named_parameters():
        if key.endswith("layer_scale"):
            nn.init.uniform_(parameter, 0.1, 0.2)
        elif parameter.requires_grad and (not parameter.any() or key.startswith(("upscore", "up16", "up8"))):
            nn.init.normal_(parameter, std=0.1)
    return module


def relative(ours: Tensor, theirs: Tensor) -> float:
    """The largest difference, as a part of the largest absolute value in `theirs`."""
    return float((ours - theirs).detach().abs().max() / theirs.detach().abs().max())
