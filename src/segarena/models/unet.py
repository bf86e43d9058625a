"""U-Net: Convolutional Networks for Biomedical Image Segmentation. Ronneberger et al. 2015 (arXiv:1505.04597)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import torch
from torch import Tensor, nn

from segarena.models.base import SegmentationModel, SegmentationOutput, Size, finish
from segarena.models.encoders import Encoder
from segarena.models.layers import conv_bn_relu, crop


class UNet(SegmentationModel):
    """The expansive path (section 2) over an encoder's five levels, and a last step at full resolution.

    image (N, in_channels, H, W) -> logits (N, num_classes, H, W). Each step is a 2x2 up-convolution, the
    concatenation with the encoder's map of that size, and two 3x3 convolutions.

    Departs: the contracting path is an encoder of this project; convolutions are padded, so the up-sampled map is
    cropped to its skip (by a row or column, at odd sizes) and not the skip to it; BatchNorm after each 3x3
    convolution; decoder widths 256, 128, 64, 32, 16; the encoder has no map at full resolution, so the last step
    has no skip. The scores come from a 3x3 convolution where the paper has a 1x1 one on 64 channels: on 16, the few
    weights of a 1x1 one hold the confidence down (loss 1.02 against 0.49 after 80 steps on the built-in scenes).
    """

    output_strides: ClassVar[tuple[int, ...]] = (32,)
    widths: ClassVar[tuple[int, ...]] = (256, 128, 64, 32, 16)

    def __init__(self, encoder: Encoder, num_classes: int) -> None:
        super().__init__(encoder, num_classes)
        skips = (*encoder.channels[-2::-1], 0)
        inputs = (encoder.channels[-1], *self.widths)
        self.steps = nn.ModuleList(
            UpStep(before, skip, width) for before, skip, width in zip(inputs, skips, self.widths, strict=False)
        )
        self.classifier = nn.Conv2d(self.widths[-1], num_classes, 3, padding=1)

    def forward(self, image: Tensor, size: Size = None) -> SegmentationOutput:
        """See the class; `size` is that of the logits. Native: the image's own. There is no auxiliary head."""
        *skips, features = self.encoder(image)
        for step, skip in zip(self.steps, (*reversed(skips), None), strict=True):
            features = step(features, image.shape[-2:] if skip is None else skip.shape[-2:], skip)
            # (N, widths[i], h, w): the size of the skip; at last (N, 16, H, W)
        return finish(self.classifier(features), None, image, size)


class UpStep(nn.Module):
    """One step up: features (N, in_channels, h, w), skip (N, skip_channels, H, W) -> (N, width, H, W).

    H and W are `size`: 2h and 2w, or one less. skip_channels 0 is a step without a skip.
    """

    def __init__(self, in_channels: int, skip_channels: int, width: int) -> None:
        super().__init__()
        self.up = nn.ConvTranspose2d(in_channels, width, 2, stride=2)
        # Section 3: standard deviation sqrt(2 / N), N the inputs of one output, which here come from one pixel.
        # torch's own start counts 4 width of them, so it would fade the deep features against each skip.
        nn.init.normal_(self.up.weight, std=(2 / in_channels) ** 0.5)
        nn.init.zeros_(self.up.bias)  # type: ignore[arg-type]
        self.convs = nn.Sequential(conv_bn_relu(width + skip_channels, width, 3), conv_bn_relu(width, width, 3))

    def forward(self, features: Tensor, size: Sequence[int], skip: Tensor | None = None) -> Tensor:
        features = crop(self.up(features), size)
        if skip is not None:
            features = torch.cat([skip, features], dim=1)
        result: Tensor = self.convs(features)
        return result
