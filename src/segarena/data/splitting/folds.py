"""Cross-validation: every image is tested once, by a model that has seen neither it nor its group."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from segarena.data.source import Sample
from segarena.data.splitting.assign import TRAIN, VAL, deal, exact_share
from segarena.data.splitting.splits import SPLIT_SEED, Splits
from segarena.data.splitting.stratify import Limits, Need, Unit, allocate, count_units, make_units, members_of
from segarena.errors import ConfigError, DataError
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
    """Divide all samples into k folds; in split i, fold i tests and `val_share` of the others chooses the epoch.

    All samples take part, whatever the data's own splits. Folds of images differ by one image at most. Groups are never
    divided; they are dealt from the largest to the smallest, each to the fold that lacks most.

    With `class_images`, a class that occurs in m images (groups) occurs in min(m, k) folds, or at least in two, so that
    others can train where one tests; and in train and val of each split where two images (groups) outside its fold
    have it. That holds as far as an exchange or a search finds it (`allocation`). Raises ConfigError for fewer than two
    folds, DataError for too few images or groups.
    """
    if k < 2:
        raise ConfigError(f"{k} folds are too few", where="--folds", remedy="Give 2 or more, 5 for example")
    units = make_units(samples, range(len(samples)), class_images, groups)
    fewest = max(k, 4 if groups is None or k == 2 else 3)
    if len(units) < fewest:
        what = "labelled images" if groups is None else f"groups of {len(samples)} images"
        raise DataError(
            f"{len(units)} {what} are too few for {k} folds that train, validate and test; {fewest} are needed",
            where=where,
            remedy="Ask for fewer folds" if len(units) >= 4 else "Add labelled images, or group them in another way",
        )
    fold_of = _deal_folds(units, k, seed)
    return [_split(samples, units, fold_of, fold, seed, exact_share(val_share), where) for fold in range(k)]


def _split(
    samples: Sequence[Sample],
    units: Sequence[Unit],
    fold_of: Sequence[int],
    fold: int,
    seed: int,
    val_share: Fraction,
    where: object,
) -> Splits:
    rest = [unit for unit, own in zip(units, fold_of, strict=True) if own != fold]
    parts = deal(rest, {VAL: val_share}, derive_seed("fold", seed, fold))
    found = Splits(members_of(rest, parts, TRAIN), members_of(rest, parts, VAL), members_of(units, fold_of, fold))
    if len(found.train) < 2:
        raise DataError(
            f"{len(samples)} labelled images leave {len(found.train)} for training in one of the folds",
            where=where,
            remedy="Add labelled images, or group them in another way",
        )
    return found


def _deal_folds(units: Sequence[Unit], k: int, seed: int) -> list[int]:
    total = sum(unit.size for unit in units)
    largest = max(unit.size for unit in units)
    targets: list[Fraction | int] = [Fraction(total, k)] * k
    if largest == 1:
        targets = [total // k + (fold < total % k) for fold in range(k)]
    draws = [derive_seed("folds", seed, unit.name) for unit in units]
    order = sorted(range(len(units)), key=lambda i: (-units[i].size, draws[i]))

    def fill(fixed: Mapping[int, int]) -> list[int]:
        folds = dict(fixed)
        lack = [target - sum(units[i].size for i, own in folds.items() if own == f) for f, target in enumerate(targets)]
        pending = [i for i in order if i not in folds]
        counts = Counter(folds.values())
        wanting = [fold for fold in range(k) for _ in range(fewest - counts[fold])]
        for position, i in enumerate(pending):
            choice = wanting if len(pending) - position <= len(wanting) else range(k)
            folds[i] = max(choice, key=lack.__getitem__)
            lack[folds[i]] -= units[i].size
            if folds[i] in wanting:
                wanting.remove(folds[i])
        return [folds[i] for i in range(len(units))]

    fewest = 2 if k == 2 else 1  # outside each fold one unit trains and one validates
    plain = fill({})
    spread: list[Need] = []
    apart: list[Need] = []
    for class_index, count in count_units(units).items():
        present = {fold for unit, fold in zip(units, plain, strict=True) if unit.classes >> class_index & 1}
        wanted = sorted(range(k), key=lambda fold: (fold not in present, fold))
        spread += [(class_index, fold) for fold in wanted[: min(count, k)]]
        apart += [(class_index, fold) for fold in wanted[: min(count, 2)]]
    tight: Limits = targets if largest == 1 else [target + Fraction(largest, 2) for target in targets]
    folds = allocate(units, fill, [spread, apart], [tight] if largest == 1 else [tight, [total] * k])
    return folds if min(Counter(folds).values()) >= fewest else plain
