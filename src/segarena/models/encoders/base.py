"""What every encoder promises."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn

from segarena.errors import ConfigError
from segarena.models.checks import is_positive, refuse_single_value
from segarena.models.encoders.dilation import dilate_stage, find_strided, set_dilation


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
    output_strides: tuple[int, ...] = (8, 16, 32)

    name: str
    stem: str
    unused: tuple[str, ...]
    channels: tuple[int, ...]
    strides: tuple[int, ...]
    multi_grid: tuple[int, ...] = ()

    def __init__(self, name: str) -> None:
        super().__init__()
        self.name = name

    @property
    def last_blocks(self) -> Sequence[nn.Module]:
        """The residual blocks of the last stage; an encoder without such blocks has none."""
        return ()

    @property
    def deep_stages(self) -> tuple[nn.Module, nn.Module]:
        """The stages that reach stride 16 and stride 32, each beginning with what has the stride."""
        raise NotImplementedError

    def prepare_strides(self, strides: Sequence[int]) -> None:
        """Remember the network's own `strides`, of its maps and of its layers, for `set_output_stride`."""
        self.strides = self._own_strides = tuple(strides)
        self._strided = [find_strided(stage) for stage in self.deep_stages]

    def set_output_stride(self, output_stride: int) -> None:
        """Keep the resolution at `output_stride`, and the receptive fields, by dilation (Chen et al. 2017, 3.1).

        No weight changes, and it can be set again at any time. A pretrained dilated network computes what the strided
        one does, at more places: each convolution looks at taps as far apart as the strides removed before it ask for.
        (But for squeeze-and-excitation, in MobileNetV3 and EfficientNet: its averages then run over more places.) The
        layer that had the stride still reads the finer grid of the stage before and keeps its dilation; those after it
        get the doubled one. Raises ConfigError for a stride that is not among `output_strides`.
        """
        if output_stride not in self.output_strides:
            raise ConfigError(
                f"the encoder {self.name} does not work with output stride {output_stride}",
                remedy=f"Use {', '.join(map(str, self.output_strides))}, or another encoder",
            )
        dilation = 1
        for stage, strided, stride in zip(self.deep_stages, self._strided, (16, 32), strict=True):
            dilation = dilate_stage(stage, strided, removed=stride > output_stride, dilation=dilation)
        self.strides = tuple(min(stride, output_stride) for stride in self._own_strides)
        if any(factor > 1 for factor in self.multi_grid):
            for block, factor in zip(self.last_blocks, self.multi_grid, strict=True):
                for layer in block.modules():
                    if isinstance(layer, nn.Conv2d) and layer.kernel_size != (1, 1):
                        set_dilation(layer, dilation * factor)

    def set_multi_grid(self, multi_grid: Sequence[int]) -> None:
        """Set the dilation of each of `last_blocks` to the stage's own times its entry. Chen et al. 2017, 3.2.1.

        Where all entries are 1 there is no multi-grid, and the first block keeps the dilation of the stage before.
        Raises ConfigError, and changes nothing, where they are not one whole number for each block.
        """
        blocks = len(self.last_blocks)
        if not isinstance(multi_grid, Sequence) or len(multi_grid) != blocks or not all(map(is_positive, multi_grid)):
            raise ConfigError(
                f"multi_grid {multi_grid!r} does not fit the encoder {self.name}",
                remedy=f"Give {blocks} whole numbers, each 1 or more" if blocks else "Leave it out, or use a ResNet",
            )
        self.multi_grid = tuple(multi_grid)
        self.set_output_stride(self.strides[-1])

    def check_batch(self, image: Tensor) -> None:
        """Refuse in training an image whose last maps would be one value per channel of a BatchNorm."""
        if not self.training:
            return
        count, _, height, width = image.shape
        for stage, stride in zip(self.deep_stages, self.strides[-2:], strict=True):
            refuse_single_value(stage, count * -(-height // stride) * -(-width // stride))
