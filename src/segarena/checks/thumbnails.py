"""The images of a folder as thumbnails of 64 x 64 and 32 x 32 grey pixels, and how similar two thumbnails are."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from segarena.data.folder import FolderSource
from segarena.errors import DataError
from segarena.image_files import image_facts

#: Height and width of the coarse thumbnails, in pixels.
SIDE = image_facts.SIDE // 2

_HASH_SIDE = 8


class Thumbnails(NamedTuple):
    """The N images of a folder, in its order.

    Attributes:
        pixels: (N, 32, 32) uint8, grey; black for an image that could not be decoded.
        fine: (N, 64, 64) uint8, likewise.
        digests: SHA-256 of each file, in hex; "" for an image that could not be decoded.
        faults: By index, why an image could not be decoded.
    """

    pixels: NDArray[np.uint8]
    fine: NDArray[np.uint8]
    digests: tuple[str, ...]
    faults: dict[int, DataError]


def collect_thumbnails(source: FolderSource) -> Thumbnails:
    """Collect what was computed when the files were read; no file is opened."""
    fine = np.zeros((len(source.images), 2 * SIDE, 2 * SIDE), dtype=np.uint8)
    for index, image in enumerate(source.images):
        if image.facts is not None:
            fine[index] = image.facts.thumbnail(source.bits)
    digests = tuple("" if image.facts is None else image.sha256 for image in source.images)
    faults = {index: image.fault for index, image in enumerate(source.images) if image.fault is not None}
    return Thumbnails(halve(fine), fine, digests, faults)


def halve(thumbnails: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Average 2 x 2 pixels: (N, 2H, 2W) -> (N, H, W)."""
    sums = thumbnails[:, ::2].astype(np.uint16) + thumbnails[:, 1::2]
    return ((sums[:, :, ::2] + sums[:, :, 1::2] + 2) // 4).astype(np.uint8)


def correlate(first: NDArray[np.uint8], second: NDArray[np.uint8]) -> NDArray[np.float64]:
    """Pearson's correlation of thumbnails (N, 32, 32), pair by pair: (N,), 0 if one of the two is of a single grey."""
    a, b = (x.reshape(len(x), SIDE * SIDE).astype(np.float64) for x in (first, second))
    a, b = a - a.mean(axis=1, keepdims=True), b - b.mean(axis=1, keepdims=True)
    scale = np.sqrt((a * a).sum(axis=1) * (b * b).sum(axis=1))
    result: NDArray[np.float64] = (a * b).sum(axis=1) / np.where(scale > 0, scale, np.inf)
    return result


def perceptual_hash(thumbnails: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Compute dHash along rows and along columns: thumbnails (N, 32, 32) -> (N, 128) bits.

    Each bit is whether a cell of an 8 x 8 grid is brighter than its left neighbour, or than the one above (Krawetz
    2013, hackerfactor.com/blog/?/archives/529). Scaling, compression, brightness and contrast hardly change the bits.
    """
    wide = _shrink(thumbnails, _HASH_SIDE, _HASH_SIDE + 1)
    tall = _shrink(thumbnails, _HASH_SIDE + 1, _HASH_SIDE)
    bits = (wide[:, :, 1:] > wide[:, :, :-1], tall[:, 1:] > tall[:, :-1])
    return np.concatenate([part.reshape(len(thumbnails), -1) for part in bits], axis=1)


def _shrink(thumbnails: NDArray[np.uint8], height: int, width: int) -> NDArray[np.float64]:
    """Average over the cells of a grid, whose sides need not divide those of the thumbnail."""
    rows, columns = _cells(height, thumbnails.shape[1]), _cells(width, thumbnails.shape[2])
    return np.asarray(rows @ thumbnails.astype(np.float64) @ columns.T)


def _cells(cells: int, pixels: int) -> NDArray[np.float64]:
    """(cells, pixels): the weight of each pixel in the mean of each cell; rows sum to 1."""
    edges = np.linspace(0, pixels, cells + 1)
    low, high = edges[:-1, None], edges[1:, None]
    overlap = np.minimum(high, np.arange(pixels) + 1) - np.maximum(low, np.arange(pixels))
    weights: NDArray[np.float64] = np.clip(overlap, 0, None) * cells / pixels
    return weights
