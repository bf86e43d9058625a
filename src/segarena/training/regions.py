"""Regions of an image at another scale, cut out of it one by one as if the whole image had been resized."""

from __future__ import annotations

from typing import NamedTuple, Protocol

import torch
from torch import Tensor

from segarena.image_files.large_images import LargeImage


class Pixels(Protocol):
    """The pixels of an image that may be only partly in memory."""

    @property
    def size(self) -> tuple[int, int]:
        """(height, width) in pixels."""

    def read(self, top: int, bottom: int, left: int, right: int) -> Tensor:
        """Return a part of the image.

        Args:
            top: Its first row.
            bottom: The row after its last one.
            left: Its first column.
            right: The column after its last one.

        Returns:
            (C, bottom - top, right - left), in the type of the image.
        """


class InMemory(NamedTuple):
    """The pixels of a tensor."""

    image: Tensor
    """(C, H, W)."""

    @property
    def size(self) -> tuple[int, int]:
        """(height, width) in pixels."""
        return self.image.shape[1], self.image.shape[2]

    def read(self, top: int, bottom: int, left: int, right: int) -> Tensor:
        """Return a part of the tensor; see `Pixels.read`."""
        return self.image[:, top:bottom, left:right]


class OnDemand(NamedTuple):
    """The pixels of a large image, which become an array part by part."""

    image: LargeImage

    @property
    def size(self) -> tuple[int, int]:
        """(height, width) in pixels."""
        return self.image.size

    def read(self, top: int, bottom: int, left: int, right: int) -> Tensor:
        """Return a part of the image; see `Pixels.read`."""
        return torch.from_numpy(self.image.part(top, bottom, left, right)).permute(2, 0, 1)


class Region(NamedTuple):
    """A part of an image at the scale at which a network sees it, in pixels there."""

    top: int
    bottom: int
    left: int
    right: int


class ScaledImage:
    """An image as it would be after resizing, bilinear with antialiasing; only regions of it are computed.

    Args:
        pixels: The image.
        size: (height, width) after resizing.
    """

    def __init__(self, pixels: Pixels, size: tuple[int, int]) -> None:
        self.pixels, self.size = pixels, size

    def cut(self, region: Region, size: tuple[int, int] | None = None) -> Tensor:
        """Compute a region.

        Args:
            region: The region, within `self.size`.
            size: (height, width) to which it is resized once more, together with the whole image; by default its own.

        Returns:
            (C, *size), of the type of the image.
        """
        height, width = size or (region.bottom - region.top, region.right - region.left)
        rows = _filter(region.top, region.bottom, height, self.size[0], self.pixels.size[0])
        columns = _filter(region.left, region.right, width, self.size[1], self.pixels.size[1])
        found = self.pixels.read(rows.first, rows.last, columns.first, columns.last)
        if rows.weights is None and columns.weights is None:
            return found
        values = found.float()
        if columns.weights is not None:
            values = values @ columns.weights.T.to(values.device)
        if rows.weights is not None:
            values = rows.weights.to(values.device) @ values
        if found.dtype.is_floating_point:
            return values.to(found.dtype)
        return values.round().clamp(0, torch.iinfo(found.dtype).max).to(found.dtype)


class _Filter(NamedTuple):
    """How pixels along one side are computed: the pixels of the image that they need, and the weights of these."""

    first: int
    last: int
    weights: Tensor | None
    """(pixels computed, pixels needed); None where they are the same."""


def _filter(start: int, stop: int, count: int, resized: int, length: int) -> _Filter:
    """The filter for `count` pixels between two places of a side that is resized from `length` to `resized`."""
    if resized == length and count == stop - start:
        return _Filter(start, stop, None)
    step = (stop - start) / count * length / resized  # pixels of the image from one computed pixel to the next
    centres = start * length / resized + (torch.arange(count, dtype=torch.float64) + 0.5) * step
    support = max(1.0, step)
    first = max(0, int(centres[0].item() - support))
    last = min(length, int(centres[-1].item() + support) + 1)
    distance = torch.arange(first, last, dtype=torch.float64)[None] + 0.5 - centres[:, None]
    weights = (1 - distance.abs() / support).clamp(min=0)
    return _Filter(first, last, (weights / weights.sum(dim=1, keepdim=True)).float())
