"""Layers over patches that do not overlap (stride = kernel size) and lose no pixel at the border of odd sizes."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional as F


class PatchConv2d(nn.Conv2d):
    """A convolution over patches of k x k pixels, stride k: (N, C, H, W) -> (N, C', ceil(H / k), ceil(W / k)).

    Patches that the border cuts are filled with zeros, where torchvision drops them. With its stride replaced by
    dilation, it reads taps that are `dilation` pixels apart, (N, C, H, W) -> (N, C', H, W). Takes the arguments of
    `torch.nn.Conv2d`.
    """

    def forward(self, input: Tensor) -> Tensor:  # noqa: A002  # torch's own name
        return super().forward(F.pad(input, _missing(input, self.kernel_size[0], self.stride[0], self.dilation[0])))


class PatchMaxPool2d(nn.Module):
    """Maximum over patches of 2 x 2 pixels: (N, C, H, W) -> (N, C, ceil(H / 2), ceil(W / 2)).

    Patches that the border cuts have the maximum of what is left of them, where torchvision drops them. With its stride
    replaced by dilation, it reads taps that are `dilation` pixels apart, (N, C, H, W) -> (N, C, H, W).
    """

    def __init__(self) -> None:
        super().__init__()
        self.kernel_size, self.stride, self.dilation = (2, 2), (2, 2), (1, 1)

    def forward(self, features: Tensor) -> Tensor:
        missing = _missing(features, 2, self.stride[0], self.dilation[0])
        padded = F.pad(features, missing, value=float("-inf"))
        return F.max_pool2d(padded, 2, self.stride, dilation=self.dilation)


def _missing(features: Tensor, kernel: int, stride: int, dilation: int) -> list[int]:
    """Padding (left, right, top, bottom) after which each pixel is in, or with stride 1 begins, a whole patch."""
    if stride == 1:
        return [0, (kernel - 1) * dilation, 0, (kernel - 1) * dilation]
    # In ONNX the remainder of a negative number has another sign: no -length % stride here.
    return [0, (stride - features.shape[-1] % stride) % stride, 0, (stride - features.shape[-2] % stride) % stride]
