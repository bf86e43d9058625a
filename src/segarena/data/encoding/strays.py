"""Which values of a set of masks are no classes: those of softened edges, of compression, of pictures."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from segarena.data.encoding.value_counts import Tally

#: More values than this are believed to be classes only where they fill areas.
MANY = 64

_MOST = 255
_EDGE = 0.5  # of a value's pixels that lie between their neighbours
_AREAS = 0.7  # of all pixels that lie inside areas, in a label map of many classes
_SPECK_INSIDE, _SPECK_SHARE, _SPECK_RATIO = 0.02, 0.005, 20
_FEW_PIXELS = 0.25


def fills_areas(tally: Tally) -> bool:
    """Whether most pixels have neighbours of their own value, as in a label map and unlike in a picture."""
    return bool(tally.inside.sum() >= _AREAS * tally.total)


def are_classes(tally: Tally, points: NDArray[np.int64], near: int) -> bool:
    """Whether each value can be a class; `points` (K, C) places the values, `near` is a distance along one axis.

    A softened edge leaves values that lie between their neighbours; compression leaves rare specks that fill no
    area and resemble a value that does. One such value may be a thin class; two that hold few pixels are strays.
    Where values like that hold many pixels, the masks are no softened drawing: each value is meant.
    """
    if len(points) > _MOST or (len(points) > MANY and not fills_areas(tally)):
        return False
    strays = _find_strays(tally, points, near)
    few = tally.pixels[strays].sum() <= _FEW_PIXELS * tally.total
    return not few or int(strays.sum()) < 2


def _find_strays(tally: Tally, points: NDArray[np.int64], near: int) -> NDArray[np.bool_]:
    pixels = tally.pixels
    edges = tally.between > _EDGE * pixels
    specks = (tally.inside <= _SPECK_INSIDE * pixels) & (pixels < _SPECK_SHARE * tally.total)
    distance = np.abs(points[:, None] - points[None]).max(axis=-1)
    resembled = ((distance <= near) & (pixels[None] > _SPECK_RATIO * pixels[:, None])).any(axis=1)
    strays: NDArray[np.bool_] = edges | (specks & resembled)
    return strays
