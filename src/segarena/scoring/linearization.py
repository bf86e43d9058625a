"""How a difference of mIoU varies with the images and with repeated training, without resampling.

IoU is a ratio of sums over the images, so its variance follows from each image's part in it (linearization, the
"delta method"). docs/statistics.md derives the formulas and names the sources.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

#: Largest share of a class that a unit is taken to have in the leverage of one model's interval.
_MOST_LEVERAGE = 0.9


@dataclass(frozen=True, eq=False)
class Ratios:
    """The ratios of one model: IoU with TP over union, or F1 with 2 TP over TP + union.

    Args:
        top: Numerators (S, n, C): seeds, units, classes.
        bottom: Denominators, likewise; no class has a sum of 0 over the units.
    """

    top: Floats
    bottom: Floats

    @cached_property
    def total(self) -> Floats:
        """Denominators summed over the units, (S, 1, C)."""
        total: Floats = self.bottom.sum(axis=1, keepdims=True)
        return total

    @cached_property
    def ratio(self) -> Floats:
        """The score of each seed and class, (S, 1, C)."""
        ratio: Floats = self.top.sum(axis=1, keepdims=True) / self.total
        return ratio

    @cached_property
    def scores(self) -> Floats:
        """Of each seed the mean over the classes and the score of each class, (S, 1 + C)."""
        return with_mean(self.ratio[:, 0])

    @cached_property
    def shares(self) -> tuple[Floats, Floats]:
        """Numerators and denominators as shares of the denominators' sums, means over the seeds, (n, C) each."""
        return (self.top / self.total).mean(axis=0), (self.bottom / self.total).mean(axis=0)

    @cached_property
    def errors(self) -> Floats:
        """Each unit's part in the deviation of each seed's scores, (S, n, 1 + C); the sums over the units are 0."""
        return with_mean((self.top - self.ratio * self.bottom) / self.total)

    @cached_property
    def interaction(self) -> Floats:
        """The variance from networks of this model that err on different units, (1 + C,); from two seeds on."""
        seeds, units = self.top.shape[:2]
        deviations = self.errors - self.errors.mean(axis=0)
        total: Floats = units / (units - 1) * (deviations**2).sum(axis=(0, 1)) / (seeds * (seeds - 1))
        return total


@dataclass(frozen=True, eq=False)
class Variances:
    """The parts of the variance of a score or a difference; each array (T,): for the mean and for each class."""

    images: Floats
    """From the choice of the images, for these networks."""
    interaction: Floats
    """The part of `images` that comes from networks that err on different images; 0 with one seed."""
    seeds: Floats
    """From repeated training; 0 with one seed."""
    folds: Floats | None
    """From the trainings and images of the folds; None without folds."""
    units: int
    """Number of units."""
    units_df: Floats
    """Degrees of freedom of `images`."""
    seeds_df: Floats | None
    """Degrees of freedom of `seeds`; None with one seed."""
    num_folds: int
    """Number of folds; 0 without."""

    @property
    def images_alone(self) -> Floats:
        """The variance from the images that all seeds share."""
        return np.maximum(0.0, self.images - self.interaction)


def with_mean(values: Floats) -> Floats:
    """Put the mean over the last axis, the classes, before them: (..., C) to (..., 1 + C)."""
    return np.concatenate([values.mean(axis=-1, keepdims=True), values], axis=-1)


def parts_of_difference(a: Ratios, b: Ratios) -> Floats:
    """Return each unit's part in the difference of two models, (n, 1 + C): its sum over the units is the difference.

    Both models are measured against the common ratio Q. With each model's own, a class that is seen in one unit would
    have almost no variance.

    Args:
        a: One model.
        b: The other one, with the same units and classes.
    """
    common = (a.ratio.mean(axis=0) + b.ratio.mean(axis=0)) / 2
    (top_a, bottom_a), (top_b, bottom_b) = a.shares, b.shares
    return with_mean(top_a - top_b - common * (bottom_a - bottom_b))


