"""Made-up comparisons for `verdict_simulation.py`: pixel counts of models whose true difference is known.

Four distributions, which have nothing in common but the form of the result:

- logistic: each image has a difficulty; a model's recall and false positives are logistic functions of it.
- dirichlet: in each image the pixels of a true class are distributed over the predicted classes by a Dirichlet-
  multinomial distribution, as in a confusion matrix with more variation than independent pixels have.
- points: the IoU of each image is a sum of normal terms, so a model can be better by an exact number of points.
- trained: counts of real networks, resampled. `Trained` reads them from comparison and evaluation folders.

With one seed and no folds the question is about the trained networks, so a training has no effect of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from segarena.scoring.count_table import UnitCounts

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]


@dataclass(frozen=True)
class World:
    """One setting of the simulation.

    Args:
        distribution: logistic, dirichlet, points or trained.
        units: Images, or groups of images.
        seeds: Trainings of each model.
        models: Number of models.
        folds: Number of folds, each with trainings of its own; 0 without.
        classes: Number of classes; the distribution `trained` has those of its data.
        noise: Standard deviation of the effect of a training: on the logistic scale; for `points` in points of mIoU.
        largest_group: Groups have 1 to so many images; 1 for images that are units themselves.
        fewer_seeds: Seeds of the first model; 0 for as many as the others have.
        failing: Share of the trainings that fail: they lose 10 points, or 1 on the logistic scale.
        lead: By how many points of mIoU the first model is better (distribution `points`).
        lower: By how much the third model and those after it are worse than the first two, as `failing`.
    """

    distribution: str = "logistic"
    units: int = 20
    seeds: int = 1
    models: int = 2
    folds: int = 0
    classes: int = 6
    noise: float = 0.1
    largest_group: int = 1
    fewer_seeds: int = 0
    failing: float = 0.0
    lead: float = 0.0
    lower: float = 0.0

    @property
    def repeats(self) -> bool:
        """Whether models are trained several times."""
        return self.seeds > 1 or self.folds > 0


@dataclass(frozen=True)
class Layout:
    """The images of a comparison: the unit of each, (images,), and the fold of each unit, (units,)."""

    unit: Integers
    folds: Integers | None

    @property
    def images(self) -> int:
        """Number of images."""
        return len(self.unit)

    def spread(self, by_unit: Floats) -> Floats:
        """From units to images: (..., units, C) to (..., images, C)."""
        return by_unit[..., self.unit, :]


def lay_out(rng: np.random.Generator, world: World) -> Layout:
    sizes = rng.integers(1, world.largest_group + 1, world.units)
    folds = rng.permutation(np.arange(world.units) % world.folds) if world.folds else None
    return Layout(np.repeat(np.arange(world.units), sizes), folds)


def normal(rng: np.random.Generator, deviation: float, *shape: int) -> Floats:
    return deviation * rng.standard_normal(shape, dtype=np.float32)


def logistic(values: Floats) -> Floats:
    return 1 / (1 + np.exp(-values))


def draw_truth(rng: np.random.Generator, images: int, classes: int) -> Floats:
    """True pixels of each image and class, (images, C): some classes are in few images, and every class is in one."""
    here = rng.random((images, classes)) < np.linspace(1.0, 0.3, classes)
    here[rng.integers(images, size=classes), np.arange(classes)] = True
    sizes = rng.lognormal(np.linspace(8.0, 5.0, classes), 1.0, (images, classes))
    return np.where(here, np.ceil(sizes), 0.0)


def draw_training(
    rng: np.random.Generator, world: World, layout: Layout, *, failure: float = 1.0, by_class: float = 1.0
) -> Floats:
    """The effect of each training, on all classes and on each, (M, S, 1 or images, C), and that of lower models."""
    trainings = max(world.folds, 1)
    effect = np.zeros((world.models, world.seeds, trainings, world.classes))
    if world.repeats:
        effect += normal(rng, world.noise * by_class, *effect.shape) + normal(rng, world.noise, *effect.shape[:3], 1)
        effect -= failure * (rng.random((*effect.shape[:3], 1)) < world.failing)
    effect[2:] -= world.lower
    return effect if layout.folds is None else effect[:, :, layout.folds[layout.unit]]


def draw_logistic(rng: np.random.Generator, world: World) -> UnitCounts:
    layout = lay_out(rng, world)
    shape = (world.models, world.seeds, layout.images, world.classes)
    truth = draw_truth(rng, layout.images, world.classes)
    difficulty = layout.spread(normal(rng, 0.8, world.units, world.classes))
    own = layout.spread(normal(rng, 0.4, world.models, 1, world.units, world.classes))
    skill = 1.0 - difficulty - normal(rng, 0.3, layout.images, world.classes) + own
    skill = skill + draw_training(rng, world, layout) + normal(rng, 0.3, *shape)
    tp = np.round(truth * logistic(skill))
    false = np.round(truth.mean(axis=1, keepdims=True) * 0.3 * logistic(normal(rng, 0.3, *shape) - skill))
    return arranged(tp, truth + false, truth, world, layout)


def draw_dirichlet(rng: np.random.Generator, world: World) -> UnitCounts:
    layout = lay_out(rng, world)
    truth = draw_truth(rng, layout.images, world.classes)
    confusion = 0.74 * np.eye(world.classes) + 0.26 * rng.dirichlet(np.full(world.classes, 1.0), world.classes)
    image = layout.spread(normal(rng, 0.5, world.units, world.classes))
    own = layout.spread(normal(rng, 0.3, world.models, 1, world.units, world.classes))
    right = np.broadcast_to(image + own + draw_training(rng, world, layout), (world.models, world.seeds, *truth.shape))
    tp, predicted = np.zeros(right.shape), np.zeros(right.shape)
    for true in range(world.classes):
        shares = np.broadcast_to(confusion[true], (*right.shape[:3], world.classes)).copy()
        shares[..., true] *= np.exp(right[..., true])
        shares = rng.standard_gamma(8.0 * shares / shares.sum(axis=-1, keepdims=True) + 1e-3)
        cells = rng.multinomial(truth[:, true].astype(np.int64), shares / shares.sum(axis=-1, keepdims=True))
        predicted += cells
        tp[..., true] = cells[..., true]
    return arranged(tp, truth + predicted - tp, truth, world, layout)


def draw_points(rng: np.random.Generator, world: World) -> UnitCounts:
    """The IoU of an image is not limited to 0..1, so that the true difference is exact; no formula needs that limit.

    A training changes all classes alike, and each one with 2.5 times that standard deviation. Both together give the
    mIoU the standard deviation `noise`.
    """
    by_class = 2.5
    common = world.noise / 100 / np.sqrt(1 + by_class**2 / world.classes)
    layout = lay_out(rng, world)
    shape = (world.models, world.seeds, layout.images, world.classes)
    truth = draw_truth(rng, layout.images, world.classes)
    iou = 0.55 + layout.spread(normal(rng, 0.12, world.units, world.classes))
    own = layout.spread(normal(rng, 0.11, world.models, 1, world.units, world.classes))
    iou = iou + own + normal(rng, 0.12, *shape)
    iou = iou + draw_training(rng, replace(world, noise=common), layout, failure=0.1, by_class=by_class)
    iou[0] += world.lead / 100
    union = truth * rng.uniform(1.0, 1.3, shape)
    return arranged(iou * union, union, truth, world, layout)


def arranged(tp: Floats, union: Floats, truth: Floats, world: World, layout: Layout) -> UnitCounts:
    """Sum the images of each unit: (M, S, images, C) to a table."""
    if layout.images > world.units:
        starts = np.flatnonzero(np.diff(layout.unit, prepend=-1))
        tp, union, truth = (np.add.reduceat(values, starts, axis=-2) for values in (tp, union, truth))
    seeds = [world.fewer_seeds or world.seeds] + [world.seeds] * (world.models - 1)
    present = truth.sum(axis=0) > 0
    return UnitCounts(
        tp={f"model{m}": tp[m, :number][..., present] for m, number in enumerate(seeds)},
        union={f"model{m}": union[m, :number][..., present] for m, number in enumerate(seeds)},
        classes=tuple(f"class{number}" for number in np.flatnonzero(present)),
        units_of_class=(truth[:, present] > 0).sum(axis=0),
        false_classes=(),
        folds=layout.folds,
    )


@dataclass(frozen=True)
class Trained:
    """Counts of real networks on the same images.

    Args:
        model: The architecture of each network, (K,).
        tp: True positives, (K, N, C).
        union: TP + FP + FN, likewise.
        truth: True pixels, (N, C).
    """

    model: NDArray[np.str_]
    tp: Floats
    union: Floats
    truth: Floats

    @classmethod
    def read(cls, folders: Sequence[Path], models: Sequence[str] = ()) -> Trained:
        """Read the images.csv of each folder: comparisons, or evaluations named MODEL-seedK."""
        tables = []
        for folder in folders:
            table = pd.read_csv(folder / "images.csv", dtype={"image": str}).fillna({"class": "NA"})
            if "model" not in table:
                model, _, seed = folder.name.rpartition("-seed")
                table = table.assign(model=model, seed=int(seed))
            tables.append(table)
        counts = pd.concat(tables).sort_values(["model", "seed", "image", "class_index"])
        shape = [counts[key].nunique() for key in ("image", "class_index")]
        tp, fp, fn = (counts[key].to_numpy(dtype=np.float64).reshape(-1, *shape) for key in ("tp", "fp", "fn"))
        names = counts.drop_duplicates(["model", "seed"])["model"].to_numpy(dtype=np.str_)
        return cls(names, tp, tp + fp + fn, (tp + fn)[0])

    @classmethod
    def load(cls, path: Path) -> Trained:
        """Read what `save` wrote."""
        with np.load(path) as file:
            return cls(file["model"], *(file[key].astype(np.float64) for key in ("tp", "union", "truth")))

    def save(self, path: Path) -> None:
        """Write a compressed file."""
        counts = {key: getattr(self, key).astype(np.int32) for key in ("tp", "union", "truth")}
        np.savez_compressed(path, model=self.model, **counts)

    def can_draw(self, world: World) -> bool:
        """Whether there are enough networks."""
        return len(self.model) >= world.models * world.seeds * max(world.folds, 1)

    def draw(self, rng: np.random.Generator, world: World) -> UnitCounts:
        """Draw images with replacement, and the networks of all models from the same ones.

        Several trainings of a model are drawn from those of one architecture, where it has enough. Single networks
        differ in truth, so they are exchanged at random in each image: then none is better.
        """
        layout = lay_out(rng, world)
        needed = world.models * world.seeds * max(world.folds, 1)
        pools = [np.flatnonzero(self.model == name) for name in np.unique(self.model)]
        pools = [pool for pool in pools if len(pool) >= needed and world.repeats] or [np.arange(len(self.model))]
        drawn = rng.permutation(pools[rng.integers(len(pools))])[:needed]
        images = rng.integers(len(self.truth), size=layout.images)
        network = drawn.reshape(world.models, world.seeds, -1)
        if not world.repeats:
            network = rng.permuted(np.broadcast_to(network, (world.models, 1, layout.images)), axis=0)
        elif layout.folds is not None:
            network = network[:, :, layout.folds[layout.unit]]
        return arranged(self.tp[network, images], self.union[network, images], self.truth[images], world, layout)


DISTRIBUTIONS: dict[str, Callable[[np.random.Generator, World], UnitCounts]] = {
    "logistic": draw_logistic,
    "dirichlet": draw_dirichlet,
    "points": draw_points,
}
