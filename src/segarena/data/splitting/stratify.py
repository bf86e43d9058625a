"""Moving as little as possible: one unit for another, as long as more classes reach the parts that need them."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import NamedTuple

from segarena.data.splitting.units import Unit

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
