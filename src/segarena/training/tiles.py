"""Label an image that is too long for one forward pass: tile by tile along its longer side, with overlap."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import pairwise

import torch
from torch import Tensor

from segarena.kernels.upsample_argmax import largest_class

#: Most memory of interpolated logits at a time, in bytes; four times as much is in use for a moment.
MAX_BYTES = 32 << 20


def label_tiles(
    forward: Callable[[Tensor], tuple[Tensor, tuple[float, float]]],
    image: Tensor,
    size: tuple[int, int],
    *,
    most_pixels: int,
    multiple: int,
    finish: Callable[[Tensor], Tensor] | None = None,
) -> Tensor:
    """Label one image, of which only a part is in memory as floating-point numbers at a time.

    Each tile overlaps its neighbours on both sides by the shorter side of the image, and of its logits only the inner
    ones are used, at the positions that they have in the whole image. Where no logit depends on pixels further away
    than that, the labels are those of the whole image up to rounding; averages over the image, as in PSPNet and
    DeepLabv3, are taken over the tile.

    Args:
        forward: Computes native logits (1, classes, h, w) of an image (1, C, H, W), and how many (rows, columns) of
            pixels are from one of them to the next.
        image: (1, C, H, W), uint8 or float32, at the working size.
        size: (height, width) of the labels, in pixels.
        most_pixels: Pixels of a tile at most; where it is too small for the overlap, a tile has three times the
            shorter side.
        multiple: Tiles begin at multiples of this number of pixels, at which the grid of the logits does not shift, nor
            that of any pooling before them.
        finish: What is returned of interpolated logits, float32 (1, classes, rows, columns), with the same rows and
            columns as the last two dimensions; the largest class by default.

    Returns:
        Class indices, uint8 (1, *size), on the device of the logits, or what `finish` returns.
    """
    long = 2 if image.shape[2] > image.shape[3] else 3
    short_side, side, pixels = image.shape[5 - long], image.shape[long], size[long - 2]
    overlap = -(-short_side // multiple) * multiple  # the shorter side, as it is padded
    step = max(overlap, (most_pixels // overlap - 2 * overlap) // multiple * multiple)
    strips = []
    for first, last in _cores(pixels, side, step):
        begin = first * side // pixels // multiple * multiple  # a multiple before the first pixel
        start = max(0, begin - overlap)
        stop = min(side, -(-last * side // pixels) + overlap)
        logits, strides = forward(image.narrow(long, start, stop - start))
        positions = [
            _positions(length, small, stride)
            for length, small, stride in zip(size, image.shape[2:], strides, strict=True)
        ]
        positions[long - 2] = positions[long - 2][first:last] - start / strides[long - 2]
        rows, columns = positions
        strips.append(_interpolated(logits, rows, columns, finish or largest_class))
    return torch.cat(strips, dim=long - 4)


def _cores(pixels: int, side: int, step: int) -> Iterator[tuple[int, int]]:
    """The labels (first, stop) of each tile: those of `step` pixels of the image."""
    edges = [min(pixels, -(-place * pixels // side)) for place in range(0, side, step)] + [pixels]
    yield from ((first, last) for first, last in pairwise(edges) if first < last)


def _positions(length: int, small: int, stride: float) -> Tensor:
    """The position of each label's centre in the grid of logits of the whole image; centres are at index + 1/2.

    There are `length` labels along a side of `small` pixels of the image, and a logit each `stride` of these.
    """
    places = torch.arange(length, dtype=torch.float64, device="cpu")
    return (places + 0.5) * (small / length / stride) - 0.5


def _interpolated(logits: Tensor, rows: Tensor, columns: Tensor, finish: Callable[[Tensor], Tensor]) -> Tensor:
    """Interpolate the logits bilinearly at these positions, some rows at a time, and finish these."""
    logits = logits.float()
    before, after, right = _neighbours(columns, logits.shape[3], logits)
    above, below, down = _neighbours(rows, logits.shape[2], logits)
    count = max(1, MAX_BYTES // (4 * logits.shape[1] * len(columns)))
    parts = []
    for first in range(0, len(rows), count):
        upper, lower, share = (part[first : first + count] for part in (above, below, down))
        lines = torch.lerp(logits[:, :, upper], logits[:, :, lower], share[:, None])
        parts.append(finish(torch.lerp(lines[..., before], lines[..., after], right)))
    return torch.cat(parts, dim=-2)


def _neighbours(positions: Tensor, grid: int, like: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """The points of the grid before and after each position, and its share of the way between them."""
    positions = positions.clamp(0, grid - 1)
    before = positions.long()
    share = (positions - before).to(torch.float32)
    return before.to(like.device), (before + 1).clamp(max=grid - 1).to(like.device), share.to(like.device)
