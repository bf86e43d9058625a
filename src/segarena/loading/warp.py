"""Rotation and elastic deformation of a training crop together with its mask."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torchvision import tv_tensors
from torchvision.transforms import v2

from segarena.classes import IGNORE_INDEX


class RandomWarp(v2.Transform):  # type: ignore[misc]  # torchvision comes without types
    """Rotate a crop about its centre, and deform it smoothly. Ronneberger et al. 2015, 3.1 (arXiv:1505.04597).

    The elastic deformation has random displacements at 3 x 3 points, normally distributed, with bicubic interpolation
    between them. Image and mask are sampled once for both: the image bilinearly, the mask at the nearest pixel. What
    comes from outside of the crop is void in the mask and `fill` in the image.

    Differences from the paper: displacements are relative to the crop's size (10 pixels of 512 are 0.02).

    Applied to an image (C, H, W), uint8 or float32, and a mask uint8 (H, W), which keep their size.

    Args:
        rotation: Largest angle in degrees, in both directions; the distribution is uniform.
        elastic: Standard deviation of the displacements, as a share of the shorter side.
        fill: What is outside: a level of each channel, in the units of the image.
    """

    def __init__(self, rotation: float, elastic: float, fill: Sequence[float]) -> None:
        super().__init__()
        self.rotation, self.elastic = rotation, elastic
        self.fill = torch.tensor(fill, dtype=torch.float32).view(-1, 1, 1)

    def make_params(self, flat_inputs: list[Any]) -> dict[str, Any]:
        height, width = flat_inputs[0].shape[-2:]
        angle = math.radians(torch.empty(()).uniform_(-self.rotation, self.rotation).item())
        rows = torch.arange(height, dtype=torch.float32).view(-1, 1) - (height - 1) / 2
        columns = torch.arange(width, dtype=torch.float32).view(1, -1) - (width - 1) / 2
        x = math.cos(angle) * columns - math.sin(angle) * rows
        y = math.sin(angle) * columns + math.cos(angle) * rows
        if self.elastic:
            points = torch.randn(1, 2, 3, 3) * self.elastic * min(height, width)
            shift = F.interpolate(points, (height, width), mode="bicubic", align_corners=True)[0]
            x, y = x + shift[0], y + shift[1]
        # grid_sample without align_corners: the outer edges of the outer pixels are at -1 and 1
        grid = torch.stack([2 * x / width, 2 * y / height], dim=-1)
        return {"grid": grid, "inside": grid.abs().amax(dim=-1) <= 1}

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        grid, inside = params["grid"], params["inside"]
        pixels = inpt.as_subclass(Tensor)
        if isinstance(inpt, tv_tensors.Mask):
            moved = _sample(pixels[None], grid, "nearest")[0].to(torch.uint8).where(inside, IGNORE_INDEX)
        else:
            moved = _sample(pixels, grid, "bilinear").where(inside, self.fill)
            if pixels.dtype == torch.uint8:
                moved = moved.round().clamp(0, 255).to(torch.uint8)
        return tv_tensors.wrap(moved, like=inpt)


def _sample(pixels: Tensor, grid: Tensor, mode: str) -> Tensor:
    """Sample (C, H, W) at a grid (H, W, 2); the outer pixels continue beyond the border."""
    sampled: Tensor = F.grid_sample(
        pixels[None].float(), grid[None], mode=mode, padding_mode="border", align_corners=False
    )[0]
    return sampled
