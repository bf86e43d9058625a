"""torchvision backbones as encoders: an image in, feature maps at five resolutions out.

An encoder's parameters have the names of torchvision's own models, so that its state dicts load unchanged.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from torch import Tensor, nn
from torchvision.models import MobileNetV2, mobilenet_v2, resnet18, resnet34, resnet50, resnet101
from torchvision.models.resnet import ResNet

from segarena.errors import ConfigError
from segarena.models.layers import refuse_single_value
from segarena.models.weights import load_weights

RESNETS = {"resnet18": resnet18, "resnet34": resnet34, "resnet50": resnet50, "resnet101": resnet101}
ENCODERS = (*RESNETS, "mobilenet_v2")
OUTPUT_STRIDES = (8, 16, 32)


class Encoder(nn.Module):
    """forward(image (N, in_channels, H, W)) -> five feature maps, fine to coarse.

    Map i is (N, channels[i], ceil(H / strides[i]), ceil(W / strides[i])). The image is a float tensor, normalised
    as the weights expect it (for ImageNet weights: by ImageNet's mean and standard deviation); any H and W of at
    least 1 work, useful ones start at 32. `stem` is the name of the first convolution's weight; `last_blocks` are the
    residual blocks of the last stage where multi-grid can be applied, empty where the paper's idea has no place.
    Raises ConfigError in training on one image so small that the last map is a single pixel.
    """

    name: str
    stem: str
    channels: tuple[int, ...]
    strides: tuple[int, ...]

    @property
    def last_blocks(self) -> Sequence[nn.Module]:
        """None, unless an encoder says otherwise."""
        return ()

    def dilate(self, stages: Sequence[nn.Module], output_stride: int) -> None:
        """Keep the resolution at `output_stride`, and the receptive fields, by dilation (Chen et al. 2017, 3.1).

        `stages` are the two last ones. A pretrained dilated network computes what the strided one does, at more
        places: each convolution looks at taps as far apart as the strides removed before it ask for.
        """
        dilation = 1
        for stage, stride in zip(stages, (16, 32), strict=True):
            if stride > output_stride:
                dilation = _replace_stride(stage, dilation)
        self.dilation = dilation
        self.strides = tuple(min(stride, output_stride) for stride in (2, 4, 8, 16, 32))

    def apply_multi_grid(self, multi_grid: Sequence[int]) -> None:
        """Set the dilation of each of `last_blocks` to the stage's own times its entry. Chen et al. 2017, 3.2.1."""
        for block, factor in zip(self.last_blocks, multi_grid, strict=True):
            for conv in _spatial_convolutions(block):
                _set_dilation(conv, self.dilation * factor)

    def check_batch(self, image: Tensor) -> None:
        """Refuse in training an image whose last map would be one value per channel."""
        count, _, height, width = image.shape
        stride = self.strides[-1]
        refuse_single_value(self, count * -(-height // stride) * -(-width // stride))


class ResNetEncoder(Encoder):
    """He et al. 2015 (arXiv:1512.03385) in torchvision's form: ResNet-18, -34, -50 or -101.

    Departs: torchvision puts a bottleneck's stride on its 3x3 convolution. Its BasicBlock refuses to be dilated;
    here ResNet-18 and -34 can be.
    """

    stem = "conv1.weight"

    def __init__(self, name: str, *, output_stride: int = 32, in_channels: int = 3) -> None:
        super().__init__()
        network: ResNet = RESNETS[name](weights=None)
        self.name = name
        self.conv1 = _widen(network.conv1, in_channels)
        self.bn1, self.relu, self.maxpool = network.bn1, network.relu, network.maxpool
        self.layer1, self.layer2 = network.layer1, network.layer2
        self.layer3, self.layer4 = network.layer3, network.layer4
        base = network.fc.in_features // 8
        self.channels = (64, base, 2 * base, 4 * base, 8 * base)
        self.dilate((self.layer3, self.layer4), output_stride)

    @property
    def last_blocks(self) -> Sequence[nn.Module]:
        """The residual blocks of the last stage: two in ResNet-18, three in the others."""
        return list(self.layer4)

    def forward(self, image: Tensor) -> tuple[Tensor, ...]:
        self.check_batch(image)
        x1 = self.relu(self.bn1(self.conv1(image)))  # stride 2
        x2 = self.layer1(self.maxpool(x1))  # stride 4
        x3 = self.layer2(x2)  # stride 8
        x4 = self.layer3(x3)  # stride 16, or less where dilated
        return x1, x2, x3, x4, self.layer4(x4)  # stride 32, or less where dilated


class MobileNetV2Encoder(Encoder):
    """Sandler et al. 2018 (arXiv:1801.04381) without the 1x1 convolution to 1280 channels.

    That layer feeds the classifier's global average; on a map it would make every decoder's first layer four times
    dearer. The paper's own segmentation (6.3) also stands on the 320 channels of the last bottleneck.
    """

    stem = "features.0.0.weight"
    channels = (16, 24, 32, 96, 320)
    #: The last block of each resolution.
    ends = (1, 3, 6, 13, 17)

    def __init__(self, name: str = "mobilenet_v2", *, output_stride: int = 32, in_channels: int = 3) -> None:
        super().__init__()
        network: MobileNetV2 = mobilenet_v2(weights=None)
        self.name = name
        self.features: nn.Sequential = network.features[:18]
        self.features[0][0] = _widen(self.features[0][0], in_channels)
        self.dilate((self.features[7:14], self.features[14:18]), output_stride)

    def forward(self, image: Tensor) -> tuple[Tensor, ...]:
        self.check_batch(image)
        features, maps = image, []
        for index, block in enumerate(self.features):
            features = block(features)
            if index in self.ends:
                maps.append(features)
        return tuple(maps)


def build_encoder(
    name: str, *, weights: str | Path | None = None, output_stride: int = 32, in_channels: int = 3
) -> Encoder:
    """Build one of ENCODERS: random from torch's generator, or with `weights` (see `weights.load_weights`).

    `output_stride` 16 or 8 replaces the last one or two strides by dilation. With `in_channels` other than 3 the
    pretrained first convolution is adapted. Raises ConfigError for a name, stride or channel count that cannot be,
    WeightsError for weights.
    """
    if name not in ENCODERS:
        raise ConfigError(f"there is no encoder {name!r}", remedy=f"Choose one of {', '.join(ENCODERS)}")
    if output_stride not in OUTPUT_STRIDES:
        raise ConfigError(f"an output stride of {output_stride} is not possible", remedy="Use 8, 16 or 32")
    if in_channels < 1:
        raise ConfigError(f"in_channels is {in_channels}", remedy="Give the number of image channels, 1 or more")
    kind = ResNetEncoder if name in RESNETS else MobileNetV2Encoder
    encoder = kind(name, output_stride=output_stride, in_channels=in_channels)
    load_weights(encoder, weights, name=name, stem=encoder.stem)
    return encoder


def _widen(conv: nn.Conv2d, in_channels: int) -> nn.Conv2d:
    """The same convolution over another number of image channels, newly initialised as torchvision does."""
    if in_channels == conv.in_channels:
        return conv
    new = nn.Conv2d(in_channels, conv.out_channels, conv.kernel_size[0], conv.stride[0], conv.padding[0], bias=False)
    nn.init.kaiming_normal_(new.weight, mode="fan_out", nonlinearity="relu")
    return new


def _spatial_convolutions(module: nn.Module) -> Iterable[nn.Conv2d]:
    return (m for m in module.modules() if isinstance(m, nn.Conv2d) and m.kernel_size == (3, 3))


def _set_dilation(conv: nn.Conv2d, dilation: int) -> None:
    conv.dilation = conv.padding = (dilation, dilation)


def _replace_stride(stage: nn.Module, dilation: int) -> int:
    """Remove a stage's stride of 2; `dilation` is that of the stage before, the returned one that of this stage.

    The convolution that had the stride still reads the finer grid of the stage before and keeps its dilation; those
    after it get the doubled one. In a BasicBlock that is its second convolution already.
    """
    for conv in (m for m in stage.modules() if isinstance(m, nn.Conv2d)):
        strided, conv.stride = conv.stride == (2, 2), (1, 1)
        if conv.kernel_size == (3, 3):
            _set_dilation(conv, dilation)
            dilation *= 2 if strided else 1
    return dilation
