"""Cross-validation: train K times, each time testing on a different fold."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from segarena.data.source import Sample
from segarena.data.splitting.assign import TRAIN, VAL, assign_folds, assign_parts, make_units, members_of
from segarena.data.splitting.splits import SPLIT_SEED, Splits
from segarena.errors import ConfigError, DataError
from segarena.formats import plural
from segarena.seeding import derive_seed


def make_folds(
    samples: Sequence[Sample],
    k: int,
    *,
    seed: int = SPLIT_SEED,
    class_images: NDArray[np.bool_] | None = None,
    groups: Sequence[str] | None = None,
    val_share: float = 0.2,
    where: object = "--folds",
) -> list[Splits]:
    """Return k splits of all samples: in split i fold i tests, and a part of the other images validates.

    Folds of images differ by one image at most; groups are never divided. A class that occurs in m images or groups
    occurs in min(m, k) folds, and in train and val of each split where two images or groups outside its fold have it.
    If that is impossible, as many classes as possible are covered.

    Args:
        samples: the N samples; their own splits are ignored.
        k: number of folds, at least 2.
        seed: another seed gives other folds.
        class_images: (N, num_classes), which class occurs in which sample.
        groups: N names, the group of each sample; without it each image is a group.
        val_share: share of the images outside the fold that validate, 0 to 1.
        where: names the data in an error.

    Raises:
        ConfigError: k is less than 2.
        DataError: There are too few images or groups for k folds.
    """
    if k < 2:
        raise ConfigError(f"{k} is too few", where="--folds", remedy="Give 2 or more, 5 for example")
    units = make_units(samples, range(len(samples)), class_images, groups)
    number = plural(len(samples), "labelled image") + (f" in {plural(len(units), 'group')}" if groups else "")
    too_few = DataError(
        f"{number} {'is' if len(samples) == 1 else 'are'} too few for {k} folds:"
        " outside each fold, two images train and one validates",
        where=where,
        remedy="Add labelled images" if k == 2 else "Use fewer folds, or add labelled images",
    )
    if len(units) < (4 if k == 2 else max(3, k)):
        raise too_few
    fold_of = assign_folds(units, k, seed)
    splits = []
    for fold in range(k):
        rest = [unit for unit, own in zip(units, fold_of, strict=True) if own != fold]
        parts = assign_parts(rest, {VAL: val_share}, derive_seed("fold", seed, fold))
        train, val = (members_of(rest, parts, part) for part in (TRAIN, VAL))
        if len(train) < 2:
            raise too_few
        splits.append(Splits(train, val, members_of(units, fold_of, fold)))
    return splits
