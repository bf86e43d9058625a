"""Whether palette files mean their indices, their greys or their colours, and what each file's values are then."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np

from segarena.data.files.mask_facts import CountedMask, Counts
from segarena.data.files.raw_masks import GREY, is_grey
from segarena.errors import DataError

Reading = Literal["numbers", "greys", "colors"]


def colors_of(mask: CountedMask) -> Counts:
    """The packed colour of each value of a mask. Raises DataError for 16-bit numbers."""
    path, facts = mask
    if facts.colored:
        return facts.values
    if facts.palette is not None:
        return facts.palette
    if facts.wide:
        raise DataError(
            "has 16 bits per pixel, but other masks beside it are coloured",
            where=path,
            remedy="Save all masks of a data set in the same way",
        )
    return facts.values * GREY


def greys_of(mask: CountedMask) -> Counts:
    """The number of each value of a mask, where a palette's greys are numbers."""
    facts = mask.facts
    return facts.values if facts.palette is None else facts.palette & 255


def choose_reading(masks: Sequence[CountedMask]) -> Reading:
    """Say how the masks are to be read. Raises DataError where two ways are as good.

    Any coloured file makes all of them colours. A palette is only a picture of the numbers as long as all files share
    it: then the numbers count. A program that saves each file with the fewest colours gives each a palette of its
    own, and may save one without colours as grey: then the palettes' colours count, or their greys.
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
    """Where palettes differ, the colours are the classes only if they come again from file to file."""
    pairs = _pairs(indexed)
    indices, colors = {index for index, _ in pairs}, {color for _, color in pairs}
    used = sum(len(facts.values) for _, facts in indexed)
    if len(colors) > len(indices) and 2 * len(colors) > used:
        raise DataError(
            f"the palettes of the masks differ: {len(indices)} numbers have {len(colors)} colours",
            where=indexed[0].path.parent,
            remedy="Say in a classes.yaml beside the folders which number, or which colour [r, g, b], each class has",
        )


def _grey_files_follow_palettes(masks: Sequence[CountedMask]) -> bool:
    """Whether files without a palette fit the palettes' colours, and not their numbers."""
    grey = [facts.values for _, facts in masks if facts.palette is None]
    indexed = [one for one in masks if one.facts.palette is not None]
    if not grey or not indexed:
        return False
    levels = np.unique(np.concatenate(grey))
    numbers = np.concatenate([facts.values for _, facts in indexed])
    colors = np.concatenate([colors_of(one) for one in indexed])
    return not np.isin(levels, numbers).all() and bool(np.isin(levels * GREY, colors).all())
