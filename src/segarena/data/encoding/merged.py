"""Rare values of masks that count as the nearest class, and are too frequent in one tone to be of soft edges."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from segarena.data.encoding.mask_encoding import MaskEncoding, MergedValue, unpack
from segarena.data.encoding.palette import colors_of
from segarena.data.encoding.value_counts import ValueCounts
from segarena.data.files.mask_facts import CountedMask

#: Colours that differ by no more than this in each channel are one; in compressed masks, the second.
SAME, SAME_COMPRESSED = 12, 48
#: Fewer pixels of one value, also as a share of all pixels, are noise.
_FEWEST, _SHARE = 20, 2e-5
#: More of the pixels of a value of soft edges are strictly between their neighbours.
_BETWEEN = 0.5
#: Values are searched for up to this number.
_MOST = 5


def with_merged(
    encoding: MaskEncoding,
    masks: Sequence[CountedMask],
    counts: ValueCounts,
    unexplained: NDArray[np.bool_],
    *,
    same: int = SAME,
) -> MaskEncoding:
    """Return the encoding with the rare values that it merges into others.

    Args:
        encoding: Of colours, or of two levels.
        masks: The masks of the set.
        counts: Their colours, or numbers, together.
        unexplained: (K,), the values that are neither near a class nor a mixture of two.
        same: Values that differ by no more than this in each channel are one.
    """
    color = encoding.kind == "color"
    points = unpack(counts.values) if color else counts.values[:, None]
    left = unexplained.copy()
    fewest = max(_FEWEST, _SHARE * counts.total)
    found: list[MergedValue] = []
    while left.any() and len(found) < _MOST:
        seed = int(np.where(left, counts.pixels, 0).argmax())
        members = left & (np.abs(points - points[seed]).max(axis=-1) <= same)
        left &= ~members
        pixels = int(counts.pixels[members].sum())
        if pixels >= fewest and counts.between[members].sum() < _BETWEEN * pixels:
            label = int(encoding.lookup[counts.values[seed]])
            values = counts.values[members]
            having = [one.path for one in masks if np.isin(values, colors_of(one) if color else one.facts.values).any()]
            red, green, blue = points[seed].tolist() if color else (0, 0, 0)
            name = encoding.classes.names[label] if label < encoding.classes.num_classes else "void"
            value = (red, green, blue) if color else int(counts.values[seed])
            found.append(MergedValue(value, pixels, name, tuple(having)))
    return replace(encoding, merged=tuple(found))
