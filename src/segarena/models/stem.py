"""The first convolution of an encoder for images of other than three channels: a new one, or RGB's adapted."""

from __future__ import annotations

import torch
from torch import Tensor, nn


def replace_stem(encoder: nn.Module, in_channels: int) -> None:
    """Put a new first convolution in place, of He's initialisation, where the encoder's takes another number."""
    name = str(encoder.stem).removesuffix(".weight")
    conv = encoder.get_submodule(name)
    assert isinstance(conv, nn.Conv2d)
    if conv.in_channels == in_channels:
        return
    new = type(conv)(
        in_channels,
        conv.out_channels,
        conv.kernel_size[0],
        stride=conv.stride[0],
        padding=int(conv.padding[0]),
        bias=conv.bias is not None,
    )
    nn.init.kaiming_normal_(new.weight, mode="fan_out", nonlinearity="relu")
    if new.bias is not None:
        nn.init.zeros_(new.bias)
    parent, _, child = name.rpartition(".")
    setattr(encoder.get_submodule(parent), child, new)


def adapt_stem(weight: Tensor, in_channels: int) -> Tensor:
    """Turn an RGB convolution (out, 3, k, k) into one over `in_channels`: (out, in_channels, k, k).

    Up to two channels each get the mean of the three filters; more than three keep the RGB filters on the first three
    and get the mean on the others. All are scaled by 3 / in_channels: a scene that looks the same in all
    channels gives the response that the RGB network gave.
    """
    if in_channels == 3:
        return weight
    mean = weight.mean(dim=1, keepdim=True)
    if in_channels < 3:
        filters = mean.repeat(1, in_channels, 1, 1)
    else:
        filters = torch.cat([weight, mean.repeat(1, in_channels - 3, 1, 1)], dim=1)
    return filters * (3 / in_channels)
