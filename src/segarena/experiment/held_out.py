"""The split of the trials of --tune: a part of the training images is held out, and no other image is used."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from segarena.config.tuning import HELD_OUT, LEAST_IMAGES
from segarena.data.splitting.assign import TRAIN, VAL, assign_parts, make_units, members_of
from segarena.data.splitting.splits import Splits
from segarena.errors import ConfigError
from segarena.experiment.prepared import PreparedSplit
from segarena.formats import plural
from segarena.seeding import derive_seed


def hold_out(split: PreparedSplit, batch_size: int) -> PreparedSplit:
    """Divide the training images into those that train in a trial and a fifth that is scored.

    Images of one group stay together, and a class of two groups is in both parts, as in the split itself.

    Args:
        split: The split of the training. Its validation and test images are in no part of the returned one.
        batch_size: Images of a step, which have to be there.

    Returns:
        The same data, in which `train` and `val` are the two parts and `test` is empty.

    Raises:
        ConfigError: There are too few training images or groups.
    """
    samples, train = split.source.samples, split.splits.train
    classes = np.zeros((len(samples), split.source.classes.num_classes), dtype=bool)
    classes[list(train)] = split.mask_pixels > 0
    groups = None if split.groups is None else [split.groups[sample.name] for sample in samples]
    units = make_units(samples, train, classes, groups)
    images = plural(len(train), "training image")
    if len(train) < LEAST_IMAGES:
        raise ConfigError(
            f"{images} are too few to hold out a fifth of them; {LEAST_IMAGES} are needed",
            where="--tune",
            remedy="Leave it out, or add labelled images",
        )
    if len(units) < 2:
        raise ConfigError(
            f"the {images} are one group, so none of them can be held out",
            where="--tune",
            remedy="Leave it out, or divide the images into more groups with --group-by",
        )
    parts = assign_parts(units, {VAL: HELD_OUT}, derive_seed("tuning"))
    splits = Splits(members_of(units, parts, TRAIN), members_of(units, parts, VAL), ())
    if len(splits.train) < batch_size:
        raise ConfigError(
            f"a trial trains on {len(splits.train)} of the {images}, which is less than a batch of {batch_size}",
            where="--tune",
            remedy=f"Leave it out, or give --batch-size {len(splits.train)} or less",
        )
    rows = [train.index(index) for index in splits.train]
    return replace(split, splits=splits, mask_pixels=split.mask_pixels[rows], unused=())
