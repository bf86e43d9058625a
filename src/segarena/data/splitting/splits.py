"""Which images train, which choose the epoch, and which test: a new split, a saved one, or a split for each fold."""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from segarena.data.source import Sample, Split, indices_by_name
from segarena.data.splitting.assign import TEST, TRAIN, VAL, assign_folds, assign_parts, make_units, members_of
from segarena.errors import ConfigError, DataError
from segarena.formats import command, join_words, listing, plural, relative_path
from segarena.seeding import derive_seed

SPLIT_SEED = 0
PARTS: tuple[Split, ...] = ("train", "val", "test")
#: The file of a run that has its split, and which nobody should have to edit.
RUN_FILE = "data.json"
_FORMAT = 'Give a run folder, its data.json, or JSON such as {"train": ["a", "b"], "val": ["c"], "test": []}'


@dataclass(frozen=True)
class Splits:
    """Indices of a source's samples: `train` fits the weights, `val` chooses the epoch, `test` is scored once.

    With `--all-images` all samples are in `train`.
    """

    train: tuple[int, ...]
    val: tuple[int, ...]
    test: tuple[int, ...]

    @property
    def scored(self) -> Literal["test", "val"]:
        """The split whose scores count: test if there is one."""
        return "test" if self.test else "val"

    def indices(self, name: Split) -> tuple[int, ...]:
        """The samples in one split, by its name."""
        return {"train": self.train, "val": self.val, "test": self.test}[name]

    @property
    def holds_out(self) -> bool:
        """Whether there are images that do not train."""
        return bool(self.val or self.test)

    @property
    def counts(self) -> dict[str, int]:
        """The number of samples in each split."""
        return {part: len(self.indices(part)) for part in PARTS}

    def to_dict(self, samples: Sequence[Sample]) -> dict[str, list[str]]:
        """The names of the samples in each split, as `read_splits` reads them."""
        return {part: [samples[i].name for i in self.indices(part)] for part in PARTS}


def split_samples(
    samples: Sequence[Sample],
    *,
    share: float = 0.8,
    seed: int = SPLIT_SEED,
    where: object,
    class_images: NDArray[np.bool_] | None = None,
    groups: Sequence[str] | None = None,
    test_share: float = 0.0,
) -> Splits:
    """Keep the data's own splits, and take a missing val, or test, from the samples in train and in no split.

    The result depends on names, classes, groups and the seed, not on the machine or the order of `samples`. The shares
    are met within one image, or with groups within one group, the largest. A class that occurs in two images (groups)
    is in train and in val, in three also in test; if that is impossible, as many classes as possible are covered.
    Without a missing class the hashes of the names decide, and an image that is added moves at most one other into or
    out of a part.

    Args:
        samples: the N samples.
        share: share of the images without test that train, 0 to 1; the others validate.
        seed: another seed gives another split.
        where: names the data in an error.
        class_images: (N, num_classes), which class occurs in which sample.
        groups: N names, the group of each sample; groups are never divided.
        test_share: share of the images that test if the data has no test split, 0 to 1.

    Raises:
        DataError: There are too few images or groups to train on two images and fill every part.
    """
    own = {part: tuple(i for i, s in enumerate(samples) if s.split == part) for part in PARTS}
    pool = [i for i, sample in enumerate(samples) if sample.split in ("train", None)]
    shares: dict[int, float] = {}
    if test_share > 0 and not own["test"]:
        shares[TEST] = test_share
    if not own["val"]:
        shares[VAL] = 1 - share
    if len(pool) < 2 + len(shares):
        missing = join_words(["train", *(PARTS[part] for part in sorted(shares))])
        raise DataError(
            f"{plural(len(pool), 'labelled image')} for {missing}, at least {2 + len(shares)} are needed",
            where=where,
            remedy="Add labelled images" if pool else _divide_again(samples, where),
        )
    units = make_units(samples, pool, class_images, groups)
    if len(units) <= len(shares):
        raise DataError(
            f"{len(pool)} images in {plural(len(units), 'group')} cannot fill {len(shares) + 1} splits",
            where=where,
            remedy="Use other groups with --group-by, or leave it out",
        )
    parts = assign_parts(units, shares, seed)
    train, val, test = (members_of(units, parts, part) for part in (TRAIN, VAL, TEST))
    return Splits(train, val or own["val"], test or own["test"])


