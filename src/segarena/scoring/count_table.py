"""The table of images.csv as arrays: TP and union of each model, seed, unit and class."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class UnitCounts:
    """Pixel counts by unit. A unit is an image, or all images of a group together."""

    tp: dict[str, Floats]
    """True positives of each model, (S, n, C): its seeds, the units, the classes with true pixels."""
    union: dict[str, Floats]
    """TP + FP + FN, likewise."""
    classes: tuple[str, ...]
    """Names of the C classes."""
    units_of_class: NDArray[np.int64]
    """In how many units each class has true pixels, (C,)."""
    false_classes: tuple[str, ...]
    """Classes without true pixels that are predicted somewhere."""
    folds: NDArray[np.int64] | None
    """Number of the fold of each unit, (n,), from 0; None without folds."""
    baseline: tuple[Floats, Floats] | None = None
    """TP and union of the majority baseline, each (1, n, C); None if it was not requested."""

    @property
    def units(self) -> int:
        """Number of units."""
        return int(next(iter(self.tp.values())).shape[1])


def arrange(
    counts: pd.DataFrame,
    groups: Mapping[str, str] | None = None,
    folds: Mapping[str, int] | None = None,
    baseline: Mapping[str, str] | None = None,
) -> UnitCounts:
    """Sum the counts of each unit, and check that all models were scored on the same pixels.

    Args:
        counts: Columns model, seed, image, class (or class_index), tp, fp, fn, and fold where there are folds.
        groups: The group of each image; None where each image is a unit.
        folds: The fold of each image; None for the column `fold`, if there is one.
        baseline: The class that the majority baseline predicts in each image; None to leave it out.

    Raises:
        ValueError: A column is missing, an image has no group, a group is in two folds, there are no counts or negative
            ones, a model lacks an image or a class, the baseline predicts an unknown class, or the true pixels of two
            models differ.
    """
    key = "class" if "class" in counts else "class_index"
    absent = [name for name in ("model", "seed", "image", key, "tp", "fp", "fn") if name not in counts]
    if absent:
        raise ValueError(f"counts has no column {absent[0]!r}")
    if counts.empty or bool((counts[["tp", "fp", "fn"]] < 0).any(axis=None)):
        raise ValueError("counts must have rows, and numbers from 0 up")
    run, runs = pd.factorize(pd.MultiIndex.from_frame(counts[["model", "seed"]]))
    image, images = pd.factorize(counts["image"].astype(str))
    kind, names = pd.factorize(counts[key])
    cells = np.bincount((run * len(images) + image) * len(names) + kind, minlength=len(runs) * len(images) * len(names))
    if (cells != 1).any():
        raise ValueError("every model and seed must have one row for each image and class")
    unit, units = pd.factorize(_units_of(images, groups))
    sums = np.zeros((3, len(runs), len(units), len(names)))
    tp, fp, fn = (counts[name].to_numpy(dtype=np.float64) for name in ("tp", "fp", "fn"))
    for total, values in zip(sums, (tp, tp + fp + fn, tp + fn), strict=True):
        np.add.at(total, (run, unit[image], kind), values)
    hits, union, truth = sums
    if (truth != truth[0]).any():
        raise ValueError("the true pixels of two models differ: they were not scored on the same masks")
    by_image = np.zeros((len(images), len(names)))
    np.add.at(by_image, (image[run == 0], kind[run == 0]), (tp + fn)[run == 0])
    present = truth[0].sum(axis=0) > 0
    if not present.any():
        raise ValueError("no class has true pixels")
    rows: dict[str, list[int]] = {}
    for place, (model, _) in enumerate(runs):
        rows.setdefault(str(model), []).append(place)
    false = ~present & (union.sum(axis=(0, 1)) > 0)
    return UnitCounts(
        tp={model: hits[places][:, :, present] for model, places in rows.items()},
        union={model: union[places][:, :, present] for model, places in rows.items()},
        classes=tuple(str(name) for name in names[present]),
        units_of_class=(truth[0][:, present] > 0).sum(axis=0),
        false_classes=tuple(str(name) for name in names[false]),
        folds=_folds(counts, image, unit, folds),
        baseline=None if baseline is None else _baseline(by_image, unit, names, [baseline[i] for i in images], present),
    )


def _baseline(
    truth: Floats, unit: NDArray[np.int64], names: pd.Index[str], predicted: list[str], present: NDArray[np.bool_]
) -> tuple[Floats, Floats]:
    """TP and union of a predictor of one class in each image, (1, n, C), from the true pixels (images, all classes)."""
    columns = names.get_indexer(pd.Index(predicted))
    if (columns < 0).any():
        raise ValueError(f"the baseline's class {predicted[int(columns.argmin())]!r} is not one of the classes")
    place = (np.arange(len(truth)), columns)
    hits, union = np.zeros_like(truth), truth.copy()
    hits[place] = truth[place]
    union[place] = truth.sum(axis=1)
    sums = np.zeros((2, int(unit.max()) + 1, truth.shape[1]))
    for total, values in zip(sums, (hits, union), strict=True):
        np.add.at(total, unit, values)
    return sums[:1, :, present], sums[1:, :, present]


def _units_of(images: pd.Index[str], groups: Mapping[str, str] | None) -> pd.Index[str]:
    if groups is None:
        return images
    absent = [image for image in images if image not in groups]
    if absent:
        raise ValueError(f"image {absent[0]!r} has no group")
    return pd.Index([str(groups[image]) for image in images])


def _folds(
    counts: pd.DataFrame, image: NDArray[np.int64], unit: NDArray[np.int64], folds: Mapping[str, int] | None
) -> NDArray[np.int64] | None:
    """The fold of each unit, in the order of the units."""
    if folds is None and "fold" not in counts:
        return None
    fold = counts["fold"] if folds is None else counts["image"].astype(str).map(folds)
    if fold.isna().any():
        raise ValueError("an image has no fold")
    by_unit = pd.Series(pd.factorize(fold)[0]).groupby(unit[image])
    if (by_unit.nunique() > 1).any():
        raise ValueError("a group of images is in more than one fold")
    numbers: NDArray[np.int64] = by_unit.first().to_numpy()
    return numbers
