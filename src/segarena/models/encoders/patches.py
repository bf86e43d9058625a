"""Layers over separate patches, whose stride is their kernel, that lose no pixel at the border."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional as F


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
