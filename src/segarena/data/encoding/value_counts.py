"""The values of a set of masks, as numbers, greys or colours, counted together, and which of them can be classes.

The others come from softened edges, from compression, or from pictures that are not masks. Rare values count as the
nearest class; those that are too frequent in one tone to be of soft edges are reported as merged.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segarena.data.encoding.mask_encoding import MaskEncoding, MergedValue, unpack
from segarena.errors import DataError
from segarena.image_files.mask_facts import CountedMask, Counts, MaskFacts
from segarena.image_files.raw_masks import GREY

#: More values than this can be classes only if they fill areas.
MANY = 64

#: The most classes that a mask can have.
_MOST = 255
#: A value is made by soft edges if a larger share of its pixels is between their neighbours.
_EDGE = 0.5
#: In a label map of many classes, at least this share of all pixels is inside areas.
_AREAS = 0.7
#: A value is a speck of compression if at most the first share of its pixels is inside areas, it has less than the
#: second share of all pixels, and a similar value has more than the third times as many.
_SPECK_INSIDE, _SPECK_SHARE, _SPECK_RATIO = 0.02, 0.005, 20
#: Strays have at most this share of all pixels.
_FEW_PIXELS = 0.25

#: Colours that differ by no more than this in each channel are one; in compressed masks, the second.
SAME, SAME_COMPRESSED = 12, 48
#: A value fills areas if one in this number of its pixels is inside areas of it.
_FILLS = 4
#: Fewer pixels of one value, also as a share of all pixels, are noise.
_FEWEST, _SHARE = 20, 2e-5
#: More of the pixels of a value of soft edges are strictly between their neighbours.
_BETWEEN = 0.5
#: Merged values are searched for up to this number.
_MOST_MERGED = 5


def which_fill_areas(facts: MaskFacts) -> NDArray[np.bool_]:
    """Return whether a quarter of the pixels of each value of a mask is inside areas of it, (K,), unlike soft edges."""
    filling: NDArray[np.bool_] = _FILLS * facts.inside >= facts.pixels
    return filling


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


@dataclass(frozen=True)
class ValueCounts:
    """The K different values of several masks, ascending, and the sums of their counts in `MaskFacts`; each (K,)."""

    values: Counts
    pixels: Counts
    inside: Counts
    between: Counts
    clear: Counts

    @property
    def total(self) -> int:
        """Pixels of all masks."""
        return int(self.pixels.sum())


def add_up(masks: Sequence[CountedMask], values: Sequence[NDArray[Any]] | None = None) -> ValueCounts:
    """Sum the counts of masks.

    Args:
        masks: The masks.
        values: For each mask, (K,) what to count in place of its values, e.g. their colours.
    """
    own = [facts.values for _, facts in masks] if values is None else values
    different, place = np.unique(np.concatenate(own), return_inverse=True)

    def total(name: str) -> Counts:
        summed = np.zeros(len(different), dtype=np.int64)
        np.add.at(summed, place, np.concatenate([getattr(facts, name) for _, facts in masks]))
        return summed

    return ValueCounts(different, total("pixels"), total("inside"), total("between"), total("clear"))


def fills_areas(counts: ValueCounts) -> bool:
    """Return whether most pixels are inside areas of their value, as in a label map and unlike in a photograph."""
    return bool(counts.inside.sum() >= _AREAS * counts.total)


def are_classes(counts: ValueCounts, points: NDArray[np.int64], near: int) -> bool:
    """Return whether each value can be a class.

    Softened edges make values that are between those of their neighbours; compression makes rare specks that fill no
    area and are similar to a value that does. A single such value may be a thin class; two or more with few pixels are
    strays. If they have many pixels, the masks were not softened, and each value is a class.

    Args:
        counts: The values of all masks.
        points: (K, C), the values as points: numbers with C = 1, or colours with C = 3.
        near: The largest difference along one axis between similar values.
    """
    if len(points) > _MOST or (len(points) > MANY and not fills_areas(counts)):
        return False
    strays = _find_strays(counts, points, near)
    few = counts.pixels[strays].sum() <= _FEW_PIXELS * counts.total
    return not few or int(strays.sum()) < 2


def _find_strays(counts: ValueCounts, points: NDArray[np.int64], near: int) -> NDArray[np.bool_]:
    pixels = counts.pixels
    edges = counts.between > _EDGE * pixels
    specks = (counts.inside <= _SPECK_INSIDE * pixels) & (pixels < _SPECK_SHARE * counts.total)
    distance = np.abs(points[:, None] - points[None]).max(axis=-1)
    resembled = ((distance <= near) & (pixels[None] > _SPECK_RATIO * pixels[:, None])).any(axis=1)
    strays: NDArray[np.bool_] = edges | (specks & resembled)
    return strays


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
    while left.any() and len(found) < _MOST_MERGED:
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
