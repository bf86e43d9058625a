"""Pairs of images that show nearly the same, among thumbnails: candidates at a coarse scale, confirmed at a finer one.

What images share - a black frame, a plain background, a fixed camera's street - makes unrelated ones alike. So the mean
image of the set is projected out of each image, and what remains is compared. Several cameras, or one that was turned,
share a few images: the first principal components of the set, which must not be all that two images have in common.
"""

from __future__ import annotations

from statistics import median  # NumPy's imports a module that nothing else needs
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from segarena.checks.numerics import crop, downsample, find_crop, largest_eigenvectors, multiply, project
from segarena.checks.thumbnails import halve, perceptual_hash
from segarena.evenly import evenly_spaced

#: Candidates: smallest correlation of thumbnails of 16 x 16 pixels, ...
COARSE = 0.75
#: ... or the smallest one if their hashes of 128 bits differ in at most this number of bits, and in no more than this
#: share of the set's median: a small crop hardly changes the hash.
COARSE_CROPPED, MAX_DISTANCE, SHARE_OF_MEDIAN = 0.3, 10, 0.25
#: A candidate is confirmed: smallest correlation of thumbnails of 64 x 64 pixels and of their fine details; the same
#: if one of the two is cropped.
FINE, CROPPED = 0.7, 0.82
#: After subtracting the principal components too, the required correlation is lower by this. This does not count
#: where less than this share of the details that are usual in the set is left: the picture itself is a component, as it
#: occurs often.
EASIER, LEFT = 0.4, 0.1

_MIN_IMAGES = 6  # fewer have no mean image
_MOST_PAIRS = 8  # of one image: in a folder of copies all pairs would be too many
_COMPONENTS, _MOST_SAMPLED = 8, 64
_MOST_CROPS = 12  # candidates, of images without a copy so far, that are compared as if one of the two was cropped
_BLOCK, _PAIRS, _FEW = 512, 4096, 64
_FAINT = 0.5  # grey levels, root mean square, of what is left of a coarse thumbnail: rounding

Images = NDArray[np.float32]
Pairs = NDArray[np.intp]


class Shared(NamedTuple):
    """What the images of a set have in common.

    Attributes:
        images: (K + 1, 64, 64), the mean of the thumbnails and their first principal components.
        details: the median of the details' squared length, in what is left of the thumbnails without these.
    """

    images: Images
    details: float


class DuplicatePair(NamedTuple):
    """Two images that show the same.

    Attributes:
        first: index of the sample.
        second: the larger index.
        turned: whether one of the two is mirrored or rotated.
    """

    first: int
    second: int
    turned: bool


class Turn(NamedTuple):
    """One of the eight orientations.

    Attributes:
        mirrored: left to right, first.
        quarters: then rotated by this number of quarter turns.
    """

    mirrored: bool
    quarters: int

    @property
    def is_own_inverse(self) -> bool:
        """Whether the turned first image fits the second exactly if the turned second fits the first."""
        return self.mirrored or self.quarters % 2 == 0

    def of(self, images: NDArray[Any]) -> NDArray[Any]:
        """The images (N, H, H), turned."""
        return np.rot90(images[:, :, ::-1] if self.mirrored else images, self.quarters, axes=(1, 2))


#: The first is the image as it is. Turned by 270 degrees is the first image where the second is turned by 90.
TURNS = (
    Turn(False, 0),
    Turn(False, 1),
    Turn(False, 2),
    *(Turn(True, quarters) for quarters in range(4)),
)


def find_duplicates(thumbnails: NDArray[np.uint8]) -> list[DuplicatePair]:
    """Compare all pairs of thumbnails (N, 64, 64), one of the two also mirrored and rotated by 90, 180, 270 degrees.

    Returns the pairs sorted by their indices.
    """
    if len(thumbnails) < 2:
        return []
    shared: Shared | None = None
    coarse = thumbnails.reshape(len(thumbnails), 16, 4, 16, 4).mean(axis=(2, 4), dtype=np.float32)
    mean = coarse.mean(axis=0) if len(coarse) >= _MIN_IMAGES else np.ones_like(coarse[0])
    found: dict[tuple[int, int], DuplicatePair] = {}
    for turn in TURNS:
        candidates = _find_candidates(thumbnails, coarse, mean, turn)
        if not len(candidates):
            continue
        shared = _shared_images(thumbnails) if shared is None else shared
        for one, other in candidates[_confirm(thumbnails, shared, candidates, turn)].tolist():
            pair = (min(one, other), max(one, other))
            found.setdefault(pair, DuplicatePair(*pair, turned=turn != TURNS[0]))
    return [found[pair] for pair in sorted(found)]


