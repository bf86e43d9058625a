"""What a batch of crops needs on a device: places, weights and colours, from the plan of each crop."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from segarena.kernels.crop_layout import CropTables, Resampling
from segarena.loading.transforms import AxisCut, CropPlan

#: The largest power of two that integer weights sum up to, and the bound of each, as in PyTorch and in Pillow.
_MOST_BITS, _WEIGHT_LIMIT = 22, 1 << 15


class PlannedCrop(NamedTuple):
    """A crop of an image in a flat buffer of pixels."""

    start: int
    """The place of the image's first pixel."""
    width: int
    """Pixels from one row of the image to the next."""
    plan: CropPlan


class PackedTables(NamedTuple):
    """All numbers of `CropTables` in one tensor of the host, and the shape of each part."""

    numbers: Tensor
    shapes: tuple[tuple[int, ...], ...]


def pack_tables(crops: Sequence[PlannedCrop], size: tuple[int, int], *, pin_memory: bool = False) -> PackedTables:
    """Compute the tables of a batch, on the host.

    Args:
        crops: The crops.
        size: Their (height, width), in pixels.
        pin_memory: Whether they are to be in page-locked memory, from which a GPU copies without being waited for.
    """
    plans = [crop.plan for crop in crops]
    starts = np.array(
        [crop.start + crop.plan.rows.first * crop.width + crop.plan.columns.first for crop in crops], np.int64
    )
    strides = np.array([crop.width for crop in crops], np.int64)
    heights = np.array([plan.rows.source for plan in plans], np.int32)
    rows = _resampling([plan.rows for plan in plans], size[0])
    columns = _resampling([plan.columns for plan in plans], size[1])
    for crop, plan in enumerate(plans):
        for axis, is_reversed in ((columns, plan.mirrored), (rows, plan.upside_down)):
            for part in (axis[0], axis[1], axis[3]) if is_reversed else ():
                part[crop] = part[crop, ::-1].copy()
    order = np.array([plan.order for plan in plans], np.int32)
    factors = np.array([plan.factors for plan in plans], np.float64)
    colors = [factors.astype(np.float32), (1.0 - factors).astype(np.float32)]
    parts: list[NDArray[np.generic]] = [starts, strides, heights, *rows, *columns, order, *colors]
    numbers = torch.from_numpy(
        np.concatenate([np.ascontiguousarray(part).reshape(-1).view(np.int32) for part in parts])
    )
    return PackedTables(numbers.pin_memory() if pin_memory else numbers, tuple(part.shape for part in parts))


def send_tables(packed: PackedTables, device: str) -> CropTables:
    """Copy packed tables to a device.

    Args:
        packed: The tables; from page-locked memory they are copied while the CPU goes on.
        device: The device.
    """
    numbers = packed.numbers.to(device, non_blocking=True)
    parts, place = [], 0
    types = [torch.int64] * 2 + [torch.int32] * 10 + [torch.float32] * 2
    for shape, kind in zip(packed.shapes, types, strict=True):
        count = int(np.prod(shape)) * (2 if kind == torch.int64 else 1)
        parts.append(numbers[place : place + count].view(kind).view(shape))
        place += count
    starts, strides, heights, *others = parts
    return CropTables(starts, strides, heights, Resampling(*others[:4]), Resampling(*others[4:8]), *others[8:])


def _resampling(cuts: Sequence[AxisCut], length: int) -> tuple[NDArray[np.int32], ...]:
    """The tables of `Resampling` of an axis whose crops have a length, padding included."""
    nearest = np.full((len(cuts), length), -1, np.int32)
    place = np.zeros((len(cuts), length), np.int64)
    scale = np.array([cut.source / cut.shown for cut in cuts])[:, None]
    for crop, cut in enumerate(cuts):
        shown = slice(cut.before, cut.before + cut.shown)
        nearest[crop, shown] = _nearest(cut.source, cut.shown)
        place[crop, shown] = np.arange(cut.shown)
    first, weights, shift = _antialias(place, scale, np.array([cut.source for cut in cuts])[:, None])
    return first, weights, shift, nearest


def _antialias(
    place: NDArray[np.int64], scale: NDArray[np.float64], length: NDArray[np.int64]
) -> tuple[NDArray[np.int32], NDArray[np.int32], NDArray[np.int32]]:
    """The means of a bilinear interpolation with antialiasing, in integers as in PyTorch and in Pillow.

    Args:
        place: Pixels after resizing, (N, L).
        scale: Source pixels for each of them, (N, 1).
        length: Source pixels, (N, 1).

    Returns:
        The first source pixel of each mean (N, L), the weights (N, L, K), and the powers of two they sum up to (N,).
    """
    support = np.maximum(scale, 1.0)
    center = scale * (place + 0.5)
    first = np.maximum((center - support + 0.5).astype(np.int64), 0)
    count = np.minimum((center + support + 0.5).astype(np.int64), length) - first
    taps = np.arange(count.max())
    distance = (taps + first[..., None] - center[..., None] + 0.5) / support[..., None]
    weights = np.maximum(1.0 - np.abs(distance), 0.0)
    weights *= taps < count[..., None]
    weights /= weights.sum(axis=-1, keepdims=True)
    shift = np.array([_bits(largest) for largest in weights.max(axis=(1, 2)).tolist()], np.int32)
    whole = (0.5 + weights * (1 << shift.astype(np.int64))[:, None, None]).astype(np.int32)
    return first.astype(np.int32), whole, shift


def _bits(largest: float) -> int:
    """The largest power of two by which a weight can be multiplied."""
    bits = 0
    while bits < _MOST_BITS and int(0.5 + largest * (1 << (bits + 1))) < _WEIGHT_LIMIT:
        bits += 1
    return bits


@lru_cache(maxsize=4096)
def _nearest(source: int, shown: int) -> NDArray[np.int32]:
    """The source pixel that PyTorch takes for each pixel of a mask: by itself, as rounding decides about ties."""
    if source == shown:
        return np.arange(shown, dtype=np.int32)
    positions = torch.arange(source, dtype=torch.float32).view(1, 1, 1, -1)
    chosen: NDArray[np.int32] = F.interpolate(positions, (1, shown), mode="nearest-exact").view(-1).int().numpy()
    return chosen
