"""Masks saved in two ways in one folder: numbers and colours, or class numbers and greys."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from segarena.data.encoding.value_counts import colors_of, which_fill_areas
from segarena.data.encoding.void import FAR, are_spread
from segarena.errors import DataError
from segarena.formats import plural
from segarena.image_files.mask_facts import CountedMask
from segarena.image_files.raw_masks import GREY

#: Class numbers are lower than this; greys to be distinguished by eye are not.
_LOW = 32


def refuse_mixed_colors(masks: Sequence[CountedMask]) -> None:
    """Raise DataError if some masks have colours, and others have numbers or colours that never occur among these.

    Args:
        masks: All masks of the set, one of them coloured.
    """
    colored = [mask for mask in masks if mask.facts.colored]
    known = np.unique(np.concatenate([colors_of(mask) for mask in colored]))
    numbers = [mask for mask in masks if not mask.facts.colored and mask.facts.palette is None]
    wide = [mask for mask in numbers if mask.facts.wide]
    if wide:
        raise _two_ways(colored, wide, "16 bits per pixel")
    if _are_other(numbers, colored, known, [mask.facts.values * GREY for mask in numbers]):
        raise _two_ways(colored, [mask for mask in numbers if mask.facts.values.any()], "numbers")
    indexed = [mask for mask in masks if mask.facts.palette is not None]
    if _are_other(indexed, colored, known, [colors_of(mask) for mask in indexed]):
        raise _two_ways(colored, indexed, "palettes of other colours")


def refuse_mixed_numbers(masks: Sequence[CountedMask]) -> None:
    """Raise DataError if some masks have 1, 2, 3, ..., and the others have greys far apart, none in both.

    Args:
        masks: All masks of the set, with numbers.
    """
    values = [mask.facts.values[mask.facts.values > 0] for mask in masks]
    low = [mask for mask, own in zip(masks, values, strict=True) if len(own) and own[-1] < _LOW]
    high = [mask for mask, own in zip(masks, values, strict=True) if len(own) and own[0] >= _LOW]
    if min(len(low), len(high)) < 2 or len(low) + len(high) < sum(len(own) > 0 for own in values):
        return
    numbers, greys = (np.unique(np.concatenate([mask.facts.values for mask in some])) for some in (low, high))
    if numbers[-1] < len(numbers) and len(greys) > 2 and (np.diff(greys).min() >= _LOW or are_spread(greys)):
        raise _two_ways(low, high, f"greys, e.g. {greys[-1]}", "class numbers")


def _are_other(
    some: Sequence[CountedMask],
    colored: Sequence[CountedMask],
    known: NDArray[np.int64],
    colors: Sequence[NDArray[np.int64]],
) -> bool:
    """Whether none of the `colors` of some masks that fill areas, black apart, are `known` from coloured masks."""
    if not some:
        return False
    filling = [own[which_fill_areas(one.facts)] for one, own in zip(some, colors, strict=True)]
    seen = np.unique(np.concatenate(filling))
    seen = seen[seen > 0]
    strange = seen[~np.isin(seen, known)]
    low = strange[(strange < FAR * GREY) & (strange % GREY == 0)]
    number_files = len([own for own in filling if own.any()])
    return len(low) > 0 or (len(seen) > 0 and len(strange) == len(seen) and min(number_files, len(colored)) >= 2)


def _two_ways(
    some: Sequence[CountedMask], others: Sequence[CountedMask], what: str, first: str = "colours"
) -> DataError:
    example, other = some[0].path, others[0].path
    return DataError(
        f"{plural(len(some), 'mask')} (e.g. {example.name}) with {first} and {plural(len(others), 'mask')} (e.g. "
        f"{other.name}) with {what}: each class would be two",
        where=other.parent,
        remedy="Save all masks in the same way, all as class numbers or all in the same colours, or move those of one "
        "kind elsewhere, with their images",
    )
