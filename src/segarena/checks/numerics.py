"""The numerics of comparing thumbnails: products of matrices, and fitting one thumbnail on another.

Linear algebra is computed in one thread: the other threads of a BLAS wait busily, which costs more than such products
take. To fit a thumbnail on another one that was cropped from it, or the reverse, four numbers, a scale and a shift
along each side, are found by Gauss-Newton steps on the squared difference (Lucas and Kanade 1981, "An iterative image
registration technique").
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

#: OpenBLAS computes products of up to 2**18 multiplications in the calling thread.
_TILE, _DEPTH = 32, 256
#: So few multiplications need no BLAS.
_FEW = 2**19
_FEW_SHARED, _POWERS = 2, 30

Rows = NDArray[np.float32]

#: The largest crop, as a share of the side.
MOST_CROPPED = 0.06

_ROUNDS = 8

Images = NDArray[np.float32]


def multiply(first: Rows, second: Rows) -> Rows:
    """Return the scalar products of all rows: (R, D), (M, D) -> (R, M).

    >>> multiply(np.eye(2, dtype=np.float32), np.array([[3, 4], [5, 6]], dtype=np.float32)).tolist()
    [[3.0, 5.0], [4.0, 6.0]]
    """
    if len(first) * second.size <= _FEW:
        return np.asarray(np.einsum("rd,md->rm", first, second))
    depth = min(_DEPTH, first.shape[1])
    one, other = (_cut(rows, depth) for rows in (first, second))
    tiles = np.zeros((len(one), len(other), _TILE, _TILE), dtype=np.float32)
    for part in range(one.shape[2]):
        tiles += one[:, None, :, part] @ other[None, :, :, part].swapaxes(2, 3)
    whole: Rows = tiles.swapaxes(1, 2).reshape(len(one) * _TILE, len(other) * _TILE)
    return whole[: len(first), : len(second)]


def project(rows: Rows, shared: Rows) -> Rows:
    """The part of the rows (N, D) that is orthogonal to a constant and to K rows or images `shared`."""
    rows = rows - rows.mean(axis=1, keepdims=True)
    basis = shared.reshape(len(shared), -1)
    basis = basis - basis.mean(axis=1, keepdims=True)
    sizes, mixing = np.linalg.eigh(
        multiply(basis, basis)
    )  # of a few rows, faster than their singular value decomposition
    kept = sizes > 1e-6 * max(1e-6, float(sizes.max()))
    left = multiply((mixing[:, kept] / np.sqrt(sizes[kept])).T, basis.T)
    if len(left) > _FEW_SHARED:
        return np.asarray(rows - multiply(multiply(rows, left), left.T))
    for direction in left:
        rows -= np.einsum("nd,d->n", rows, direction)[:, None] * direction
    return rows


def largest_eigenvectors(matrix: Rows, count: int) -> Rows:
    """Return those of a symmetric matrix (N, N), nearly: (count, N), by power iteration."""
    found = np.zeros((count, len(matrix)), dtype=np.float32)
    for place in range(count):
        vector = matrix[:, matrix.diagonal().argmax()]
        for _ in range(_POWERS):
            vector = matrix @ (vector / max(1e-9, float(np.sqrt(vector @ vector))))
        length = float(np.sqrt(vector @ vector))
        found[place] = vector / max(1e-9, length)
        matrix = matrix - length * found[place][:, None] * found[place]
    return found


def _cut(rows: Rows, depth: int) -> Rows:
    """Rows (R, D) in tiles (R / 32, 32, D / depth, depth), with zeros at the ends."""
    missing = -len(rows) % _TILE, -rows.shape[1] % depth
    if any(missing):
        rows = np.pad(rows, ((0, missing[0]), (0, missing[1])))
    return rows.reshape(len(rows) // _TILE, _TILE, rows.shape[1] // depth, depth)


def find_crop(images: Images, targets: Images) -> Images:
    """Find how each image has to be cropped or extended to fit its target; `crop` does it.

    Args:
        images: (P, S, S), grey.
        targets: (P, S, S), grey.

    Returns:
        (P, 4): scale and shift of the rows, and of the columns; both sides reach from -1 to 1.
    """
    image, target = (_standardise(downsample(some)) for some in (images, targets))
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


def downsample(images: Images) -> Images:
    """Average 2 x 2 pixels: (N, 2H, 2W) -> (N, H, W)."""
    rows = images[:, ::2] + images[:, 1::2]
    return np.asarray((rows[:, :, ::2] + rows[:, :, 1::2]) / 4)


def _standardise(images: Images) -> Images:
    centered = images - images.mean(axis=(1, 2), keepdims=True)
    return np.asarray(centered / np.maximum(1e-6, centered.std(axis=(1, 2), keepdims=True)))
