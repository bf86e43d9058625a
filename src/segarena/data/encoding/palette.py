"""Whether the values of palette files are their indices, their greys or their colours."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np

from segarena.data.encoding.mask_encoding import DECLARE
from segarena.data.files.mask_facts import CountedMask, Counts
from segarena.data.files.raw_masks import GREY, is_grey
from segarena.errors import DataError

Reading = Literal["numbers", "greys", "colors"]


def colors_of(mask: CountedMask) -> Counts:
    """Return the packed colour of each value of a mask, (K,). Raises DataError for 16-bit numbers."""
    path, facts = mask
    if facts.colored:
        return facts.values
    if facts.palette is not None:
        return facts.palette
    if facts.wide:
        raise DataError(
            "has 16 bits per pixel, but other masks are coloured",
            where=path,
            remedy="Save all masks of a data set in the same way",
        )
    return facts.values * GREY


def greys_of(mask: CountedMask) -> Counts:
    """Return each value of a mask, (K,), of a file with a grey palette the grey in place of the index."""
    facts = mask.facts
    return facts.values if facts.palette is None else facts.palette & 255


def choose_reading(masks: Sequence[CountedMask]) -> Reading:
    """Choose how the masks of a set are read.

    If a file is coloured, all are read as colours. If all files have the same palette, it only displays the numbers:
    the numbers count. Some programs save each file with the fewest possible colours, so that each has a palette of its
    own, or none if all is grey: then the colours of the palettes count, or their greys.

    Args:
        masks: All masks of the set.

    Raises:
        DataError: The palettes differ, and neither the numbers nor the colours recur from file to file.
    """
    if any(facts.colored for _, facts in masks):
        return "colors"
    indexed = [one for one in masks if one.facts.palette is not None]
    if not palettes_agree(indexed):
        _refuse_random_palettes(indexed)
    elif not _grey_files_follow_palettes(masks):
        return "numbers"
    return "greys" if have_grey_palettes(indexed) else "colors"


def have_grey_palettes(masks: Sequence[CountedMask]) -> bool:
    """Whether there are palette files, and the colours they use are greys."""
    palettes = [facts.palette for _, facts in masks if facts.palette is not None]
    return bool(palettes) and bool(is_grey(np.concatenate(palettes)).all())


def palettes_agree(masks: Sequence[CountedMask]) -> bool:
    """Whether each number has one colour in all palettes."""
    pairs = _pairs(masks)
    return len(pairs) == len({index for index, _ in pairs})


def _pairs(masks: Sequence[CountedMask]) -> set[tuple[int, int]]:
    """All pairs of a number and its colour that palette files use."""
    return {
        pair
        for _, facts in masks
        if facts.palette is not None
        for pair in zip(facts.values.tolist(), facts.palette.tolist(), strict=True)
    }


def _refuse_random_palettes(indexed: Sequence[CountedMask]) -> None:
    """Raise DataError if palettes differ and their colours do not recur: then these cannot be classes either."""
    pairs = _pairs(indexed)
    indices, colors = {index for index, _ in pairs}, {color for _, color in pairs}
    used = sum(len(facts.values) for _, facts in indexed)
    if len(colors) > len(indices) and 2 * len(colors) > used:
        raise DataError(
            f"the palettes of the masks differ: {len(indices)} numbers have {len(colors)} colours",
            where=indexed[0].path.parent,
            remedy=f"Save all masks with one palette, or {DECLARE}, a number or a colour [r, g, b]",
        )


def _grey_files_follow_palettes(masks: Sequence[CountedMask]) -> bool:
    """Whether the values of files without a palette are among the palettes' colours, and not among their numbers."""
    grey = [facts.values for _, facts in masks if facts.palette is None]
    indexed = [one for one in masks if one.facts.palette is not None]
    if not grey or not indexed:
        return False
    levels = np.unique(np.concatenate(grey))
    numbers = np.concatenate([facts.values for _, facts in indexed])
    colors = np.concatenate([colors_of(one) for one in indexed])
    return not np.isin(levels, numbers).all() and bool(np.isin(levels * GREY, colors).all())
