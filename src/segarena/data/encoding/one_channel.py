"""Class numbers in one channel of RGB, as programs save an array whose other channels are 0: which of them is void."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from segarena.classes import ClassTable, SegmentationClass, Value
from segarena.data.encoding.mask_encoding import MaskEncoding, exact_encoding
from segarena.data.encoding.objects import NumberedObjectsError
from segarena.data.files.mask_facts import CountedMask, Counts
from segarena.errors import DataError

#: How far a packed colour is shifted for red, green and blue.
_SHIFTS = (16, 8, 0)
#: Numbers of classes begin below this; brightness in one channel does not.
_LOW = 16


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
