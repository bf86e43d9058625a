"""Fit one thumbnail on another one that was cropped from it, or the reverse.

Four numbers, a scale and a shift along each side, are found by Gauss-Newton steps on the squared difference (Lucas and
Kanade 1981, "An iterative image registration technique").
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

#: The largest crop, as a share of the side.
MOST_CROPPED = 0.06

_ROUNDS = 8

Images = NDArray[np.float32]


def find_crop(images: Images, targets: Images) -> Images:
    """Find how each image has to be cropped or extended to fit its target; `crop` does it.

    Args:
        images: (P, S, S), grey.
        targets: (P, S, S), grey.

    Returns:
        (P, 4): scale and shift of the rows, and of the columns; both sides reach from -1 to 1.
    """
    image, target = (_standardise(_halve(some)) for some in (images, targets))
    side = image.shape[1]
    grid = np.linspace(-1, 1, side, dtype=np.float32)
    motion = np.tile(np.array([1, 0, 1, 0], dtype=np.float32), (len(images), 1))  # scale and shift of rows, of columns
    for _ in range(_ROUNDS):
        fitted = _crop(image, motion, grid)
        down, right = np.gradient(fitted, grid[1] - grid[0], axis=(1, 2))
        steps = np.stack([down * grid[:, None], down, right * grid, right], axis=1).reshape(len(images), 4, -1)
        rest = (target - fitted).reshape(len(images), -1, 1)
        normal = steps @ steps.transpose(0, 2, 1) + 1e-3 * side * np.eye(4, dtype=np.float32)
        motion += np.linalg.solve(normal, steps @ rest)[..., 0]
        motion[:, ::2] = motion[:, ::2].clip(1 - MOST_CROPPED, 1 + MOST_CROPPED)
        motion[:, 1::2] = motion[:, 1::2].clip(-MOST_CROPPED, MOST_CROPPED)
    return motion


def crop(images: Images, motion: Images) -> Images:
    """Crop or extend images (K, S, S), each by its `motion` (K, 4), or all by one (1, 4).

    Beyond the edges is the last pixel.
    """
    return _crop(images, motion, np.linspace(-1, 1, images.shape[1], dtype=np.float32))


def _crop(images: Images, motion: Images, grid: Images) -> Images:
    """Interpolate images at scale * grid + shift, linearly."""
    last = len(grid) - 1
    weights = []
    for scale, shift in ((motion[:, :1], motion[:, 1:2]), (motion[:, 2:3], motion[:, 3:])):
        places = (((scale * grid + shift) + 1) * last / 2).clip(0, last)
        weights.append(np.maximum(0, 1 - np.abs(places[:, :, None] - np.arange(last + 1))).astype(np.float32))
    rows, columns = weights
    return np.asarray(rows @ images @ columns.transpose(0, 2, 1))


def _halve(images: Images) -> Images:
    """Average 2 x 2 pixels."""
    return np.asarray((images[:, ::2, ::2] + images[:, 1::2, ::2] + images[:, ::2, 1::2] + images[:, 1::2, 1::2]) / 4)


def _standardise(images: Images) -> Images:
    centered = images - images.mean(axis=(1, 2), keepdims=True)
    return np.asarray(centered / np.maximum(1e-6, centered.std(axis=(1, 2), keepdims=True)))