def _divide_again(samples: Sequence[Sample], where: object) -> str:
    """The remedy if no labelled image is in train: the options that name the folders, which ignores their split."""
    remedy = "Move images from val or test to train"
    files = [sample.files for sample in samples if sample.image and sample.mask]
    if not files or not isinstance(where, Path) or len({sample.split for sample in samples}) > 1:
        return remedy
    folders = [os.path.commonpath([pair[side].parent for pair in files]) for side in (0, 1)]
    images, masks = (PurePath(relative_path(folder, where)) for folder in folders)
    return f"{remedy}, or divide them again with {command('--images', images, '--masks', masks)}"


def read_splits(path: Path, samples: Sequence[Sample]) -> Splits:
    """Return the split in `path`: a run folder, its data.json, or a JSON file {part: [names]}; test may be missing.

    The samples' own splits are ignored. Raises DataError if the file cannot be read, does not name each sample exactly
    once, names others, or leaves fewer than two images in train or none in val.
    """
    file = path
    with suppress(OSError):  # reading it raises the same, for the message
        file = path / RUN_FILE if path.is_dir() else path
    return find_named(_read(file), samples, file)


def find_named(named: Mapping[Split, Sequence[str]], samples: Sequence[Sample], where: Path) -> Splits:
    """Return the split with the named samples in each part.

    Args:
        named: The names of each part.
        samples: The samples of the data.
        where: The file of the split, for the error.

    Raises:
        DataError: Not each sample is named exactly once, other names are there, or a part has too few.
    """
    index = indices_by_name(samples)
    times = Counter(name for names in named.values() for name in names)
    twice = [name for name, count in times.items() if count > 1]
    unknown = [name for name in times if name not in index]
    missing = [name for name in index if name not in times]
    splits = Splits(*(tuple(sorted(index[name] for name in named[part] if name in index)) for part in PARTS))
    too_few = len(splits.train) < 2 or not splits.val
    again = "Divide the data again, without --splits" if where.name == RUN_FILE else ""
    for is_wrong, what, remedy in (
        (twice, f"names {listing(twice, 3)} more than once", again or "Keep each image in one part"),
        (
            unknown,
            f"names {listing(unknown, 3)}, not in the data",
            again or "Restore the images and masks, or remove the names",
        ),
        (missing, f"does not name {listing(missing, 3)}", again or "Add each name to a part"),
        (
            too_few,
            f"has {len(splits.train)} in train and {len(splits.val)} in val",
            again or "Name at least 2 and 1 images",
        ),
    ):
        if is_wrong:
            raise DataError(what, where=where, remedy=remedy)
    return splits


def _read(file: Path) -> dict[Split, list[str]]:
    try:
        content: Any = json.loads(file.read_bytes())  # UTF-8, -16 or -32, with or without a byte order mark
    except (OSError, ValueError, RecursionError) as error:
        raise DataError(f"cannot be read as a saved split ({error})", where=file, remedy=_FORMAT) from error
    if isinstance(content, dict) and "split" in content:
        content = content["split"]
    if isinstance(content, dict) and all(isinstance(content.get(part), list) for part in ("train", "unused")):
        content["train"] += content.pop("unused")  # what a fraction of the data left out is training data
    if not isinstance(content, dict) or not {"train", "val"} <= content.keys() <= set(PARTS):
        raise DataError("does not have the parts train, val and perhaps test", where=file, remedy=_FORMAT)
    for part, names in content.items():
        if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
            raise DataError(f"the part {part} is not a list of names", where=file, remedy=_FORMAT)
    return {part: content.get(part, []) for part in PARTS}


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
