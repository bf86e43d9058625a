"""The mIoU on the validation images that a training has to exceed: that of the most frequent class everywhere."""

from __future__ import annotations

import numpy as np

from segarena.experiment.prepared import PreparedSplit
from segarena.scoring.scores import majority_baseline_scores


def majority_miou(split: PreparedSplit) -> float:
    """Return the mIoU, on the validation images, of answering the most frequent class of the training masks everywhere.

    Args:
        split: The data of the training.
    """
    num_classes = split.source.classes.num_classes
    masks = [split.images.labels(index).ravel() for index in split.splits.val]
    truth = np.stack([np.bincount(mask, minlength=256)[:num_classes] for mask in masks])
    # Only the sums of the rows count: all pixels of a class can be in one column.
    confusions = truth[:, :, None] * np.eye(num_classes, dtype=np.int64)[0]
    return majority_baseline_scores(confusions, split.most_frequent_class).miou
