"""How many images or seeds would show a difference: power, predicted from the variances of one comparison."""

from __future__ import annotations

import math
from bisect import bisect_left
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaincinv, ndtr

from segarena.records.statistics import Plan
from segarena.scoring.intervals import quantile
from segarena.scoring.linearization import Variances

#: No more images or seeds than these are advised.
MOST_IMAGES, MOST_SEEDS = 100_000, 20

_MIDDLES = (np.arange(25) + 0.5) / 25
_LOW, _USUAL, _HIGH = 0.6, 0.8, 0.9


@dataclass(frozen=True)
class Components:
    """The variance of a difference for one image and one seed.

    Args:
        images: From the images, shared by all seeds: `images` / n is the variance with n of them.
        seeds: From repeated training: `seeds` / S.
        both: From networks that err on different images: `both` / (n S).
    """

    images: float
    seeds: float
    both: float


def components(variances: Variances, seeds: int) -> Components:
    """Return the components of the mean score's difference, from its variances with S seeds.

    Args:
        variances: Those of the difference.
        seeds: S, the same for both models.
    """
    image, interaction = float(variances.images[0]), float(variances.interaction[0])
    if seeds == 1:
        return Components(variances.units * image, 0.0, 0.0)
    return Components(
        variances.units * float(variances.images_alone[0]),
        seeds * max(0.0, float(variances.seeds[0]) - interaction),
        variances.units * seeds * interaction,
    )


def power(parts: Components, difference: float, units: float, seeds: int, *, alpha: float = 0.05) -> float:
    """Return the probability that a true difference is shown: for architectures, with one seed for these networks.

    Args:
        parts: The components of the variance.
        difference: The true difference, a fraction.
        units: Number of images or groups, 2 or more.
        seeds: Number of seeds of each model.
        alpha: Level of the test.
    """
    t_units = float(quantile(units - 1.0, alpha))
    images = (parts.images + parts.both / seeds) / units
    if seeds == 1:
        return float(ndtr(difference / math.sqrt(images) - t_units)) if images > 0 else 1.0
    alone = parts.images / units
    training = parts.seeds / seeds + parts.both / (units * seeds)
    df = 2.0 * (seeds - 1)
    measured = _measured_variances(df) * training
    widths = np.sqrt(np.maximum(t_units**2 * alone + quantile(df, alpha) ** 2 * measured, t_units**2 * images))
    if alone + training <= 0:
        return 1.0
    return float(ndtr((difference - widths) / math.sqrt(alone + training)).mean())


def plan(parts: Components, difference: float, units: int, seeds: int, *, alpha: float = 0.05) -> Plan:
    """Predict what would show a difference: more images with as many seeds, or more seeds on as many images.

    A prediction from one comparison is rough, so the number of images is a range: for 6 and 9 of 10 repetitions. An end
    that the present number reaches is the present number; seeds are only searched above the present number.

    Args:
        parts: The components of the variance.
        difference: The difference to show, a fraction.
        units: The present number of images or groups.
        seeds: The present number of seeds.
        alpha: Level of the test.
    """

    def images_for(target: float) -> int | None:
        if power(parts, difference, units, seeds, alpha=alpha) >= target:
            return units
        numbers = range(max(units + 1, 5), MOST_IMAGES + 1)
        place = bisect_left(numbers, target, key=lambda n: power(parts, difference, n, seeds, alpha=alpha))
        return _two_digits(numbers[place]) if place < len(numbers) else None

    enough = (s for s in range(seeds + 1, MOST_SEEDS + 1) if power(parts, difference, units, s, alpha=alpha) >= _USUAL)
    return Plan(
        difference=difference,
        images_low=images_for(_LOW),
        images_high=images_for(_HIGH),
        seeds=next(enough, None) if seeds > 1 else None,
    )


@cache
def _measured_variances(df: float) -> NDArray[np.float64]:
    """Quantiles of a measured variance, as multiples of the true one: chi^2 / df."""
    quantiles: NDArray[np.float64] = 2 * gammaincinv(df / 2, _MIDDLES) / df
    return quantiles


def _two_digits(number: int) -> int:
    """Round up to two significant digits: 147 to 150."""
    step = int(10 ** max(0, len(str(number)) - 2))
    return -(-number // step) * step