def _find_candidates(thumbnails: NDArray[np.uint8], coarse: Images, mean: Images, turn: Turn) -> Pairs:
    """Pairs (P, 2) of a first image and a second one that resembles it after turning; the most similar ones first."""
    shared = np.stack([mean, turn.of(mean[None])[0]])
    first = _rows_without(coarse, shared, _FAINT)
    second = first if turn == TURNS[0] else _rows_without(turn.of(coarse), shared, _FAINT)
    pairs = _correlated(first, second, turn)
    if turn == TURNS[0]:
        pairs = np.array(sorted({*map(tuple, pairs.tolist()), *map(tuple, _same_hashes(thumbnails).tolist())}))
        pairs = pairs.reshape(-1, 2)
    scores = _dot(first, second, pairs)
    order = np.argsort(-scores, kind="stable")
    return pairs[order[scores[order] >= COARSE_CROPPED]]


def _correlated(first: Images, second: Images, turn: Turn) -> Pairs:
    """Pairs (P, 2) of rows that correlate; of each row of `first` the nearest."""
    found = []
    for start in range(0, len(first), _BLOCK):
        after = start if turn.is_own_inverse else 0
        scores = multiply(first[start : start + _BLOCK], second[after:])
        rows, columns = np.nonzero(scores >= COARSE)
        score, rows, columns = scores[rows, columns], rows + start, columns + after
        kept = columns > rows if turn.is_own_inverse else columns != rows
        found.append(_nearest(rows[kept], columns[kept], -score[kept]))
    return np.concatenate(found)


def _same_hashes(thumbnails: NDArray[np.uint8]) -> Pairs:
    """Pairs (P, 2) of images whose perceptual hashes hardly differ: they survive small crops."""
    bits = perceptual_hash(halve(thumbnails))
    limit = min(MAX_DISTANCE, SHARE_OF_MEDIAN * _median_distance(bits))
    words = np.packbits(bits, axis=1).view(np.uint64)
    found = []
    for start in range(0, len(words), _BLOCK):
        distances = sum(
            np.bitwise_count(words[start : start + _BLOCK, None, word] ^ words[None, start:, word]).astype(np.uint8)
            for word in range(words.shape[1])
        )
        rows, columns = np.nonzero(np.asarray(distances) <= limit)
        distance = np.asarray(distances)[rows, columns]
        kept = columns > rows
        found.append(_nearest(rows[kept] + start, columns[kept] + start, distance[kept]))
    return np.concatenate(found)


