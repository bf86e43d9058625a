"""Labels from a grid of logits at the size of the image: what an evaluation and a prediction end with."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise, product

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

#: Bytes that enlarged logits may take, where there is no other way than to enlarge them.
LIMIT = 256 << 20
#: An enlargement of the area from which on going through the cells of the grid pays.
ENLARGED = 4
#: Pixels of a batch from which on its cells are shared among threads.
THREADED = 4 << 20


def upsample_argmax(logits: Tensor, size: tuple[int, int], extent: tuple[float, float] | None = None) -> Tensor:
    """Interpolate logits bilinearly (align_corners=False) and give each pixel the class of its largest one.

    logits (N, C, h, w), a floating-point type, C <= 256 -> uint8 (N, *size) on their device. A tie goes to the lowest
    class, a NaN wins. `extent` is how many rows and columns of the grid, from the upper left, the size stands for:
    at most (h, w), which is the default, and not always whole.

    The labels are those of `plain_upsample_argmax`, but for pixels where two logits differ by rounding only, without
    its memory of N x C x H x W numbers. On the CPU, where the size is larger than the grid's, only cells of the grid in
    which more than one class can win are interpolated at all.
    """
    count, channels, height, width = logits.shape
    extent = extent or (height, width)
    if extent == size:
        return _label(logits[..., : size[0], : size[1]])
    logits = logits.to(torch.promote_types(logits.dtype, torch.float32))
    enlarged = size[0] * size[1] >= ENLARGED * extent[0] * extent[1]
    if enlarged and logits.device.type == "cpu" and logits.dtype == torch.float32 and bool(logits.isfinite().all()):
        return _through_cells(logits, size, extent)
    if count * channels * size[0] * size[1] * logits.element_size() <= LIMIT:
        return plain_upsample_argmax(logits, size, extent)
    return torch.stack([_in_strips(image, size, extent) for image in logits])


def plain_upsample_argmax(logits: Tensor, size: tuple[int, int], extent: tuple[float, float] | None = None) -> Tensor:
    """The same as it is defined."""
    return _label(_interpolate(logits, size, extent or (logits.shape[2], logits.shape[3])))


def _interpolate(logits: Tensor, size: tuple[int, int], extent: tuple[float, float]) -> Tensor:
    whole = [pixels * grid / cells for pixels, grid, cells in zip(size, logits.shape[2:], extent, strict=True)]
    if all(abs(pixels - round(pixels)) < 1e-9 * pixels for pixels in whole):  # the size can be cut from the grid's own
        full = F.interpolate(logits, size=[round(n) for n in whole], mode="bilinear", align_corners=False)
        return full[..., : size[0], : size[1]]
    for dim, pixels, cells in ((2, size[0], extent[0]), (3, size[1], extent[1])):
        grid = logits.shape[dim]
        before, share = (part.to(logits.device) for part in _places(grid, pixels, cells, logits.dtype))
        after = (before + 1).clamp(max=grid - 1)
        logits = _mix(logits.index_select(dim, before), logits.index_select(dim, after), share, dim)
    return logits


def _mix(before: Tensor, after: Tensor, share: Tensor, dim: int) -> Tensor:
    """Linear interpolation as F.interpolate writes it: between two infinities, unlike torch.lerp, it is infinity."""
    share = share[:, None] if dim == 2 else share
    return before * (1 - share) + after * share


def _label(logits: Tensor) -> Tensor:
    # max, not argmax: the same indices, and about 4 times faster on the CPU where the channels are not last
    return logits.max(dim=1).indices.to(torch.uint8)


def _through_cells(logits: Tensor, size: tuple[int, int], extent: tuple[float, float]) -> Tensor:
    from segarena.kernels.loops import label_cells

    (rows, down), (columns, right) = (_cells(*sides) for sides in zip(logits.shape[-2:], size, extent, strict=True))
    grids = logits.detach().permute(0, 2, 3, 1).contiguous().numpy()
    labels = np.empty((len(logits), *size), np.uint8)
    # Starting threads costs milliseconds. A few parts for each: cells where many classes can win take longer.
    threads = torch.get_num_threads() if labels.size >= THREADED else 1
    bounds = np.linspace(0, logits.shape[2], min(logits.shape[2], 4 * threads) + 1).astype(int)

    def label_part(part: tuple[int, tuple[int, int]]) -> None:
        image, (first, last) = part
        label_cells(grids[image], rows, columns, down, right, first, last, labels[image])

    parts = product(range(len(labels)), pairwise(bounds))
    if threads == 1:
        list(map(label_part, parts))
    else:
        with ThreadPoolExecutor(threads) as pool:
            list(pool.map(label_part, parts))
    return torch.from_numpy(labels)


def _cells(grid: int, pixels: int, extent: float) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """Where the pixels of each cell begin, (grid + 1,), and the share of the way that each is through its cell."""
    before, share = _places(grid, pixels, extent, torch.float32)
    return np.searchsorted(before.numpy(), np.arange(grid + 1)), share.numpy()


def _in_strips(logits: Tensor, size: tuple[int, int], extent: tuple[float, float]) -> Tensor:
    """(C, h, w) -> uint8 (*size), as many rows at a time as `LIMIT` allows."""
    above, share = _places(logits.shape[1], size[0], extent[0], logits.dtype)
    below = (above + 1).clamp(max=logits.shape[1] - 1)
    step = max(1, LIMIT // (len(logits) * size[1] * logits.element_size()))
    strips = []
    for start in range(0, size[0], step):
        upper, lower, down = (part[start : start + step] for part in (above, below, share))
        first, last = int(upper[0]), int(lower[-1]) + 1
        wide = _interpolate(logits[None, :, first:last], (last - first, size[1]), (last - first, extent[1]))
        upper, lower, down = (part.to(logits.device) for part in (upper - first, lower - first, down))
        strips.append(_label(_mix(wide[:, :, upper], wide[:, :, lower], down, dim=2)))
    return torch.cat(strips, dim=1)[0]


def _places(grid: int, pixels: int, extent: float, dtype: torch.dtype) -> tuple[Tensor, Tensor]:
    """For each of the pixels: the point of the grid before its centre, int64, and the share of the way to the next.

    The pixels stand for `extent` cells of the grid. Centres lie at index + 1/2; before the first point of the grid
    there is nothing else than it. In the type of the logits, as torch computes it.
    """
    place = ((torch.arange(pixels, dtype=dtype) + 0.5) * (extent / pixels) - 0.5).clamp(min=0)
    before = place.long().clamp(max=grid - 1)
    return before, place - before
