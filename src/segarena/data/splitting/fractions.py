"""Parts of the training images that contain each other, for a learning curve over the amount of labelled data.

All units are put in one order, in which every beginning has about the same share of each class as the whole. A fraction
is a beginning of it, so that a smaller one is contained in each larger one, whichever fractions are asked for.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil

import numpy as np
from numpy.typing import NDArray

from segarena.data.source import Sample
from segarena.data.splitting.assign import make_units
from segarena.errors import ConfigError
from segarena.formats import plural
from segarena.seeding import derive_seed

#: The next unit is the best of this many of a random order, so that the time grows with the number of units alone.
CANDIDATES = 64
#: A network cannot be trained on fewer images: BatchNorm needs two.
FEWEST_IMAGES = 2


def take_fraction(
    samples: Sequence[Sample],
    train: Sequence[int],
    class_pixels: NDArray[np.int64],
    fraction: float,
    groups: Sequence[str] | None = None,
) -> tuple[int, ...]:
    """Return the training images of a fraction, ascending. A smaller fraction is contained in a larger one.

    Images of one group stay together. The number of images is the one nearest to the fraction that whole groups give.

    Args:
        samples: All N samples.
        train: Indices of the training images.
        class_pixels: Pixels of each class in the training masks, (len(train), C), in the order of `train`.
        fraction: The share of the training images, above 0, at most 1.
        groups: The group of each sample, N names; None where each image is a group.

    Raises:
        ConfigError: The fraction has fewer than two images.
    """
    units = make_units(samples, train, None, groups)
    names, members = [unit.name for unit in units], [unit.members for unit in units]
    row_of = {index: row for row, index in enumerate(train)}
    pixels = np.array([class_pixels[[row_of[index] for index in own]].sum(axis=0) for own in members], np.float64)
    sizes = np.array([len(own) for own in members])
    order = order_units(names, sizes, pixels)
    reached = np.cumsum(sizes[order])

    def units_of(share: float) -> int:
        return int(np.abs(reached - share * len(train)).argmin()) + 1

    number = units_of(fraction)
    chosen = tuple(sorted(index for place in order[:number] for index in members[place]))
    if len(chosen) < FEWEST_IMAGES:
        first = ceil(100 * FEWEST_IMAGES / len(train))
        least = next(share / 100 for share in range(first, 101) if reached[units_of(share / 100) - 1] >= FEWEST_IMAGES)
        raise ConfigError(
            f"{fraction:g} of {plural(len(train), 'training image')} is {plural(len(chosen), 'image')}",
            where=f"data fraction {fraction:g}",
            remedy=f"Give at least {least:g}, so that {FEWEST_IMAGES} images train",
        )
    return chosen


def order_units(names: Sequence[str], sizes: NDArray[np.int64], pixels: NDArray[np.float64]) -> list[int]:
    """Return the units in an order whose beginnings have the classes in the same shares as all units together.

    The units are shuffled by their names. Then, in turn, that one of the next `CANDIDATES` follows with which the
    beginning comes nearest: the sum over the classes of the squared difference between the share of the class's pixels
    and the share of the images is smallest. Of equal ones the first one follows.

    Args:
        names: The units' names, U of them.
        sizes: The number of images of each, (U,).
        pixels: The pixels of each class in each, (U, C).
    """
    shuffled = sorted(range(len(names)), key=lambda place: derive_seed("data fraction", names[place]))
    total = pixels.sum(axis=0)
    shares = pixels[:, total > 0] / total[total > 0]
    steps = sizes / sizes.sum()
    left, order = shuffled[CANDIDATES:][::-1], []
    window = np.array(shuffled[:CANDIDATES])
    have, target = np.zeros(shares.shape[1]), 0.0
    while len(window):
        off = have + shares[window] - (target + steps[window])[:, None]
        best = int((off**2).sum(axis=1).argmin())
        chosen = int(window[best])
        order.append(chosen)
        have, target = have + shares[chosen], target + steps[chosen]
        window = np.delete(window, best)
        if left:
            window = np.append(window, left.pop())
    return order
