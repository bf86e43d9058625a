"""Labels at the size of the image from a grid of logits: the last step of an evaluation and a prediction."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise, product

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from segarena.kernels.grid_positions import cell_bounds
from segarena.kernels.triton_grid import can_launch, kernels_are_on, selected
from segarena.kernels.triton_labels import label_on_gpu

#: Most memory of upsampled logits at a time, in bytes: larger images are labelled strip by strip.
MAX_BYTES = 256 << 20
#: Tensors of the size of the widened grid that there are while it is computed.
_WIDENED = 6
#: Enlargement of the area from which labelling cell by cell is faster than upsampling.
MIN_ENLARGEMENT = 4
#: Pixels of a batch from which its cells are distributed over threads: starting them takes milliseconds.
MIN_THREADED_PIXELS = 4 << 20


def upsample_argmax(logits: Tensor, size: tuple[int, int], extent: tuple[float, float] | None = None) -> Tensor:
    """Interpolate logits bilinearly (align_corners=False) and label each pixel with the class of the largest one.

    The labels are those of `plain_upsample_argmax`, except at pixels where two logits differ by rounding only, without
    its memory of N x C x H x W numbers. Where the size is larger than the grid, only those cells of the grid are
    interpolated in which more than one class can win, with the same labels on the CPU and on a GPU.

    Args:
        logits: (N, C, h, w), floating point, C <= 256. The lowest class wins a tie, a NaN wins always.
        size: (H, W) of the labels, in pixels.
        extent: Rows and columns of the grid, from the upper left, that the size corresponds to: at most (h, w), the
            default, and not always integers.

    Returns:
        uint8 (N, H, W) on the device of the logits.

    >>> upsample_argmax(torch.tensor([[[[1.0, 0.0]], [[0.0, 1.0]]]]), (1, 6))
    tensor([[[0, 0, 0, 1, 1, 1]]], dtype=torch.uint8)
    """
    count, channels, height, width = logits.shape
    extent = extent or (height, width)
    if extent == size:
        return largest_class(logits[..., : size[0], : size[1]])
    logits = logits.to(torch.promote_types(logits.dtype, torch.float32))
    enlarged = size[0] * size[1] >= MIN_ENLARGEMENT * extent[0] * extent[1]
    if enlarged and logits.dtype == torch.float32 and kernels_are_on():
        if can_launch(logits) and logits.numel():
            with selected(logits):
                return label_on_gpu(logits, size, extent)
        if logits.device.type == "cpu" and bool(logits.isfinite().all()):
            return _through_cells(logits, size, extent)
    if count * channels * size[0] * size[1] * logits.element_size() <= MAX_BYTES:
        return plain_upsample_argmax(logits, size, extent)
    return torch.stack([_in_strips(image, size, extent) for image in logits])


def plain_upsample_argmax(logits: Tensor, size: tuple[int, int], extent: tuple[float, float] | None = None) -> Tensor:
    """Reference implementation of `upsample_argmax`: upsample all logits, then take the largest."""
    return largest_class(interpolate(logits, size, extent or (logits.shape[2], logits.shape[3])))


def largest_class(logits: Tensor) -> Tensor:
    """The class of the largest logit: (N, C, H, W) -> uint8 (N, H, W). The lowest class wins a tie."""
    # max, not argmax: the same indices, about 4 times as fast on the CPU where the channels are not last
    return logits.max(dim=1).indices.to(torch.uint8)


def interpolate(logits: Tensor, size: tuple[int, int], extent: tuple[float, float]) -> Tensor:
    """Interpolate logits bilinearly (align_corners=False), differentiably; arguments as in `upsample_argmax`.

    Returns:
        (N, C, *size), of the type of the logits.
    """
    whole = [pixels * grid / cells for pixels, grid, cells in zip(size, logits.shape[2:], extent, strict=True)]
    # Where the whole grid has a whole number of pixels, torch upsamples it and the result is cropped.
    if all(abs(pixels - round(pixels)) < 1e-9 * pixels for pixels in whole):
        full = F.interpolate(logits, size=[round(n) for n in whole], mode="bilinear", align_corners=False)
        return full[..., : size[0], : size[1]]
    for dim, pixels, cells in ((2, size[0], extent[0]), (3, size[1], extent[1])):
        grid = logits.shape[dim]
        before, fraction = grid_positions(grid, pixels, cells, logits.dtype, logits.device)
        after = (before + 1).clamp(max=grid - 1)
        logits = _mix(logits.index_select(dim, before), logits.index_select(dim, after), fraction, dim)
    return logits


def _mix(before: Tensor, after: Tensor, fraction: Tensor, dim: int) -> Tensor:
    """Linear interpolation as in F.interpolate: between two infinities it is infinity, unlike torch.lerp's NaN."""
    fraction = fraction[:, None] if dim == 2 else fraction
    return before * (1 - fraction) + after * fraction


def _through_cells(logits: Tensor, size: tuple[int, int], extent: tuple[float, float]) -> Tensor:
    from segarena.kernels.loops import label_cells

    rows, down = cell_bounds(logits.shape[2], size[0], extent[0])
    columns, right = cell_bounds(logits.shape[3], size[1], extent[1])
    grids = logits.detach().permute(0, 2, 3, 1).contiguous().numpy()
    labels = np.empty((len(logits), *size), np.uint8)
    # A few parts for each thread: cells in which many classes can win take longer.
    threads = torch.get_num_threads() if labels.size >= MIN_THREADED_PIXELS else 1
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


def _in_strips(logits: Tensor, size: tuple[int, int], extent: tuple[float, float]) -> Tensor:
    """Label (C, h, w) at `size`, as many rows at a time as `MAX_BYTES` allows for all that is computed of them."""
    above, fraction = grid_positions(logits.shape[1], size[0], extent[0], logits.dtype)
    below = (above + 1).clamp(max=logits.shape[1] - 1)
    rows = extent[0] / size[0]  # of the grid, for one of the image
    tensors = max(_WIDENED * rows, rows + 2)
    step = max(1, int(MAX_BYTES / (tensors * len(logits) * size[1] * logits.element_size())))
    strips = []
    for start in range(0, size[0], step):
        upper, lower, down = (part[start : start + step] for part in (above, below, fraction))
        strips.append(_strip(logits, upper, lower, down, size[1], extent[1]))
    return torch.cat(strips)


def _strip(logits: Tensor, upper: Tensor, lower: Tensor, down: Tensor, width: int, extent: float) -> Tensor:
    """Label the rows between these rows of (C, h, w); on return, all memory but that of the labels is free."""
    first, last = int(upper[0]), int(lower[-1]) + 1
    wide = interpolate(logits[None, :, first:last], (last - first, width), (last - first, extent))
    upper, lower, down = (part.to(logits.device) for part in (upper - first, lower - first, down[:, None]))
    before, after = wide[:, :, upper], wide[:, :, lower]
    del wide
    # as `_mix`, in place
    return largest_class(before.mul_(1 - down).add_(after.mul_(down)))[0]


def grid_positions(
    grid: int, pixels: int, extent: float, dtype: torch.dtype, device: torch.device | None = None
) -> tuple[Tensor, Tensor]:
    """The point of the grid before each pixel's centre, int64, and the fraction of the distance to the next point.

    The pixels correspond to `extent` cells of the grid. Centres are at index + 1/2; pixels before the first point have
    its value. Computed in the type of the logits, as in torch.
    """
    position = ((torch.arange(pixels, dtype=dtype, device=device) + 0.5) * (extent / pixels) - 0.5).clamp(min=0)
    before = position.long().clamp(max=grid - 1)
    return before, position - before
