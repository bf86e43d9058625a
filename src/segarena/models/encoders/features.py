"""The networks that torchvision builds as one list of blocks, `features`: VGG, MobileNet, EfficientNet, ConvNeXt, Swin.

The last block of each map, its stride and its channels are read from the layers; no such number is written here.
"""

from __future__ import annotations

from itertools import accumulate
from operator import mul
from typing import Any

from torch import Tensor, nn
from torchvision.models import SwinTransformer
from torchvision.ops import Conv2dNormActivation

from segarena.models.encoders.base import Encoder
from segarena.models.encoders.depthwise import DepthwiseConv2d
from segarena.models.encoders.patches import PatchConv2d, PatchMaxPool2d
from segarena.models.encoders.swin import PairMerging


class FeatureListEncoder(Encoder):
    """The blocks of a torchvision network before its classifier; a map is taken before each stride, and at the end.

    Simonyan and Zisserman 2014 (VGG, arXiv:1409.1556), Sandler et al. 2018 (MobileNetV2, arXiv:1801.04381), Howard et
    al. 2019 (MobileNetV3, arXiv:1905.02244), Tan and Le 2019 (EfficientNet, arXiv:1905.11946), Liu et al. 2022
    (ConvNeXt, arXiv:2201.03545), Liu et al. 2021 (Swin, arXiv:2103.14030).

    A Swin cannot be dilated, as its windows are aligned with its grid.

    Differences from the papers:
        - No 1x1 convolution at the end of MobileNets and EfficientNets: it serves the classifier, and would make the
          first layer of every decoder several times as expensive. MobileNetV2's paper (6.3) omits it for segmentation.
        - No LayerNorm after the last block of ConvNeXt and Swin: it belongs to their classifiers.
        - Pooling and patches include the last row and column of odd sizes, which torchvision drops.
        - BatchNorm has momentum 0.1, as in all networks here: with torchvision's 0.01, the statistics with which a
          MobileNetV3 is evaluated are those of its initial weights for hundreds of steps.

    Args:
        name: torchvision's name of the network.
        network: The network, whose blocks become those of the encoder.
    """

    def __init__(self, name: str, network: Any) -> None:
        super().__init__(name)
        blocks: nn.Sequential = network.features
        kept = len(blocks) - 1 if _is_pointwise(blocks[-1]) else len(blocks)
        self.features = blocks[:kept]
        others = [child for child, _ in network.named_children() if child != "features"]
        self.unused = (*(f"{child}." for child in others), *(f"features.{i}." for i in range(kept, len(blocks))))
        self.nhwc = isinstance(network, SwinTransformer)  # the shape of its maps is (N, H, W, C)
        if self.nhwc:
            self.output_strides = (32,)
        _replace_layers(self.features)
        for layer in self.modules():
            if isinstance(layer, nn.BatchNorm2d):
                layer.momentum = 0.1
        self.stem = next(f"{key}.weight" for key, m in self.named_modules() if isinstance(m, nn.Conv2d))
        steps = [_stride(block) for block in self.features]
        self.ends = tuple(i for i in range(kept) if i + 1 == kept or steps[i + 1] > 1)
        self.channels = tuple(_out_channels(self.features[: end + 1]) for end in self.ends)
        strides = list(accumulate(steps, mul))
        self.prepare_strides([strides[end] for end in self.ends])

    @property
    def deep_stages(self) -> tuple[nn.Module, nn.Module]:
        """The blocks between the last three maps."""
        third, second, last = self.ends[-3:]
        return self.features[third + 1 : second + 1], self.features[second + 1 : last + 1]

    def forward(self, image: Tensor) -> tuple[Tensor, ...]:
        self.check_batch(image)
        features, maps = image, []
        for index, block in enumerate(self.features):
            features = block(features)
            if index in self.ends:
                maps.append(features.permute(0, 3, 1, 2) if self.nhwc else features)
        return tuple(maps)


def _is_pointwise(block: nn.Module) -> bool:
    return isinstance(block, Conv2dNormActivation) and block[0].kernel_size == (1, 1)


def _replace_layers(module: nn.Module) -> None:
    """Replace convolutions and poolings over patches by those that keep a cut patch, and depthwise convolutions."""
    for name, child in module.named_children():
        if isinstance(child, nn.Conv2d) and child.kernel_size == child.stride != (1, 1):
            side = child.kernel_size[0]
            patches = PatchConv2d(child.in_channels, child.out_channels, side, stride=side)
            patches.load_state_dict(child.state_dict())
            setattr(module, name, patches)
        elif isinstance(child, nn.Conv2d) and child.groups == child.in_channels > 1:
            setattr(module, name, DepthwiseConv2d.like(child))
        elif isinstance(child, nn.MaxPool2d):
            setattr(module, name, PatchMaxPool2d())
        else:
            _replace_layers(child)


def _stride(block: nn.Module) -> int:
    if isinstance(block, PairMerging):
        return 2
    strided = [m.stride[0] for m in block.modules() if isinstance(m, (nn.Conv2d, PatchMaxPool2d))]
    return int(max(strided, default=1))


def _out_channels(blocks: nn.Module) -> int:
    last = [m for m in blocks.modules() if isinstance(m, (nn.Conv2d, nn.Linear))][-1]
    return last.out_features if isinstance(last, nn.Linear) else last.out_channels
