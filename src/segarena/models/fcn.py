"""Fully Convolutional Networks for Semantic Segmentation. Long, Shelhamer, Darrell 2015 (arXiv:1411.4038)."""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor, nn

from segarena.models.base import SegmentationModel, SegmentationOutput, Size, finish
from segarena.models.encoders import Encoder
from segarena.models.layers import crop


class FCN(SegmentationModel):
    """FCN-8s (4.2 and figure 3): class scores at strides 32, 16 and 8, summed from coarse to fine.

    image (N, in_channels, H, W) -> logits (N, num_classes, H, W). As in the paper, the scores start at zero, the two
    2x upsamplings start as bilinear interpolation and are learned, the last 8x one is bilinear and fixed.

    Departs: any encoder of this project instead of VGG16 with its fc6 and fc7; the encoder's padding and a crop to
    the finer map instead of 100 pixels of padding and centre crops; all three streams are trained at once instead of
    one after the other; logits of any image size.
    """

    output_strides: ClassVar[tuple[int, ...]] = (32,)

    def __init__(self, encoder: Encoder, num_classes: int) -> None:
        super().__init__(encoder, num_classes)
        self.score8, self.score16, self.score32 = (_zero_score(c, num_classes) for c in encoder.channels[2:])
        self.up16 = _bilinear_upsampling(num_classes)
        self.up8 = _bilinear_upsampling(num_classes)

    def forward(self, image: Tensor, size: Size = None) -> SegmentationOutput:
        """See the class; `size` is that of the logits. Native: stride 8. There is no auxiliary head."""
        _, _, x8, x16, x32 = self.encoder(image)
        fused16 = self.score16(x16) + crop(self.up16(self.score32(x32)), x16.shape[-2:])  # (N, num_classes, H/16, W/16)
        fused8 = self.score8(x8) + crop(self.up8(fused16), x8.shape[-2:])  # (N, num_classes, H/8, W/8)
        return finish(fused8, None, image, size)


def _zero_score(in_channels: int, num_classes: int) -> nn.Conv2d:
    score = nn.Conv2d(in_channels, num_classes, 1)
    nn.init.zeros_(score.weight)
    nn.init.zeros_(score.bias)  # type: ignore[arg-type]
    return score


def _bilinear_upsampling(channels: int) -> nn.ConvTranspose2d:
    """A 2x transposed convolution that starts as bilinear interpolation of each class by itself."""
    up = nn.ConvTranspose2d(channels, channels, 4, stride=2, padding=1, bias=False)
    taps = torch.tensor([0.25, 0.75, 0.75, 0.25])
    with torch.no_grad():
        up.weight.zero_()
        up.weight[range(channels), range(channels)] = torch.outer(taps, taps)
    return up
