"""What a split never divides: single images, or whole groups, each with the classes that occur in it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from segarena.data.source import Sample
from segarena.data.splitting.sequences import natural_key


@dataclass(frozen=True)
class Unit:
    """One image, or all images of a group.

    `members` are indices of samples; bit c of `classes` is set where class c occurs in one of them.
    """

    name: str
    members: tuple[int, ...]
    classes: int = 0

    @property
    def size(self) -> int:
        return len(self.members)


def make_units(
    samples: Sequence[Sample],
    indices: Iterable[int],
    class_images: NDArray[np.bool_] | None,
    groups: Sequence[str] | None,
) -> list[Unit]:
    """Return the units of these samples in the natural order of their names: single images, or groups.

    `class_images` (N, num_classes) and `groups` (N) are of all samples; without them, no class is known, no group.
    """
    members: dict[str, list[int]] = {}
    for index in indices:
        members.setdefault(samples[index].name if groups is None else groups[index], []).append(index)
    units = []
    for name in sorted(members, key=natural_key):
        found = sorted(members[name])
        occurring = [] if class_images is None else np.flatnonzero(class_images[found].any(axis=0)).tolist()
        units.append(Unit(name, tuple(found), sum(1 << class_index for class_index in occurring)))
    return units


def members_of(units: Sequence[Unit], parts: Sequence[int], part: int) -> tuple[int, ...]:
    """The samples of all units in `part`, ascending."""
    return tuple(sorted(i for unit, own in zip(units, parts, strict=True) if own == part for i in unit.members))


def count_units(units: Sequence[Unit]) -> dict[int, int]:
    """Class index -> units in which it occurs, the rarest class first; classes that occur nowhere are left out."""
    counts: Counter[int] = Counter()
    for unit in units:
        bits = unit.classes
        while bits:
            lowest = bits & -bits
            counts[lowest.bit_length() - 1] += 1
            bits ^= lowest
    return dict(sorted(counts.items(), key=lambda item: (item[1], item[0])))
