"""Some of many, at equal steps: a sample that covers the whole and needs no seed."""

from __future__ import annotations

import numpy as np


def evenly_spaced(number: int, most: int) -> list[int]:
    """Return at most `most` of the places 0 to number - 1, at equal steps, with the first and the last.

    >>> evenly_spaced(9, 3), evenly_spaced(2, 5), evenly_spaced(0, 5)
    ([0, 4, 8], [0, 1], [])
    """
    return [round(place) for place in np.linspace(0, number - 1, min(most, number)).tolist()]
