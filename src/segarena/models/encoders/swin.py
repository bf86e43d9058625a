"""Swin's attention and patch merging without branches that depend on the size, so that one graph serves all sizes."""

from __future__ import annotations

from functools import partial

import torch
from torch import Tensor
from torch.nn import functional as F
from torchvision.models.swin_transformer import PatchMerging, ShiftedWindowAttention, SwinTransformerBlock


class WindowAttention(ShiftedWindowAttention):  # type: ignore[misc]  # torchvision has no types
    """Attention within shifted windows of M x M positions, (N, H, W, C) -> the same. Liu et al. 2021, 3.2.

    arXiv:2103.14030. Weights and results are torchvision's, to the bit. torchvision tests in Python whether a map is
    larger than one window and shifts the windows only then, so its traced graph serves maps of one kind. Here the shift
    is computed from the number of windows: a single one is shifted by zero, and the mask that separates positions which
    the shift made neighbours (figure 4) masks none.

    Differences from the paper: none. From torchvision: no dropout, which its Swin-T sets to zero.
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
    """Merge 2 x 2 neighbours into one position, (N, H, W, C) -> (N, ceil(H / 2), ceil(W / 2), 2C).

    Liu et al. 2021, 3.1 (arXiv:2103.14030). Weights and results are torchvision's, to the bit, without its
    test for odd sizes.
    """

    def forward(self, x: Tensor) -> Tensor:
        count, height, width, channels = x.shape
        rows, columns = (height + 1) // 2, (width + 1) // 2
        x = F.pad(x, (0, 0, 0, 2 * columns - width, 0, 2 * rows - height))
        x = x.view(count, rows, 2, columns, 2, channels).permute(0, 1, 3, 4, 2, 5)
        merged: Tensor = self.reduction(self.norm(x.reshape(count, rows, columns, 4 * channels)))
        return merged


#: Arguments of torchvision's `swin_t` that replace its layers by those of this file.
PARTS = {"block": partial(SwinTransformerBlock, attn_layer=WindowAttention), "downsample_layer": PairMerging}


def _roll(x: Tensor, down: int, right: int) -> Tensor:
    """Start at row `down` and column `right`: `torch.roll`, which ONNX supports for constant shifts only."""
    for dim, shift in ((1, down), (2, right)):
        order = torch.arange(x.shape[dim], device=x.device) + shift
        x = x.index_select(dim, torch.where(order < x.shape[dim], order, order - x.shape[dim]))
    return x


def _parts(windows: int, side: int, shift: int, like: Tensor) -> Tensor:
    """Which part of the image each row or column of a shifted map comes from: (windows, side) of 0 and 1.

    In the last window, the last `shift` of them come from the other end of the image.
    """
    positions = torch.arange(windows * side, device=like.device)
    return (positions >= windows * side - shift).long().view(windows, side)
