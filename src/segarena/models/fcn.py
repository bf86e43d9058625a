"""Fully Convolutional Networks for Semantic Segmentation. Long, Shelhamer, Darrell 2015 (arXiv:1411.4038)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from torch import Tensor, nn

from segarena.models.base import SegmentationModel, SegmentationOutput, Size, resize_outputs
from segarena.models.checks import require_switch
from segarena.models.encoders import VGG16, Encoder
from segarena.models.layers import FCNHead, FixedUpsampling, crop_or_pad, initialise_bilinear


class _FCNOnVGG16(SegmentationModel):
    """What FCN-32s, -16s and -8s share (Long et al. 2015, 4.1): VGG-16, and class scores computed from its fc7.

    fc7 (N, 4096, h, w) -> scores (N, num_classes, h, w).

    Differences from the paper: images are normalised in RGB as torchvision's weights expect, not in BGR with a mean
    subtracted.
    """

    size_multiple: ClassVar[int] = 1
    fixed_upsampling: ClassVar[int] = 32
    output_strides: ClassVar[tuple[int, ...]] = (32,)
    paper_encoders: ClassVar[tuple[str, ...]] = ("vgg16",)
    paper_options: ClassVar[Mapping[str, Any]] = {"output_stride": 32}

    def __init__(self, encoder: VGG16, num_classes: int) -> None:
        super().__init__(num_classes)
        self.encoder = encoder
        self.score_fr = _zero_score(encoder.channels[2], num_classes)


class FCN32s(_FCNOnVGG16):
    """FCN-32s (Long et al. 2015, 4.1): the scores of fc7, upsampled 32 times by fixed bilinear interpolation.

    image (N, in_channels, H, W) -> logits (N, num_classes, H, W). Crops have the offsets of the authors' networks,
    which follow from the 100 pixels of padding.

    Differences from the paper: images are normalised in RGB as torchvision's weights expect.

    Args:
        encoder: VGG-16 with fc6 and fc7 as convolutions.
        num_classes: Number of classes.
    """

    def __init__(self, encoder: VGG16, num_classes: int) -> None:
        super().__init__(encoder, num_classes)
        self.upscore = FixedUpsampling(num_classes, self.fixed_upsampling)

    def forward(self, image: Tensor, size: Size = None) -> SegmentationOutput:
        """See `SegmentationModel.forward`. Native logits have the image's size. There is no auxiliary head."""
        _, _, fc7 = self.encoder(image)
        logits = self.upscore(self.score_fr(fc7))
        return resize_outputs(crop_or_pad(logits, image.shape[-2:], 19), None, image, size)


class FCN16s(_FCNOnVGG16):
    """FCN-16s (Long et al. 2015, 4.2): the scores of fc7, upsampled twice, plus those of pool4; upsampled 16 times.

    image (N, in_channels, H, W) -> logits (N, num_classes, H, W). The 2x upsampling is initialised to bilinear
    interpolation and learned; the last one is fixed.

    Differences from the paper: image normalisation, as in FCN-32s; both streams are trained at once, not the coarser
    one first.

    Args:
        encoder: VGG-16 with fc6 and fc7 as convolutions.
        num_classes: Number of classes.
    """

    fixed_upsampling: ClassVar[int] = 16

    def __init__(self, encoder: VGG16, num_classes: int) -> None:
        super().__init__(encoder, num_classes)
        self.score_pool4 = _zero_score(encoder.channels[1], num_classes)
        self.upscore2 = _learned_upsampling(num_classes)
        self.upscore16 = FixedUpsampling(num_classes, self.fixed_upsampling)

    def forward(self, image: Tensor, size: Size = None) -> SegmentationOutput:
        """See `SegmentationModel.forward`. Native logits have the image's size. There is no auxiliary head."""
        _, pool4, fc7 = self.encoder(image)
        upscore2 = self.upscore2(self.score_fr(fc7))
        fused = upscore2 + crop_or_pad(self.score_pool4(pool4), upscore2.shape[-2:], 5)  # stride 16
        return resize_outputs(crop_or_pad(self.upscore16(fused), image.shape[-2:], 27), None, image, size)


