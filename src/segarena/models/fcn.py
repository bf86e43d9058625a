"""Fully Convolutional Networks for Semantic Segmentation. Long, Shelhamer, Darrell 2015 (arXiv:1411.4038)."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import nullcontext
from typing import Any, ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from segarena.models.base import SegmentationModel, SegmentationOutput, Size, finish
from segarena.models.checks import require_switch
from segarena.models.encoders import VGG16, Encoder
from segarena.models.layers import FCNHead, crop, widen


class _FCNOnVGG16(SegmentationModel):
    """What FCN-32s, -16s and -8s share (Long et al. 2015, 4.1): VGG-16, and scores of its fc7.

    fc7 (N, 4096, h, w) -> scores (N, num_classes, h, w).

    Departs: images normalised as torchvision's weights expect, in RGB, not BGR with a mean subtracted.
    """

    size_multiple: ClassVar[int] = 1
    output_strides: ClassVar[tuple[int, ...]] = (32,)
    paper_encoders: ClassVar[tuple[str, ...]] = ("vgg16",)
    paper_options: ClassVar[Mapping[str, Any]] = {"output_stride": 32}

    def __init__(self, encoder: VGG16, num_classes: int) -> None:
        super().__init__(num_classes)
        self.encoder = encoder
        self.score_fr = _zero_score(encoder.channels[2], num_classes)


class FCN32s(_FCNOnVGG16):
    """FCN-32s (Long et al. 2015, 4.1): the scores of fc7, enlarged 32 times by fixed bilinear interpolation.

    image (N, in_channels, H, W) -> logits (N, num_classes, H, W). The crops begin where the authors' networks begin
    theirs, which follows from the 100 pixels of padding. Departs: images normalised as torchvision's weights expect
    them, in RGB.
    """

    def __init__(self, encoder: VGG16, num_classes: int) -> None:
        super().__init__(encoder, num_classes)
        self.upscore = FixedUpsampling(num_classes, 32)

    def forward(self, image: Tensor, size: Size = None) -> SegmentationOutput:
        """See the class; `size` is that of the logits. Native: the image's own. There is no auxiliary head."""
        _, _, fc7 = self.encoder(image)
        logits = self.upscore(self.score_fr(fc7))
        return finish(crop(logits, image.shape[-2:], 19), None, image, size)


class FCN16s(_FCNOnVGG16):
    """FCN-16s (Long et al. 2015, 4.2): the scores of fc7, enlarged twice, plus those of pool4; enlarged 16 times.

    image (N, in_channels, H, W) -> logits (N, num_classes, H, W). The 2x upsampling starts as bilinear interpolation
    and is learned; the last one is fixed. Departs: the images, as in FCN-32s; both streams are trained at once, not the
    coarser one first.
    """

    def __init__(self, encoder: VGG16, num_classes: int) -> None:
        super().__init__(encoder, num_classes)
        self.score_pool4 = _zero_score(encoder.channels[1], num_classes)
        self.upscore2 = _doubling(num_classes)
        self.upscore16 = FixedUpsampling(num_classes, 16)

    def forward(self, image: Tensor, size: Size = None) -> SegmentationOutput:
        """See the class; `size` is that of the logits. Native: the image's own. There is no auxiliary head."""
        _, pool4, fc7 = self.encoder(image)
        upscore2 = self.upscore2(self.score_fr(fc7))
        fused = upscore2 + crop(self.score_pool4(pool4), upscore2.shape[-2:], 5)  # stride 16
        return finish(crop(self.upscore16(fused), image.shape[-2:], 27), None, image, size)


class FCN8s(_FCNOnVGG16):
    """FCN-8s (Long et al. 2015, 4.2): the sum of FCN-16s, enlarged twice, plus the scores of pool3; enlarged 8 times.

    image (N, in_channels, H, W) -> logits (N, num_classes, H, W). The two 2x upsamplings start as bilinear
    interpolation and are learned; the last one is fixed. Departs: the images, as in FCN-32s; the three streams are
    trained at once, not one after the other, and pool4 and pool3 are not scaled (by 0.01 and 0.0001) as in the network
    that the authors train so: the scores start at zero and find their scale.
    """

    def __init__(self, encoder: VGG16, num_classes: int) -> None:
        super().__init__(encoder, num_classes)
        self.score_pool4 = _zero_score(encoder.channels[1], num_classes)
        self.score_pool3 = _zero_score(encoder.channels[0], num_classes)
        self.upscore2 = _doubling(num_classes)
        self.upscore_pool4 = _doubling(num_classes)
        self.upscore8 = FixedUpsampling(num_classes, 8)

    def forward(self, image: Tensor, size: Size = None) -> SegmentationOutput:
        """See the class; `size` is that of the logits. Native: the image's own. There is no auxiliary head."""
        pool3, pool4, fc7 = self.encoder(image)
        upscore2 = self.upscore2(self.score_fr(fc7))
        fused16 = upscore2 + crop(self.score_pool4(pool4), upscore2.shape[-2:], 5)  # stride 16
        upscore_pool4 = self.upscore_pool4(fused16)
        fused8 = upscore_pool4 + crop(self.score_pool3(pool3), upscore_pool4.shape[-2:], 9)  # stride 8
        return finish(crop(self.upscore8(fused8), image.shape[-2:], 31), None, image, size)


