"""Images that occur twice: they count double within one split, and leak if they are in two."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from segarena.data.checks.problem import Problem, parts_of
from segarena.data.checks.thumbnails import Thumbnails, correlate, perceptual_hash
from segarena.data.files.images import read_image
from segarena.data.folder import FolderSource
from segarena.data.layout.tree import relative_name
from segarena.data.source import Split
from segarena.data.splitting.splits import PARTS, Splits
from segarena.errors import DataError
from segarena.formats import join_words, plural

#: Two images are candidates if their hashes of 128 bits differ in at most so many bits. Unrelated photographs differ in
#: 64 on average. In four public sets of street scenes, aerial tiles, plants and tissue no unrelated pair, in any
#: orientation, differed in fewer than 19, and all pairs that differed in 13 or fewer showed the same scene.
MAX_DISTANCE = 10
#: In a set of similar images (one camera, one organ), they must also differ in no more than this share of the median.
SHARE_OF_MEDIAN = 0.25
#: Candidates must also correlate by so much, which few shared outlines on a flat background do not reach.
MIN_CORRELATION = 0.9

_MOST_PAIRS = 16  # of one image, the nearest: in a folder of copies all pairs would be too many
_BLOCK = 256  # rows of the distance matrix at a time: 256 x 50,000 words of 8 bytes are 100 MB


class DuplicatePair(NamedTuple):
    """Two images that show the same.

    Attributes:
        first: index of the sample.
        second: the larger index.
        distance: number of bits in which their hashes differ.
        turned: whether one of the two is mirrored or rotated.
    """

    first: int
    second: int
    distance: int
    turned: bool


def check_duplicates(source: FolderSource, splits: Splits, thumbnails: Thumbnails) -> Iterator[Problem]:
    """Yield duplicates and near-duplicates, in two splits as leaks, in one split as repetitions."""
    part = parts_of(splits)
    identical = _identical_files(thumbnails)
    similar = []
    for pair in find_duplicates(thumbnails.pixels):
        if pair[:2] not in identical:
            if _same_pixels(source, thumbnails, pair):
                identical[pair[:2]] = pair
            else:
                similar.append(pair)
    for pairs, code, relation, report in (
        (list(identical.values()), "leak-duplicates", "the same pixels as", _duplicates),
        (similar, "leak-near-duplicates", "nearly the same picture as", _near_duplicates),
    ):
        used = [pair for pair in pairs if pair.first in part and pair.second in part]
        across = [pair for pair in used if part[pair.first] != part[pair.second]]
        if across:
            yield _leak(source, part, across, code, relation)
        yield from report(source, [pair for pair in used if part[pair.first] == part[pair.second]])


def find_duplicates(thumbnails: NDArray[np.uint8]) -> list[DuplicatePair]:
    """Compare all pairs of thumbnails (N, 32, 32), one of the two also mirrored and rotated by 90, 180, 270 degrees.

    Candidates by `perceptual_hash` are confirmed by their correlation. Returns the pairs sorted by their indices.
    """
    if len(thumbnails) < 2:
        return []
    upright = perceptual_hash(thumbnails)
    limit = min(MAX_DISTANCE, SHARE_OF_MEDIAN * _median_distance(upright))
    found: dict[tuple[int, int], DuplicatePair] = {}
    for number, turned in enumerate(_orientations(thumbnails)):
        for first, second, distance in _close_pairs(upright, perceptual_hash(turned), limit):
            alike = correlate(thumbnails[first], turned[second]) >= MIN_CORRELATION
            for one, other, bits in np.stack([first, second, distance], axis=1)[alike].tolist():
                pair = (min(one, other), max(one, other))
                found.setdefault(pair, DuplicatePair(*pair, bits, turned=number > 0))
    return [found[pair] for pair in sorted(found)]


def _orientations(thumbnails: NDArray[np.uint8]) -> list[NDArray[np.uint8]]:
    """All eight, beginning with the thumbnails as they are."""
    mirrored = thumbnails[:, :, ::-1]
    return [np.rot90(side, quarters, axes=(1, 2)) for side in (thumbnails, mirrored) for quarters in range(4)]


def _median_distance(hashes: NDArray[np.bool_]) -> float:
    """Of all pairs, or of some thousands of them drawn evenly."""
    step = max(1, len(hashes) // 200)
    some = hashes[::step]
    rows, columns = np.triu_indices(len(some), 1)
    return float(np.median((some[rows] != some[columns]).sum(axis=1)))


def _close_pairs(
    hashes: NDArray[np.bool_], others: NDArray[np.bool_], limit: float
) -> Iterator[tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.intp]]]:
    """Find hashes (N, bits) and others (N, bits) no farther apart than `limit`.

    Yields block by block: the indices of the hashes, those of the others, and the distances.
    """
    # Counting bits keeps one core busy for less time than a matrix product of -1 and 1 keeps all of them.
    a, b = (np.packbits(bits, axis=1).view(np.uint64) for bits in (hashes, others))
    for start in range(0, len(a), _BLOCK):
        block = a[start : start + _BLOCK]
        distances = np.zeros((len(block), len(b)), dtype=np.uint8)
        for word in range(a.shape[1]):
            distances += np.bitwise_count(block[:, None, word] ^ b[:, word])
        rows = np.arange(len(distances))
        distances[rows, rows + start] = 255
        first, second = np.nonzero(distances <= limit)
        distance = distances[first, second].astype(np.intp)
        order = np.lexsort((distance, first))
        nearest = order[np.arange(len(order)) - np.searchsorted(first, first) < _MOST_PAIRS]
        yield first[nearest] + start, second[nearest], distance[nearest]


def _identical_files(thumbnails: Thumbnails) -> dict[tuple[int, int], DuplicatePair]:
    """Files with the same bytes, each paired with the first of them."""
    first: dict[str, int] = {}
    pairs = {}
    for index, digest in enumerate(thumbnails.digests):
        if digest and first.setdefault(digest, index) != index:
            pairs[first[digest], index] = DuplicatePair(first[digest], index, distance=0, turned=False)
    return pairs


def _same_pixels(source: FolderSource, thumbnails: Thumbnails, pair: DuplicatePair) -> bool:
    """Whether two different files decode to the same image."""
    different = thumbnails.pixels[pair.first] != thumbnails.pixels[pair.second]
    if pair.turned or different.any() or source.sizes[pair.first] != source.sizes[pair.second]:
        return False
    first, second = (read_image(source.images[index].path, source.bits) for index in pair[:2])
    return np.array_equal(first, second)


def _leak(
    source: FolderSource, part: dict[int, Split], pairs: Sequence[DuplicatePair], code: str, relation: str
) -> Problem:
    # Of two images the scored one counts: val against train, test against both.
    scored = {max(pair[:2], key=lambda index: PARTS.index(part[index])) for pair in pairs}
    counts = Counter(part[index] for index in scored)
    shown = join_words([plural(counts[name], f"{name} image") for name in PARTS if counts[name]])
    first, second = (f"{source.samples[index].name} ({part[index]})" for index in pairs[0][:2])
    is_own_split = any(source.samples[pair.first].split != source.samples[pair.second].split for pair in pairs)
    return Problem(
        code,
        "warning",
        _files(source, pairs),
        f"Leak: {shown} {'has' if len(scored) == 1 else 'have'} {relation} one of another split, e.g. {first} and"
        f" {second}; scores come out too high",
        "Remove them from training, or move them into one split"
        if is_own_split
        else "Keep such images in one split with --group-by, or remove the copies",
    )


def _duplicates(source: FolderSource, pairs: Sequence[DuplicatePair]) -> Iterator[Problem]:
    if pairs:
        differ = sum(_masks_differ(source, pair) for pair in pairs)
        yield Problem(
            "duplicate-images",
            "warning",
            _files(source, pairs),
            f"{plural(len(_members(pairs)), 'image')} have the same pixels as another of their split"
            + (f"; the masks of {plural(differ, 'pair')} differ" if differ else ""),
            "Keep one of each, with the right mask" if differ else "Keep one of each: copies only count more",
        )


def _near_duplicates(source: FolderSource, pairs: Sequence[DuplicatePair]) -> Iterator[Problem]:
    if pairs:
        turned = sum(pair.turned for pair in pairs)
        yield Problem(
            "near-duplicate-images",
            "note",
            _files(source, pairs),
            f"{len(_members(pairs))} of {len(source.samples)} images show nearly the same as another of their split"
            + (f", {plural(turned, 'pair')} of them mirrored or rotated" if turned else ""),
            "The data set is smaller than the number of images suggests; keep such images in one split",
        )


def _masks_differ(source: FolderSource, pair: DuplicatePair) -> bool:
    try:
        (_, first), (_, second) = source.read(pair.first), source.read(pair.second)
    except DataError:  # reported as an unreadable file
        return False
    return not np.array_equal(first, second)


def _members(pairs: Sequence[DuplicatePair]) -> list[int]:
    """All images of the pairs, each once, pair by pair."""
    return list(dict.fromkeys(index for pair in pairs for index in pair[:2]))


def _files(source: FolderSource, pairs: Sequence[DuplicatePair]) -> tuple[str, ...]:
    return tuple(relative_name(source.root, source.samples[index].files[0]) for index in _members(pairs))
