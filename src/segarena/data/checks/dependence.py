"""Which images are not independent: frames of a sequence, and copies. In the statistics they count together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from segarena.data.checks.duplicates import find_copies
from segarena.data.checks.leakage import find_sequences
from segarena.data.checks.thumbnails import collect_thumbnails
from segarena.data.folder import FolderSource
from segarena.data.splitting.groups import find_groups


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