class EncoderFCN(SegmentationModel):
    """FCN-8s (Long et al. 2015, 4.2) on any encoder: scores at strides 32, 16 and 8, summed from coarse to fine.

    image (N, in_channels, H, W) -> logits (N, num_classes, H, W). As in the paper, the scores start at zero, the two
    2x upsamplings start as bilinear interpolation and are learned, the last 8x one is bilinear and fixed.

    Departs: an encoder of this project instead of VGG-16 with its fc6 and fc7; the encoder's padding and a crop to
    the finer map instead of 100 pixels of padding and offset crops; all three streams are trained at once.
    """

    output_strides: ClassVar[tuple[int, ...]] = (32,)
    default_stride: ClassVar[int] = 32

    def __init__(self, encoder: Encoder, num_classes: int) -> None:
        super().__init__(num_classes)
        self.check_output_stride(encoder.strides[-1])
        self.encoder = encoder
        self.score8, self.score16, self.score32 = (_zero_score(c, num_classes) for c in encoder.channels[-3:])
        self.up16 = _doubling(num_classes, padding=1)
        self.up8 = _doubling(num_classes, padding=1)

    def forward(self, image: Tensor, size: Size = None) -> SegmentationOutput:
        """See the class; `size` is that of the logits. Native: stride 8. There is no auxiliary head."""
        *_, x8, x16, x32 = self.encoder(image)
        fused16 = self.score16(x16) + crop(self.up16(self.score32(x32)), x16.shape[-2:])  # (N, num_classes, H/16, W/16)
        fused8 = self.score8(x8) + crop(self.up8(fused16), x8.shape[-2:])  # (N, num_classes, H/8, W/8)
        return finish(fused8, None, image, size)


class DilatedFCN(SegmentationModel):
    """What torchvision calls FCN: a plain head on a dilated ResNet. Long et al. 2015 have neither dilation nor ResNet.

    image (N, in_channels, H, W) -> logits (N, num_classes, H, W). A 3x3 convolution to C / 4 channels, BatchNorm, ReLU,
    dropout 0.1 and a 1x1 convolution, enlarged bilinearly. `auxiliary=True` adds the same head on conv4 (torchvision's
    layer3). With the same weights it computes what torchvision's `fcn_resnet50` does. Departs: the auxiliary head runs
    in training only, torchvision's always.
    """

    output_strides: ClassVar[tuple[int, ...]] = (8, 16, 32)
    paper_encoders: ClassVar[tuple[str, ...]] = ("resnet50", "resnet101")
    paper_options: ClassVar[Mapping[str, Any]] = {"output_stride": 8}
    torchvision_names: ClassVar[Mapping[str, str]] = {
        **FCNHead.names_in_torchvision("classifier", "head"),
        **FCNHead.names_in_torchvision("aux_classifier", "auxiliary_head"),
    }
    torchvision_options: ClassVar[Mapping[str, Any]] = {"output_stride": 8}

    def __init__(self, encoder: Encoder, num_classes: int, *, auxiliary: bool = False) -> None:
        super().__init__(num_classes)
        require_switch("auxiliary", auxiliary)
        self.encoder = encoder
        self.head = FCNHead(encoder.channels[-1], num_classes)
        self.auxiliary_head = FCNHead(encoder.channels[-2], num_classes) if auxiliary else None

    def forward(self, image: Tensor, size: Size = None) -> SegmentationOutput:
        """See the class; `size` is that of the logits and of auxiliary. Native: the output stride."""
        *_, conv4, conv5 = self.encoder(image)
        logits = self.head(conv5)  # (N, num_classes, h, w)
        auxiliary = self.auxiliary_head(conv4) if self.auxiliary_head is not None and self.training else None
        return finish(logits, auxiliary, image, size)


class FixedUpsampling(nn.ConvTranspose2d):
    """Bilinear interpolation that is not learned (Long et al. 2015, 3.3), by the factor f.

    scores (N, C, h, w) -> (N, C, f h + f, f w + f). A transposed convolution, whose weights count as parameters.
    Departs: computed in float32 or finer under autocast, as every last interpolation here.
    """

    def __init__(self, channels: int, factor: int) -> None:
        super().__init__(channels, channels, 2 * factor, stride=factor, bias=False)
        _start_bilinear(self)
        self.weight.requires_grad_(False)

    def forward(self, scores: Tensor) -> Tensor:  # type: ignore[override]  # the output's size is not asked for
        scores = widen(scores)
        known = torch.amp.is_autocast_available(scores.device.type)  # not on "meta"
        with torch.autocast(scores.device.type, enabled=False) if known else nullcontext():
            return F.conv_transpose2d(scores, self.weight.to(scores.dtype), stride=self.stride)


def _zero_score(in_channels: int, num_classes: int) -> nn.Conv2d:
    score = nn.Conv2d(in_channels, num_classes, 1)
    nn.init.zeros_(score.weight)
    nn.init.zeros_(score.bias)  # type: ignore[arg-type]
    return score


def _doubling(channels: int, padding: int = 0) -> nn.ConvTranspose2d:
    """A 2x upsampling that starts as bilinear interpolation of each class by itself and is learned."""
    up = nn.ConvTranspose2d(channels, channels, 4, stride=2, padding=padding, bias=False)
    _start_bilinear(up)
    return up


def _start_bilinear(up: nn.ConvTranspose2d) -> None:
    factor = up.stride[0]
    half = (torch.arange(factor) + 0.5) / factor
    taps = torch.cat([half, half.flip(0)])
    classes = range(up.in_channels)
    with torch.no_grad():
        up.weight.zero_()
        up.weight[classes, classes] = torch.outer(taps, taps)
