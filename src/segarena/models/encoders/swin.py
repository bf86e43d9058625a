"""Swin's windows for one graph of every image size: torchvision's attention and patch merging without Python's ifs."""

from __future__ import annotations

from functools import partial

import torch
from torch import Tensor
from torch.nn import functional as F
from torchvision.models.swin_transformer import PatchMerging, ShiftedWindowAttention, SwinTransformerBlock


class WindowAttention(ShiftedWindowAttention):  # type: ignore[misc]  # torchvision has no types
    """Attention within windows of M x M positions, (N, H, W, C) -> the same. Liu et al. 2021 (arXiv:2103.14030), 3.2.

    torchvision's weights and, to the bit, its results. It asks in Python whether a map is larger than one window, and
    only then shifts the windows, so that its traced graph serves maps of one kind. Here the number of windows is what
    everything else is computed from: a single one is shifted by zero, and the mask that keeps what the shift brought
    together apart (the paper's figure 4) has nothing to part.

    Departs: without dropout, which torchvision's Swin-T sets to zero.
    """

    def forward(self, x: Tensor) -> Tensor:
        count, height, width, channels = x.shape
        side = self.window_size[0]
        rows, columns = (height + side - 1) // side, (width + side - 1) // side
        x = F.pad(x, (0, 0, 0, columns * side - width, 0, rows * side - height))
        down = torch.sym_min(self.shift_size[0], (rows - 1) * side)
        right = torch.sym_min(self.shift_size[1], (columns - 1) * side)
        shifted = any(self.shift_size)
        if shifted:
            x = _roll(x, down, right)

        x = x.view(count, rows, side, columns, side, channels).transpose(2, 3)
        x = x.reshape(count * rows * columns, side * side, channels)
        heads = (count * rows * columns, side * side, 3, self.num_heads, channels // self.num_heads)
        query, key, value = self.qkv(x).view(heads).permute(2, 0, 3, 1, 4).unbind()
        scores = (query * heads[-1] ** -0.5) @ key.transpose(-2, -1) + self.get_relative_position_bias()
        if shifted:
            part = 2 * _parts(rows, side, down, x)[:, None, :, None] + _parts(columns, side, right, x)[None, :, None, :]
            part = part.reshape(rows * columns, side * side)
            apart = part[:, None, :, None] != part[:, None, None, :]
            masked = scores.unflatten(0, (count, rows * columns)) - 100 * apart.to(scores.dtype)
            scores = masked.flatten(0, 1)
        x = self.proj((scores.softmax(dim=-1) @ value).transpose(1, 2).flatten(2))

        x = x.view(count, rows, columns, side, side, channels).transpose(2, 3)
        x = x.reshape(count, rows * side, columns * side, channels)
        if shifted:
            x = _roll(x, rows * side - down, columns * side - right)
        return x[:, :height, :width].contiguous()


class PairMerging(PatchMerging):  # type: ignore[misc]
    """Four neighbours become one position, (N, H, W, C) -> (N, ceil(H / 2), ceil(W / 2), 2C). Liu et al. 2021, 3.1.

    torchvision's weights and, to the bit, its results; no size is asked whether it is odd.
    """

    def forward(self, x: Tensor) -> Tensor:
        count, height, width, channels = x.shape
        rows, columns = (height + 1) // 2, (width + 1) // 2
        x = F.pad(x, (0, 0, 0, 2 * columns - width, 0, 2 * rows - height))
        x = x.view(count, rows, 2, columns, 2, channels).permute(0, 1, 3, 4, 2, 5)
        merged: Tensor = self.reduction(self.norm(x.reshape(count, rows, columns, 4 * channels)))
        return merged


#: What torchvision's `swin_t` is to be built of.
PARTS = {"block": partial(SwinTransformerBlock, attn_layer=WindowAttention), "downsample_layer": PairMerging}


def _roll(x: Tensor, down: int, right: int) -> Tensor:
    """Begin with row `down` and column `right`: `torch.roll`, for which ONNX wants to know the shift beforehand."""
    for dim, start in ((1, down), (2, right)):
        order = torch.arange(x.shape[dim], device=x.device) + start
        x = x.index_select(dim, torch.where(order < x.shape[dim], order, order - x.shape[dim]))
    return x


def _parts(windows: int, side: int, shift: int, like: Tensor) -> Tensor:
    """Number the part of the image that each row (column) of a shifted map came from: (windows, side).

    In the last window the final `shift` ones came from the other end.
    """
    places = torch.arange(windows * side, device=like.device)
    return (places >= windows * side - shift).long().view(windows, side)
