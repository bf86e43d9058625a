"""Images that are not independent: frames and slices of a sequence, and copies.

In the statistics they count together. Neighbours split across train, val and test are a leak: near-copies of training
images are scored.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import median
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from segarena.checks.duplicates import find_copies
from segarena.checks.problem import Problem, names_of, parts_of
from segarena.checks.thumbnails import Thumbnails, collect_thumbnails, correlate
from segarena.data.folder import FolderSource
from segarena.data.splitting.groups import cut_frame_numbers, find_groups, natural_key
from segarena.data.splitting.splits import Splits
from segarena.formats import small_percent

#: In this share of all comparisons, two neighbours must correlate more than two random images. Measured: 0.95 for
#: tissue slices, 0.93 for video frames; 0.72 for plants photographed along a field, 0.56 for aerial tiles.
MIN_ADVANTAGE = 0.85
#: The fewest pairs of neighbours to measure that with.
MIN_NEIGHBOURS = 8
#: A split into blocks separates a few neighbours, at the ends of the blocks; one that separates more is none.
MAX_SEPARATED = 0.1

_MOST_PAIRS = 2000


@dataclass(frozen=True)
class Dependence:
    """Which images belong together, although no `--group-by` was given.

    Args:
        groups: The group of each sample.
        rule: What it was found by. prefix, blocks: the names are sequences whose neighbours look alike. copies: only
            copies of an image are grouped.
    """

    groups: tuple[str, ...]
    rule: Literal["prefix", "blocks", "copies"]


def find_dependence(source: FolderSource) -> Dependence | None:
    """Find the frames of sequences by names and content, and copies by content.

    Args:
        source: The folder; no file is opened again.

    Returns:
        The groups; None where the images are independent, as far as they show.
    """
    names = [sample.name for sample in source.samples]
    thumbnails = collect_thumbnails(source)
    rule = find_sequences(source, thumbnails)
    by_rule = find_groups(names, rule)
    groups = _join(by_rule or names, find_copies(thumbnails))
    if len(set(groups)) == len(names):
        return None
    return Dependence(groups, rule or "copies")


def _join(groups: Sequence[str], pairs: Sequence[tuple[int, int]]) -> tuple[str, ...]:
    """The groups of both images of each pair become one, which has the first name of them."""
    parent = {group: group for group in groups}

    def root(group: str) -> str:
        while parent[group] != group:
            group = parent[group]
        return group

    order = {group: number for number, group in enumerate(parent)}
    for first, second in pairs:
        one, other = sorted((root(groups[first]), root(groups[second])), key=order.__getitem__)
        parent[other] = one
    return tuple(root(group) for group in groups)


def check_sequences(source: FolderSource, splits: Splits, thumbnails: Thumbnails) -> Iterator[Problem]:
    """Yield a leak if images with consecutive numbers look alike and a split that segarena made separates them."""
    part, names = parts_of(splits), [sample.name for sample in source.samples]
    neighbours = [
        (first, second)
        for first, second in find_neighbours(names)
        if source.samples[first].split == source.samples[second].split
        and {first, second} <= part.keys() - thumbnails.faults.keys()
    ]
    separated = [(first, second) for first, second in neighbours if part[first] != part[second]]
    if len(neighbours) < MIN_NEIGHBOURS or len(separated) <= MAX_SEPARATED * len(neighbours):
        return
    near, far = _correlations(thumbnails.pixels, neighbours)
    if not _are_alike(near, far):
        return
    images = dict.fromkeys(source.samples[index].files[0] for pair in separated for index in pair)
    yield Problem(
        "leak-sequence",
        "warning",
        names_of(source, images),
        "Leak: the images are consecutive frames or slices. Neighbours look alike (correlation"
        f" {median(near.tolist()):.2f}, {median(far.tolist()):.2f} for random pairs), and the random split separates"
        f" {small_percent(len(separated) / len(neighbours))} of them; scores come out too high",
        f"Keep neighbours in one split: --group-by {suggest_rule(names) or 'REGEX'}",
    )


def find_sequences(source: FolderSource, thumbnails: Thumbnails) -> Literal["prefix", "blocks"] | None:
    """Return the `--group-by` that keeps frames of one film, or slices of one volume, together.

    Args:
        source: The folder.
        thumbnails: Its images, as `collect_thumbnails` returns them.

    Returns:
        The rule; None where the names are no sequences, or neighbours do not look alike.
    """
    names = [sample.name for sample in source.samples]
    rule = suggest_rule(names)
    if rule is None:
        return None
    neighbours = [pair for pair in find_neighbours(names) if not thumbnails.faults.keys() & set(pair)]
    alike = len(neighbours) >= MIN_NEIGHBOURS and _are_alike(*_correlations(thumbnails.pixels, neighbours))
    return rule if alike else None


def find_neighbours(names: Sequence[str]) -> list[tuple[int, int]]:
    """Return pairs of indices of names that follow each other in natural order, among those with the same prefix.

    >>> find_neighbours(["b_1", "a_2", "a_10", "a_1"])
    [(3, 1), (1, 2)]
    """
    series: dict[str, list[int]] = defaultdict(list)
    for index, (prefix, _) in enumerate(cut_frame_numbers(names)):
        series[prefix].append(index)
    ordered = (sorted(members, key=lambda index: natural_key(names[index])) for members in series.values())
    return [pair for members in ordered for pair in pairwise(members)]


def suggest_rule(names: Sequence[str]) -> Literal["prefix", "blocks"] | None:
    """Return the `--group-by` that fits the names: prefix for several sequences, blocks for one, None for others.

    A sequence is three or more names with the same prefix and evenly spaced numbers: over half of the gaps are equal.
    Nine tenths of the names must belong to sequences, and a single sequence needs ten names.

    >>> suggest_rule([f"slice_{number}" for number in range(30)])
    'blocks'
    """
    cut = cut_frame_numbers(names)
    numbers: dict[str, list[int]] = defaultdict(list)
    for prefix, number in cut:
        if number is not None:
            numbers[prefix].append(number)
    sequences = [found for found in numbers.values() if _is_sequence(found)]
    if 10 * sum(map(len, sequences)) < 9 * max(1, len(names)):
        return None
    if len(sequences) > 1:
        return "prefix" if all(prefix for prefix, _ in cut) else None
    return "blocks" if len(names) >= 10 else None


def _is_sequence(numbers: Sequence[int]) -> bool:
    ordered = sorted(set(numbers))
    gaps = Counter(after - before for before, after in pairwise(ordered))
    return len(ordered) >= 3 and 2 * max(gaps.values()) > gaps.total()


def _are_alike(near: NDArray[np.float64], far: NDArray[np.float64]) -> bool:
    """Whether neighbours look more alike than random pairs of images do."""
    return len(far) > 0 and bool((near[:, None] > far).mean() >= MIN_ADVANTAGE)


def _correlations(
    pixels: NDArray[np.uint8], neighbours: Sequence[tuple[int, int]]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Correlations of neighbours, and of random pairs that are not neighbours; some thousands of each at most."""
    random = np.random.default_rng(0)
    near = np.array(neighbours)[random.permutation(len(neighbours))[:_MOST_PAIRS]]
    touching = {*neighbours, *((second, first) for first, second in neighbours)}
    drawn = [tuple(pair) for pair in random.integers(0, len(pixels), (2 * _MOST_PAIRS, 2)).tolist()]
    far = np.array([pair for pair in drawn if pair[0] != pair[1] and pair not in touching]).reshape(-1, 2)
    distinct, place = np.unique(far, axis=0, return_inverse=True)  # of few images the same pairs are drawn often
    one, other = (correlate(pixels[pairs[:, 0]], pixels[pairs[:, 1]]) for pairs in (near, distinct))
    return one, other[place.ravel()]
