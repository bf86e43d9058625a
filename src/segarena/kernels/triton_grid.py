"""What the kernels for a GPU share: whether they can be used, and where pixels are on a grid."""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import lru_cache
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from segarena.kernels.grid_positions import cell_bounds

#: With this environment variable at "off", the plain form of each kernel is used, on all devices.
SWITCH = "SEGARENA_KERNELS"
#: Logits that a program holds at a time: pixels times classes, both rounded up to a power of two.
TILE = 2048


class Places(NamedTuple):
    """Where pixels are on a grid; see `cell_bounds`, on the device."""

    rows: Tensor
    """int32 (h + 1,): first row of pixels of each cell."""
    columns: Tensor
    """int32 (w + 1,), the same for columns."""
    down: Tensor
    """float32 (H,), in 0..1: position of each row of pixels in its cell."""
    right: Tensor
    """float32 (W,), the same for columns."""


def kernels_are_on() -> bool:
    """Whether the environment variable allows the kernels."""
    return os.environ.get(SWITCH, "").lower() not in ("off", "0", "false")


def can_launch(tensor: Tensor) -> bool:
    """Whether Triton compiles for the device of the tensor, which is tried once per process and device."""
    return tensor.device.type == "cuda" and kernels_are_on() and _compiles(tensor.device)


@lru_cache(maxsize=16)
def _compiles(device: torch.device) -> bool:
    """Triton is missing on some systems, needs a C compiler, and does not support old GPUs."""
    if importlib.util.find_spec("triton") is None:
        return False
    try:
        from segarena.kernels.triton_label_loops import add_one

        number = torch.ones(1, dtype=torch.int32, device=device)
        with torch.cuda.device(device):
            add_one[(1,)](number, enable_fp_fusion=False)
    except Exception:  # whatever the reason, the plain form computes the same
        return False
    return True


def selected(tensor: Tensor) -> AbstractContextManager[object]:
    """Return the context in which kernels are launched on the device of the tensor."""
    return torch.cuda.device(tensor.device) if tensor.device.type == "cuda" else nullcontext()


def places_on(
    device: torch.device, grid: tuple[int, int], size: tuple[int, int], extent: tuple[float, float] | None = None
) -> Places:
    """Compute where pixels are on a grid, once for each size.

    Args:
        device: Where the result is kept.
        grid: Rows and columns of the grid.
        size: Height and width, in pixels.
        extent: Rows and columns of the grid that the size corresponds to; None for all.
    """
    places = _make_places(device, grid, size, extent)
    for used in _users:
        used.append(places)
    return places


@contextmanager
def keeping_places() -> Iterator[list[Places]]:
    """Yield a list, to which all places are added that are used in the block, by any thread.

    A recorded CUDA graph has only their addresses. Whoever replays it keeps the list: others are forgotten, and their
    memory is used again, when many sizes have been needed after them.
    """
    used: list[Places] = []
    _users.append(used)
    try:
        yield used
    finally:
        _users[:] = [other for other in _users if other is not used]


#: The lists of `keeping_places`.
_users: list[list[Places]] = []


@lru_cache(maxsize=256)
def _make_places(
    device: torch.device, grid: tuple[int, int], size: tuple[int, int], extent: tuple[float, float] | None
) -> Places:
    bounds = [
        cell_bounds(points, pixels, cells) for points, pixels, cells in zip(grid, size, extent or grid, strict=True)
    ]
    (rows, down), (columns, right) = bounds
    parts = [torch.from_numpy(part) for part in (rows.astype(np.int32), columns.astype(np.int32), down, right)]
    if device.type == "cuda":  # from pinned memory, without waiting
        parts = [part.pin_memory().to(device, non_blocking=True) for part in parts]
    return Places(*parts)


def pixels_of_cell(places: Places, classes: int) -> int:
    """Pixels of a cell to process at a time: about those of a cell inside of the image."""
    height, width = len(places.rows) - 1, len(places.columns) - 1
    inside = ceil_div(len(places.down), height) * ceil_div(len(places.right), width)
    return min(power_of_two(max(inside, 16)), max(1, TILE // classes))


def power_of_two(number: int) -> int:
    """The next power of two."""
    return 1 << (number - 1).bit_length() if number > 1 else 2


def ceil_div(number: int, divisor: int) -> int:
    """The quotient, rounded up."""
    return -(-number // divisor)
