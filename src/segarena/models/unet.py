"""U-Net: Convolutional Networks for Biomedical Image Segmentation. Ronneberger et al. 2015 (arXiv:1505.04597)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from segarena.errors import ConfigError
from segarena.models.base import SegmentationModel, SegmentationOutput, Size, resize_outputs
from segarena.models.checks import refuse_single_value, require_switch
from segarena.models.encoders import Encoder
from segarena.models.layers import conv_bn_relu, crop_or_pad, mirror_pad

#: Side of the output of one tile in the paper's figure 2, and the margin that unpadded convolutions remove around it.
TILE = 388
MARGIN = 92
#: Each of the four poolings needs an even size, so that possible outputs are 4, 20, 36, ... pixels long.
STEP, SMALLEST = 16, 4


class UNet(SegmentationModel):
    """U-Net (Ronneberger et al. 2015, figure 1): 64 to 1024 channels, unpadded 3x3 convolutions, cropped skips.

    image (N, in_channels, H, W) -> logits (N, num_classes, H, W). `contract_and_expand` maps 572 to 388 pixels, as in
    the figure. `forward` accepts images of any size, by the overlap-tile strategy (section 1, figure 2): the image is
    mirrored beyond its border and, outside of training, processed in tiles of at most 388 pixels, which changes the
    memory and not the result. A compiled or exported graph processes it as a whole. Weights are initialised as in
    section 3; dropout 0.5 follows the two deepest levels of the contracting path (3.1), as in the authors' network.

    Differences from the paper:
        - Images of any size, mirrored up to the next possible one: the paper's tiles fit its images.
        - The inputs that section 3 counts for the initialisation are, in a 2x2 up-convolution, those of one pixel.
        - No weight map: it belongs to the loss, and all networks here share one.

    Args:
        num_classes: Number of classes.
        in_channels: Channels of the image.
        padded: Pad each convolution with zeros instead, as most implementations do, and crop the upsampled map to its
            skip at odd sizes.
    """

    size_multiple: ClassVar[int] = 1
    output_strides: ClassVar[tuple[int, ...]] = (16,)
    paper_options: ClassVar[Mapping[str, Any]] = {"output_stride": 16}
    widths: ClassVar[tuple[int, ...]] = (64, 128, 256, 512, 1024)

    def __init__(self, num_classes: int, in_channels: int = 3, *, padded: bool = False) -> None:
        super().__init__(num_classes)
        require_switch("padded", padded)
        self.padded = padded
        inputs = (in_channels, *self.widths)
        padding = int(padded)
        self.contract = nn.ModuleList(
            DoubleConv(before, width, padding) for before, width in zip(inputs, self.widths, strict=False)
        )
        narrowing = list(zip(self.widths[:0:-1], self.widths[-2::-1], strict=True))  # (1024, 512), ..., (128, 64)
        self.up = nn.ModuleList(nn.ConvTranspose2d(deep, width, 2, stride=2) for deep, width in narrowing)
        self.expand = nn.ModuleList(DoubleConv(2 * width, width, padding) for _, width in narrowing)
        self.pool = nn.MaxPool2d(2, ceil_mode=padded)
        self.dropout = nn.Dropout(0.5)
        self.classifier = nn.Conv2d(self.widths[0], num_classes, 1)
        for module in self.modules():
            if isinstance(module, (nn.Conv2d, nn.ConvTranspose2d)):
                _initialise(module)

    def forward(self, image: Tensor, size: Size = None) -> SegmentationOutput:
        """See `SegmentationModel.forward`. Native logits have the image's size. There is no auxiliary head."""
        if self.padded:
            return resize_outputs(self.contract_and_expand(image), None, image, size)
        height, width = image.shape[-2:]
        rows, columns = _next_possible(height), _next_possible(width)
        surrounded = mirror_pad(image, MARGIN, (rows + 2 * MARGIN, columns + 2 * MARGIN))
        logits = self.contract_and_expand(surrounded) if self.training else self._in_tiles(surrounded, (rows, columns))
        return resize_outputs(crop_or_pad(logits, (height, width)), None, image, size)

    def contract_and_expand(self, image: Tensor) -> Tensor:
        """Compute figure 1 for one tile.

        Args:
            image: (N, in_channels, H, W). Without padding H and W must be 188, 204, 220, ...: at other sizes a pooling
                would drop a row, and the skips would be misaligned.

        Returns:
            Logits (N, num_classes, H - 184, W - 184), or (N, num_classes, H, W) with `padded`.

        Raises:
            ConfigError: H or W is not possible.
        """
        if not (self.padded or torch.compiler.is_compiling() or all(map(_is_possible, image.shape[-2:]))):
            raise ConfigError(
                f"an image of {image.shape[-2]} x {image.shape[-1]} pixels cannot be halved four times",
                remedy="Give sides of 188, 204, 220 and so on pixels, or call the model itself",
            )
        features, skips = image, []
        for level, convs in enumerate(self.contract):
            features = convs(features if level == 0 else self.pool(features))
            if level >= 3:
                features = self.dropout(features)
            skips.append(features)
        for up, convs, skip in zip(self.up, self.expand, skips[-2::-1], strict=True):
            features = up(features)
            if self.padded:
                features = crop_or_pad(features, skip.shape[-2:])
            else:
                margin = (skip.shape[-1] - features.shape[-1]) // 2
                skip = crop_or_pad(skip, features.shape[-2:], margin)  # noqa: PLW2901
            features = convs(torch.cat([skip, features], dim=1))
        result: Tensor = self.classifier(features)
        return result

    def _in_tiles(self, surrounded: Tensor, size: tuple[int, int]) -> Tensor:
        """`contract_and_expand` in tiles that start at multiples of 16, so that their poolings are aligned."""
        if torch.compiler.is_compiling() or max(size) <= TILE:
            return self.contract_and_expand(surrounded)
        step = TILE - SMALLEST  # a multiple of 16; the tiles' last 4 pixels overlap
        starts = [range(0, max(length - SMALLEST, 1), step) for length in size]
        strips = []
        for top in starts[0]:
            tiles = []
            for left in starts[1]:
                tile = surrounded[..., top : top + TILE + 2 * MARGIN, left : left + TILE + 2 * MARGIN]
                last = left == starts[1][-1]
                tiles.append(self.contract_and_expand(tile)[..., : TILE if last else step])
            strip = torch.cat(tiles, dim=-1)
            strips.append(strip if top == starts[0][-1] else strip[..., :step, :])
        return torch.cat(strips, dim=-2)


