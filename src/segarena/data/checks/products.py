"""Linear algebra in one thread: the other threads of a BLAS wait busily, which costs more than such products take."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

#: OpenBLAS computes products of up to 2**18 multiplications in the calling thread.
_TILE, _DEPTH = 32, 256
#: So few multiplications need no BLAS.
_FEW = 2**19
_FEW_SHARED, _POWERS = 2, 30

Rows = NDArray[np.float32]


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
