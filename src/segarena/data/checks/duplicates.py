"""Images that are there twice: they weigh double within one split, and leak where they are in two.

Also: Which images are the same picture: a perceptual hash finds candidates, their correlation confirms them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from segarena.data.checks.problem import Problem, parts_of, relative
from segarena.data.checks.thumbnails import Thumbnails
from segarena.data.files.images import read_image
from segarena.data.folder import FolderSource
from segarena.data.source import Split
from segarena.data.splitting.splits import PARTS, Splits
from segarena.errors import DataError
from segarena.formats import plural

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


def check_copies(source: FolderSource, splits: Splits, thumbnails: Thumbnails) -> Iterator[Problem]:
    """Yield duplicates and near-duplicates: those across splits as leaks, the others for what they are."""
    part = parts_of(splits)
    same = _identical_files(thumbnails)
    near = []
    for twins in find_twins(thumbnails.pixels):
        if twins[:2] not in same:
            if _same_pixels(source, thumbnails, twins):
                same[twins[:2]] = twins
            else:
                near.append(twins)
    for pairs, leak, repeats, report in (
        (list(same.values()), "leak-duplicates", "the same pixels as", _duplicates),
        (near, "leak-near-duplicates", "nearly the same picture as", _near_duplicates),
    ):
        used = [pair for pair in pairs if pair.first in part and pair.second in part]
        across = [pair for pair in used if part[pair.first] != part[pair.second]]
        if across:
            yield _leak(source, part, across, leak, repeats)
        yield from report(source, [pair for pair in used if part[pair.first] == part[pair.second]])


def _leak(source: FolderSource, part: dict[int, Split], pairs: Sequence[Twins], code: str, repeats: str) -> Problem:
    # Of two images the one that is scored counts: val against train, test against both.
    scored = {max(pair[:2], key=lambda index: PARTS.index(part[index])) for pair in pairs}
    counts = Counter(part[index] for index in scored)
    shown = " and ".join(plural(counts[name], f"{name} image") for name in PARTS if counts[name])
    first, second = (f"{source.samples[index].name} ({part[index]})" for index in pairs[0][:2])
    drawn = all(source.samples[pair.first].split == source.samples[pair.second].split for pair in pairs)
    return Problem(
        code,
        "warning",
        _files(source, pairs),
        f"Leak: {shown} {'has' if len(scored) == 1 else 'have'} {repeats} one of another split, e.g. {first} and"
        f" {second}; scores come out too high",
        "Keep such images in one split with --group-by, or remove the copies"
        if drawn
        else "Remove them from training, or move them into one split",
    )


def _duplicates(source: FolderSource, pairs: Sequence[Twins]) -> Iterator[Problem]:
    if pairs:
        differ = sum(_masks_differ(source, pair) for pair in pairs)
        yield Problem(
            "duplicate-images",
            "warning",
            _files(source, pairs),
            f"{plural(len(_members(pairs)), 'image')} have the same pixels as another of their split"
            + (f"; the masks of {plural(differ, 'pair')} differ" if differ else ""),
            "Keep one of each, with the right mask" if differ else "Keep one of each: copies only weigh more",
        )


def _near_duplicates(source: FolderSource, pairs: Sequence[Twins]) -> Iterator[Problem]:
    if pairs:
        turned = sum(pair.turned for pair in pairs)
        yield Problem(
            "near-duplicate-images",
            "note",
            _files(source, pairs),
            f"{len(_members(pairs))} of {len(source.samples)} images nearly repeat another of their split"
            + (f", {plural(turned, 'pair')} of them mirrored or turned" if turned else ""),
            "Count them as one when you judge how much data there is, and keep them in one split",
        )


def _identical_files(thumbnails: Thumbnails) -> dict[tuple[int, int], Twins]:
    """Files with the same bytes, each paired with the first of its kind."""
    first: dict[str, int] = {}
    pairs = {}
    for index, digest in enumerate(thumbnails.digests):
        if digest and first.setdefault(digest, index) != index:
            pairs[first[digest], index] = Twins(first[digest], index, distance=0, turned=False)
    return pairs


def _same_pixels(source: FolderSource, thumbnails: Thumbnails, pair: Twins) -> bool:
    """Whether two different files decode to the very same image."""
    different = thumbnails.pixels[pair.first] != thumbnails.pixels[pair.second]
    if pair.turned or different.any() or source.sizes[pair.first] != source.sizes[pair.second]:
        return False
    first, second = (read_image(source.images[index].path, source.bits) for index in pair[:2])
    return np.array_equal(first, second)


def _masks_differ(source: FolderSource, pair: Twins) -> bool:
    try:
        (_, first), (_, second) = source.read(pair.first), source.read(pair.second)
    except DataError:  # listed as what it is, elsewhere
        return False
    return not np.array_equal(first, second)


def _members(pairs: Sequence[Twins]) -> list[int]:
    """All images of the pairs, each once, pair by pair."""
    return list(dict.fromkeys(index for pair in pairs for index in pair[:2]))


def _files(source: FolderSource, pairs: Sequence[Twins]) -> tuple[str, ...]:
    return tuple(relative(source.samples[index].image, source.root) for index in _members(pairs))
