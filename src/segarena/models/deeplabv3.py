"""Rethinking Atrous Convolution for Semantic Image Segmentation. Chen et al. 2017 (arXiv:1706.05587)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import torch
from torch import Tensor, nn

from segarena.errors import ConfigError
from segarena.models.base import SegmentationModel, SegmentationOutput, Size, finish
from segarena.models.encoders import Encoder
from segarena.models.layers import AuxiliaryHead, conv_bn_relu, refuse_single_value

PAPER_MULTI_GRID = (1, 2, 4)


class DeepLabv3(SegmentationModel):
    """Atrous spatial pyramid pooling over a dilated encoder with multi-grid (3.3, figure 5).

    image (N, in_channels, H, W) -> logits (N, num_classes, H, W). The rates are (6, 12, 18) at output stride 16, twice
    that at 8. `multi_grid` (3.2.1) sets the dilations of the blocks of a ResNet's last stage: its entries times the
    stage's 2, or 4 at output stride 8. None is the paper's (1, 2, 4), of which ResNet-18 with its two blocks takes
    (1, 2). MobileNetV2 has no such blocks: it keeps the stage's own dilation, and a multi_grid asked for is
    refused. The constructor sets it on the encoder it is given. `auxiliary=True` adds PSPNet's auxiliary head, which
    the paper does not have, for training mode.

    Departs: align_corners=False; both convolutions of a BasicBlock get the rate, as the paper knows bottlenecks only.
    Raises ConfigError for a multi_grid that does not fit the encoder, and in training on a batch of one
    image: image-level pooling leaves one value per channel.
    """

    output_strides: ClassVar[tuple[int, ...]] = (16, 8)

    def __init__(
        self, encoder: Encoder, num_classes: int, *, multi_grid: Sequence[int] | None = None, auxiliary: bool = False
    ) -> None:
        super().__init__(encoder, num_classes)
        blocks = len(encoder.last_blocks)
        if multi_grid is not None and (len(multi_grid) != blocks or min(multi_grid, default=0) < 1):
            raise ConfigError(
                f"multi_grid {tuple(multi_grid)} does not fit the encoder {encoder.name}",
                remedy=f"Give {blocks} numbers, each 1 or more" if blocks else "Leave it out, or use a ResNet",
            )
        self.multi_grid = PAPER_MULTI_GRID[:blocks] if multi_grid is None else tuple(multi_grid)
        encoder.apply_multi_grid(self.multi_grid)
        self.aspp = ASPP(encoder.channels[-1], tuple(rate * 16 // encoder.strides[-1] for rate in (6, 12, 18)))
        self.classifier = nn.Conv2d(256, num_classes, 1)
        self.auxiliary_head = AuxiliaryHead(encoder.channels[-2], num_classes) if auxiliary else None

    def forward(self, image: Tensor, size: Size = None) -> SegmentationOutput:
        """See the class; `size` is that of the logits and of auxiliary. Native: the output stride."""
        *_, stage4, stage5 = self.encoder(image)
        logits = self.classifier(self.aspp(stage5))  # (N, num_classes, h, w)
        auxiliary = self.auxiliary_head(stage4) if self.auxiliary_head is not None and self.training else None
        return finish(logits, auxiliary, image, size)


class ASPP(nn.Module):
    """Atrous spatial pyramid pooling (3.3): features (N, C, h, w) -> (N, width, h, w).

    A 1x1 convolution, a 3x3 one at each rate, and the average of the whole image, each to `width` channels with
    BatchNorm and ReLU; concatenated and projected by a 1x1 convolution. Raises ConfigError in training on a batch of
    one.
    """

    def __init__(self, in_channels: int, rates: Sequence[int], width: int = 256) -> None:
        super().__init__()
        self.point = conv_bn_relu(in_channels, width, 1)
        self.atrous = nn.ModuleList(conv_bn_relu(in_channels, width, 3, dilation=rate) for rate in rates)
        self.image_level = conv_bn_relu(in_channels, width, 1)
        self.project = conv_bn_relu((2 + len(rates)) * width, width, 1)

    def forward(self, features: Tensor) -> Tensor:
        average = features.mean(dim=(2, 3), keepdim=True)  # (N, C, 1, 1)
        refuse_single_value(self.image_level, average.shape[0])
        # Bilinear interpolation of a single value is that value everywhere.
        level = self.image_level(average).expand(-1, -1, *features.shape[-2:])
        branches = [self.point(features), *(atrous(features) for atrous in self.atrous), level]
        result: Tensor = self.project(torch.cat(branches, dim=1))
        return result
