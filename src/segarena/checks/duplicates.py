"""Images that occur twice: they count double within one split, and leak if they are in two."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from segarena.checks.problem import Problem, names_of, parts_of
from segarena.checks.similarity import DuplicatePair, find_duplicates
from segarena.checks.thumbnails import Thumbnails
from segarena.data.folder import FolderSource
from segarena.data.source import Split
from segarena.data.splitting.splits import PARTS, Splits
from segarena.errors import DataError
from segarena.formats import join_words, plural
from segarena.image_files.cache import recall_array

#: The cache's name for pairs of similar images; another version of the comparison may find others.
_KIND = f"similar images 1, NumPy {np.__version__}"


def check_duplicates(source: FolderSource, splits: Splits, thumbnails: Thumbnails) -> Iterator[Problem]:
    """Yield duplicates and near-duplicates, in two splits as leaks, in one split as repetitions."""
    part = parts_of(splits)
    identical = _identical_files(thumbnails)
    similar = []
    for pair in _find_or_recall(thumbnails.fine):
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


def find_copies(thumbnails: Thumbnails) -> list[tuple[int, int]]:
    """Return the pairs of samples whose images are the same file, or show nearly the same picture.

    Args:
        thumbnails: The images, as `collect_thumbnails` returns them.
    """
    return list(
        dict.fromkeys([*_identical_files(thumbnails), *(pair[:2] for pair in _find_or_recall(thumbnails.fine))])
    )


def _find_or_recall(fine: NDArray[np.uint8]) -> list[DuplicatePair]:
    """What `find_duplicates` returns, from the cache where the same thumbnails have been compared before."""
    rows = recall_array(_KIND, [fine.tobytes()], lambda: np.array(find_duplicates(fine), dtype=np.float64))
    return [
        DuplicatePair(first, second, bool(turned)) for first, second, turned in rows.reshape(-1, 3).astype(int).tolist()
    ]


def _identical_files(thumbnails: Thumbnails) -> dict[tuple[int, int], DuplicatePair]:
    """Files with the same bytes, each paired with the first of them."""
    first: dict[str, int] = {}
    pairs = {}
    for index, digest in enumerate(thumbnails.digests):
        if digest and first.setdefault(digest, index) != index:
            pairs[first[digest], index] = DuplicatePair(first[digest], index, turned=False)
    return pairs


def _same_pixels(source: FolderSource, thumbnails: Thumbnails, pair: DuplicatePair) -> bool:
    """Whether two different files decode to the same image."""
    different = thumbnails.fine[pair.first] != thumbnails.fine[pair.second]
    if pair.turned or different.any() or source.sizes[pair.first] != source.sizes[pair.second]:
        return False
    first, second = (source.read_image(source.images[index].path) for index in pair[:2])
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
    return names_of(source, [source.samples[index].files[0] for index in _members(pairs)])
