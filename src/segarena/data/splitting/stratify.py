"""Moving as little as possible: one unit for another, as long as more classes reach the parts that need them.

Also: Which part each unit goes to, so that every class reaches the parts that need it.

Parts are numbers 0, 1, ...; what they mean is the caller's business.
Also: What a split never divides: single images, or whole groups, each with the classes that occur in it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from segarena.data.source import Sample
from segarena.data.splitting.groups import natural_key


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


#: A class index and a part in which it has to occur.
Need = tuple[int, int]
#: The most images that each part may have; 0 for a part that is not in use.
Limits = Sequence[Fraction | int]


def exchange(
    units: Sequence[Unit], parts: Sequence[int], needs: Sequence[Need], limits: Limits
) -> tuple[list[int], int]:
    """Return parts in which no exchange meets more needs, and how many needs they meet.

    For each need in turn, a unit that serves it moves to the part, alone or for one from there, whatever meets most.
    What a part has stays within its limit, and no part becomes empty. Nothing moves where all needs are met.
    """
    state = _State(units, parts, needs, limits)
    improved = True
    while improved:
        improved = False
        for need in needs:
            move = None if state.is_met(need) else state.find_move(*need)
            if move is not None:
                state.apply(move)
                improved = True
    return state.parts, sum(map(state.is_met, needs))


class _Move(NamedTuple):
    """`unit` goes to the part `target`; `partner`, if any, comes back for it."""

    unit: int
    partner: int | None
    target: int


class _State:
    """The part of each unit, with bits for the classes that a part needs, lacks, and has in a single unit."""

    def __init__(self, units: Sequence[Unit], parts: Sequence[int], needs: Sequence[Need], limits: Limits) -> None:
        self.units, self.parts, self.limits = units, list(parts), limits
        self.needed = [sum(1 << c for c, own in needs if own == part) for part in range(len(limits))]
        self._count()

    def is_met(self, need: Need) -> bool:
        return not self.lacking[need[1]] >> need[0] & 1

    def find_move(self, class_index: int, target: int) -> _Move | None:
        """The move of a unit with this class to `target` that meets most needs; None where none meets more than now."""
        best, best_gain = None, 0
        # units alike in classes and size would do the same: the first stands for all
        kinds = {(self.units[i].classes, self.units[i].size): i for i in reversed(self._inside(target))}
        partners = [None, *sorted(kinds.values())]
        for unit, part in enumerate(self.parts):
            if part == target or not self.units[unit].classes >> class_index & 1:
                continue
            for partner in partners:
                move = _Move(unit, partner, target)
                if self._fits(move) and (gain := self._gain(move)) > best_gain:
                    best, best_gain = move, gain
        return best

    def apply(self, move: _Move) -> None:
        if move.partner is not None:
            self.parts[move.partner] = self.parts[move.unit]
        self.parts[move.unit] = move.target
        self._count()

    def _inside(self, part: int) -> list[int]:
        return [i for i, own in enumerate(self.parts) if own == part]

    def _fits(self, move: _Move) -> bool:
        surplus = self.units[move.unit].size - (0 if move.partner is None else self.units[move.partner].size)
        source = self.parts[move.unit]
        target_load, source_load = self.load[move.target] + surplus, self.load[source] - surplus
        return target_load <= self.limits[move.target] and 0 < source_load <= self.limits[source]

    def _gain(self, move: _Move) -> int:
        """Needs met by the move, less those that it leaves unmet."""
        source, target = self.parts[move.unit], move.target
        come = self.units[move.unit].classes
        go = 0 if move.partner is None else self.units[move.partner].classes
        met = self.lacking[target] & self.needed[target] & come, self.lacking[source] & self.needed[source] & go
        lost = (
            self.single[target] & self.needed[target] & go & ~come,
            self.single[source] & self.needed[source] & come & ~go,
        )
        return sum(bits.bit_count() for bits in met) - sum(bits.bit_count() for bits in lost)

    def _count(self) -> None:
        once, twice = [0] * len(self.limits), [0] * len(self.limits)
        self.load = [0] * len(self.limits)
        for unit, part in zip(self.units, self.parts, strict=True):
            self.load[part] += unit.size
            twice[part] |= once[part] & unit.classes
            once[part] |= unit.classes
        self.lacking = [~bits for bits in once]
        self.single = [bits & ~more for bits, more in zip(once, twice, strict=True)]


#: Takes the parts of some units as given, unit -> part, and completes them to a part for each unit.
Fill = Callable[[Mapping[int, int]], list[int]]
#: A search ends after so many steps, within a second or so; what it has not found by then counts as impossible.
STEPS = 5_000


def allocate(units: Sequence[Unit], fill: Fill, goals: Sequence[Sequence[Need]], limits: Sequence[Limits]) -> list[int]:
    """Return a part for each unit: `fill`'s own answer where it meets the first goal, else one where units have moved.

    Goals are lists of needs, the later ones for where the earlier cannot be met. For each goal, within each of
    `limits`: units are exchanged while that meets more needs; then a search finds an allocation that meets all where
    there is one, up to STEPS steps. Where no goal is met, the answer is the exchange that meets most of the last.
    """
    exchanged = [fill({})] * len(limits)
    most, best = -1, exchanged[0]
    for goal in goals:
        for i, limit in enumerate(limits):
            exchanged[i], met = exchange(units, exchanged[i], goal, limit)
            if met == len(goal):
                return exchanged[i]
            fixed = _Search(units, exchanged[i]).find(goal, limit)
            if fixed is not None:
                return fill(fixed)
            if goal is goals[-1] and met > most:
                most, best = met, exchanged[i]
    return best


@dataclass
class _Choice:
    """One level of the search: the need it serves, the units it has not tried, and what the last one changed."""

    need: int
    options: Iterator[int]
    unit: int | None = None
    covered_before: int = 0


class _Search:
    """Depth first, need by need: units that are in the right part already come first, then small ones."""

    def __init__(self, units: Sequence[Unit], plain: Sequence[int]) -> None:
        self.units, self.plain = units, plain
        self.steps = 0
        self._serving: dict[Need, list[int]] = {}

    def find(self, needs: Sequence[Need], limits: Limits) -> dict[int, int] | None:
        """Units with parts that meet all needs, within the limits and with a unit left for each empty part; or None."""
        self.fixed: dict[int, int] = {}
        self.load = [0] * len(limits)
        self.covered = [0] * len(limits)  # bits of the classes in each part
        start = self._next_unmet(needs, 0)
        if start is None:
            return {}
        path = [_Choice(start, self._options(needs, start, limits))]
        while path and self.steps < STEPS:
            choice = path[-1]
            self._take_back(choice)
            choice.unit = next(choice.options, None)
            if choice.unit is None:
                path.pop()
                continue
            self.steps += 1
            self._fix(choice, needs[choice.need][1])
            following = self._next_unmet(needs, choice.need + 1)
            if following is None:
                return self.fixed
            path.append(_Choice(following, self._options(needs, following, limits)))
        return None

    def _fix(self, choice: _Choice, part: int) -> None:
        assert choice.unit is not None
        choice.covered_before = self.covered[part]
        self.fixed[choice.unit] = part
        self.load[part] += self.units[choice.unit].size
        self.covered[part] |= self.units[choice.unit].classes

    def _take_back(self, choice: _Choice) -> None:
        if choice.unit is not None:
            part = self.fixed.pop(choice.unit)
            self.load[part] -= self.units[choice.unit].size
            self.covered[part] = choice.covered_before

    def _next_unmet(self, needs: Sequence[Need], start: int) -> int | None:
        return next((i for i in range(start, len(needs)) if not self.covered[needs[i][1]] >> needs[i][0] & 1), None)

    def _options(self, needs: Sequence[Need], index: int, limits: Limits) -> Iterator[int]:
        """Free units that serve the need. Of those alike in size and in what is still needed, one is enough."""
        part = needs[index][1]
        empty = sum(1 for other, limit in enumerate(limits) if limit and other != part and not self.load[other])
        if len(self.units) - len(self.fixed) - 1 < empty:
            return
        open_classes = 0
        for class_index, _ in needs[index:]:
            open_classes |= 1 << class_index
        tried = set()
        for unit in self._candidates(needs[index]):
            kind = (self.units[unit].classes & open_classes, self.units[unit].size)
            if unit not in self.fixed and kind not in tried and self.load[part] + kind[1] <= limits[part]:
                tried.add(kind)
                yield unit

    def _candidates(self, need: Need) -> list[int]:
        if need not in self._serving:
            found = [i for i, unit in enumerate(self.units) if unit.classes >> need[0] & 1]
            # the sort is stable: what is alike stays in the order of the units
            self._serving[need] = sorted(found, key=lambda i: (self.plain[i] != need[1], self.units[i].size))
        return self._serving[need]
