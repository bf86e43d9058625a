"""The base class of the encoders: which maps an encoder returns, and its strides, dilations and multi-grid."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn

from segarena.errors import ConfigError
from segarena.models.checks import is_positive_integer, refuse_single_value
from segarena.models.encoders.dilation import dilate_stage, find_strided, set_dilation


class Encoder(nn.Module):
    """Base class of the encoders: forward(image (N, in_channels, H, W)) -> feature maps, from fine to coarse.

    Map i is (N, channels[i], ceil(H / strides[i]), ceil(W / strides[i])). The strides double from map to map and end,
    undilated, at 32; the first is 2 for most, 1 for VGG, 4 for ConvNeXt and Swin. The image is a float tensor,
    normalised as the weights expect it (for ImageNet weights: by ImageNet's mean and standard deviation). Any H and W
    of at least 1 are possible, and 32 or more useful. Parameters have the names of torchvision's network, so that its
    state dicts load unchanged.

    Args:
        name: torchvision's name of the network.

    Raises:
        ConfigError: In a forward pass in training, where one image is so small that a BatchNorm gets a single pixel.
    """

    #: Output strides that the encoder can be set to.
    output_strides: tuple[int, ...] = (8, 16, 32)

    name: str
    #: Name of the weight of the first convolution.
    stem: str
    #: Prefixes of the parameters that torchvision's network has and the encoder does not.
    unused: tuple[str, ...]
    #: Channels of each map.
    channels: tuple[int, ...]
    #: Stride of each map, in pixels of the image.
    strides: tuple[int, ...]
    #: Multiples of the last stage's dilation, one for each of `last_blocks`; empty if none were set.
    multi_grid: tuple[int, ...] = ()

    def __init__(self, name: str) -> None:
        super().__init__()
        self.name = name

    @property
    def last_blocks(self) -> Sequence[nn.Module]:
        """The residual blocks of the last stage, to which a multi-grid applies; empty for an encoder without such."""
        return ()

    @property
    def deep_stages(self) -> tuple[nn.Module, nn.Module]:
        """The stages that reach stride 16 and stride 32, each beginning with the layer that has the stride."""
        raise NotImplementedError

    def prepare_strides(self, strides: Sequence[int]) -> None:
        """Store the `strides` of the maps as the network is built, and which layers have one; for subclasses."""
        self.strides = self._own_strides = tuple(strides)
        self._strided = [find_strided(stage) for stage in self.deep_stages]

    def set_output_stride(self, output_stride: int) -> None:
        """Replace strides by dilation, which keeps the receptive fields (Chen et al. 2017, 3.1, arXiv:1706.05587).

        No weight changes, and it can be set again at any time. A pretrained network computes the same features as
        before, at more positions, except where squeeze-and-excitation averages over them (MobileNetV3, EfficientNet).
        The layer that had the stride reads the finer grid of the stage before and keeps that dilation; the layers after
        it get twice the dilation.

        Args:
            output_stride: Stride of the last map, in pixels of the image.

        Raises:
            ConfigError: The stride is not in `output_strides`.
        """
        if output_stride not in self.output_strides:
            raise ConfigError(
                f"the encoder {self.name} does not support output stride {output_stride}",
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
        """Multiply the dilations of the last stage's blocks (Chen et al. 2017, 3.2.1, arXiv:1706.05587).

        Args:
            multi_grid: A factor for each of `last_blocks`, 1 or more. With ones only there is no multi-grid, and the
                first block keeps the dilation of the stage before.

        Raises:
            ConfigError: They are not one positive integer for each block. Nothing has been changed then.
        """
        blocks = len(self.last_blocks)
        is_list = isinstance(multi_grid, Sequence) and len(multi_grid) == blocks
        if not is_list or not all(map(is_positive_integer, multi_grid)):
            raise ConfigError(
                f"multi_grid {multi_grid!r} does not fit the encoder {self.name}",
                remedy=f"Give {blocks} integers, each 1 or more" if blocks else "Leave it out, or use a ResNet",
            )
        self.multi_grid = tuple(multi_grid)
        self.set_output_stride(self.strides[-1])

    def check_batch(self, image: Tensor) -> None:
        """Raise ConfigError in training for an image whose last maps have one value per channel of a BatchNorm."""
        if not self.training:
            return
        count, _, height, width = image.shape
        for stage, stride in zip(self.deep_stages, self.strides[-2:], strict=True):
            refuse_single_value(stage, count * -(-height // stride) * -(-width // stride))
