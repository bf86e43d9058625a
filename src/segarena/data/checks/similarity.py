"""Which images are the same picture: a perceptual hash finds candidates, their correlation confirms them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

#: Two hashes of 128 bits that differ in at most so many bits are candidates. Unrelated photographs differ in 64 on
#: average. In four public sets of street scenes, aerial tiles, plants and tissue no unrelated pair, in any
#: orientation, was below 19, and pairs at 13 or below showed one scene twice.
MAX_DISTANCE = 10
#: Candidates must also correlate by this much, which a few shared outlines on flat ground do not.
MIN_CORRELATION = 0.9
#: Where all images resemble each other (one camera, one organ), twins must be closer than this share of the median
#: distance.
SHARE_OF_MEDIAN = 0.25

_HASH_SIDE = 8
_MOST_TWINS = 16  # of one image, the nearest: in a folder of copies all pairs would be too many
_BLOCK = 512  # rows of the distance matrix at a time: 512 x 50,000 float32 are 100 MB


class Twins(NamedTuple):
    """Two images, by index, `first` < `second`, that show the same; `turned` where one is mirrored or rotated."""

    first: int
    second: int
    distance: int
    turned: bool


def find_twins(thumbnails: NDArray[np.uint8]) -> list[Twins]:
    """Compare all pairs of thumbnails (N, 32, 32), each also mirrored and turned by quarters -> twins, sorted.

    The hash is dHash (Krawetz 2013, hackerfactor.com/blog/?/archives/529) along rows and along columns: whether
    each of 8 x 8 grey cells is brighter than its neighbour. It survives scaling, compression, brightness and contrast.
    """
    if len(thumbnails) < 2:
        return []
    upright = perceptual_hash(thumbnails)
    limit = min(MAX_DISTANCE, SHARE_OF_MEDIAN * _median_distance(upright))
    found: dict[tuple[int, int], Twins] = {}
    for number, turned in enumerate(_orientations(thumbnails)):
        for first, second, distance in _close_pairs(upright, perceptual_hash(turned), limit):
            pair = (min(first, second), max(first, second))
            if pair in found or _correlation(thumbnails[first], turned[second]) < MIN_CORRELATION:
                continue
            found[pair] = Twins(*pair, distance, turned=number > 0)
    return [found[pair] for pair in sorted(found)]


def perceptual_hash(thumbnails: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """(N, 32, 32) grey -> (N, 128) bits: brighter than the left, then than the upper neighbour, on an 8 x 8 grid."""
    wide = _shrink(thumbnails, _HASH_SIDE, _HASH_SIDE + 1)
    tall = _shrink(thumbnails, _HASH_SIDE + 1, _HASH_SIDE)
    bits = (wide[:, :, 1:] > wide[:, :, :-1], tall[:, 1:] > tall[:, :-1])
    return np.concatenate([part.reshape(len(thumbnails), -1) for part in bits], axis=1)


def correlate(first: NDArray[np.uint8], second: NDArray[np.uint8]) -> NDArray[np.float64]:
    """Pearson's correlation of thumbnails (N, 32, 32) pair by pair -> (N,); 0 where one is of a single grey."""
    a, b = (x.reshape(len(x), -1).astype(np.float64) for x in (first, second))
    a, b = a - a.mean(axis=1, keepdims=True), b - b.mean(axis=1, keepdims=True)
    scale = np.sqrt((a * a).sum(axis=1) * (b * b).sum(axis=1))
    result: NDArray[np.float64] = (a * b).sum(axis=1) / np.where(scale > 0, scale, np.inf)
    return result


def _correlation(first: NDArray[np.uint8], second: NDArray[np.uint8]) -> float:
    return float(correlate(first[None], second[None])[0])


def _orientations(thumbnails: NDArray[np.uint8]) -> list[NDArray[np.uint8]]:
    """As they are, then mirrored and turned by quarters."""
    mirrored = thumbnails[:, :, ::-1]
    return [np.rot90(side, quarters, axes=(1, 2)) for side in (thumbnails, mirrored) for quarters in range(4)]


def _close_pairs(hashes: NDArray[np.bool_], others: NDArray[np.bool_], limit: float) -> Iterator[tuple[int, int, int]]:
    # Bits as -1 and 1: a matrix product counts those that agree less those that differ.
    a, b = (np.where(bits, np.float32(1), np.float32(-1)) for bits in (hashes, others))
    for start in range(0, len(a), _BLOCK):
        distances = (a.shape[1] - a[start : start + _BLOCK] @ b.T) / 2
        rows = np.arange(len(distances))
        distances[rows, rows + start] = np.inf  # an image is no twin of itself
        for row in np.flatnonzero(distances.min(axis=1) <= limit).tolist():
            close = np.flatnonzero(distances[row] <= limit)
            nearest = close[np.argsort(distances[row, close], kind="stable")[:_MOST_TWINS]]
            for column in nearest.tolist():
                yield row + start, column, int(distances[row, column])


def _median_distance(hashes: NDArray[np.bool_]) -> float:
    """Of all pairs, or of some thousands of them drawn evenly."""
    step = max(1, len(hashes) // 200)
    some = hashes[::step]
    rows, columns = np.triu_indices(len(some), 1)
    return float(np.median((some[rows] != some[columns]).sum(axis=1)))


def _shrink(thumbnails: NDArray[np.uint8], height: int, width: int) -> NDArray[np.float64]:
    """Average over the cells of a grid that need not divide the thumbnail: two matrix products."""
    rows, columns = _cells(height, thumbnails.shape[1]), _cells(width, thumbnails.shape[2])
    return np.asarray(rows @ thumbnails.astype(np.float64) @ columns.T)


def _cells(cells: int, pixels: int) -> NDArray[np.float64]:
    """(cells, pixels): the share that each pixel has in each cell; rows sum to 1."""
    edges = np.linspace(0, pixels, cells + 1)
    low, high = edges[:-1, None], edges[1:, None]
    overlap = np.minimum(high, np.arange(pixels) + 1) - np.maximum(low, np.arange(pixels))
    shares: NDArray[np.float64] = np.clip(overlap, 0, None) * cells / pixels
    return shares
