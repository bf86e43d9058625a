"""Rethinking Atrous Convolution for Semantic Image Segmentation. Chen et al. 2017 (arXiv:1706.05587)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Literal, Self

import torch
from torch import Tensor, nn

from segarena.errors import ConfigError
from segarena.models.base import SegmentationModel, SegmentationOutput, Size, finish
from segarena.models.checks import refuse_single_value, require_switch
from segarena.models.encoders import Encoder
from segarena.models.layers import FCNHead, conv_bn_relu, widen

PAPER_MULTI_GRID = (1, 2, 4)
PAPER_RATES = (6, 12, 18)


class DeepLabv3(SegmentationModel):
    """Chen et al. 2017: atrous spatial pyramid pooling over a dilated encoder with multi-grid (3.3, figure 5).

    image (N, in_channels, H, W) -> logits (N, num_classes, H, W). The rates are (6, 12, 18) at output stride 16, twice
    that at 8. `multi_grid` (3.2.1) sets the dilations of the blocks of a ResNet's last stage: its entries times the
    stage's 2, or 4 at output stride 8. None is the paper's (1, 2, 4), of which ResNet-18 with its two blocks takes
    (1, 2). (1, 1, 1) is no multi-grid. Other encoders have no such blocks: they keep the stage's own dilation, and a
    multi_grid asked for is refused. The constructor sets it on the encoder it is given.

    `eval_output_stride` is the output stride outside of training, None the encoder's own: the paper trains at 16 and
    evaluates at 8 (4.2), the default of the paper track. Going from one mode to the other sets dilations; no
    weight changes. Logits are moved to where the network learned to place them: see `move`.

    `auxiliary=True` adds an auxiliary head, which the paper does not have, for training mode. `head="torchvision"` adds
    what torchvision's `deeplabv3_resnet50` has and the paper has not: dropout 0.5 and a 3x3 convolution between ASPP
    and the scores.

    Departs: torchvision's ResNet, in which a stage begins with its stride, on the 3x3 convolution of a bottleneck,
    where the paper's ends with it (3.2); at output stride 8 the first 3x3 convolution of conv4 (torchvision's layer3)
    at the dilation of the stage before, so that pretrained weights compute what they did; align_corners=False; both
    convolutions of a BasicBlock get the rate, as the paper knows bottlenecks only. Raises ConfigError for a multi_grid
    or an eval_output_stride that does not fit the encoder, and in training on a batch of one image: image-level pooling
    leaves one value per channel.
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
        """Switch the mode and, where the two differ, the output stride."""
        super().train(mode)
        stride = self.output_stride if mode else self.eval_output_stride
        if stride != self.encoder.strides[-1]:
            self.encoder.set_output_stride(stride)
            self.aspp.set_rates(_rates(stride))
        return self

    def forward(self, image: Tensor, size: Size = None) -> SegmentationOutput:
        """See the class; `size` is that of the logits and of auxiliary. Native: the output stride."""
        *_, conv4, conv5 = self.encoder(image)
        features = self.aspp(conv5)  # (N, ASPP's width, h, w)
        logits = self.classifier(features if self.refine is None else self.refine(features))  # (N, num_classes, h, w)
        stride = self.encoder.strides[-1]
        if stride != self.output_stride:
            logits = move(widen(logits), (self.output_stride - stride) / 2 / stride)
        auxiliary = self.auxiliary_head(conv4) if self.auxiliary_head is not None and self.training else None
        return finish(logits, auxiliary, image, size)


class ASPP(nn.Module):
    """Atrous spatial pyramid pooling (Chen et al. 2017, 3.3): features (N, C, h, w) -> (N, width, h, w).

    A 1x1 convolution, a 3x3 one at each rate, and the average of the whole image, each to `width` channels with
    BatchNorm and ReLU; concatenated and projected by a 1x1 convolution. Departs: the average is spread by copying,
    which is what interpolating a single value comes to. Raises ConfigError in training on a batch of one.
    """

    def __init__(self, in_channels: int, rates: Sequence[int], width: int = 256) -> None:
        super().__init__()
        self.width = width
        self.point = conv_bn_relu(in_channels, width, 1)
        self.atrous = nn.ModuleList(conv_bn_relu(in_channels, width, 3, dilation=rate) for rate in rates)
        self.image_level = conv_bn_relu(in_channels, width, 1)
        self.project = conv_bn_relu((2 + len(rates)) * width, width, 1)

    def set_rates(self, rates: Sequence[int]) -> None:
        """Set the rates of the 3x3 convolutions; no weight changes."""
        for branch, rate in zip(self.atrous, rates, strict=True):
            branch[0].dilation = branch[0].padding = (rate, rate)  # type: ignore[index]

    def forward(self, features: Tensor) -> Tensor:
        average = features.mean(dim=(2, 3), keepdim=True)  # (N, C, 1, 1)
        refuse_single_value(self.image_level, average.shape[0])
        level = self.image_level(average).expand(-1, -1, *features.shape[-2:])
        branches = [self.point(features), *(atrous(features) for atrous in self.atrous), level]
        result: Tensor = self.project(torch.cat(branches, dim=1))
        return result


def move(scores: Tensor, part: float) -> Tensor:
    """Move scores (N, C, h, w) by a part of a cell, to the right and down, or with a negative one to the left and up.

    Without aligned corners a cell of the output stride s begins at the pixel that it is computed from and has its
    scores (s - 1) / 2 pixels further, at its centre; what is computed from a pixel learns to tell what lies there.
    At another stride the centre is another: trained at 16 and evaluated at 8, the scores would lie four pixels, half a
    cell, above and to the left of what they tell. The paper's aligned corners know no such shift. Between two cells the
    scores are interpolated; at the border they are repeated.
    """
    for dim in (2, 3):
        length = scores.shape[dim]
        first, last = scores.narrow(dim, 0, 1), scores.narrow(dim, length - 1, 1)
        without_first, without_last = scores.narrow(dim, 1, length - 1), scores.narrow(dim, 0, length - 1)
        neighbours = [first, without_last] if part > 0 else [without_first, last]
        scores = torch.lerp(scores, torch.cat(neighbours, dim), abs(part))
    return scores


def _rates(output_stride: int) -> tuple[int, ...]:
    return tuple(rate * 16 // output_stride for rate in PAPER_RATES)
