"""Which values of a file count: indices, greys or colours of palettes; displayed or stored ones where 0 is white.

By the standard, a TIFF file in which 0 is white shows the opposite of what it stores. Programs that mean the stored
numbers write it too: ImageJ for images with an inverting lookup table, some libraries for arrays of two values.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from segarena.classes import ClassTable
from segarena.data.encoding.mask_encoding import DECLARE, MaskEncoding, place_of
from segarena.data.encoding.value_counts import colors_of
from segarena.data.encoding.void import VOIDS
from segarena.errors import DataError
from segarena.formats import plural
from segarena.image_files.mask_facts import CountedMask
from segarena.image_files.raw_masks import GREY, is_grey

Reading = Literal["numbers", "greys", "colors"]


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


def infer_as_shown_or_stored(
    masks: Sequence[CountedMask],
    classes: ClassTable | None,
    infer: Callable[[Sequence[CountedMask]], MaskEncoding],
) -> MaskEncoding:
    """Infer the encoding of masks some of which may have 0 as white.

    The displayed numbers are used, or the stored ones if those are declared, or are those of the other files, or are
    class numbers that begin low, unlike the displayed ones. Two levels are used as displayed.

    Args:
        masks: All masks of the set, with the displayed numbers.
        classes: The content of a classes.yaml, if there is one.
        infer: Infers the encoding of masks.

    Raises:
        DataError: Some files have 0 as white and others do not, and it is not clear which numbers are meant; or what
            `infer` raises.
    """
    white = [mask for mask in masks if mask.facts.white_is_zero]
    if not white:
        return infer(masks)
    which = f"{plural(len(white), 'TIFF')} of {len(masks)} with 0 as white: "
    if not _are_stored_numbers(white, masks, classes):
        shown = infer(masks)
        return replace(shown, note=f"{shown.note}; {which}the displayed numbers".lstrip("; "))
    stored = infer([_as_stored(mask) if mask.facts.white_is_zero else mask for mask in masks])
    flips = {top: (top - np.arange(2**16) & 0xFFFF).astype(np.uint16) for top in VOIDS}
    numbers = {mask.path: flips[_top(mask)] for mask in white}
    note = f"{stored.note}; {which}the stored numbers".lstrip("; ")
    return replace(stored, note=note, own_numbers={**stored.own_numbers, **numbers})


def _are_stored_numbers(white: Sequence[CountedMask], masks: Sequence[CountedMask], classes: ClassTable | None) -> bool:
    shown = np.unique(np.concatenate([mask.facts.values for mask in white]))
    stored = np.unique(np.concatenate([_top(mask) - mask.facts.values for mask in white]))
    others = [mask.facts.values for mask in masks if not mask.facts.white_is_zero]
    known = np.unique(np.concatenate(others)) if others else np.zeros(0, dtype=np.int64)
    if classes is not None:
        values = [value for entry in classes.classes for value in entry.values] + list(classes.ignore)
        known = np.array([place_of(value) for value in values], dtype=np.int64)
    if len(known):
        as_shown, as_stored = np.isin(shown, known).all(), np.isin(stored, known).all()
        if as_shown != as_stored:
            return bool(as_stored)
        if classes is None:
            raise _mixed(white, masks)
        return False
    two_levels = set(shown.tolist()) <= {0, _top(white[0])}
    return not two_levels and _highest(stored) < _highest(shown)


def _highest(values: NDArray[np.int64]) -> int:
    """The highest number, void aside."""
    return int(values[~np.isin(values, VOIDS)].max(initial=0))


def _top(mask: CountedMask) -> int:
    return VOIDS[1] if mask.facts.wide else VOIDS[0]


def _as_stored(mask: CountedMask) -> CountedMask:
    """The mask with the stored numbers, ascending."""
    facts = mask.facts
    turned = {name: getattr(facts, name)[::-1] for name in ("pixels", "inside", "between", "clear")}
    return CountedMask(mask.path, replace(facts, values=(_top(mask) - facts.values)[::-1], **turned))


def _mixed(white: Sequence[CountedMask], masks: Sequence[CountedMask]) -> DataError:
    other = next(mask.path for mask in masks if not mask.facts.white_is_zero)
    return DataError(
        f"{plural(len(white), 'TIFF')} (e.g. {white[0].path.name}) with 0 as white and "
        f"{plural(len(masks) - len(white), 'mask')} (e.g. {other.name}) with 0 as black: it is not clear whether the "
        "displayed or the stored numbers are meant",
        where=white[0].path.parent,
        remedy="Save all masks in the same way, e.g. as PNG",
    )