def _median_distance(hashes: NDArray[np.bool_]) -> float:
    """Of all pairs, or of some thousands of them drawn evenly."""
    step = max(1, len(hashes) // 200)
    some = hashes[::step]
    rows, columns = np.triu_indices(len(some), 1)
    return float(median((some[rows] != some[columns]).sum(axis=1).tolist()))


def _nearest(rows: Pairs, columns: Pairs, distances: NDArray[Any]) -> Pairs:
    """The pairs (P, 2), of each row those of the smallest distances."""
    order = np.lexsort((distances, rows))
    rows, columns = rows[order], columns[order]
    kept = np.arange(len(rows)) - np.searchsorted(rows, rows) < _MOST_PAIRS
    return np.stack([rows[kept], columns[kept]], axis=1)


def _shared_images(thumbnails: NDArray[np.uint8]) -> Shared:
    """A constant for a few images."""
    if len(thumbnails) < _MIN_IMAGES:
        return Shared(np.ones((1, *thumbnails.shape[1:]), dtype=np.float32), 0)
    mean = thumbnails.mean(axis=0, dtype=np.float32)
    chosen = evenly_spaced(len(thumbnails), _MOST_SAMPLED)
    some = (thumbnails[chosen] - mean).reshape(len(chosen), -1)
    components = multiply(largest_eigenvectors(multiply(some, some), min(_COMPONENTS, len(chosen) // 8)), some.T)
    images = np.concatenate([mean[None], components.reshape(-1, *mean.shape)]).astype(np.float32)
    left = _details(project(some, images).reshape(-1, *mean.shape))
    return Shared(images, median((left * left).sum(axis=(1, 2)).tolist()))


def _confirm(thumbnails: NDArray[np.uint8], shared: Shared, pairs: Pairs, turn: Turn) -> NDArray[np.bool_]:
    """Whether the pairs (P, 2) are alike at the finer scale, (P,), as they are or with one of the two cropped."""
    alike = np.zeros(len(pairs), dtype=bool)
    turned = turn.of(shared.images)
    for start in range(0, len(pairs), _PAIRS):
        some = pairs[start : start + _PAIRS]
        chosen = np.array(sorted(set(some.ravel().tolist())))
        places = np.searchsorted(chosen, some)
        images = thumbnails[chosen].astype(np.float32)
        others = images if turn == TURNS[0] else turn.of(images)
        alike[start : start + _PAIRS] = _are_alike(images, others, places, shared, turned, FINE)
    known = np.zeros(len(thumbnails), dtype=bool)
    known[pairs[alike]] = True
    rest = np.flatnonzero(~alike & ~known[pairs].any(axis=1))[:_MOST_CROPS]
    if len(rest) and turn == TURNS[0]:
        first, second = (thumbnails[pairs[rest, side]].astype(np.float32) for side in (0, 1))
        motion = find_crop(first, second)
        details = (_unit(_details(crop(first, motion)))[0] * _unit(_details(second))[0]).sum(axis=1)
        for place in np.flatnonzero(details >= CROPPED):
            cropped = crop(np.concatenate([first[place, None], shared.images]), motion[place, None])
            own_shared = shared._replace(images=cropped[1:])
            pair = np.zeros((1, 2), dtype=np.intp)
            alike[rest[place]] = _are_alike(cropped[:1], second[place, None], pair, own_shared, turned, CROPPED)[0]
    return alike


def _are_alike(
    images: Images, others: Images, pairs: Pairs, shared: Shared, other_shared: Images, least: float
) -> NDArray[np.bool_]:
    """Whether images (U, 64, 64) correlate with others (V, 64, 64) without what they share, for pairs (P, 2): (P,)."""
    mean, *components = shared.images
    alike, _ = _correlate_without(images, others, pairs, np.stack([mean, other_shared[0]]), least)
    if alike.any() and components:
        both = np.concatenate([shared.images, other_shared])
        chosen = np.array(sorted(set(pairs[alike].ravel().tolist())))
        some = images[chosen]
        rest = some if others is images else others[chosen]
        still, left = _correlate_without(some, rest, np.searchsorted(chosen, pairs[alike]), both, least - EASIER)
        alike[alike] = still | (left < LEFT * shared.details)
    return alike


def _correlate_without(
    images: Images, others: Images, pairs: Pairs, shared: Images, least: float
) -> tuple[NDArray[np.bool_], NDArray[np.float64]]:
    """Whether pairs (P, 2) correlate without `shared` by `least`, and their details too; the details' squared length.

    Details are what differs from the mean over 5 x 5 pixels: unlike shading, they hardly agree by chance.
    """
    sides = []
    for some in (images,) if others is images else (images, others):
        rest = project(some.reshape(len(some), -1), shared)
        rest = rest.reshape(some.shape)
        sides.append((_unit(downsample(rest))[0], *_unit(_details(rest))))
    one, other = sides[0], sides[-1]
    correlated = _dot(one[0], other[0], pairs) >= least
    correlated[correlated] = _dot(one[1], other[1], pairs[correlated]) >= least
    return correlated, one[2][pairs[:, 0]] * other[2][pairs[:, 1]]


def _dot(one: Images, other: Images, pairs: Pairs) -> NDArray[np.float64]:
    """The scalar product of the rows of each pair (P, 2): (P,); a few at a time, so that they stay in the cache."""
    products = np.zeros(len(pairs))
    for start in range(0, len(pairs), _FEW):
        first, second = pairs[start : start + _FEW].T
        products[start : start + _FEW] = (one[first] * other[second]).sum(axis=1)
    return products


def _unit(images: Images) -> tuple[Images, NDArray[np.float64]]:
    """The images as rows of length 1, or of zeros, and their lengths."""
    rows = images.reshape(len(images), -1)
    lengths = np.linalg.norm(rows, axis=1)
    return np.asarray(rows / np.maximum(lengths, 1e-6)[:, None]), lengths.astype(np.float64)


def _rows_without(images: Images, shared: Images, faint: float) -> Images:
    """Images (N, H, W) as rows of length 1 (N, H * W), orthogonal to a constant and to the K images `shared`.

    Rows of zeros where the root mean square of what remains is `faint`.
    """
    rows = project(images.reshape(len(images), -1), shared)
    length = np.linalg.norm(rows, axis=1, keepdims=True)
    smallest = max(1e-6, faint * rows.shape[1] ** 0.5)
    return np.asarray(np.where(length > smallest, rows / np.maximum(length, smallest), 0))


def _details(images: Images) -> Images:
    places = np.arange(images.shape[1])
    near = (np.abs(places[:, None] - places) <= 2).astype(np.float32)
    near /= near.sum(axis=1, keepdims=True)
    return np.asarray(images - near @ images @ near.T)
