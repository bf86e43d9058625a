"""The values of a set of masks counted together, and which of them can be classes.

Values that are none come from softened edges, from compression, and from pictures that are no masks.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segarena.data.files.mask_facts import CountedMask, Counts

#: More values than this are believed to be classes only where they fill areas.
MANY = 64

_MOST = 255
_EDGE = 0.5  # of a value's pixels that lie between their neighbours
_AREAS = 0.7  # of all pixels that lie inside areas, in a label map of many classes
_SPECK_INSIDE, _SPECK_SHARE, _SPECK_RATIO = 0.02, 0.005, 20
_FEW_PIXELS = 0.25


@dataclass(frozen=True)
class ValueCounts:
    """The values of many masks together, rising, with the same counts as `MaskFacts`, summed; each (K,)."""

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
    """Sum the counts of all masks; `values` replaces each file's own, e.g. by their colours."""
    own = [facts.values for _, facts in masks] if values is None else values
    different, place = np.unique(np.concatenate(own), return_inverse=True)

    def total(name: str) -> Counts:
        summed = np.zeros(len(different), dtype=np.int64)
        np.add.at(summed, place, np.concatenate([getattr(facts, name) for _, facts in masks]))
        return summed

    return ValueCounts(different, total("pixels"), total("inside"), total("between"), total("clear"))


def fills_areas(counts: ValueCounts) -> bool:
    """Whether most pixels have neighbours of their own value, as in a label map and unlike in a picture."""
    return bool(counts.inside.sum() >= _AREAS * counts.total)


def are_classes(counts: ValueCounts, points: NDArray[np.int64], near: int) -> bool:
    """Whether each value can be a class; `points` (K, C) places the values, `near` is a distance along one axis.

    A softened edge leaves values that lie between their neighbours; compression leaves rare specks that fill no
    area and resemble a value that does. One such value may be a thin class; two that hold few pixels are strays.
    Where values like that hold many pixels, the masks are no softened drawing: each value is meant.
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
