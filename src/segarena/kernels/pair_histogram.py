"""How often each pair of bytes occurs: what every count of a confusion matrix is read from."""

from __future__ import annotations

import torch
from torch import Tensor

_BYTES = 256


def pair_histogram(first: Tensor, second: Tensor) -> Tensor:
    """Count the pairs at the same places of two tensors of one size, integers of 0..255.

    -> int64 (256, 256) on their device, rows = first. Exact on each device. All 65536 pairs, void too: dropping rows
    afterwards is some 8 times faster than picking the counted pixels with a boolean mask before.
    """
    if first.device.type == "cpu":
        from segarena.kernels.loops import count_pairs

        counts = torch.zeros(_BYTES**2, dtype=torch.int64)
        count_pairs(*(part.to(torch.uint8).flatten().numpy() for part in (first, second)), counts.numpy())
        return counts.view(_BYTES, _BYTES)
    return plain_pair_histogram(first, second)


def plain_pair_histogram(first: Tensor, second: Tensor) -> Tensor:
    """The same as it is defined."""
    pairs = (first.int() << 8) | second.int()
    return torch.bincount(pairs.flatten(), minlength=_BYTES**2).view(_BYTES, _BYTES)
