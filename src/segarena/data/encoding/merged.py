"""Rare colours of masks that count as the nearest class, and are too frequent in one tone to be of soft edges."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from segarena.data.encoding.mask_encoding import MaskEncoding, MergedColor, unpack
from segarena.data.encoding.palette import colors_of
from segarena.data.encoding.value_counts import ValueCounts
from segarena.data.files.mask_facts import CountedMask

#: Colours that differ by no more than this in each channel are one; in compressed masks, the second.
_SAME, _SAME_COMPRESSED = 12, 48
#: Fewer pixels of one colour, also as a share of all pixels, are noise.
_FEWEST, _SHARE = 20, 2e-5
#: More of the pixels of a colour of soft edges are strictly between their neighbours.
_BETWEEN = 0.5
#: At most so many colours are looked for.
_MOST = 5


def with_merged(
    encoding: MaskEncoding,
    masks: Sequence[CountedMask],
    counts: ValueCounts,
    unexplained: NDArray[np.bool_],
    *,
    compressed: bool,
) -> MaskEncoding:
    """Return the encoding with the rare colours that it merges into others.

    Args:
        encoding: Of colours.
        masks: The masks of the set.
        counts: Their colours together.
        unexplained: (K,), the colours that are neither near a class nor a mixture of two.
        compressed: Whether compression has changed the colours.
    """
    points = unpack(counts.values)
    left = unexplained.copy()
    fewest = max(_FEWEST, _SHARE * counts.total)
    same = _SAME_COMPRESSED if compressed else _SAME
    found: list[MergedColor] = []
    while left.any() and len(found) < _MOST:
        seed = int(np.where(left, counts.pixels, 0).argmax())
        members = left & (np.abs(points - points[seed]).max(axis=-1) <= same)
        left &= ~members
        pixels = int(counts.pixels[members].sum())
        if pixels >= fewest and counts.between[members].sum() < _BETWEEN * pixels:
            label = int(encoding.lookup[counts.values[seed]])
            colors = counts.values[members]
            having = tuple(one.path for one in masks if np.isin(colors, colors_of(one)).any())
            red, green, blue = points[seed].tolist()
            name = encoding.classes.names[label] if label < encoding.classes.num_classes else "void"
            found.append(MergedColor((red, green, blue), pixels, name, having))
    return replace(encoding, merged=tuple(found))