def difference_variances(a: Ratios, b: Ratios, folds: NDArray[np.int64] | None) -> Variances:
    """Return the variances of the difference of two models, from two units on.

    Args:
        a: One model.
        b: The other one.
        folds: The fold of each unit, (n,), from 0; None without folds.
    """
    parts = parts_of_difference(a, b)
    units = len(parts)
    several = min(len(a.top), len(b.top)) > 1
    zero = np.zeros(parts.shape[1])
    by_model = [seed_variance(m) for m in (a, b)] if several else []
    return Variances(
        images=units / (units - 1) * ((parts - parts.mean(axis=0)) ** 2).sum(axis=0),
        interaction=a.interaction + b.interaction if several else zero,
        seeds=sum((variance for variance, _ in by_model), zero),
        folds=None if folds is None else fold_variance(parts, folds),
        units=units,
        units_df=np.full(parts.shape[1], units - 1.0),
        seeds_df=_welch(by_model) if several else None,
        num_folds=0 if folds is None else int(folds.max()) + 1,
    )


def seed_variance(model: Ratios) -> tuple[Floats, int]:
    """Return the variance of the mean over the seeds, (1 + C,), and its degrees of freedom S - 1; from two seeds on."""
    seeds = len(model.top)
    return model.scores.var(axis=0, ddof=1) / seeds, seeds - 1


def fold_variance(parts: Floats, folds: NDArray[np.int64]) -> Floats:
    """Return the variance of a sum over K folds, (T,), from the sums of the folds.

    Args:
        parts: Each unit's part in the T scores, (n, T).
        folds: The fold of each unit, (n,), from 0; two folds or more.
    """
    number = int(folds.max()) + 1
    sums = np.zeros((number, parts.shape[1]))
    np.add.at(sums, folds, parts)
    total: Floats = number / (number - 1) * ((sums - sums.mean(axis=0)) ** 2).sum(axis=0)
    return total


def model_variances(model: Ratios, others: list[Ratios], folds: NDArray[np.int64] | None) -> Variances:
    """Return the variances of one model's scores, from two units on.

    Args:
        model: The model.
        others: All models, this one too: where another one varies more with the seed, its variance is used.
        folds: The fold of each of the n units, (n,), from 0; None without folds.
    """
    leverage = 1 - np.minimum(model.bottom / model.total, _MOST_LEVERAGE)
    parts = with_mean(((model.top - model.ratio * model.bottom) / model.total / leverage).mean(axis=0))
    units, seeds = len(parts), len(model.top)
    squares = (parts**2).sum(axis=0)
    kurtosis = units * (parts**4).sum(axis=0) / np.where(squares > 0, squares, 1.0) ** 2
    several = [other for other in others if len(other.top) > 1] if seeds > 1 else []
    zero = np.zeros(parts.shape[1])
    spread = [other.scores.var(axis=0, ddof=1) for other in several]
    if several:
        largest = np.maximum(model.scores.var(axis=0, ddof=1), np.mean(spread, axis=0)) / seeds
    return Variances(
        images=(units - 1) / units * squares,
        interaction=model.interaction if several else zero,
        seeds=largest if several else zero,
        folds=None if folds is None else fold_variance(parts, folds),
        units=units,
        units_df=np.clip(2 * units / np.maximum(kurtosis - 1, 1e-9), 1, units - 1),
        seeds_df=np.full(parts.shape[1], float(sum(len(o.top) - 1 for o in several))) if several else None,
        num_folds=0 if folds is None else int(folds.max()) + 1,
    )


def _welch(by_model: list[tuple[Floats, int]]) -> Floats:
    """Degrees of freedom of the sum of two variances (Welch 1947); for equal numbers of seeds all of both models'."""
    (a, df_a), (b, df_b) = by_model
    pooled = np.full(a.shape, float(df_a + df_b))
    if df_a == df_b:
        return pooled
    bottom = a**2 / df_a + b**2 / df_b
    return np.where(bottom > 0, (a + b) ** 2 / np.where(bottom > 0, bottom, 1.0), pooled)
