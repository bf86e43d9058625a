"""The networks that torchvision writes as one list of blocks, `features`: VGG, MobileNet, EfficientNet, ConvNeXt, Swin.

Where a map ends, its stride and its channels are read off the blocks; no number is written down here.
"""

from __future__ import annotations

from itertools import accumulate
from operator import mul
from typing import Any

from torch import Tensor, nn
from torchvision.models import SwinTransformer
from torchvision.ops import Conv2dNormActivation

from segarena.models.encoders.base import Encoder
from segarena.models.encoders.patches import PatchConv2d, PatchMaxPool2d
from segarena.models.encoders.swin import PairMerging


class FeatureListEncoder(Encoder):
    """The blocks of a torchvision network up to its classifier; a map is taken before each stride, and at the end.

    Simonyan and Zisserman 2014 (VGG, arXiv:1409.1556), Sandler et al. 2018 (MobileNetV2, arXiv:1801.04381), Howard et
    al. 2019 (MobileNetV3, arXiv:1905.02244), Tan and Le 2019 (EfficientNet, arXiv:1905.11946), Liu et al. 2022
    (ConvNeXt, arXiv:2201.03545), Liu et al. 2021 (Swin, arXiv:2103.14030).

    Departs: without the 1x1 convolution that MobileNets and EfficientNets end with: it feeds the classifier's global
    average, and on a map would make every decoder's first layer several times dearer (MobileNetV2's paper, 6.3, also
    segments on the last bottleneck). Without the LayerNorm behind the last block of ConvNeXt and Swin, which belongs to
    their classifiers; maps go to the decoder as the blocks give them. Pooling and patches take in the last row and
    column of odd sizes, which torchvision cuts off. BatchNorm's running statistics follow with momentum 0.1, as in all
    other networks here: with torchvision's 0.01 a MobileNetV3 evaluates for hundreds of steps as if it had learned
    nothing. A Swin cannot be dilated: its windows are tied to its grid.
    """

    def __init__(self, name: str, network: Any) -> None:
        super().__init__(name)
        blocks: nn.Sequential = network.features
        kept = len(blocks) - 1 if _is_pointwise(blocks[-1]) else len(blocks)
        self.features = blocks[:kept]
        others = [child for child, _ in network.named_children() if child != "features"]
        self.unused = (*(f"{child}." for child in others), *(f"features.{i}." for i in range(kept, len(blocks))))
        self.nhwc = isinstance(network, SwinTransformer)  # its blocks take and give (N, H, W, C)
        if self.nhwc:
            self.output_strides = (32,)
        _pad_cut_patches(self.features)
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
        """The blocks behind the third last map up to the second last, and from there to the end."""
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


def _pad_cut_patches(module: nn.Module) -> None:
    """Replace convolutions and pools over separate patches by those that keep the last, cut patch."""
    for name, child in module.named_children():
        if isinstance(child, nn.Conv2d) and child.kernel_size == child.stride != (1, 1):
            side = child.kernel_size[0]
            patches = PatchConv2d(child.in_channels, child.out_channels, side, stride=side)
            patches.load_state_dict(child.state_dict())
            setattr(module, name, patches)
        elif isinstance(child, nn.MaxPool2d):
            setattr(module, name, PatchMaxPool2d())
        else:
            _pad_cut_patches(child)


def _stride(block: nn.Module) -> int:
    if isinstance(block, PairMerging):
        return 2
    strided = [m.stride[0] for m in block.modules() if isinstance(m, (nn.Conv2d, PatchMaxPool2d))]
    return int(max(strided, default=1))


def _out_channels(blocks: nn.Module) -> int:
    last = [m for m in blocks.modules() if isinstance(m, (nn.Conv2d, nn.Linear))][-1]
    return last.out_features if isinstance(last, nn.Linear) else last.out_channels
