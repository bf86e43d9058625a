"""Rethinking Atrous Convolution for Semantic Image Segmentation. Chen et al. 2017 (arXiv:1706.05587)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Literal, Self

import torch
from torch import Tensor, nn

from segarena.errors import ConfigError
from segarena.models.base import SegmentationModel, SegmentationOutput, Size, resize_outputs
from segarena.models.checks import refuse_single_value, require_switch
from segarena.models.encoders import Encoder
from segarena.models.layers import FCNHead, conv_bn_relu, to_float32

PAPER_MULTI_GRID = (1, 2, 4)
PAPER_RATES = (6, 12, 18)


class DeepLabv3(SegmentationModel):
    """DeepLabv3 (Chen et al. 2017, 3.3 and figure 5): atrous spatial pyramid pooling on a dilated encoder.

    image (N, in_channels, H, W) -> logits (N, num_classes, H, W). The rates are (6, 12, 18) at output stride 16, twice
    that at 8. The encoder's output stride is used in training, `eval_output_stride` outside of it: switching the mode
    sets dilations and changes no weight. Logits evaluated at another stride are shifted: see `shift_logits`.

    Differences from the paper:
        - torchvision's ResNet, for its weights: a stage begins with its stride, on the 3x3 convolution of a bottleneck;
          the paper's ends with it (3.2).
        - At output stride 8 the first 3x3 convolution of conv4, torchvision's layer3, keeps the dilation of the stage
          before, so that pretrained weights compute the same features.
        - Both convolutions of a BasicBlock get the multi-grid rate, as the paper has bottlenecks only.
        - Interpolation with align_corners=False, as everywhere in this project.

    Args:
        encoder: An encoder at output stride 8 or 16. Its multi-grid is set in place.
        num_classes: Number of classes.
        multi_grid: Dilations of the blocks of a ResNet's last stage (3.2.1), as multiples of the stage's 2, or 4 at
            output stride 8. None is the paper's (1, 2, 4), shortened to (1, 2) for the two blocks of ResNet-18;
            (1, 1, 1) is not a multi-grid. Other encoders have no such blocks and keep the stage's dilation.
        eval_output_stride: Output stride outside of training, 8 or 16; None is the encoder's. The paper trains at 16
            and evaluates at 8 (4.2), which is the default of the paper track.
        auxiliary: Add an auxiliary head on conv4, which the paper does not have, for training mode.
        head: "torchvision" adds what torchvision's `deeplabv3_resnet50` has and the paper does not: dropout 0.5 and a
            3x3 convolution between ASPP and the scores.

    Raises:
        ConfigError: An argument does not fit the encoder or has an unknown value; or, in a forward pass in training,
            the batch is one image, of which image-level pooling leaves one value per channel.
    """

    output_strides: ClassVar[tuple[int, ...]] = (8, 16)
    default_stride: ClassVar[int] = 16
    paper_encoders: ClassVar[tuple[str, ...]] = ("resnet50", "resnet101")
    paper_options: ClassVar[Mapping[str, Any]] = {"output_stride": 16, "eval_output_stride": 8}
    torchvision_names: ClassVar[Mapping[str, str]] = {
        **{f"classifier.0.convs.0.{i}.": f"aspp.point.{i}." for i in (0, 1)},
        **{f"classifier.0.convs.{1 + n}.{i}.": f"aspp.atrous.{n}.{i}." for n in (0, 1, 2) for i in (0, 1)},
        **{f"classifier.0.convs.4.{1 + i}.": f"aspp.image_level.{i}." for i in (0, 1)},
        **{f"classifier.0.project.{i}.": f"aspp.project.{i}." for i in (0, 1)},
        **{f"classifier.{1 + i}.": f"refine.1.{i}." for i in (0, 1)},
        "classifier.4.": "classifier.",
        **FCNHead.names_in_torchvision("aux_classifier", "auxiliary_head"),
    }
    torchvision_options: ClassVar[Mapping[str, Any]] = {
        "output_stride": 8,
        "multi_grid": (1, 1, 1),
        "head": "torchvision",
    }

    def __init__(
        self,
        encoder: Encoder,
        num_classes: int,
        *,
        multi_grid: Sequence[int] | None = None,
        eval_output_stride: int | None = None,
        auxiliary: bool = False,
        head: Literal["paper", "torchvision"] = "paper",
    ) -> None:
        super().__init__(num_classes)
        self.output_stride = encoder.strides[-1]
        self.eval_output_stride = self.output_stride if eval_output_stride is None else eval_output_stride
        for stride in (self.output_stride, self.eval_output_stride):
            self.check_output_stride(stride)
        require_switch("auxiliary", auxiliary)
        if head not in ("paper", "torchvision"):
            raise ConfigError(f"there is no head {head!r}", remedy="Use 'paper' or 'torchvision'")
        self.encoder = encoder
        encoder.set_multi_grid(PAPER_MULTI_GRID[: len(encoder.last_blocks)] if multi_grid is None else multi_grid)
        self.aspp = ASPP(encoder.channels[-1], _rates(self.output_stride))
        width = self.aspp.width
        self.refine = nn.Sequential(nn.Dropout(0.5), conv_bn_relu(width, width, 3)) if head == "torchvision" else None
        self.classifier = nn.Conv2d(width, num_classes, 1)
        self.auxiliary_head = FCNHead(encoder.channels[-2], num_classes) if auxiliary else None

    def train(self, mode: bool = True) -> Self:
        """Switch between training and eval mode and, where the two differ, the output stride."""
        super().train(mode)
        stride = self.output_stride if mode else self.eval_output_stride
        if stride != self.encoder.strides[-1]:
            self.encoder.set_output_stride(stride)
            self.aspp.set_rates(_rates(stride))
        return self

    def forward(self, image: Tensor, size: Size = None) -> SegmentationOutput:
        """See `SegmentationModel.forward`. Native logits have the output stride."""
        *_, conv4, conv5 = self.encoder(image)
        features = self.aspp(conv5)  # (N, ASPP's width, h, w)
        logits = self.classifier(features if self.refine is None else self.refine(features))  # (N, num_classes, h, w)
        stride = self.encoder.strides[-1]
        if stride != self.output_stride:
            logits = shift_logits(to_float32(logits), (self.output_stride - stride) / 2 / stride)
        auxiliary = self.auxiliary_head(conv4) if self.auxiliary_head is not None and self.training else None
        return resize_outputs(logits, auxiliary, image, size)


class ASPP(nn.Module):
    """Atrous spatial pyramid pooling (Chen et al. 2017, 3.3): features (N, C, h, w) -> (N, width, h, w).

    A 1x1 convolution, a 3x3 one at each rate, and the average over the whole image, each to `width` channels with
    BatchNorm and ReLU; concatenated and projected by a 1x1 convolution.

    Differences from the paper: the average is repeated at each place, which equals interpolating a single value.

    Args:
        in_channels: Channels C of the features.
        rates: Dilations of the 3x3 convolutions, in pixels of the feature map.
        width: Channels of each branch and of the result.

    Raises:
        ConfigError: In a forward pass in training, where the batch is one image.
    """

    def __init__(self, in_channels: int, rates: Sequence[int], width: int = 256) -> None:
        super().__init__()
        self.width = width
        self.point = conv_bn_relu(in_channels, width, 1)
        self.atrous = nn.ModuleList(conv_bn_relu(in_channels, width, 3, dilation=rate) for rate in rates)
        self.image_level = conv_bn_relu(in_channels, width, 1)
        self.project = conv_bn_relu((2 + len(rates)) * width, width, 1)

    def set_rates(self, rates: Sequence[int]) -> None:
        """Set the dilations of the 3x3 convolutions, one for each; no weight changes."""
        for branch, rate in zip(self.atrous, rates, strict=True):
            branch[0].dilation = branch[0].padding = (rate, rate)  # type: ignore[index]

    def forward(self, features: Tensor) -> Tensor:
        average = features.mean(dim=(2, 3), keepdim=True)  # (N, C, 1, 1)
        refuse_single_value(self.image_level, average.shape[0])
        level = self.image_level(average).expand(-1, -1, *features.shape[-2:])
        branches = [self.point(features), *(atrous(features) for atrous in self.atrous), level]
        result: Tensor = self.project(torch.cat(branches, dim=1))
        return result


def shift_logits(logits: Tensor, shift: float) -> Tensor:
    """Shift logits by a fraction of a cell, interpolating between cells and repeating the border.

    With align_corners=False, the cell i of a grid of stride s is computed around pixel s i, but interpolation puts its
    logits at the cell's centre, (s - 1) / 2 pixels further; a network learns to compensate for this. At another stride
    the distance differs: trained at 16 and evaluated at 8, all logits would be four pixels, half a cell, too far to the
    upper left. The paper's aligned corners have no such shift.

    Args:
        logits: (N, C, h, w), floating point.
        shift: To the lower right, or to the upper left where negative; in cells of the grid, from -1 to 1.

    Returns:
        (N, C, h, w), same type.

    >>> shift_logits(torch.tensor([[[[0.0, 4.0, 8.0]]]]), 0.5)
    tensor([[[[0., 2., 6.]]]])
    """
    for dim in (2, 3):
        length = logits.shape[dim]
        first, last = logits.narrow(dim, 0, 1), logits.narrow(dim, length - 1, 1)
        without_first, without_last = logits.narrow(dim, 1, length - 1), logits.narrow(dim, 0, length - 1)
        neighbours = [first, without_last] if shift > 0 else [without_first, last]
        logits = torch.lerp(logits, torch.cat(neighbours, dim), abs(shift))
    return logits


def _rates(output_stride: int) -> tuple[int, ...]:
    return tuple(rate * 16 // output_stride for rate in PAPER_RATES)
