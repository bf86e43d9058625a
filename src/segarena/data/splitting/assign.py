"""The deal: each unit a part, by hashes and shares, with every class in every part wherever that is possible.

Images are dealt one after the other, so that what is added behind them moves none of them. Groups differ in size:
with them the shares are met better when all are known.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction

from segarena.data.splitting.stratify import Limits, Need, Unit, allocate, count_units, members_of
from segarena.seeding import derive_seed

TRAIN, VAL, TEST = range(3)
_SALTS = {VAL: "split", TEST: "test"}
_WHOLE = 2**63  # draws are integers below it


def exact_share(share: float) -> Fraction:
    """0.8 as 4/5: what a binary fraction cannot say would cost an image here and there."""
    return Fraction(share).limit_denominator(1_000_000)


def deal(units: Sequence[Unit], shares: Mapping[int, Fraction], seed: int) -> list[int]:
    """Return TRAIN or a part of `shares` for each unit; the contract is that of `split_samples`.

    A share is one of what the parts before it leave. `units` come in the order in which they are dealt.
    """
    plan = _plan(units, shares, seed)
    parts = [part for part in (TRAIN, VAL, TEST) if part in plan.targets]
    common = {c: count for c, count in count_units(units).items() if count > 1}
    two: list[Need] = [(c, part) for c in common for part in reversed(parts[:2])]
    three: list[Need] = [(c, part) for c, count in common.items() for part in reversed(parts[:count])]
    dealt = allocate(units, plan.fill, [three, two] if len(parts) > 2 else [two], plan.limits())
    return dealt if len(members_of(units, dealt, TRAIN)) >= 2 else plan.fill({})


@dataclass(frozen=True)
class _Plan:
    """How many images each part is to have, and the order in which units are offered to val and to test."""

    units: Sequence[Unit]
    targets: dict[int, Fraction | int]
    order: dict[int, list[int]]

    def fill(self, fixed: Mapping[int, int]) -> list[int]:
        """Part by part, take units in order as long as they bring it nearer to its target; the rest trains."""
        parts = dict(fixed)
        for part, order in self.order.items():
            load = sum(self.units[i].size for i, own in parts.items() if own == part)
            pending = [i for i in order if i not in parts]
            later = sum(1 for p in self.targets if p not in (part, TRAIN) and p not in parts.values())
            spare = len(pending) - later - (TRAIN not in parts.values())
            spare_images = (
                sum(unit.size for i, unit in enumerate(self.units) if parts.get(i, TRAIN) == TRAIN) - later - 2
            )
            for i in pending:
                size = self.units[i].size
                is_nearer = self._miss(part, load + size) < self._miss(part, load)
                if is_nearer and spare > 0 and spare_images >= size:
                    parts[i] = part
                    load += size
                    spare -= 1
                    spare_images -= size
            if not load and spare > 0:
                parts[min(pending, key=lambda i: self.units[i].size)] = part
        return [parts.get(i, TRAIN) for i in range(len(self.units))]

    def limits(self) -> list[Limits]:
        """Images keep to the targets. Groups keep to them as well as they do without classes, or else not at all."""
        largest = max((unit.size for unit in self.units), default=1)
        total = sum(unit.size for unit in self.units)
        slack = Fraction(largest, 2) if largest > 1 else 0
        most = [total, total - 2, total - 2]  # two images are left for training
        kept: Limits = [min(self.targets[p] + slack, most[p]) if p in self.targets else 0 for p in (TRAIN, VAL, TEST)]
        given_up: Limits = [most[p] if p in self.targets else 0 for p in (TRAIN, VAL, TEST)]
        return [kept] if largest == 1 else [kept, given_up]

    def _miss(self, part: int, load: int) -> Fraction:
        return abs(Fraction(load - self.targets[part]))


def _plan(units: Sequence[Unit], shares: Mapping[int, Fraction], seed: int) -> _Plan:
    single = all(unit.size == 1 for unit in units)
    targets: dict[int, Fraction | int] = {}
    order: dict[int, list[int]] = {}
    left = list(range(len(units)))
    remaining: Fraction | int = sum(unit.size for unit in units)
    for position, (part, share) in enumerate(shares.items()):
        draws = [derive_seed(_SALTS[part], seed, unit.name) for unit in units]
        if single:
            first = 2 + len(shares) - position  # two of these train, one goes to each part that is still to come
            drawn = {left[i] for i in _draw([draws[i] for i in left], share, first)}
            left = [i for i in left if i not in drawn]
            targets[part] = len(drawn)
        else:
            drawn = set()
            targets[part] = share * remaining
        order[part] = [i for _, _, i in sorted((i not in drawn, draw, i) for i, draw in enumerate(draws))]
        remaining -= targets[part]
    targets[TRAIN] = remaining
    return _Plan(units, targets, order)


def _draw(draws: Sequence[int], share: Fraction, first: int) -> list[int]:
    """Positions that are drawn: exactly one of the `first`, later ones such that share * n, up or down, are of n.

    Every position has the same chance, whatever its place in the list (a comb would always take the same camera of
    five), and none depends on a later one. With a share of 1/5 one of each five in a row is drawn.
    """
    drawn: list[int] = []
    lowest = min(range(min(first, len(draws))), key=draws.__getitem__, default=0)
    for position, draw in enumerate(draws):
        chance = _chance(len(drawn), position, share) if position >= first else int(position == lowest)
        if draw < _WHOLE * chance:
            drawn.append(position)
    return drawn


def _chance(drawn: int, position: int, share: Fraction) -> Fraction | int:
    """The chance of the next position where `drawn` of `position` have been drawn.

    The number drawn is the integer part of share * n, or with the chance of its fraction one more: that stays so if a
    position that enters between two integers takes its chance from those that have not been drawn, and one that passes
    an integer gives it to those that have.
    """
    whole, fraction = divmod(share * position, 1)
    next_whole, next_fraction = divmod(share * (position + 1), 1)
    if drawn < whole or (drawn == whole and next_whole > whole):
        return 1
    if next_whole == whole:
        return share / (1 - fraction) if drawn == whole else 0
    return next_fraction / fraction
