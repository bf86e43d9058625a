"""Which images a page holds where all would be too many: the worst, the best, the most disputed, and random ones."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Sample:
    """The chosen images.

    Args:
        places: Their places among all, in order.
        parts: How many were chosen for what, in words; empty where all images are in the sample.
    """

    places: list[int]
    parts: dict[str, int]


def choose_sample(miou: NDArray[np.float64], differ: NDArray[np.float64], number: int) -> Sample:
    """Choose images: a quarter each with the lowest mIoU, the highest, the largest disagreement, and at random.

    Args:
        miou: Mean over the models of each image's mean IoU, (N,); NaN where all is void.
        differ: The fraction of its pixels that the models label differently, (N,).
        number: How many to choose; all are where it is at least N.
    """
    total = len(miou)
    if number >= total:
        return Sample(list(range(total)), {})
    number = max(number, 1)
    known = [int(place) for place in np.argsort(miou, kind="stable") if not np.isnan(miou[place])]
    orders = {
        "with the lowest mIoU": known,
        "with the highest": known[::-1],
        "on which the models differ most": [int(place) for place in np.argsort(-differ, kind="stable")],
        "drawn at random": [int(place) for place in np.random.default_rng(0).permutation(total)],
    }
    chosen: set[int] = set()
    parts = {}
    for left, (what, order) in zip(range(len(orders), 0, -1), orders.items(), strict=True):
        share = -(-(number - len(chosen)) // left)
        new = [place for place in order if place not in chosen][:share]
        chosen.update(new)
        if new:
            parts[what] = len(new)
    return Sample(sorted(chosen), parts)
