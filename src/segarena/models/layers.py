"""Layers and operations that more than one architecture uses."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class FCNHead(nn.Sequential):
    """Class scores from one feature map: torchvision's `FCNHead`, features (N, C, h, w) -> (N, num_classes, h, w).

    A 3x3 convolution to a quarter of the channels, BatchNorm, ReLU, dropout 0.1 and a 1x1 convolution. The code of
    PSPNet's authors uses the same layers for its auxiliary head, but drops whole channels; the paper (Zhao et al. 2017,
    arXiv:1612.01105) does not list the layers.

    Args:
        in_channels: Channels C of the feature map.
        num_classes: Number of classes.
        channel_dropout: Drop whole channels (`Dropout2d`) instead of single values.
    """

    def __init__(self, in_channels: int, num_classes: int, *, channel_dropout: bool = False) -> None:
        width = in_channels // 4
        dropout = nn.Dropout2d(0.1) if channel_dropout else nn.Dropout(0.1)
        super().__init__(conv_bn_relu(in_channels, width, 3), dropout, nn.Conv2d(width, num_classes, 1))

    @staticmethod
    def names_in_torchvision(theirs: str, ours: str) -> dict[str, str]:
        """Map prefixes of parameter names: torchvision's head is called `theirs`, the one of this class `ours`."""
        return {f"{theirs}.0.": f"{ours}.0.0.", f"{theirs}.1.": f"{ours}.0.1.", f"{theirs}.4.": f"{ours}.2."}


class FixedUpsampling(nn.ConvTranspose2d):
    """Bilinear interpolation that is not learned (Long et al. 2015, 3.3): a transposed convolution with fixed weights.

    scores (N, C, h, w) -> (N, C, f h + f, f w + f) for the factor f. The weights count as parameters.

    Differences from the paper: it is computed in float32 or float64, without autocast and TF32, as every last
    interpolation here.

    Args:
        channels: Channels C.
        factor: The factor f of the height and width, 2 or more.
    """

    def __init__(self, channels: int, factor: int) -> None:
        super().__init__(channels, channels, 2 * factor, stride=factor, bias=False)
        initialise_bilinear(self)
        self.weight.requires_grad_(False)

    def forward(self, scores: Tensor) -> Tensor:  # type: ignore[override]  # nn.ConvTranspose2d has an output size
        scores = to_float32(scores)
        with without_autocast(scores), without_tf32(scores):
            return F.conv_transpose2d(scores, self.weight.to(scores.dtype), stride=self.stride)


def conv_bn_relu(in_channels: int, out_channels: int, kernel_size: int, dilation: int = 1) -> nn.Sequential:
    """Build a convolution without bias, BatchNorm and ReLU that keep the height and width.

    Every decoder uses He initialisation (2015, arXiv:1502.01852) for it, so that none has an advantage.

    Args:
        in_channels: Channels of the input.
        out_channels: Channels of the output.
        kernel_size: Odd side of the kernel, in pixels of the feature map.
        dilation: Distance between two taps of the kernel, in pixels of the feature map.
    """
    padding = dilation * (kernel_size // 2)
    conv = nn.Conv2d(in_channels, out_channels, kernel_size, padding=padding, dilation=dilation, bias=False)
    nn.init.kaiming_normal_(conv.weight, nonlinearity="relu")
    return nn.Sequential(conv, nn.BatchNorm2d(out_channels), nn.ReLU(inplace=True))


def without_autocast(tensor: Tensor) -> AbstractContextManager[object]:
    """Return a context in which operations keep the type of their inputs, on the tensor's device."""
    device = tensor.device.type
    known = torch.amp.is_autocast_available(device)  # not on "meta", where FLOPs are counted
    return torch.autocast(device, enabled=False) if known else nullcontext()


@contextmanager
def without_tf32(tensor: Tensor) -> Iterator[None]:
    """Let an NVIDIA GPU compute convolutions of float32 in float32, not in TF32 with its mantissa of 10 bits."""
    if tensor.device.type != "cuda" or torch.compiler.is_compiling():
        yield
        return
    cudnn = torch.backends.cudnn
    try:
        before = cudnn.allow_tf32
    except RuntimeError:  # convolutions have a setting of their own, and PyTorch refuses to mix the two ways
        yield
        return
    cudnn.allow_tf32 = False
    try:
        yield
    finally:
        cudnn.allow_tf32 = before


def to_float32(scores: Tensor) -> Tensor:
    """Convert a tensor of a smaller floating-point type to float32; float64 stays.

    bfloat16 has 8 bits of precision: interpolated in it, neighbouring pixels would get equal scores.
    """
    return scores.to(torch.promote_types(scores.dtype, torch.float32))


def resize(features: Tensor, size: Sequence[int]) -> Tensor:
    """Interpolate bilinearly with align_corners=False, the one interpolation of the project.

    Args:
        features: (N, C, h, w), floating point.
        size: (height, width) of the result, in pixels.

    Returns:
        (N, C, *size), same type.

    >>> resize(torch.tensor([[[[0.0, 4.0]]]]), (1, 4))
    tensor([[[[0., 1., 3., 4.]]]])
    """
    return F.interpolate(features, size=(size[0], size[1]), mode="bilinear", align_corners=False)


def crop_or_pad(features: Tensor, size: Sequence[int], offset: int = 0) -> Tensor:
    """Cut a window out of a feature map; where the window is larger than the map, zeros fill it.

    Args:
        features: (N, C, h, w).
        size: (height, width) of the window, in pixels of the map.
        offset: First row and first column of the window.

    Returns:
        (N, C, *size), same type.

    >>> crop_or_pad(torch.tensor([[[[1, 2, 3], [4, 5, 6]]]]), (2, 2), offset=1)
    tensor([[[[5, 6],
              [0, 0]]]])
    """
    # A negative pad and not a slice: whether a slice cuts anything would be fixed when the model is exported.
    right, below = size[1] + offset - features.shape[-1], size[0] + offset - features.shape[-2]
    return F.pad(features, (-offset, right, -offset, below))


def mirror_pad(image: Tensor, before: int, size: Sequence[int]) -> Tensor:
    """Extend an image beyond its border by reflection, repeatedly where the border is wider than the image.

    Args:
        image: (N, C, H, W).
        before: Rows added above and columns added on the left.
        size: (height, width) of the result, in pixels.

    Returns:
        (N, C, *size), same type: NumPy's `pad` with mode "reflect".

    >>> mirror_pad(torch.tensor([[[[1, 2, 3]]]]), 0, (1, 7))
    tensor([[[[1, 2, 3, 2, 1, 2, 3]]]])
    """
    for axis, length in ((-2, size[0]), (-1, size[1])):
        # A tensor and not a number: ONNX's exporter has no remainder by a size that is symbolic.
        period = (2 * torch.arange(image.shape[axis], device=image.device)[-1]).clamp(min=1)
        position = torch.remainder(torch.arange(length, device=image.device) - before, period)
        image = image.index_select(axis, torch.minimum(position, period - position))
    return image


def initialise_bilinear(up: nn.ConvTranspose2d) -> None:
    """Set the weights of an upsampling to bilinear interpolation, each class by itself (Long et al. 2015, 3.3)."""
    factor = up.stride[0]
    half = (torch.arange(factor) + 0.5) / factor
    taps = torch.cat([half, half.flip(0)])
    classes = range(up.in_channels)
    with torch.no_grad():
        up.weight.zero_()
        up.weight[classes, classes] = torch.outer(taps, taps)
