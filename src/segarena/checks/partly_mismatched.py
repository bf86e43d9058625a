"""Sets in which some masks are those of other images, or are turned or mirrored, and the others are right."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from segarena.checks.agreement import Agreement, Compared, share_below

#: A mask is suspected if, by one half of the image, it agrees with it better than only this share of all masks or less,
LOW = 0.9
#: and what is tried in its place better by this number of standard deviations.
MIN_GAIN = 1.0
#: Smallest share and smallest number of suspected masks.
MIN_SHARE, FEWEST = 0.1, 5
#: By the other half of the image, this share of the suspected masks must agree less than what is tried in their place,
#: which must agree better than this share of all masks; so must the masks that are not suspected. Measured on 200
#: subsets of 12 to 48 rightly paired images of street scenes, plants, slices of tissue, roads and the built-in scenes,
#: 40 of each: none is reported. Of 16 with half of the masks mirrored, 12, 12, 13, 0 and 15 are; of 16 with half
#: exchanged, 14, 14, 15, 0 and 15: what the thin roads show is lost in a thumbnail.
BETTER = RECOGNISED = 0.9


class Part(NamedTuple):
    """Images whose masks look wrong.

    Attributes:
        rows: their rows, rising.
        turn: how their masks have to be turned, in words; None if other masks fit better.
        columns: (R,), the column of the mask that fits each image; of an image that is not in `rows`, its own.
    """

    rows: NDArray[np.intp]
    turn: str | None
    columns: NDArray[np.intp]


def has_suspects(compared: Compared) -> bool:
    """Whether enough masks are suspected for `find_part` to find them."""
    return _are_enough(share_below(compared.agreement.first, compared.own) < LOW)


def find_part(compared: Compared, *, quarters: bool) -> Part | None:
    """Return the images that agree with another mask, or with their own one turned; None if the pairs look right.

    What is tried is chosen by one half of each image and judged by the other one.

    Args:
        compared: The images and masks.
        quarters: Whether a mask could be turned by a quarter without having another shape than its image.
    """
    own, agreement = compared.own, compared.agreement
    suspects = share_below(agreement.first, own) < LOW
    if not _are_enough(suspects):
        return None
    found: list[tuple[float, Part]] = []
    rows = np.arange(len(own))

    def judge(now: Agreement, columns: NDArray[np.intp], turn: str | None) -> None:
        gains = now.first[rows, columns] - agreement.first[rows, own]
        which = suspects & (gains > MIN_GAIN) & (share_below(now.first, columns) >= RECOGNISED)
        if not _are_enough(which) or which.all():
            return
        better = (now.second[rows, columns] - agreement.second[rows, own])[which]
        recognised = share_below(now.second, columns)[which].mean()
        others = share_below(agreement.both, own)[~which]
        if (better > 0).mean() >= BETTER and min(recognised, others.mean()) >= RECOGNISED:
            part = Part(np.flatnonzero(which), turn, np.where(which, columns, own))
            found.append((float(better.sum()), part))

    judge(agreement, agreement.first.argmax(axis=1), None)
    for words, turned in compared.turned(quarters=quarters):
        judge(turned, own, words)
    return max(found, key=lambda one: one[0])[1] if found else None


def _are_enough(which: NDArray[np.bool_]) -> bool:
    return bool(which.sum() >= max(FEWEST, MIN_SHARE * len(which)))
