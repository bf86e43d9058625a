"""Blocks that more than one paper uses, written once."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class FCNHead(nn.Sequential):
    """Scores from one feature map, (N, C, h, w) -> (N, num_classes, h, w): torchvision's FCNHead.

    3x3 convolution to C / 4, BatchNorm, ReLU, dropout 0.1, 1x1 convolution. The same layers are PSPNet's auxiliary
    head in its authors' code, but for its `channel_dropout`, which drops whole channels; the paper (Zhao et al. 2017,
    arXiv:1612.01105) gives no layers.
    """

    def __init__(self, in_channels: int, num_classes: int, *, channel_dropout: bool = False) -> None:
        width = in_channels // 4
        dropout = nn.Dropout2d(0.1) if channel_dropout else nn.Dropout(0.1)
        super().__init__(conv_bn_relu(in_channels, width, 3), dropout, nn.Conv2d(width, num_classes, 1))

    @staticmethod
    def names_in_torchvision(theirs: str, ours: str) -> dict[str, str]:
        """Map the prefixes of torchvision's head `theirs` to those of this one, called `ours`."""
        return {f"{theirs}.0.": f"{ours}.0.0.", f"{theirs}.1.": f"{ours}.0.1.", f"{theirs}.4.": f"{ours}.2."}


def conv_bn_relu(in_channels: int, out_channels: int, kernel_size: int, dilation: int = 1) -> nn.Sequential:
    """Convolution without bias, BatchNorm, ReLU; the height and width stay.

    It starts from He's initialisation (2015, arXiv:1502.01852) in every decoder, so that none has a better start.
    """
    padding = dilation * (kernel_size // 2)
    conv = nn.Conv2d(in_channels, out_channels, kernel_size, padding=padding, dilation=dilation, bias=False)
    nn.init.kaiming_normal_(conv.weight, nonlinearity="relu")
    return nn.Sequential(conv, nn.BatchNorm2d(out_channels), nn.ReLU(inplace=True))


def widen(scores: Tensor) -> Tensor:
    """float32, or finer where it is: bfloat16 has 8 bits, interpolated in it neighbouring pixels tie."""
    return scores.to(torch.promote_types(scores.dtype, torch.float32))


def resize(features: Tensor, size: Sequence[int]) -> Tensor:
    """Interpolate (N, C, h, w) to (N, C, *size): bilinear, align_corners=False, everywhere in the project."""
    return F.interpolate(features, size=(size[0], size[1]), mode="bilinear", align_corners=False)


def crop(features: Tensor, size: Sequence[int], offset: int = 0) -> Tensor:
    """Keep (N, C, *size) of (N, C, h, w), from the upper left or, in both directions, from `offset` on.

    Where there is less than that, zeros follow.
    """
    # A negative pad and not a slice: whether a slice cuts anything would be fixed when the model is exported.
    right, below = size[1] + offset - features.shape[-1], size[0] + offset - features.shape[-2]
    return F.pad(features, (-offset, right, -offset, below))
