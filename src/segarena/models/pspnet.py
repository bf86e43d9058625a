"""Pyramid Scene Parsing Network. Zhao, Shi, Qi, Wang, Jia 2017 (arXiv:1612.01105)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from segarena.models.base import SegmentationModel, SegmentationOutput, Size, resize_outputs
from segarena.models.checks import refuse_single_value, require_switch
from segarena.models.encoders import Encoder
from segarena.models.layers import FCNHead, conv_bn_relu, resize, to_float32, without_autocast

#: Places of a batch's feature maps from which the fusion is faster by parts: in a training step, and without gradients.
FEWEST_TRAINED, FEWEST_EVALUATED = 1024, 4096


class PSPNet(SegmentationModel):
    """PSPNet (Zhao et al. 2017, figure 3): pyramid pooling on a dilated encoder, with the auxiliary head of section 4.

    image (N, in_channels, H, W) -> logits and auxiliary (N, num_classes, H, W); auxiliary in training mode only.
    The fusion is a 3x3 convolution to 512 channels, BatchNorm, ReLU and dropout 0.1, as in the authors' code.

    Differences from the paper:
        - In the encoder track the default output stride is 16, with 8, the paper's, as an option; and the fusion has
          min(512, C) channels for an encoder of C, so that the 320 of MobileNetV2 are not increased.
        - torchvision's ResNet, for its weights: a 7x7 first convolution where the authors' code has three 3x3 ones, and
          a bottleneck's stride on the 3x3 convolution where He et al. have it on the first 1x1 one.
        - The first block of a dilated stage has the dilation of the stage before, as in torchvision.
        - Interpolation with align_corners=False, as everywhere in this project.

    Args:
        encoder: An encoder at output stride 8 or 16.
        num_classes: Number of classes.
        auxiliary: Add the auxiliary head, on conv4 (torchvision's layer3).

    Raises:
        ConfigError: The encoder has another output stride; or, in a forward pass in training, the batch is one image,
            of which the coarsest bin has one value per channel.
    """

    weights_used_apart: ClassVar[tuple[str, ...]] = ("fusion",)
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
        """See `SegmentationModel.forward`. Native logits have the output stride."""
        *_, conv4, conv5 = self.encoder(image)
        features = self._fuse(conv5)  # (N, min(512, C), h, w)
        logits = self.classifier(self.dropout(features))  # (N, num_classes, h, w)
        auxiliary = self.auxiliary_head(conv4) if self.auxiliary_head is not None and self.training else None
        return resize_outputs(logits, auxiliary, image, size)

    def _fuse(self, features: Tensor) -> Tensor:
        """`fusion` of the pyramid, without the upsampled grids where this is faster.

        Small maps, compiled and exported graphs, and the "meta" device, where operations are counted, are computed as
        written: the parts of the weights have to be copied, which takes as long as the operations that are saved.
        """
        count, _, height, width = features.shape
        fewest = FEWEST_TRAINED if torch.is_grad_enabled() else FEWEST_EVALUATED
        small = height * width < 2 * sum(k * k for k in self.pyramid.bins) or count * height * width < fewest
        conv, norm, relu = self.fusion
        replaced = type(conv) is not nn.Conv2d  # e.g. by a quantised one
        if small or replaced or features.device.type == "meta" or torch.compiler.is_compiling():
            as_written: Tensor = self.fusion(self.pyramid(features))
            return as_written
        by_parts = convolve_pyramid(features, self.pyramid.reduced_grids(features), cast(Tensor, conv.weight))
        fused: Tensor = relu(norm(by_parts))
        return fused


class PyramidPooling(nn.Module):
    """Pool on four grids, reduce, upsample, concatenate (Zhao et al. 2017, 3.2): (N, C, h, w) -> (N, 2C, h, w).

    For each k in `bins` the features are averaged over k x k bins, reduced to C / len(bins) channels by a 1x1
    convolution with BatchNorm and ReLU, and upsampled to h x w.

    Differences from the paper: align_corners=False, where the authors' code has True.

    Args:
        channels: Channels C of the features, divisible by the number of grids.
        bins: Bins along one side of each grid.

    Raises:
        ValueError: `channels` is not divisible by len(bins).
        ConfigError: In a forward pass in training, where a BatchNorm gets a single value per channel.
    """

    def __init__(self, channels: int, bins: Sequence[int] = (1, 2, 3, 6)) -> None:
        super().__init__()
        if channels % len(bins):
            raise ValueError(f"{channels} channels cannot be divided among {len(bins)} grids")
        self.bins = tuple(bins)
        self.reduce = nn.ModuleList(conv_bn_relu(channels, channels // len(bins), 1) for _ in bins)

    def forward(self, features: Tensor) -> Tensor:
        grids = (resize(grid, features.shape[-2:]) for grid in self.reduced_grids(features))
        return torch.cat([features, *grids], dim=1)

    def reduced_grids(self, features: Tensor) -> list[Tensor]:
        """Pool and reduce, without upsampling: (N, C, h, w) -> a tensor (N, C / len(bins), k, k) for each k in bins."""
        grids = []
        for pooled, reduce in zip(pool_grids(features, self.bins), self.reduce, strict=True):
            refuse_single_value(reduce, pooled.shape[0] * pooled.shape[2] * pooled.shape[3])
            grids.append(reduce(pooled))
        return grids


def convolve_pyramid(features: Tensor, grids: Sequence[Tensor], weight: Tensor) -> Tensor:
    """Convolve features and upsampled grids, concatenated, with a padded 3x3 kernel, without upsampling the grids.

    Upsampling and convolution are linear, so they can change places. Each tap of the kernel is applied to the few cells
    of a grid, and the results are upsampled, shifted by the tap and added: two matrix products, of columns and of rows.
    The result is that of the convolution, up to rounding, with about half of its operations.

    Args:
        features: (N, C, h, w), floating point.
        grids: (N, c, k, k) each, same type.
        weight: (out, C + the sum of c, 3, 3).

    Returns:
        (N, out, h, w), of the type of a convolution of the features.

    >>> features, grid = torch.rand(1, 2, 5, 7), torch.rand(1, 3, 2, 2)
    >>> weight = torch.rand(4, 5, 3, 3)
    >>> as_written = F.conv2d(torch.cat([features, resize(grid, (5, 7))], dim=1), weight, padding=1)
    >>> torch.allclose(convolve_pyramid(features, [grid], weight), as_written, rtol=1e-5)
    True
    """
    channels, (height, width) = features.shape[1], features.shape[-2:]
    own, *parts = torch.split(weight, [channels, *(grid.shape[1] for grid in grids)], dim=1)
    result = F.conv2d(features, own, padding=1)
    strips = [_apply_taps(grid, part, width) for grid, part in zip(grids, parts, strict=True)]
    with without_autocast(features):
        strip = torch.cat(strips, dim=1)  # (N, 3 x the sum of k, w, out)
        rows = torch.cat([_shifted_upsampling(grid.shape[-1], height, strip) for grid in grids], dim=1)
        maps = torch.matmul(rows, strip.flatten(2)).view(-1, height, *strip.shape[2:])  # (N, h, w, out)
    return result + maps.permute(0, 3, 1, 2).to(result.dtype)


def _apply_taps(grid: Tensor, weight: Tensor, width: int) -> Tensor:
    """Apply the taps to the cells of a grid and sum over columns: (N, c, k, k) -> (N, 3 k, w, out), float32 or more."""
    count, channels, bins, _ = grid.shape
    taps = weight.permute(1, 2, 3, 0).reshape(channels, -1)  # (c, 9 out)
    products = torch.matmul(grid.permute(0, 2, 3, 1).reshape(-1, channels), taps)
    cells = to_float32(products).reshape(count, bins, bins, 3, 3, weight.shape[0])
    cells = (
        cells.permute(0, 3, 1, 4, 2, 5).flatten(1, 2).flatten(2, 3)
    )  # (N, row tap and row, column tap and column, out)
    with without_autocast(grid):
        return torch.matmul(_shifted_upsampling(bins, width, cells), cells)


def _shifted_upsampling(bins: int, length: int, like: Tensor) -> Tensor:
    """Bilinear upsampling as a matrix, for each tap of a padded kernel of three: (length, 3 bins), type of `like`."""
    matrix = F.interpolate(torch.eye(bins, dtype=like.dtype, device=like.device)[None], size=length, mode="linear")
    return torch.cat([F.pad(matrix[0].T, (0, 0, 1 - tap, tap - 1)) for tap in range(3)], dim=1)


def pool_grids(features: Tensor, bins: Sequence[int]) -> list[Tensor]:
    """Average over grids of k x k bins, for each k. The result is AdaptiveAvgPool2d's, which ONNX has for fixed sizes.

    Bin i of k over a length h is the range from floor(i h / k) to ceil((i + 1) h / k). Averaging is linear in rows and
    in columns, so two matrix products compute it: rows @ image @ columns. The image is read as (N, h, w, C), the order
    in which channels-last stores it. Sums are divided after each product: as entries of a matrix, the weights of a bin
    would be rounded in bfloat16.

    Args:
        features: (N, C, h, w), floating point.
        bins: Bins along one side of each grid.

    Returns:
        A tensor (N, C, k, k) for each k in `bins`, same type.

    >>> [grid.shape[-1] for grid in pool_grids(torch.zeros(1, 8, 5, 9), (1, 2, 3, 6))]
    [1, 2, 3, 6]
    """
    count, channels, height, width = features.shape
    image = features.permute(0, 2, 3, 1).reshape(count, height, width * channels)
    rows = torch.cat([_bin_members(k, height, features) for k in bins])  # (sum of bins, h)
    sums = torch.matmul(rows, image) / rows.sum(dim=1, keepdim=True)
    strips = sums.reshape(count, rows.shape[0], width, channels)  # (N, sum of bins, w, C)
    grids = []
    for k, strip in zip(bins, torch.split(strips, list(bins), dim=1), strict=True):
        columns = _bin_members(k, width, features)
        grid = torch.matmul(columns, strip) / columns.sum(dim=1, keepdim=True)  # (N, k, k, C)
        grids.append(grid.permute(0, 3, 1, 2))
    return grids


def _bin_members(bins: int, length: int, like: Tensor) -> Tensor:
    """Which of `length` positions are in which bin: a matrix (bins, length) of ones and zeros."""
    index = torch.arange(bins, device=like.device)[:, None]
    start, end = index * length // bins, -(-(index + 1) * length // bins)
    position = torch.arange(length, device=like.device)
    return ((position >= start) & (position < end)).to(like.dtype)
