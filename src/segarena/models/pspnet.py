"""Pyramid Scene Parsing Network. Zhao, Shi, Qi, Wang, Jia 2017 (arXiv:1612.01105)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from segarena.models.base import SegmentationModel, SegmentationOutput, Size, finish
from segarena.models.checks import refuse_single_value, require_switch
from segarena.models.encoders import Encoder
from segarena.models.layers import FCNHead, conv_bn_relu, resize


class PSPNet(SegmentationModel):
    """Zhao et al. 2017: pyramid pooling over a dilated encoder (figure 3), with the auxiliary head of section 4.

    image (N, in_channels, H, W) -> logits and auxiliary (N, num_classes, H, W); auxiliary in training mode only.
    The fusion is a 3x3 convolution to 512 channels, BatchNorm, ReLU and dropout 0.1, as in the authors' code.
    `auxiliary=False` leaves the head out.

    Departs: in the encoder track output stride 16 by default, 8 (the paper's) on request, and a fusion of min(512, C)
    channels for an encoder of C, so that MobileNetV2's 320 are not widened; in both tracks torchvision's 7x7 stem where
    the authors' ResNet has three 3x3 convolutions, its bottleneck with the stride on the 3x3 convolution where He et
    al. have it on the first 1x1 one, and the first block of a dilated stage at the dilation of the stage before;
    align_corners=False.
    Raises ConfigError in training on a batch of one image: the coarsest bin holds one value per channel.
    """

    output_strides: ClassVar[tuple[int, ...]] = (8, 16)
    default_stride: ClassVar[int] = 16
    paper_encoders: ClassVar[tuple[str, ...]] = ("resnet50", "resnet101")
    paper_options: ClassVar[Mapping[str, Any]] = {"output_stride": 8}

    def __init__(self, encoder: Encoder, num_classes: int, *, auxiliary: bool = True) -> None:
        super().__init__(num_classes)
        self.check_output_stride(encoder.strides[-1])
        require_switch("auxiliary", auxiliary)
        self.encoder = encoder
        channels = encoder.channels[-1]
        width = min(512, channels)
        self.pyramid = PyramidPooling(channels)
        self.fusion = conv_bn_relu(2 * channels, width, 3)
        self.dropout = nn.Dropout2d(0.1)
        self.classifier = nn.Conv2d(width, num_classes, 1)
        self.auxiliary_head = FCNHead(encoder.channels[-2], num_classes, channel_dropout=True) if auxiliary else None

    def forward(self, image: Tensor, size: Size = None) -> SegmentationOutput:
        """See the class; `size` is that of the logits and of auxiliary. Native: the output stride."""
        *_, conv4, conv5 = self.encoder(image)
        features = self.fusion(self.pyramid(conv5))  # (N, min(512, C), h, w)
        logits = self.classifier(self.dropout(features))  # (N, num_classes, h, w)
        auxiliary = self.auxiliary_head(conv4) if self.auxiliary_head is not None and self.training else None
        return finish(logits, auxiliary, image, size)


class PyramidPooling(nn.Module):
    """Pool on four grids, reduce, enlarge, append (Zhao et al. 2017, 3.2): (N, C, h, w) -> (N, 2C, h, w).

    A grid of k x k bins is averaged, reduced to C / len(bins) channels by a 1x1 convolution with BatchNorm and ReLU,
    and enlarged to h x w. Departs: align_corners=False, where the authors' code has True. Raises ConfigError in
    training where a bin's BatchNorm sees a single value, ValueError if C is not divisible by len(bins).
    """

    def __init__(self, channels: int, bins: Sequence[int] = (1, 2, 3, 6)) -> None:
        super().__init__()
        if channels % len(bins):
            raise ValueError(f"{channels} channels cannot be shared among {len(bins)} bins")
        self.bins = tuple(bins)
        self.reduce = nn.ModuleList(conv_bn_relu(channels, channels // len(bins), 1) for _ in bins)

    def forward(self, features: Tensor) -> Tensor:
        branches = [features]
        for pooled, reduce in zip(pool_grids(features, self.bins), self.reduce, strict=True):
            refuse_single_value(reduce, pooled.shape[0] * pooled.shape[2] * pooled.shape[3])
            branches.append(resize(reduce(pooled), features.shape[-2:]))  # (N, C / len(bins), h, w)
        return torch.cat(branches, dim=1)


def pool_grids(features: Tensor, bins: Sequence[int]) -> list[Tensor]:
    """Average (N, C, h, w) over grids of k x k bins for each k: a list of (N, C, k, k).

    The bins are those of AdaptiveAvgPool2d, which ONNX has only for fixed sizes: bin i of k over a length h runs from
    floor(i h / k) to ceil((i + 1) h / k). Averages are linear in rows and in columns, so two matrix products make them:
    rows @ image @ columns. The image is read as (N, h, w, C), the order in which channels-last stores it. Sums are
    divided after each product: as entries of a matrix, the shares of a bin would be rounded in bfloat16.
    """
    count, channels, height, width = features.shape
    image = features.permute(0, 2, 3, 1).reshape(count, height, width * channels)
    rows = torch.cat([_members(k, height, features) for k in bins])  # (sum of bins, h)
    sums = torch.matmul(rows, image) / rows.sum(dim=1, keepdim=True)
    strips = sums.reshape(count, rows.shape[0], width, channels)  # (N, sum of bins, w, C)
    grids = []
    for k, strip in zip(bins, torch.split(strips, list(bins), dim=1), strict=True):
        columns = _members(k, width, features)
        grid = torch.matmul(columns, strip) / columns.sum(dim=1, keepdim=True)  # (N, k, k, C)
        grids.append(grid.permute(0, 3, 1, 2))
    return grids


def _members(bins: int, length: int, like: Tensor) -> Tensor:
    """Which of `length` numbers lie in which bin: a matrix (bins, length) of ones and zeros."""
    index = torch.arange(bins, device=like.device)[:, None]
    start, end = index * length // bins, -(-(index + 1) * length // bins)
    place = torch.arange(length, device=like.device)
    return ((place >= start) & (place < end)).to(like.dtype)
