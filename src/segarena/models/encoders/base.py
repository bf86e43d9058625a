"""What every encoder promises, and how its last strides become dilation."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from torch import Tensor, nn
from torch.nn import functional as F

from segarena.errors import ConfigError
from segarena.models.layers import refuse_single_value


class Encoder(nn.Module):
    """forward(image (N, in_channels, H, W)) -> feature maps, fine to coarse.

    Map i is (N, channels[i], ceil(H / strides[i]), ceil(W / strides[i])). The strides double from map to map and end,
    undilated, at 32; the first is 2 for most, 1 for VGG, 4 for ConvNeXt and Swin. The image is a float tensor,
    normalised as the weights expect it (for ImageNet weights: by ImageNet's mean and standard deviation); any H and W
    of at least 1 work, useful ones start at 32. Parameters bear the names of torchvision's own network, so that its
    state dicts load unchanged.

    `name` is torchvision's; `stem` the name of the first convolution's weight; `unused` the prefixes of what
    torchvision's network has beyond the encoder; `last_blocks` the residual blocks of the last stage, where multi-grid
    can be applied, none where the paper's idea has no place.
    Raises ConfigError in training on one image so small that BatchNorm sees a single pixel.
    """

    #: Output strides that the encoder can be set to.
    output_strides: ClassVar[tuple[int, ...]] = (8, 16, 32)

    name: str
    stem: str
    unused: tuple[str, ...]
    channels: tuple[int, ...]
    strides: tuple[int, ...]
    multi_grid: tuple[int, ...] = ()

    @property
    def last_blocks(self) -> Sequence[nn.Module]:
        """None, unless an encoder says otherwise."""
        return ()

    @property
    def deep_stages(self) -> tuple[nn.Module, nn.Module]:
        """The stages that reach stride 16 and stride 32, each beginning with what has the stride."""
        raise NotImplementedError

    def prepare_strides(self, strides: Sequence[int]) -> None:
        """Remember the network's own `strides`, of its maps and of its layers, for `set_output_stride`."""
        self.strides = self._own_strides = tuple(strides)
        self._strided = [
            {name for name, layer in stage.named_modules() if getattr(layer, "stride", 1) in (2, (2, 2))}
            for stage in self.deep_stages
        ]
        self._has_batch_norm = any(isinstance(layer, nn.BatchNorm2d) for layer in self.modules())

    def set_output_stride(self, output_stride: int) -> None:
        """Keep the resolution at `output_stride`, and the receptive fields, by dilation (Chen et al. 2017, 3.1).

        No weight changes, and it can be set again at any time. A pretrained dilated network computes what the strided
        one does, at more places: each convolution looks at taps as far apart as the strides removed before it ask
        for. The layer that had the stride still reads the finer grid of the stage before and keeps its dilation; those
        after it get the doubled one. Raises ConfigError for a stride that is not among `output_strides`.
        """
        if output_stride not in self.output_strides:
            raise ConfigError(
                f"the encoder {self.name} does not work with output stride {output_stride}",
                remedy=f"Use {' or '.join(map(str, self.output_strides))}, or another encoder",
            )
        dilation = 1
        for stage, strided, stride in zip(self.deep_stages, self._strided, (16, 32), strict=True):
            dilation = _dilate(stage, strided, removed=stride > output_stride, dilation=dilation)
        self.strides = tuple(min(stride, output_stride) for stride in self._own_strides)
        if any(factor > 1 for factor in self.multi_grid):
            for block, factor in zip(self.last_blocks, self.multi_grid, strict=True):
                for layer in block.modules():
                    if isinstance(layer, nn.Conv2d) and layer.kernel_size != (1, 1):
                        _set_dilation(layer, dilation * factor)

    def set_multi_grid(self, multi_grid: Sequence[int]) -> None:
        """Set the dilation of each of `last_blocks` to the stage's own times its entry. Chen et al. 2017, 3.2.1.

        Where all entries are 1 there is no multi-grid, and the first block keeps the dilation of the stage before.
        """
        self.multi_grid = tuple(multi_grid)
        self.set_output_stride(self.strides[-1])

    def check_batch(self, image: Tensor) -> None:
        """Refuse in training an image whose last map would be one value per channel of a BatchNorm."""
        count, _, height, width = image.shape
        stride = self.strides[-1]
        if self._has_batch_norm:
            refuse_single_value(self, count * -(-height // stride) * -(-width // stride))


class PatchConv2d(nn.Conv2d):
    """A convolution of kernel k over separate patches, stride k; zeros fill up the patches that the border cuts.

    (N, C, H, W) -> (N, C', ceil(H / k), ceil(W / k)). Once its stride is removed, taps lie `dilation` apart.
    """

    def forward(self, input: Tensor) -> Tensor:  # noqa: A002  # torch's own name
        return super().forward(F.pad(input, _missing(input, self.kernel_size[0], self.stride[0], self.dilation[0])))


class PatchMaxPool2d(nn.Module):
    """Maximum over separate 2 x 2 patches, also over those that the border cuts: (N, C, ceil(H / 2), ceil(W / 2)).

    Once its stride is removed, the taps lie `dilation` apart.
    """

    def __init__(self) -> None:
        super().__init__()
        self.kernel_size, self.stride, self.dilation = (2, 2), (2, 2), (1, 1)

    def forward(self, features: Tensor) -> Tensor:
        missing = _missing(features, 2, self.stride[0], self.dilation[0])
        padded = F.pad(features, missing, value=float("-inf"))
        return F.max_pool2d(padded, 2, self.stride, dilation=self.dilation)


def _missing(features: Tensor, kernel: int, stride: int, dilation: int) -> list[int]:
    """Padding on the right and below, so that every pixel begins, or belongs to, a whole patch."""
    if stride == 1:
        return [0, (kernel - 1) * dilation, 0, (kernel - 1) * dilation]
    # ONNX's remainder of a negative number is another one: no -length % stride here.
    return [0, (stride - features.shape[-1] % stride) % stride, 0, (stride - features.shape[-2] % stride) % stride]


def _dilate(stage: nn.Module, strided: set[str], *, removed: bool, dilation: int) -> int:
    """Set strides and dilations of a stage; `dilation` is that of the stage before, the returned one this stage's."""
    for name, layer in stage.named_modules():
        if not isinstance(layer, (nn.Conv2d, PatchMaxPool2d)):
            continue
        if name in strided:
            layer.stride = (1, 1) if removed else (2, 2)
        if layer.kernel_size != (1, 1):
            _set_dilation(layer, dilation)
            dilation *= 2 if removed and name in strided else 1
    return dilation


def _set_dilation(layer: nn.Conv2d | PatchMaxPool2d, dilation: int) -> None:
    layer.dilation = (dilation, dilation)
    if not isinstance(layer, (PatchConv2d, PatchMaxPool2d)):
        reach = dilation * (layer.kernel_size[0] // 2)
        layer.padding = (reach, reach)
