"""Images that are there twice: they weigh double within one split, and leak where they are in two."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

import numpy as np

from segarena.data.checks.problem import PARTS, Problem, count, parts_of, relative
from segarena.data.checks.similarity import Twins, find_twins
from segarena.data.checks.thumbnails import Thumbnails
from segarena.data.files.images import read_image
from segarena.data.folder import FolderSource
from segarena.data.source import Split
from segarena.data.splitting.splits import Splits
from segarena.errors import DataError


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
    shown = " and ".join(count(counts[name], f"{name} image") for name in PARTS if counts[name])
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
            f"{count(len(_members(pairs)), 'image')} have the same pixels as another of their split"
            + (f"; the masks of {count(differ, 'pair')} differ" if differ else ""),
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
            + (f", {count(turned, 'pair')} of them mirrored or turned" if turned else ""),
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
    first, second = (source.samples[index].image for index in pair[:2])
    assert first is not None
    assert second is not None
    return bool(np.array_equal(read_image(first), read_image(second)))


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
