"""The crops of a training batch, together on any device: cut out of a buffer, resized, padded, mirrored, recoloured.

The pixels are those of torchvision's transforms on uint8 images on a CPU. Its antialiased resizing computes with
integers, first along the rows and then along the columns, and so does this; its changes of colour are computed in
float32 with fused multiply-adds, which float64 gives exactly. Only the mean that a change of contrast needs is summed
in another order, so that a pixel may differ by a level where it is rounded.
"""

from __future__ import annotations

import torch
from torch import Tensor

from segarena.kernels.crop_layout import CONTRAST, SATURATION, CropTables
from segarena.kernels.triton_crops import crops_on_gpu
from segarena.kernels.triton_grid import can_launch, selected

#: Most pixel values of the intermediate results at a time: more crops are computed one group after the other.
MAX_VALUES = 1 << 26
#: Weights of red, green and blue in a grey level, as float32 has them (Rec. ITU-R BT.601).
_GREY = tuple(torch.tensor([0.2989, 0.587, 0.114], dtype=torch.float32).double().tolist())


def crop_batch(
    images: Tensor,
    masks: Tensor,
    tables: CropTables,
    cuts: list[tuple[int, int]],
    fill: Tensor,
    void: int,
) -> tuple[Tensor, Tensor]:
    """Compute a batch of training crops.

    Args:
        images: RGB, 0..255, of all images, pixel after pixel and row after row: uint8 (P, 3).
        masks: Their labels: uint8 (P,), in the same order.
        tables: Where the N crops are and what becomes of them.
        cuts: (rows, columns) of each crop in its image.
        fill: The colour of the padding: uint8 (3,), on the device.
        void: The label of the padding.

    Returns:
        Images uint8 (N, 3, H, W) in channels-last memory, and masks uint8 (N, H, W).
    """
    if can_launch(images):
        with selected(images):
            return crops_on_gpu(images, masks, tables, max(rows for rows, _ in cuts), fill, void)
    return plain_crop_batch(images, masks, tables, cuts, fill, void)


def plain_crop_batch(
    images: Tensor, masks: Tensor, tables: CropTables, cuts: list[tuple[int, int]], fill: Tensor, void: int
) -> tuple[Tensor, Tensor]:
    """Reference implementation of `crop_batch`."""
    pictures = []
    for group in _groups(cuts, tables.columns.first.shape[1]):
        resized = _resize(_cut_out(images, tables, cuts, group), tables, group)
        inside = (tables.rows.nearest[group] >= 0)[:, :, None] & (tables.columns.nearest[group] >= 0)[:, None, :]
        padded = torch.where(inside[..., None], resized, fill)
        pictures.append(recolor(padded, tables.order[group], tables.factors[group], tables.rests[group]))
    return torch.cat(pictures).permute(0, 3, 1, 2), _cut_masks(masks, tables, void)


def _groups(cuts: list[tuple[int, int]], width: int) -> list[slice]:
    """Parts of the batch whose intermediate results are of a bounded size."""
    most = max(rows * max(columns, width) for rows, columns in cuts) * 3
    step = max(1, MAX_VALUES // most)
    return [slice(start, min(start + step, len(cuts))) for start in range(0, len(cuts), step)]


def _cut_out(images: Tensor, tables: CropTables, cuts: list[tuple[int, int]], group: slice) -> Tensor:
    """The crops as they are in the images, uint8 (N, rows, columns, 3), those that are smaller padded with anything."""
    rows, columns = (max(cut[axis] for cut in cuts[group]) for axis in (0, 1))
    row = torch.arange(rows, device=images.device)[None, :, None]
    column = torch.arange(columns, device=images.device)[None, None, :]
    starts, strides = tables.starts[group, None, None], tables.strides[group, None, None]
    places = (starts + row * strides + column).clamp_(max=len(images) - 1)
    return images[places]


def _resize(pixels: Tensor, tables: CropTables, group: slice) -> Tensor:
    """Resize (N, rows, columns, 3) to (N, H, W, 3), along the rows first."""
    for dim, axis in ((2, tables.columns), (1, tables.rows)):
        shape = [len(pixels), 1, 1, 1]
        shift = axis.shift[group].view(shape)
        shape[dim] = axis.first.shape[1]
        size = list(pixels.shape)
        size[dim] = axis.first.shape[1]
        # half a level, so that the shift to the right rounds to the nearest one
        total = torch.bitwise_left_shift(torch.ones_like(shift), shift - 1).expand(size)
        for tap in range(axis.weights.shape[2]):
            place = (axis.first[group] + tap).clamp_(max=pixels.shape[dim] - 1).long().view(shape).expand(size)
            total = total + pixels.gather(dim, place) * axis.weights[group, :, tap].reshape(shape)
        pixels = torch.bitwise_right_shift(total, shift).clamp_(0, 255).to(torch.uint8)
    return pixels


def _cut_masks(masks: Tensor, tables: CropTables, void: int) -> Tensor:
    rows, columns = tables.rows.nearest.long()[:, :, None], tables.columns.nearest.long()[:, None, :]
    places = tables.starts[:, None, None] + rows.clamp(min=0) * tables.strides[:, None, None] + columns.clamp(min=0)
    return masks[places].masked_fill_((rows < 0) | (columns < 0), void)


def recolor(images: Tensor, order: Tensor, factors: Tensor, rests: Tensor) -> Tensor:
    """Change brightness, contrast and saturation of each image in its own order.

    Args:
        images: uint8 (N, H, W, 3).
        order: As in `CropTables`.
        factors: Likewise.
        rests: Likewise.

    Returns:
        uint8 (N, H, W, 3).
    """
    for change in order.long().unbind(1):
        grey = _grey(images)
        # The target of contrast is the mean grey level, that of saturation the grey level, that of brightness black.
        # All levels are integers, so the sum is exact, in any order and on any device.
        mean = (grey.sum((1, 2), keepdim=True, dtype=torch.float64) / grey[0].numel()).float().double()
        kind = change.view(-1, 1, 1)
        target = torch.where(kind == SATURATION, grey, torch.where(kind == CONTRAST, mean, torch.zeros_like(mean)))
        factor, rest = (part.gather(1, change[:, None]).double().view(-1, 1, 1, 1) for part in (factors, rests))
        scaled = (images * factor).float()
        images = (target[..., None] * rest + scaled).float().clamp_(0, 255).to(torch.uint8)
    return images


def _grey(images: Tensor) -> Tensor:
    """Grey levels, integers in float64 (N, H, W), of uint8 (N, H, W, 3)."""
    red, green, blue = images.double().unbind(-1)
    total: Tensor = (red * _GREY[0]).float().double()
    for channel, weight in ((green, _GREY[1]), (blue, _GREY[2])):
        total = (channel * weight + total).float().double()  # as a fused multiply-add in float32
    return total.floor()
