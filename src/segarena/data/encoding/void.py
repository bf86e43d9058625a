"""Whether the highest number of masks, 255 or 65535, is void: beside class numbers, unlike beside spread greys."""

from __future__ import annotations

from collections.abc import Sequence
from math import gcd

import numpy as np
from numpy.typing import NDArray

from segarena.classes import IGNORE_INDEX
from segarena.data.encoding.mask_encoding import class_list, write_classes
from segarena.data.encoding.value_counts import ValueCounts
from segarena.errors import DataError
from segarena.formats import listing, plural
from segarena.image_files.mask_facts import CountedMask
from segarena.image_files.raw_masks import WRAPPED_MINUS_ONE

#: Two values, the higher of which is at least this, are two levels; class numbers are usually lower.
FAR = 64
#: Void beside class numbers, in 8 and in 16 bits.
VOIDS = (IGNORE_INDEX, 65535)

#: Greys that were chosen to be distinguished by eye are multiples of a step of at least this ...
_STEP = 16
#: ... which is a round number if there are fewer than three of them, or all are this many equal parts of the scale.
_ROUND = frozenset(
    {16, 20, 25, 30, 32, 40, 48, 50, 60, 64, 80, 90, 96, 100, 120, 125, 127, 128, 150, 160, 180, 192, 200}
)
_MOST_PARTS = 8
#: 65535 beside numbers that are all lower than it by this factor is -1 in unsigned numbers.
_FAR_ABOVE = 8
#: Class numbers with a smaller share of pixels than this, relative to 255, may be strays of a two-level mask.
_RARE = 0.01


def find_void(masks: Sequence[CountedMask], counts: ValueCounts) -> int | None:
    """Return the number that is void, None if each is a class.

    Args:
        masks: All masks of the set.
        counts: Their numbers, two or more, together.

    Raises:
        DataError: The highest number, 255 or 65535, could be void or a class.
    """
    highest = int(counts.values[-1])
    if any(facts.minus_one for _, facts in masks):
        return WRAPPED_MINUS_ONE
    if highest not in VOIDS:
        return None
    _refuse_bits(masks)
    _refuse_two_ways(masks, counts.values)
    return highest if _is_void(masks, counts) else None


def without_void(values: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the different numbers, ascending, without 255 and 65535."""
    return np.unique(values[~np.isin(values, VOIDS)])


def without_last_void(values: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return ascending numbers without a last 255 or 65535 that does not follow the number before it."""
    is_void = len(values) and values[-1] in VOIDS and (len(values) == 1 or values[-1] - values[-2] > 1)
    return values[:-1] if is_void else values


def are_spread(values: NDArray[np.int64]) -> bool:
    """Return whether numbers, with the highest of the scale as the last, are greys that are equally far apart.

    Args:
        values: (K,), ascending, the last is 255 or 65535.
    """
    top = int(values[-1])
    others = [value for value in values[:-1].tolist() if value]
    scaled = 255 * values / top
    for parts in range(1, _MOST_PARTS + 1):
        places = scaled * parts / 255
        apart = len(np.unique(places.round())) == len(values)
        if apart and (np.abs(places - places.round()) * 255 / parts <= 1).all():
            return True
    step = gcd(*others)
    is_round = step in _ROUND or (len(others) >= 3 and step >= _STEP)
    return top == IGNORE_INDEX and is_round and top - others[-1] >= step / 2


def _is_void(masks: Sequence[CountedMask], counts: ValueCounts) -> bool:
    values, pixels = counts.values, counts.pixels
    highest, highest_class = int(values[-1]), int(values[-2])
    if highest_class >= FAR and are_spread(values):
        return False
    dense = highest_class < FAR or len(values) - 1 > highest_class / 4
    far_above = highest > IGNORE_INDEX and highest >= _FAR_ABOVE * highest_class
    other_classes = pixels[:-1].sum() - pixels[:-1].max()
    if (dense or far_above) and other_classes >= _RARE * pixels[-1]:
        return True
    rare = [
        number for number, count in zip(values.tolist(), pixels.tolist(), strict=True) if count < _RARE * pixels[-1]
    ]
    odd = rare if 0 < len(rare) == len(values) - 2 else [highest]
    having = [path for path, facts in masks if np.isin(odd, facts.values).any()]
    where = f"{plural(len(having), 'mask')} of {len(masks)} (e.g. {having[0].name})"
    has = f"{'has' if len(having) == 1 else 'have'} {listing([str(value) for value in odd])}"
    others = listing([str(value) for value in values[:-1].tolist()])
    raise DataError(
        f"{where} {has}: it is not clear whether {highest} beside {others} is void or a class",
        where=having[0].parent,
        remedy=_remedy(values.tolist(), rare if odd == rare else []),
    )


def _remedy(values: list[int], strays: list[int]) -> str:
    """The classes.yaml of each meaning that the highest number can have."""
    void = f"{write_classes(values[:-1], values[-1:])} if {values[-1]} is void; "
    if strays:
        levels = [value for value in values if value not in strays]
        return f"{void}`{class_list(levels, strays)}` if {listing(list(map(str, strays)))} should not be there"
    return f"{void}if it is a class, move it to `classes`, as `{{name: class_{values[-1]}, value: {values[-1]}}}`"


def _refuse_bits(masks: Sequence[CountedMask]) -> None:
    one_bit = [path for path, facts in masks if facts.one_bit and IGNORE_INDEX in facts.values]
    if one_bit and len(one_bit) < len(masks):
        raise DataError(
            f"{len(one_bit)} of {len(masks)} masks (e.g. {one_bit[0].name}) {'has' if len(one_bit) == 1 else 'have'}"
            " 1 bit per pixel, and others have more than two values",
            where=one_bit[0].parent,
            remedy="Save all masks of a data set in the same way",
        )


def _refuse_two_ways(masks: Sequence[CountedMask], values: NDArray[np.int64]) -> None:
    """Raise DataError if the masks with 255 and those without have no number in common but 0.

    255 could be void, or the second class, saved in another way.
    """
    lowest, *others, highest = values.tolist()
    having = [one for one in masks if highest in one.facts.values]
    lacking = [one for one in masks if highest not in one.facts.values and (one.facts.values != lowest).any()]
    first, second = (
        set(np.concatenate([one.facts.values for one in some]).tolist()) - {lowest} if some else set()
        for some in (having, lacking)
    )
    if first & second or not others or not second or (len(values) > 3 and min(len(having), len(lacking)) < 2):
        return
    raise DataError(
        f"{_count(having)} have {highest} and no {_list(second)}, and {_count(lacking)} have {_list(second)} and no "
        f"{highest}: {highest} could be void, or a class saved in another way",
        where=having[0].path.parent,
        remedy=f"Save all masks in the same way. {write_classes(values.tolist()[:-1], [highest])} if {highest} is void",
    )


def _count(masks: Sequence[CountedMask]) -> str:
    return f"{len(masks)} of the masks (e.g. {masks[0].path.name})"


def _list(values: set[int]) -> str:
    return listing([str(value) for value in sorted(values)])
