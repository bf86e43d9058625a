"""Training crops on a GPU: how the loops of `triton_crop_loops` are launched."""

from __future__ import annotations

import torch
from torch import Tensor

from segarena.kernels.crop_layout import CropTables
from segarena.kernels.triton_grid import ceil_div

#: Pixels of a row, and of a crop whose colours are changed, that a program computes.
BLOCK, COLOR_BLOCK = 256, 1024
#: Of the compiler: a product that is fused with a sum is not rounded, and a level can be another than on the CPU.
OPTIONS = {"enable_fp_fusion": False}


def crops_on_gpu(
    images: Tensor, masks: Tensor, tables: CropTables, rows: int, fill: Tensor, void: int
) -> tuple[Tensor, Tensor]:
    """Compute a batch of training crops in three passes, with the arguments and the result of `crop_batch`.

    Args:
        images: uint8 (P, 3).
        masks: uint8 (P,).
        tables: Where the N crops are and what becomes of them.
        rows: The most rows that a crop has in its image.
        fill: The colour of the padding: uint8 (3,).
        void: The label of the padding.

    Returns:
        Images uint8 (N, 3, H, W) in channels-last memory, and masks uint8 (N, H, W).
    """
    from segarena.kernels import triton_crop_loops as loops

    down, across = tables.rows, tables.columns
    (count, height), width = down.first.shape, across.first.shape[1]

    def empty(*shape: int) -> Tensor:
        return torch.empty(shape, dtype=torch.uint8, device=images.device)

    wide = empty(count, rows, width, 3)
    crops = empty(count, height, width, 3)
    labels = empty(count, height, width)
    sums = torch.zeros(count, dtype=torch.int64, device=images.device)
    columns = ceil_div(width, BLOCK)
    loops.resize_along_rows[(count * rows, columns)](
        *(images, tables.starts, tables.strides, tables.heights, across.first, across.weights, across.shift, wide),
        *(rows, width, across.weights.shape[2], len(images) - 1),
        BLOCK=BLOCK,
        **OPTIONS,
    )
    loops.resize_along_columns[(count * height, columns)](
        *(wide, masks, tables.starts, tables.strides, down.first, down.weights, down.shift, down.nearest),
        *(across.nearest, tables.order, tables.factors, tables.rests, fill, crops, labels, sums),
        *(rows, height, width, down.weights.shape[2], void),
        BLOCK=BLOCK,
        **OPTIONS,
    )
    pixels = height * width
    loops.recolor[(ceil_div(pixels, COLOR_BLOCK), count)](
        *(crops, tables.order, tables.factors, tables.rests, sums, pixels), BLOCK=COLOR_BLOCK, **OPTIONS
    )
    return crops.permute(0, 3, 1, 2), labels