class DoubleConv(nn.Sequential):
    """One level of figure 1 (Ronneberger et al. 2015, section 2): two 3x3 convolutions, each with a ReLU.

    (N, in_channels, H, W) -> (N, width, H - 4, W - 4). Differences from the paper: with `padding` 1 instead of 0 the
    result is (N, width, H, W).
    """

    def __init__(self, in_channels: int, width: int, padding: int) -> None:
        super().__init__(
            nn.Conv2d(in_channels, width, 3, padding=padding),
            nn.ReLU(inplace=True),
            nn.Conv2d(width, width, 3, padding=padding),
            nn.ReLU(inplace=True),
        )


class EncoderUNet(SegmentationModel):
    """U-Net's expansive path (Ronneberger et al. 2015, section 2) on any encoder, up to full resolution.

    image (N, in_channels, H, W) -> logits (N, num_classes, H, W). Each of five steps is a 2x2 up-convolution, the
    concatenation with the encoder's map of the same size where there is one, and two 3x3 convolutions.

    Differences from the paper:
        - The contracting path is an encoder. Most have no map at full resolution, ConvNeXt and Swin none at stride 2
          either: these steps have no skip.
        - Convolutions are padded, so at odd sizes the upsampled map is cropped to its skip by a row or column, and not
          the skip to the map; BatchNorm follows each 3x3 convolution; the widths are 256, 128, 64, 32, 16.
        - The scores come from a 3x3 convolution where the paper has a 1x1 one on 64 channels: on 16 channels, the few
          weights of a 1x1 one limit the confidence.

    Args:
        encoder: An encoder at output stride 32.
        num_classes: Number of classes.

    Raises:
        ConfigError: The encoder has another output stride; or, in a forward pass in training, a BatchNorm gets a single
            value per channel.
    """

    output_strides: ClassVar[tuple[int, ...]] = (32,)
    default_stride: ClassVar[int] = 32
    widths: ClassVar[tuple[int, ...]] = (256, 128, 64, 32, 16)

    def __init__(self, encoder: Encoder, num_classes: int) -> None:
        super().__init__(num_classes)
        self.check_output_stride(encoder.strides[-1])
        self.encoder = encoder
        deepest = encoder.strides[-1]
        self.strides = [deepest >> i for i in range(1, len(self.widths) + 1)]  # 16, 8, 4, 2, 1
        skips = dict(zip(encoder.strides, encoder.channels, strict=True))
        inputs = (encoder.channels[-1], *self.widths)
        self.steps = nn.ModuleList(
            UpStep(before, skips.get(stride, 0), width)
            for before, stride, width in zip(inputs, self.strides, self.widths, strict=False)
        )
        self.classifier = nn.Conv2d(self.widths[-1], num_classes, 3, padding=1)

    def forward(self, image: Tensor, size: Size = None) -> SegmentationOutput:
        """See `SegmentationModel.forward`. Native logits have the image's size. There is no auxiliary head."""
        maps = dict(zip(self.encoder.strides, self.encoder(image), strict=True))
        features = maps[self.encoder.strides[-1]]
        for step, stride in zip(self.steps, self.strides, strict=True):
            skip = maps.get(stride)
            # ONNX divides towards zero: -(-length // stride) would be another number there.
            target = [(n + stride - 1) // stride for n in image.shape[-2:]] if skip is None else skip.shape[-2:]
            features = step(features, target, skip)  # (N, widths[i], H / stride, W / stride)
        return resize_outputs(self.classifier(features), None, image, size)


class UpStep(nn.Module):
    """One step of the expansive path (Ronneberger et al. 2015, section 2): up-convolution, skip, two 3x3 convolutions.

    features (N, in_channels, h, w), skip (N, skip_channels, H, W) -> (N, width, H, W). H and W are given as `size`:
    twice h and w, or one less. Differences from the paper: padded, with BatchNorm.

    Args:
        in_channels: Channels of the features.
        skip_channels: Channels of the encoder's map; 0 for a step without a skip.
        width: Channels of the result.
    """

    def __init__(self, in_channels: int, skip_channels: int, width: int) -> None:
        super().__init__()
        self.up = nn.ConvTranspose2d(in_channels, width, 2, stride=2)
        _initialise(self.up)
        self.convs = nn.Sequential(conv_bn_relu(width + skip_channels, width, 3), conv_bn_relu(width, width, 3))

    def forward(self, features: Tensor, size: Sequence[int], skip: Tensor | None = None) -> Tensor:
        features = crop_or_pad(self.up(features), size)
        if skip is not None:
            features = torch.cat([skip, features], dim=1)
        refuse_single_value(self.convs, features.shape[0] * features.shape[2] * features.shape[3])
        result: Tensor = self.convs(features)
        return result


def _initialise(conv: nn.Conv2d | nn.ConvTranspose2d) -> None:
    """Initialise as in section 3: Gaussian weights of standard deviation sqrt(2 / N), N the inputs of one output.

    In a 2x2 up-convolution those are of one pixel. torch's initialisation counts all four taps, which would make the
    deep features weaker than the skips.
    """
    taps = 1 if isinstance(conv, nn.ConvTranspose2d) else conv.kernel_size[0] * conv.kernel_size[1]
    nn.init.normal_(conv.weight, std=(2 / (taps * conv.in_channels)) ** 0.5)
    nn.init.zeros_(conv.bias)  # type: ignore[arg-type]


def _next_possible(length: int) -> int:
    """The least length of an output, not below `length`, that the unpadded network can compute."""
    return (length - SMALLEST + STEP - 1) // STEP * STEP + SMALLEST


def _is_possible(length: int) -> bool:
    """Whether an input of this length is possible: an output of 4, 20, 36, ... and a margin on both sides."""
    output = length - 2 * MARGIN
    return output >= SMALLEST and output == _next_possible(output)