class FCN8s(_FCNOnVGG16):
    """FCN-8s (Long et al. 2015, 4.2): the sum of FCN-16s, upsampled twice, plus the scores of pool3; upsampled 8 times.

    image (N, in_channels, H, W) -> logits (N, num_classes, H, W). The two 2x upsamplings are initialised to bilinear
    interpolation and learned; the last one is fixed.

    Differences from the paper: image normalisation, as in FCN-32s; the three streams are trained at once, not one after
    the other, and pool4 and pool3 are not scaled by 0.01 and 0.0001 as in the network that the authors train that way:
    the scores are initialised to zero and find their scale.

    Args:
        encoder: VGG-16 with fc6 and fc7 as convolutions.
        num_classes: Number of classes.
    """

    fixed_upsampling: ClassVar[int] = 8

    def __init__(self, encoder: VGG16, num_classes: int) -> None:
        super().__init__(encoder, num_classes)
        self.score_pool4 = _zero_score(encoder.channels[1], num_classes)
        self.score_pool3 = _zero_score(encoder.channels[0], num_classes)
        self.upscore2 = _learned_upsampling(num_classes)
        self.upscore_pool4 = _learned_upsampling(num_classes)
        self.upscore8 = FixedUpsampling(num_classes, self.fixed_upsampling)

    def forward(self, image: Tensor, size: Size = None) -> SegmentationOutput:
        """See `SegmentationModel.forward`. Native logits have the image's size. There is no auxiliary head."""
        pool3, pool4, fc7 = self.encoder(image)
        upscore2 = self.upscore2(self.score_fr(fc7))
        fused16 = upscore2 + crop_or_pad(self.score_pool4(pool4), upscore2.shape[-2:], 5)  # stride 16
        upscore_pool4 = self.upscore_pool4(fused16)
        fused8 = upscore_pool4 + crop_or_pad(self.score_pool3(pool3), upscore_pool4.shape[-2:], 9)  # stride 8
        return resize_outputs(crop_or_pad(self.upscore8(fused8), image.shape[-2:], 31), None, image, size)


class EncoderFCN(SegmentationModel):
    """FCN-8s (Long et al. 2015, 4.2) on any encoder: scores at strides 32, 16 and 8, summed from coarse to fine.

    image (N, in_channels, H, W) -> logits (N, num_classes, H, W). As in the paper, the scores are initialised to zero,
    the two 2x upsamplings are initialised to bilinear interpolation and learned, the last 8x one is bilinear and fixed.

    Differences from the paper: any encoder instead of VGG-16 with its fc6 and fc7; the encoder's padding and a crop to
    the finer map instead of 100 pixels of padding and offset crops; all three streams are trained at once.

    Args:
        encoder: An encoder at output stride 32.
        num_classes: Number of classes.

    Raises:
        ConfigError: The encoder has another output stride.
    """

    output_strides: ClassVar[tuple[int, ...]] = (32,)
    default_stride: ClassVar[int] = 32

    def __init__(self, encoder: Encoder, num_classes: int) -> None:
        super().__init__(num_classes)
        self.check_output_stride(encoder.strides[-1])
        self.encoder = encoder
        self.score8, self.score16, self.score32 = (_zero_score(c, num_classes) for c in encoder.channels[-3:])
        self.up16 = _learned_upsampling(num_classes, padding=1)
        self.up8 = _learned_upsampling(num_classes, padding=1)

    def forward(self, image: Tensor, size: Size = None) -> SegmentationOutput:
        """See `SegmentationModel.forward`. Native logits have stride 8. There is no auxiliary head."""
        *_, x8, x16, x32 = self.encoder(image)
        fused16 = self.score16(x16) + crop_or_pad(self.up16(self.score32(x32)), x16.shape[-2:])  # stride 16
        fused8 = self.score8(x8) + crop_or_pad(self.up8(fused16), x8.shape[-2:])  # (N, num_classes, H/8, W/8)
        return resize_outputs(fused8, None, image, size)


class DilatedFCN(SegmentationModel):
    """What torchvision calls FCN: a plain head on a dilated ResNet. Long et al. 2015 have neither dilation nor ResNet.

    image (N, in_channels, H, W) -> logits (N, num_classes, H, W), upsampled bilinearly from the scores of an `FCNHead`.
    With the same weights it computes the logits of torchvision's `fcn_resnet50`.

    Differences from the paper: the network itself. From torchvision's: the auxiliary head runs in training only.

    Args:
        encoder: A ResNet, usually at output stride 8.
        num_classes: Number of classes.
        auxiliary: Add a second head on conv4, torchvision's layer3.
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
        """See `SegmentationModel.forward`. Native logits have the output stride."""
        *_, conv4, conv5 = self.encoder(image)
        logits = self.head(conv5)  # (N, num_classes, h, w)
        auxiliary = self.auxiliary_head(conv4) if self.auxiliary_head is not None and self.training else None
        return resize_outputs(logits, auxiliary, image, size)


def _zero_score(in_channels: int, num_classes: int) -> nn.Conv2d:
    """Build a 1x1 convolution to class scores, with all weights zero."""
    score = nn.Conv2d(in_channels, num_classes, 1)
    nn.init.zeros_(score.weight)
    nn.init.zeros_(score.bias)  # type: ignore[arg-type]
    return score


def _learned_upsampling(channels: int, padding: int = 0) -> nn.ConvTranspose2d:
    """Build a 2x upsampling that is initialised to bilinear interpolation, each class by itself, and learned."""
    up = nn.ConvTranspose2d(channels, channels, 4, stride=2, padding=padding, bias=False)
    initialise_bilinear(up)
    return up
