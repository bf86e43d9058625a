"""Masks whose classes are in one channel: class numbers in red, green or blue, or objects in alpha alone.

Programs save an array as RGB whose other channels are 0. Values that are transparent in part are refused.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from segarena.classes import ClassTable, SegmentationClass, Value
from segarena.data.encoding.mask_encoding import MaskEncoding, exact_encoding, show_place
from segarena.data.encoding.objects import NumberedObjectsError
from segarena.data.encoding.value_counts import ValueCounts, colors_of
from segarena.errors import DataError
from segarena.formats import plural
from segarena.image_files.mask_facts import CountedMask, Counts

#: How far a packed colour is shifted for red, green and blue.
_SHIFTS = (16, 8, 0)
#: Numbers of classes begin below this; brightness in one channel does not.
_LOW = 16

#: A value is both transparent and opaque if the share of its transparent pixels is between this and 1 minus this.
_BOTH = 0.05


def channel_of_numbers(colors: Sequence[Counts]) -> int | None:
    """Return the only channel in which packed colours have values, low ones among them: 0, 1 or 2; None for others."""
    together = np.unique(np.concatenate(colors))
    used = [place for place, shift in enumerate(_SHIFTS) if (together >> shift & 255).any()]
    if len(used) != 1:
        return None
    numbers = together >> _SHIFTS[used[0]] & 255
    return used[0] if 0 < numbers[numbers > 0].min() < _LOW and len(numbers) > 2 else None


def guess_channel(
    masks: Sequence[CountedMask],
    colors: Sequence[Counts],
    channel: int,
    guess: Callable[[Sequence[CountedMask]], MaskEncoding],
) -> MaskEncoding | None:
    """Infer the classes from the numbers in one channel.

    Args:
        masks: All masks of the set.
        colors: The packed colours of each mask.
        channel: 0, 1 or 2.
        guess: Infers the encoding of numbers.

    Returns:
        The encoding of the colours; None if the numbers have no void, so that each colour is a class.

    Raises:
        DataError: What `guess` raises.
    """
    shift = _SHIFTS[channel]
    numbers = [
        CountedMask(path, replace(facts, values=own >> shift & 255, colored=False, palette=None))
        for (path, facts), own in zip(masks, colors, strict=True)
    ]
    try:
        encoding = guess(numbers)
    except NumberedObjectsError as error:  # without the command that converts files of numbers alone
        raise DataError(error.what, where=error.where, remedy=error.remedy) from error
    if encoding.kind != "index" or not encoding.classes.ignore:
        return None

    def color(value: Value) -> tuple[int, int, int]:
        assert isinstance(value, int)
        red, green, blue = (value if place == channel else 0 for place in range(3))
        return red, green, blue

    entries = encoding.classes.classes
    classes = tuple(SegmentationClass(entry.name, color(entry.value), entry.color) for entry in entries)
    return exact_encoding("color", ClassTable(classes, tuple(map(color, encoding.classes.ignore))))


def infer_objects_in_alpha(
    masks: Sequence[CountedMask], infer: Callable[[Sequence[CountedMask]], MaskEncoding]
) -> MaskEncoding:
    """Infer the encoding of masks some of which have one colour, and the object in alpha.

    Their values are 0 where they are transparent, and 255 where they are opaque. A mask of one grey that is transparent
    all over has no object, one that is opaque all over has nothing else.

    Args:
        masks: All masks of the set.
        infer: Infers the encoding of masks.

    Raises:
        DataError: Others have an object that is not in alpha; or what `infer` raises.
    """
    in_alpha = [mask for mask in masks if mask.facts.object_in_alpha]
    if not in_alpha:
        return infer(masks)
    numbers: dict[Path, NDArray[np.uint16]] = {}
    settled = []
    for mask in masks:
        path, facts = mask
        if facts.object_in_alpha:
            settled.append(mask)
            continue
        share = facts.clear.sum() / facts.pixels.sum()
        if facts.colored or len(facts.values) > 1 or share not in (0, 1):
            raise DataError(
                f"{plural(len(in_alpha), 'mask')} of {len(masks)} (e.g. {in_alpha[0].path.name}) with one colour, and "
                f"the object in alpha; others, e.g. {path.name}, are saved differently",
                where=path.parent,
                remedy="Save all masks in the same way, without transparency",
            )
        number = 0 if share else 255
        numbers[path] = np.full(2**16, number, dtype=np.uint16)
        settled.append(
            CountedMask(path, replace(facts, values=np.array([number]), palette=None, clear=facts.clear * 0))
        )
    encoding = infer(settled)
    note = f"{encoding.note}; the object is in alpha, 0 = transparent, 255 = opaque".lstrip("; ")
    return replace(encoding, note=note, own_numbers={**encoding.own_numbers, **numbers})


def refuse_shared_by_transparency(masks: Sequence[CountedMask], counts: ValueCounts, *, colors: bool = True) -> None:
    """Raise DataError if pixels of one value are transparent in part: as only values count, that would be lost.

    Args:
        masks: All masks of the set.
        counts: The sums of their counts by colour, or by number.
        colors: Whether the values are colours.
    """
    share = counts.clear / counts.pixels
    both = np.flatnonzero((share > _BOTH) & (share < 1 - _BOTH))
    if not len(both):
        return
    value = int(counts.values[both[0]])
    kind = f"of the colour {show_place(value, 'color')}" if colors else f"with the number {value}"
    raise DataError(
        f"has transparent pixels {kind}, and other pixels of it are opaque",
        where=next(
            one.path
            for one in masks
            if one.facts.clear[(colors_of(one) if colors else one.facts.values) == value].any()
        ),
        remedy="Export the masks without transparency, with a value of its own for the transparent parts",
    )
