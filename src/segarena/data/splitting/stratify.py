"""Exchange images or groups between parts, so that each class occurs in every part that needs it.

Nothing moves unless a class is missing from a part, so that few images move when one is added. Iterative stratification
(Sechidis et al. 2011) would also keep the frequency of each class in each part, and move many.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

_Floats = NDArray[np.float64]


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
