"""Depthwise convolutions whose gradients are right, and fast, where they are dilated on a CPU."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class DepthwiseConv2d(nn.Conv2d):
    """A depthwise convolution of stride 1 or more; (N, C, H, W) -> (N, C, H', W').

    In bfloat16 on a CPU, torch 2.15 computes wrong gradients of the weights of a dilated depthwise convolution: from
    memory that was never written, so they are sometimes NaN and mostly finite. Sizes up to 16 x 20 were right, 23 x 30
    and 32 x 32 wrong by more than the largest gradient. Therefore a dilated one is computed here from its phases while
    gradients are recorded: with dilation d, the pixels whose rows and columns are equal modulo d make d x d smaller
    images, each convolved without dilation. The result is the same up to rounding; the backward pass of a 3x3 kernel
    takes about a tenth of the time.

    Takes the arguments of `torch.nn.Conv2d`; with dilation d the padding is d (k // 2) for a kernel of odd side k.
    """

    @classmethod
    def like(cls, layer: nn.Conv2d) -> DepthwiseConv2d:
        """Make one with the parameters of `layer`, without drawing random numbers."""
        result = cls(
            layer.in_channels,
            layer.out_channels,
            layer.kernel_size,  # type: ignore[arg-type]
            stride=layer.stride,  # type: ignore[arg-type]
            padding=layer.padding,  # type: ignore[arg-type]
            groups=layer.groups,
            bias=layer.bias is not None,
            device="meta",
        )
        result.weight, result.bias = layer.weight, layer.bias
        return result

    def forward(self, input: Tensor) -> Tensor:  # noqa: A002  # torch's own name
        dilated = self.dilation != (1, 1) and self.stride == (1, 1)
        if not dilated or input.device.type != "cpu" or not torch.is_grad_enabled() or torch.compiler.is_compiling():
            return super().forward(input)
        count, channels, height, width = input.shape
        step = self.dilation[0]
        padded = F.pad(input, (0, -width % step, 0, -height % step))
        rows, columns = padded.shape[2] // step, padded.shape[3] // step
        # (N, rows, d, columns, d, C) -> (N, d, d, rows, columns, C): channels last, as convolutions are fastest
        pixels = padded.permute(0, 2, 3, 1).reshape(count, rows, step, columns, step, channels)
        phases = pixels.permute(0, 2, 4, 1, 3, 5).reshape(-1, rows, columns, channels).permute(0, 3, 1, 2)
        padding = [side // 2 for side in self.kernel_size]
        phases = F.conv2d(phases, self.weight, self.bias, padding=padding, groups=self.groups)
        pixels = phases.permute(0, 2, 3, 1).reshape(count, step, step, rows, columns, channels)
        result = pixels.permute(0, 3, 1, 4, 2, 5).reshape(count, rows * step, columns * step, channels)
        return result.permute(0, 3, 1, 2)[..., :height, :width]
