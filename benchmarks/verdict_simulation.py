"""How often the verdict names a winner between equal models: `python benchmarks/verdict_simulation.py [COMPARISONS]`.

Pixel counts of made-up models are drawn many times, and `scoring.statistics` analyses each draw. Equal models must be
called different in 5% of the comparisons at most. Three generators with different laws:

- logistic: each image has a difficulty; a model's recall and false positives are logistic functions of it.
- dirichlet: in each image the pixels of a true class are distributed over the predicted classes by a Dirichlet-
  multinomial law, as in a confusion matrix with more variation than independent pixels have.
- groups: as logistic, but the images of a group share most of their difficulty; the groups are the units.

Networks with one seed are compared without training noise, since it cannot be known from one training; with several
seeds, and with folds, each training has its own. Prints a row per setting: false winners, coverage and half-width of
the intervals of a difference.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from segarena.scoring.count_table import UnitCounts
from segarena.scoring.statistics import analyse_units

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class World:
    """One setting of the simulation.

    Args:
        law: logistic, dirichlet or groups.
        units: Images; for groups the number of groups, of eight images each.
        seeds: Trainings of each model.
        models: Number of models.
        classes: Number of classes.
        noise: Standard deviation of the effect of a training, on the logistic scale.
        lead: By how much the first model is better, on the same scale.
        folds: Number of folds, each with trainings of its own; 0 without.
    """

    law: str = "logistic"
    units: int = 20
    seeds: int = 1
    models: int = 2
    classes: int = 6
    noise: float = 0.1
    lead: float = 0.0
    folds: int = 0


def logistic(values: Floats) -> Floats:
    return 1 / (1 + np.exp(-values))


def draw_truth(rng: np.random.Generator, images: int, classes: int) -> Floats:
    """True pixels of each image and class, (n, C): some classes are in few images, and every class is in one."""
    presence = np.linspace(1.0, 0.3, classes)
    here = rng.random((images, classes)) < presence
    here[rng.integers(images, size=classes), np.arange(classes)] = True
    sizes = rng.lognormal(np.linspace(8.0, 5.0, classes), 1.0, (images, classes))
    return np.where(here, np.ceil(sizes), 0.0)


def draw_logistic(rng: np.random.Generator, world: World, group: int = 1) -> UnitCounts:
    images = world.units * group
    shape = (world.models, world.seeds, images, world.classes)
    truth = draw_truth(rng, images, world.classes)
    difficulty = rng.normal(0.0, 0.8, (world.units, world.classes)).repeat(group, axis=0)
    difficulty = difficulty + rng.normal(0.0, 0.3, (images, world.classes))
    own = rng.normal(0.0, 0.4, (world.models, 1, world.units, world.classes)).repeat(group, axis=2)
    training = rng.normal(0.0, world.noise if world.seeds > 1 else 0.0, (world.models, world.seeds, 1, world.classes))
    training = training + rng.normal(0.0, world.noise if world.seeds > 1 else 0.0, (world.models, world.seeds, 1, 1))
    skill = 1.0 - difficulty + own + training + rng.normal(0.0, 0.3, shape)
    skill[0] += world.lead
    folds = draw_folds(rng, world)
    if folds is not None:
        trained = rng.normal(0.0, world.noise, (world.models, 1, world.folds, world.classes))
        trained = trained + rng.normal(0.0, world.noise, (world.models, 1, world.folds, 1))
        skill += trained[:, :, folds.repeat(group)]
    tp = np.round(truth * logistic(skill))
    false = np.round(truth.mean(axis=1, keepdims=True) * 0.3 * logistic(-skill + rng.normal(0.0, 0.3, shape)))
    return arranged(tp, truth + false, truth, world, group, folds)


def draw_groups(rng: np.random.Generator, world: World) -> UnitCounts:
    return draw_logistic(rng, world, group=8)


def draw_dirichlet(rng: np.random.Generator, world: World) -> UnitCounts:
    truth = draw_truth(rng, world.units, world.classes)
    shape = (world.models, world.seeds, world.units, world.classes)
    tp, predicted = np.zeros(shape), np.zeros(shape)
    folds = draw_folds(rng, world)
    fold = np.zeros(world.units, dtype=int) if folds is None else folds
    base = 0.35 * np.eye(world.classes) + 0.65 * rng.dirichlet(np.full(world.classes, 1.0), world.classes) * 0.4
    base += 0.39 * np.eye(world.classes)
    for model in range(world.models):
        for seed in range(world.seeds):
            trainings = max(world.folds, 1)
            effect = np.zeros((trainings, world.classes))
            if world.seeds > 1 or world.folds:
                effect = rng.normal(0.0, world.noise, (trainings, world.classes))
            rows = np.repeat(base[None], trainings, axis=0)
            rows[:, *np.diag_indices(world.classes)] *= np.exp(effect + (world.lead if model == 0 else 0.0))
            rows /= rows.sum(axis=2, keepdims=True)
            for true in range(world.classes):
                shares = rng.standard_gamma(np.maximum(8.0 * rows[fold, true], 1e-3), (world.units, world.classes))
                shares /= shares.sum(axis=1, keepdims=True)
                cells = rng.multinomial(truth[:, true].astype(int), shares)
                predicted[model, seed] += cells
                tp[model, seed, :, true] = cells[:, true]
    return arranged(tp, truth + predicted - tp, truth, world, 1, folds)


def draw_folds(rng: np.random.Generator, world: World) -> NDArray[np.int64] | None:
    """The fold of each unit, at random; None without folds."""
    return rng.permutation(np.arange(world.units) % world.folds) if world.folds else None


def arranged(
    tp: Floats, union: Floats, truth: Floats, world: World, group: int, folds: NDArray[np.int64] | None
) -> UnitCounts:
    """Sum the images of each group, (M, S, n, C)."""

    def by_unit(values: Floats) -> Floats:
        shape = (*values.shape[:-2], world.units, group, world.classes)
        return values.reshape(shape).sum(axis=-2)

    tp, union, truth = by_unit(tp), by_unit(union), by_unit(truth)
    names = [f"model{number}" for number in range(world.models)]
    return UnitCounts(
        tp=dict(zip(names, tp, strict=True)),
        union=dict(zip(names, union, strict=True)),
        classes=tuple(f"class{number}" for number in range(world.classes)),
        units_of_class=(truth > 0).sum(axis=0),
        false_classes=(),
        folds=folds,
    )


LAWS: dict[str, Callable[[np.random.Generator, World], UnitCounts]] = {
    "logistic": draw_logistic,
    "dirichlet": draw_dirichlet,
    "groups": draw_groups,
}


@dataclass(frozen=True)
class Found:
    """Shares of the comparisons: one model called best, the interval of the first pair has the true difference."""

    winners: float
    coverage: float
    width: float


def simulate(world: World, comparisons: int, *, seed: int = 0, true_difference: float | None = 0.0) -> Found:
    """Draw and analyse comparisons. With no `true_difference`, the coverage is not counted."""
    rng = np.random.default_rng([seed, world.units, world.seeds, world.models])
    winners, covered, widths = 0, 0, []
    for _ in range(comparisons):
        found = analyse_units(LAWS[world.law](rng, world), "image")
        winners += found.claim == ("best_network" if world.seeds == 1 and not world.folds else "best_architecture")
        pair = found.pairs[0]
        interval = pair.architectures or pair.networks
        assert interval is not None
        covered += true_difference is None or interval.low <= true_difference <= interval.high
        widths.append((interval.high - interval.low) / 2)
    return Found(winners / comparisons, covered / comparisons, float(np.mean(widths)))


def main(comparisons: int) -> None:
    print(f"{comparisons} comparisons of equal models in each row")
    print("law        units seeds models folds   false winners %   coverage %   half-width, points")
    for law in LAWS:
        for units in (6, 20, 100, 500):
            for models, seeds, folds in ((2, 1, 0), (2, 2, 0), (2, 3, 0), (2, 5, 0), (4, 1, 0), (4, 3, 0), (2, 1, 5)):
                if law == "groups" and units == 500:
                    continue
                world = World(law=law, units=units, seeds=seeds, models=models, folds=folds)
                found = simulate(world, comparisons)
                print(
                    f"{law:<10} {units:>5} {seeds:>5} {models:>6} {folds:>5} {100 * found.winners:>17.1f}"
                    f" {100 * found.coverage:>12.1f} {100 * found.width:>20.1f}",
                    flush=True,
                )


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 1000)
