"""Which part each unit goes to, so that every class reaches the parts that need it.

Parts are numbers 0, 1, ...; what they mean is the caller's business.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from segarena.data.splitting.stratify import Limits, Need, exchange
from segarena.data.splitting.units import Unit

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
