"""Classes whose declared colours look the same in pictures."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations

from segarena.classes import DEFAULT_COLORS, TABLE
from segarena.classes.colors import ALIKE, difference
from segarena.data.checks.problem import Problem
from segarena.data.folder import FolderSource
from segarena.data.layout.tree import relative_name
from segarena.formats import command, listing, plural


def check_colors(source: FolderSource) -> Iterator[Problem]:
    """Yield pairs of classes with the same or nearly the same colour, unless both colours are default ones."""
    pairs = [
        (one, other)
        for one, other in combinations(source.classes.classes, 2)
        if difference(one.color, other.color) < ALIKE and not {one.color, other.color} <= set(DEFAULT_COLORS)
    ]
    if not pairs:
        return
    shown = listing([f"{one.name!r} {list(one.color)} and {other.name!r} {list(other.color)}" for one, other in pairs])
    file = source.declared_in
    writing = command("segarena", "check", source.root, "--write-classes")
    where = f"in {TABLE}" if file else f"in a {TABLE}, which this command writes, to be edited: `{writing}`"
    yield Problem(
        "similar-colors",
        "note",
        () if file is None else (relative_name(source.root, file),),
        f"{plural(len(pairs), 'pair')} of classes can hardly be distinguished in pictures by their colours: {shown}",
        f"Give one of the two another `color` {where}",
    )
