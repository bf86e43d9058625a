"""Half-widths of intervals, p values and their adjustment for several pairs, from variances and Student's quantiles."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtr, stdtrit

from segarena.scoring.linearization import Variances

Floats = NDArray[np.float64]

_SMALLEST_P = 1e-12
_STEPS = 50


def quantile(df: Floats | float, alpha: Floats | float) -> Floats:
    """Return Student's quantile at 1 - alpha/2.

    Args:
        df: Degrees of freedom, above 0.
        alpha: Level of a two-sided test; broadcast against `df`.

    >>> float(quantile(10, 0.05).round(3))
    2.228
    """
    return np.asarray(stdtrit(df, 1 - np.asarray(alpha) / 2), dtype=np.float64)


def network_width(variances: Variances, alpha: Floats | float) -> Floats:
    """Return the half-width, (T,), for these trained networks on further images.

    Args:
        variances: Of the T scores or differences.
        alpha: Level of the test, one or (T,); the interval is for 1 - alpha.
    """
    width: Floats = quantile(variances.units_df, alpha) * np.sqrt(variances.images)
    return width


def architecture_width(variances: Variances, alpha: Floats | float) -> Floats:
    """Return the half-width, (T,), also for repeated training; never smaller than that of the networks.

    With folds, each of them is a training of its own. With one seed and no folds, it is that of the networks, and no
    claim about architectures.

    Args:
        variances: Of the T scores or differences.
        alpha: Level of the test, one or (T,); the interval is for 1 - alpha.
    """
    squares = [network_width(variances, alpha) ** 2]
    if variances.seeds_df is not None:
        alone = quantile(variances.units_df, alpha) ** 2 * variances.images_alone
        squares.append(alone + quantile(variances.seeds_df, alpha) ** 2 * variances.seeds)
    if variances.folds is not None:
        squares.append(quantile(variances.num_folds - 1.0, alpha) ** 2 * variances.folds)
    width: Floats = np.sqrt(np.max(squares, axis=0))
    return width


def network_p(differences: Floats, variances: Variances) -> Floats:
    """Return the smallest level at which the networks' interval leaves out 0, (T,).

    Args:
        differences: The T differences, fractions.
        variances: Theirs.
    """
    deviation = np.sqrt(variances.images)
    t = np.divide(np.abs(differences), deviation, out=np.full(differences.shape, np.inf), where=deviation > 0)
    p: Floats = np.where(differences == 0, 1.0, 2 * stdtr(variances.units_df, -t))
    return np.clip(p, _SMALLEST_P, 1.0)


def architecture_p(differences: Floats, variances: Variances) -> Floats:
    """Return the smallest level at which the architectures' interval leaves out 0, (T,): bisection on its logarithm.

    Args:
        differences: The T differences, fractions.
        variances: Theirs.
    """
    low, high = np.full(differences.shape, np.log(_SMALLEST_P)), np.zeros(differences.shape)
    for _ in range(_STEPS):
        middle = (low + high) / 2
        clear = np.abs(differences) > architecture_width(variances, np.exp(middle))
        low, high = np.where(clear, low, middle), np.where(clear, middle, high)
    p: Floats = np.where(differences == 0, 1.0, np.exp(high))
    return p


def holm(p: list[float]) -> list[float]:
    """Return the p values adjusted for their number (Holm 1979), in their order.

    >>> [round(value, 3) for value in holm([0.01, 0.04, 0.03])]
    [0.03, 0.06, 0.06]
    """
    adjusted = [0.0] * len(p)
    largest = 0.0
    for rank, place in enumerate(sorted(range(len(p)), key=p.__getitem__)):
        largest = max(largest, min(1.0, (len(p) - rank) * p[place]))
        adjusted[place] = largest
    return adjusted
