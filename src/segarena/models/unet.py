"""U-Net: Convolutional Networks for Biomedical Image Segmentation. Ronneberger et al. 2015 (arXiv:1505.04597)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from segarena.errors import ConfigError
from segarena.models.base import SegmentationModel, SegmentationOutput, Size, finish
from segarena.models.checks import refuse_single_value, require_switch
from segarena.models.encoders import Encoder
from segarena.models.layers import conv_bn_relu, crop

#: Pixels of the output of one tile in the paper's figure 2, and what the valid convolutions eat around it.
TILE = 388
MARGIN = 92
#: Four poolings: a level's size must be even, so outputs come in steps of 16 from 4.
STEP, SMALLEST = 16, 4


class UNet(SegmentationModel):
    """Figure 1 of Ronneberger et al. 2015: 3x3 convolutions, 64 to 1024 channels, 2x2 up-convolutions, cropped skips.

    image (N, in_channels, H, W) -> logits (N, num_classes, H, W). Convolutions are not padded: `contract_and_expand`
    maps 572 to 388 pixels, as in the figure. `forward` gives each pixel of the image its scores by the overlap-tile
    strategy (section 1, figure 2): what lies outside of the image is mirrored, and outside of training the image goes
    through in tiles of at most 388 pixels, which changes memory and not the result (a compiled or exported graph takes
    it whole). `padded=True` pads each convolution with zeros instead, as most implementations do, and cuts the odd row
    or column of the up-sampled map.

    He initialisation (section 3); dropout at the end of the contracting path (3.1): 0.5 behind its two deepest levels
    as in the authors' network. Departs: logits for any image size, mirrored up to the next possible one; the inputs
    that section 3 counts are in a 2x2 up-convolution those of one pixel. The loss lies outside of the model, and with
    it the paper's weight map. (Ports of the authors' network have a ReLU behind each up-convolution, the paper has
    none.)
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
        """See the class; `size` is that of the logits. Native: the image's own. There is no auxiliary head."""
        if self.padded:
            return finish(self.contract_and_expand(image), None, image, size)
        height, width = image.shape[-2:]
        rows, columns = _next_possible(height), _next_possible(width)
        surrounded = mirror(image, MARGIN, (rows + 2 * MARGIN, columns + 2 * MARGIN))
        logits = self.contract_and_expand(surrounded) if self.training else self._in_tiles(surrounded, (rows, columns))
        return finish(crop(logits, (height, width)), None, image, size)

    def contract_and_expand(self, image: Tensor) -> Tensor:
        """Figure 1 itself: image (N, in_channels, H, W) -> logits (N, num_classes, H - 184, W - 184).

        H and W must be 16 k + 188, such as 572, or a pooling cuts off a row and the skips lie beside their place:
        ConfigError. With `padded`: any, and the logits have the image's size.
        """
        possible = self.padded or torch.compiler.is_compiling() or all(_is_possible(n) for n in image.shape[-2:])
        if not possible:
            raise ConfigError(
                f"{image.shape[-2]} x {image.shape[-1]} pixels do not go through four poolings evenly",
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
                features = crop(features, skip.shape[-2:])
            else:
                skip = _center_crop(skip, features.shape[-2:])  # noqa: PLW2901
            features = convs(torch.cat([skip, features], dim=1))
        result: Tensor = self.classifier(features)
        return result

    def _in_tiles(self, surrounded: Tensor, size: tuple[int, int]) -> Tensor:
        """`contract_and_expand` by tiles that begin at multiples of 16: each pooling meets the pixels it would meet."""
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
    """A level of figure 1 (Ronneberger et al. 2015, section 2): two 3x3 convolutions, each with a ReLU.

    (N, in_channels, H, W) -> (N, width, H - 4, W - 4). Departs on request: with `padding` 1 the size stays.
    """

    def __init__(self, in_channels: int, width: int, padding: int) -> None:
        super().__init__(
            nn.Conv2d(in_channels, width, 3, padding=padding),
            nn.ReLU(inplace=True),
            nn.Conv2d(width, width, 3, padding=padding),
            nn.ReLU(inplace=True),
        )


class EncoderUNet(SegmentationModel):
    """The expansive path (Ronneberger et al. 2015, section 2) over the levels of any encoder, up to full resolution.

    image (N, in_channels, H, W) -> logits (N, num_classes, H, W). Each of five steps is a 2x2 up-convolution, the
    concatenation with the encoder's map of that size where it has one, and two 3x3 convolutions.
    Raises ConfigError in training where BatchNorm sees a single value.

    Departs: the contracting path is an encoder of this project, most of which have no map at full resolution (ConvNeXt
    and Swin none at stride 2 either): those steps have no skip. Convolutions are padded, so the up-sampled map is
    cropped to its skip (by a row or column, at odd sizes) and not the skip to it; BatchNorm after each 3x3
    convolution; decoder widths 256, 128, 64, 32, 16. The scores come from a 3x3 convolution where the paper has a 1x1
    one on 64 channels: on 16, the few weights of a 1x1 one hold the confidence down.
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
        """See the class; `size` is that of the logits. Native: the image's own. There is no auxiliary head."""
        maps = dict(zip(self.encoder.strides, self.encoder(image), strict=True))
        features = maps[self.encoder.strides[-1]]
        for step, stride in zip(self.steps, self.strides, strict=True):
            skip = maps.get(stride)
            # ONNX divides towards zero: -(-length // stride) would be another number there.
            target = [(n + stride - 1) // stride for n in image.shape[-2:]] if skip is None else skip.shape[-2:]
            features = step(features, target, skip)  # (N, widths[i], H / stride, W / stride)
        return finish(self.classifier(features), None, image, size)


class UpStep(nn.Module):
    """A step of the expansive path (Ronneberger et al. 2015, section 2): up-convolution, skip, two 3x3 convolutions.

    features (N, in_channels, h, w), skip (N, skip_channels, H, W) -> (N, width, H, W). H and W are `size`: 2h and 2w,
    or one less. Departs: padded, with BatchNorm; skip_channels 0 is a step without a skip.
    """

    def __init__(self, in_channels: int, skip_channels: int, width: int) -> None:
        super().__init__()
        self.up = nn.ConvTranspose2d(in_channels, width, 2, stride=2)
        _initialise(self.up)
        self.convs = nn.Sequential(conv_bn_relu(width + skip_channels, width, 3), conv_bn_relu(width, width, 3))

    def forward(self, features: Tensor, size: Sequence[int], skip: Tensor | None = None) -> Tensor:
        features = crop(self.up(features), size)
        if skip is not None:
            features = torch.cat([skip, features], dim=1)
        refuse_single_value(self.convs, features.shape[0] * features.shape[2] * features.shape[3])
        result: Tensor = self.convs(features)
        return result


def mirror(image: Tensor, before: int, size: Sequence[int]) -> Tensor:
    """Continue (N, C, H, W) beyond its border by reflection, again and again, to (N, C, *size).

    Pixel `before` of the result is the image's first, along both axes.
    """
    for axis, length in ((-2, size[0]), (-1, size[1])):
        # A tensor and not a number: ONNX's exporter knows no remainder by a size that is open.
        period = (2 * torch.arange(image.shape[axis], device=image.device)[-1]).clamp(min=1)
        place = torch.remainder(torch.arange(length, device=image.device) - before, period)
        image = image.index_select(axis, torch.minimum(place, period - place))
    return image


def _initialise(conv: nn.Conv2d | nn.ConvTranspose2d) -> None:
    """Section 3: Gaussian weights of standard deviation sqrt(2 / N), N the inputs of one output.

    In a 2x2 up-convolution those come from one pixel; torch's own start counts its four taps, and so would fade the
    deep features against each skip.
    """
    taps = 1 if isinstance(conv, nn.ConvTranspose2d) else conv.kernel_size[0] * conv.kernel_size[1]
    nn.init.normal_(conv.weight, std=(2 / (taps * conv.in_channels)) ** 0.5)
    nn.init.zeros_(conv.bias)  # type: ignore[arg-type]


def _center_crop(features: Tensor, size: Sequence[int]) -> Tensor:
    return crop(features, size, (features.shape[-1] - size[1]) // 2)


def _next_possible(length: int) -> int:
    """The least length of an output, not below `length`, that the unpadded network can have."""
    return (length - SMALLEST + STEP - 1) // STEP * STEP + SMALLEST


def _is_possible(length: int) -> bool:
    """Whether the unpadded network takes an input of this length: outputs of 4, 20, 36, ... and the margins."""
    output = length - 2 * MARGIN
    return output >= SMALLEST and output == _next_possible(output)
