"""From pixel counts to scores: integers in, fractions out. docs/metrics.md has each formula and its source."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segarena.records.metrics import Metrics
from segarena.records.values import ClassMetrics

Counts = NDArray[np.int64]
Fractions = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class ClassScores:
    """The scores of each class; each array (C,). A class without true pixels is NaN in all four scores."""

    iou: Fractions
    """TP / (TP + FP + FN), 0..1, as are the next three."""
    precision: Fractions
    """TP / (TP + FP)."""
    recall: Fractions
    """TP / (TP + FN)."""
    f1: Fractions
    """2 TP / (2 TP + FP + FN)."""
    tp: Counts
    """True positives, in pixels, as are the next two."""
    fp: Counts
    """False positives."""
    fn: Counts
    """False negatives."""


@dataclass(frozen=True, eq=False)
class Scores:
    """The scores of one model on one set of images: fractions 0..1, NaN where there is nothing to average."""

    miou: float
    """Mean of IoU over the classes with true pixels, as are the next three of their scores."""
    mean_f1: float
    """Mean of F1."""
    mean_precision: float
    """Mean of precision."""
    mean_recall: float
    """Mean of recall."""
    pixel_accuracy: float
    """Correct pixels divided by all counted pixels."""
    frequency_weighted_iou: float
    """Mean of IoU over the classes, weighted by their true pixels."""
    mean_image_iou: float
    """Mean over the images of each image's own mIoU, over the classes that its truth or its prediction has. Models are
    not ranked by it."""
    miou_without_background: float
    """mIoU over all classes but background. NaN where the data has no background class, as the next three."""
    mean_f1_without_background: float
    mean_precision_without_background: float
    mean_recall_without_background: float
    undefined_classes: int
    """Number of classes without true pixels, which the means leave out."""
    false_classes: tuple[int, ...]
    """Those of them that are predicted somewhere, by their indices."""
    images: int
    """Number of images."""
    void_images: int
    """Number of images without a single counted pixel; `mean_image_iou` leaves them out."""
    pixels: int
    """Number of counted pixels."""
    per_class: ClassScores
    """The scores of each class."""
    confusion: Counts
    """Confusion matrix summed over the images, (C, C), rows = truth, columns = prediction."""


def class_counts(confusion: Counts) -> tuple[Counts, Counts, Counts]:
    """Return TP, FP and FN of each class, each (..., C), from confusion matrices (..., C, C) with rows = truth."""
    tp = np.diagonal(confusion, axis1=-2, axis2=-1).copy()
    return tp, confusion.sum(axis=-2) - tp, confusion.sum(axis=-1) - tp


def score(confusions: Counts, *, background: int | None = None) -> Scores:
    """Score a set of images from its pixel counts.

    The counts are summed over the images before anything is divided, so neither batches nor image sizes change a score.
    Definitions: Everingham et al. 2010 (IoU); Long et al. 2015, section 5 (arXiv:1411.4038).

    The means run over the classes with true pixels, so on the same images they are over the same classes for every
    model. Each of these has all four scores; the precision of one that is never predicted is 0. A class without true
    pixels is undefined: its scores are NaN. Where it is predicted, those pixels count against the classes they cover,
    and the class is one of `false_classes`. Only `mean_image_iou` also counts it, as 0, in the images with such pixels.

    Args:
        confusions: Confusion matrix of each image, integers (N, C, C), rows = truth, columns = prediction.
        background: Index of the class that the means `..._without_background` leave out. Its pixels still count as
            false positives of the other classes.

    Raises:
        ValueError: A wrong shape or type, negative counts, or a background that is not a class.
    """
    _check(confusions, background)
    confusions = confusions.astype(np.int64, copy=False)
    num_classes = confusions.shape[-1]
    total: Counts = confusions.sum(axis=0)
    per_class = _score_classes(total)
    pixels = int(total.sum())
    image_iou = _mean_rows(_image_ious(*class_counts(confusions)))
    kept = np.arange(num_classes) != background if background is not None else np.zeros(num_classes, dtype=bool)
    undefined = np.isnan(per_class.iou)
    weighted_iou = float(total.sum(axis=1) @ np.nan_to_num(per_class.iou))
    return Scores(
        miou=_mean(per_class.iou),
        mean_f1=_mean(per_class.f1),
        mean_precision=_mean(per_class.precision),
        mean_recall=_mean(per_class.recall),
        pixel_accuracy=float(per_class.tp.sum() / pixels) if pixels else math.nan,
        frequency_weighted_iou=weighted_iou / pixels if pixels else math.nan,
        mean_image_iou=_mean(image_iou),
        miou_without_background=_mean(per_class.iou[kept]),
        mean_f1_without_background=_mean(per_class.f1[kept]),
        mean_precision_without_background=_mean(per_class.precision[kept]),
        mean_recall_without_background=_mean(per_class.recall[kept]),
        undefined_classes=int(undefined.sum()),
        false_classes=tuple(np.flatnonzero(undefined & (per_class.fp > 0)).tolist()),
        images=len(confusions),
        void_images=int(np.isnan(image_iou).sum()),
        pixels=pixels,
        per_class=per_class,
        confusion=total,
    )


def majority_baseline_scores(
    confusions: Counts, most_frequent_class: int | Sequence[int], *, background: int | None = None
) -> Scores:
    """Score the predictor that assigns the most frequent class to every pixel, on the same pixels as a model.

    Args:
        confusions: As for `score`, of any model: only the number of pixels of each true class is used.
        most_frequent_class: The class to predict, 0..C-1, or one for each image. It must come from the training images;
            the most frequent class of the scored images would use the truth that is to be predicted.
        background: As for `score`.

    Raises:
        ValueError: As `score`, or for a class outside 0..C-1.
    """
    _check(confusions, background)
    predicted = np.broadcast_to(np.asarray(most_frequent_class, dtype=np.int64), len(confusions))
    outside = predicted[(predicted < 0) | (predicted >= confusions.shape[-1])]
    if outside.size:
        raise ValueError(f"most_frequent_class {outside[0]} is outside 0..{confusions.shape[-1] - 1}")
    baseline = np.zeros(confusions.shape, dtype=np.int64)
    baseline[np.arange(len(confusions)), :, predicted] = confusions.sum(axis=2)
    return score(baseline, background=background)


def to_metrics(scores: Scores, class_names: Sequence[str], *, split: str) -> Metrics:
    """Put the scores into the record of metrics.json: None for an undefined score.

    Args:
        scores: The scores of C classes.
        class_names: C different names, in the order of the class indices.
        split: The images that were scored: train, val, test, unseen or all.

    Raises:
        ValueError: The names are not C different ones.
    """
    names = [str(name) for name in class_names]
    if len(names) != len(scores.confusion) or len(set(names)) != len(names):
        raise ValueError(f"needs {len(scores.confusion)} different class names, got {names}")
    means = {key: _plain(value) for key, value in vars(scores).items() if key not in ("per_class", "confusion")}
    means["false_classes"] = tuple(names[index] for index in scores.false_classes)
    columns = {key: values.tolist() for key, values in vars(scores.per_class).items()}
    return Metrics(
        split=split,
        **means,
        per_class={
            name: ClassMetrics(**{key: _plain(values[index]) for key, values in columns.items()})
            for index, name in enumerate(names)
        },
        confusion=tuple(tuple(row) for row in scores.confusion.tolist()),
    )


def _score_classes(confusion: Counts) -> ClassScores:
    tp, fp, fn = class_counts(confusion)
    present = tp + fn > 0

    def share(top: Counts, bottom: Counts) -> Fractions:
        return np.where(present, _divide(top, bottom), np.nan)

    return ClassScores(
        share(tp, tp + fp + fn), share(tp, tp + fp), share(tp, tp + fn), share(2 * tp, 2 * tp + fp + fn), tp, fp, fn
    )


def _image_ious(tp: Counts, fp: Counts, fn: Counts) -> Fractions:
    """The IoU of each class in each image; NaN where neither truth nor prediction has a pixel of it."""
    union = tp + fp + fn
    values = _divide(tp, union)
    values[union == 0] = np.nan
    return values


def _divide(top: Counts, bottom: Counts) -> Fractions:
    """Divide element by element; 0 where the denominator is 0."""
    return np.divide(top, bottom, out=np.zeros(top.shape, dtype=np.float64), where=bottom != 0)


def _mean(values: Fractions) -> float:
    """Mean of the defined values, NaN where there is none."""
    defined = values[~np.isnan(values)]
    return float(defined.mean()) if defined.size else math.nan


def _mean_rows(values: Fractions) -> Fractions:
    return np.array([_mean(row) for row in values], dtype=np.float64)


def _plain(value: Any) -> Any:
    return None if isinstance(value, float) and math.isnan(value) else value


def _check(confusions: Counts, background: int | None) -> None:
    if confusions.ndim != 3 or confusions.shape[1] != confusions.shape[2] or confusions.shape[1] == 0:
        raise ValueError(f"confusions must be (N, C, C), got {confusions.shape}")
    if not np.issubdtype(confusions.dtype, np.integer) or (confusions.size and confusions.min() < 0):
        raise ValueError(f"confusions must be counts: integers from 0 up, got {confusions.dtype}")
    if background is not None and not 0 <= background < confusions.shape[1]:
        raise ValueError(f"background {background} is outside 0..{confusions.shape[1] - 1}")
