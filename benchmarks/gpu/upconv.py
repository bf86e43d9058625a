"""U-Net's 2x2 up-convolution as torch computes it, beside one matrix product whose result is rearranged; bf16.

Forward and backward, for the five steps of U-Net on the encoder, at the sizes of a batch.
"""

from __future__ import annotations

from functools import partial

import torch
from session import BATCH, DEVICE, ENCODER, SIDE, Report, alternate, spread
from torch import Tensor, nn
from torch.nn import functional as F

import segarena


def as_product(features: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """The 2x2 up-convolution of stride 2 as one matrix product: (N, C, h, w) -> (N, K, 2h, 2w), channels-last."""
    count, _, height, width = features.shape
    kernels = weight.shape[1]
    flat = weight.permute(0, 2, 3, 1).flatten(1)  # (C, 2 * 2 * K)
    wide = torch.matmul(features.permute(0, 2, 3, 1), flat) + bias.repeat(4)
    parts = wide.view(count, height, width, 2, 2, kernels).permute(0, 1, 3, 2, 4, 5)
    return parts.reshape(count, 2 * height, 2 * width, kernels).permute(0, 3, 1, 2)


def main() -> None:
    report = Report("upconv")
    model = segarena.build_model("unet", 21, encoder=ENCODER)
    layers = [module for module in model.modules() if isinstance(module, nn.ConvTranspose2d)]
    for number, layer in enumerate(layers):
        side = SIDE // 32 << number
        torch.manual_seed(number)
        features = torch.randn(BATCH, layer.in_channels, side, side, device=DEVICE)
        features = features.to(torch.bfloat16).contiguous(memory_format=torch.channels_last).requires_grad_()
        weight, bias = (part.detach().to(DEVICE).requires_grad_() for part in (layer.weight, layer.bias))
        with torch.autocast(DEVICE, torch.bfloat16):
            expected = F.conv_transpose2d(features, weight, bias, stride=2)
            found = as_product(features, weight, bias)
        error = float((found - expected).detach().float().norm() / expected.detach().float().norm())
        weights = torch.randn_like(expected)

        def both(up: object, inputs: tuple[Tensor, ...] = (features, weight, bias), weights: Tensor = weights) -> None:
            with torch.autocast(DEVICE, torch.bfloat16):
                result = up(*inputs)  # type: ignore[operator]
            torch.autograd.grad(result, inputs, weights)

        ways = {
            "convolution": partial(both, partial(F.conv_transpose2d, stride=2)),
            "product": partial(both, as_product),
        }
        times = alternate(ways, rounds=7)
        ratios = [a / b for a, b in zip(times["convolution"], times["product"], strict=True)]
        report.add(
            layer=f"{layer.in_channels} to {layer.out_channels}, {side} x {side}",
            **{f"{name} ms": spread(spent) for name, spent in times.items()},
            ratio=spread(ratios),
            error=round(error, 5),
        )


if __name__ == "__main__":
    main()
