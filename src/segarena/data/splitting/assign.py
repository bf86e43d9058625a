"""Assign images, or groups of images, to train, val and test or to folds: by hashes and shares, then by their classes.

After the shares are met, units are exchanged between parts, so that each class occurs in every part that needs it.
Nothing moves unless a class is missing from a part, so that few images move when one is added. Iterative stratification
(Sechidis et al. 2011) would also keep the frequency of each class in each part, and move many.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from segarena.data.source import Sample
from segarena.seeding import derive_seed

TRAIN, VAL, TEST = range(3)

_Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Unit:
    """What is never divided: one image, or all images of a group.

    `members` are indices of samples; `classes`, (num_classes,) bool, are those that occur in at least one of them.
    """

    name: str
    members: tuple[int, ...]
    classes: NDArray[np.bool_]

    @property
    def size(self) -> int:
        """The number of images."""
        return len(self.members)


def make_units(
    samples: Sequence[Sample],
    indices: Iterable[int],
    class_images: NDArray[np.bool_] | None,
    groups: Sequence[str] | None,
) -> list[Unit]:
    """Return the samples at `indices` as units, sorted by name.

    `class_images`, (N, num_classes), and `groups`, N names, concern all samples; None if there are none.
    """
    members: dict[str, list[int]] = {}
    for index in sorted(indices):
        members.setdefault(samples[index].name if groups is None else groups[index], []).append(index)
    classes = np.zeros((len(samples), 0), dtype=bool) if class_images is None else class_images
    return [Unit(name, tuple(members[name]), np.any(classes[members[name]], 0)) for name in sorted(members)]


def members_of(units: Sequence[Unit], parts: Sequence[int], part: int) -> tuple[int, ...]:
    """Indices of the samples whose unit is in `part`, ascending."""
    return tuple(sorted(i for unit, own in zip(units, parts, strict=True) if own == part for i in unit.members))


def assign_parts(units: Sequence[Unit], shares: Mapping[int, float], seed: int) -> list[int]:
    """Return the part of each unit: one of `shares`, or else TRAIN.

    For each part in turn, units are taken in the order of their hashes, as long as each brings the part nearer to its
    share; if none does, the smallest. Thus a new image moves at most one other into or out of a part. Then each class
    of two units is brought into the first two parts, of three units into the third, as far as `exchange` can.

    Args:
        units: images or groups, more than there are `shares`, with at least two more images than there are `shares`.
        shares: VAL or TEST -> the share, 0 to 1, of the images that are left by the parts before it.
        seed: another seed gives other hashes.
    """
    parts, targets = [TRAIN] * len(units), np.zeros(3)
    for later, (part, share) in zip(reversed(range(len(shares))), shares.items(), strict=True):
        free = [i for i, own in enumerate(parts) if own == TRAIN]
        free.sort(key=lambda i: derive_seed("part", part, seed, units[i].name))
        images = sum(units[i].size for i in free)
        target = images * Fraction(share).limit_denominator(1_000_000)  # 0.2, not the nearest binary number
        load = taken = 0
        for i in free:
            size = units[i].size
            is_nearer = size < 2 * (target - load)
            # a unit is left for each later part, and a unit and two images for training
            if is_nearer and load + size <= images - later - 2 and taken < len(free) - later - 1:
                parts[i] = part
                load += size
                taken += 1
        if not taken:
            parts[min(free, key=lambda i: units[i].size)] = part
        targets[part] = target
    sizes, classes = _arrays(units)
    targets[TRAIN] = sizes.sum() - targets.sum()
    counts, used = classes.sum(axis=0), sorted({TRAIN, *shares})
    worth = np.zeros((3, len(counts)))
    worth[used[:2]] = (counts >= 2) * (1 + len(counts))  # more than all classes in the third part
    worth[used[2:]] = counts >= 3
    stratified = exchange(parts, sizes, classes, worth, targets)
    return stratified if sizes[np.equal(stratified, TRAIN)].sum() >= 2 else parts


def assign_folds(units: Sequence[Unit], k: int, seed: int) -> list[int]:
    """Return the fold of each unit, 0 to k - 1: the largest unit first, each to the fold with the fewest images so far.

    Units of one size follow each other by their hashes. Then each class is brought into as many folds as it has units,
    as far as `exchange` can, into a second one first. Each fold has a unit or, if k is 2, two units of four or more.
    """
    order = sorted(range(len(units)), key=lambda i: (-units[i].size, derive_seed("folds", seed, units[i].name)))
    fold_of, loads = [0] * len(units), [0] * k
    for i in order:
        fold_of[i] = loads.index(min(loads))
        loads[fold_of[i]] += units[i].size
    if k == 2 and fold_of.count(0) == 1:
        fold_of[order[-1]] = 0
    sizes, classes = _arrays(units)
    worth = np.zeros((k, classes.shape[1]))
    for c, count in enumerate(classes.sum(axis=0).astype(int)):
        present = {fold for fold, has in zip(fold_of, classes[:, c], strict=True) if has}
        wanted = sorted(range(k), key=lambda fold: (fold not in present, fold))[:count]
        worth[wanted, c] = 1
        worth[wanted[:2], c] = 1 + worth.size  # one fold can train where the other tests
    return exchange(fold_of, sizes, classes, worth, np.full(k, sizes.sum() / k), fewest=2 if k == 2 else 1)


def _arrays(units: Sequence[Unit]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """`sizes` and `classes` as `exchange` takes them."""
    return np.array([unit.size for unit in units], dtype=float), np.array([unit.classes for unit in units], dtype=float)


def exchange(
    parts: Sequence[int], sizes: _Floats, classes: _Floats, worth: _Floats, targets: _Floats, fewest: int = 1
) -> list[int]:
    """Move units, alone or in exchange for another, the most valuable move first; return the new part of each unit.

    Single images are only exchanged. If units are groups, a part stays within one group, the largest, of its target.

    Args:
        parts: the part of each of U units, 0 to P - 1.
        sizes: (U,), the number of images in each unit.
        classes: (U, num_classes), 1 if the class occurs in the unit, else 0.
        worth: (P, num_classes) of whole numbers: the value of a class occurring in a part, 0 where it is not needed.
        targets: (P,), how many images each part should have.
        fewest: each part keeps at least this number of units.
    """
    part_of = np.array(parts)
    while (move := _best_move(part_of, sizes, classes, worth, targets, fewest)) is not None:
        unit, partner, target = move
        if partner is not None:
            part_of[partner] = part_of[unit]
        part_of[unit] = target
    return [int(part) for part in part_of]


def _best_move(
    part_of: NDArray[np.intp], sizes: _Floats, classes: _Floats, worth: _Floats, targets: _Floats, fewest: int
) -> tuple[int, int | None, int] | None:
    """The unit, the one it is exchanged for, if any, and the unit's new part; None if no move gains anything."""
    occurrences = np.stack([classes[part_of == part].sum(axis=0) for part in range(len(worth))])
    missing, single = worth * (occurrences == 0), worth * (occurrences == 1)
    surplus = np.bincount(part_of, sizes, minlength=len(worth)) - targets
    tolerance = np.maximum(sizes.max(), abs(surplus))
    may_shrink = (np.bincount(part_of, minlength=len(worth)) > fewest) & (sizes.max() > 1)
    best, best_gain = None, 0.5
    for target in range(len(worth)):
        units = np.flatnonzero((part_of != target) & (classes @ missing[target] > 0))
        if len(units) == 0:
            continue
        partners = np.flatnonzero(part_of == target)
        source, come = part_of[units], classes[units]
        go = np.vstack([np.zeros_like(come[:1]), classes[partners]])  # the first column is a move without a partner
        gain = (come @ missing[target])[:, None] + missing[source] @ go.T
        gain -= (1 - come) @ (single[target] * go).T + (single[source] * come) @ (1 - go).T
        growth = sizes[units][:, None] - np.append(0, sizes[partners])
        gain -= abs(growth) / (1 + 2 * sizes.sum())  # of equal moves, the one that changes the sizes least
        fits = abs(surplus[target] + growth) <= tolerance[target]
        fits &= abs(surplus[source][:, None] - growth) <= tolerance[source][:, None]
        fits[:, 0] &= may_shrink[source]
        gain[~fits] = -np.inf
        row, column = divmod(int(gain.argmax()), gain.shape[1])
        if gain[row, column] > best_gain:
            best = int(units[row]), int(partners[column - 1]) if column else None, target
            best_gain = gain[row, column]
    return best
