"""Scores and costs that several files and tables have: each is described once, here."""

from __future__ import annotations

from dataclasses import dataclass

from segarena.records.record import Count, Epochs, Fraction, Mebibytes, Milliseconds, PerSecond, Pixels, Seconds


@dataclass(frozen=True, kw_only=True)
class MeanScores:
    """The scores of a model over the classes with true pixels. docs/metrics.md has the formulas."""

    miou: Fraction | None
    """Mean of IoU over the classes with true pixels, counted over all images: the score of the ranking."""
    mean_f1: Fraction | None
    """Mean of F1 over the same classes."""
    mean_precision: Fraction | None
    """Mean of precision over the same classes."""
    mean_recall: Fraction | None
    """Mean of recall over the same classes."""
    pixel_accuracy: Fraction | None
    """Correct pixels divided by all counted pixels."""
    frequency_weighted_iou: Fraction | None
    """Mean of IoU over the classes, weighted by their true pixels."""
    mean_image_iou: Fraction | None
    """Mean over the images of each image's own mIoU, over the classes that its truth or its prediction has."""
    miou_without_background: Fraction | None
    """mIoU over all classes but background; null if no class is marked or named as such."""


@dataclass(frozen=True, kw_only=True)
class ClassCounts:
    """The pixel counts of one class, from which its scores follow."""

    tp: Pixels
    """True positives: pixels of the class that are predicted as the class."""
    fp: Pixels
    """False positives: pixels of other classes that are predicted as the class."""
    fn: Pixels
    """False negatives: pixels of the class that are predicted as another one."""


@dataclass(frozen=True, kw_only=True)
class ClassMetrics(ClassCounts):
    """Scores and counts of one class; all four scores are null if the scored images have no true pixel of it."""

    iou: Fraction | None
    """Intersection over union, tp / (tp + fp + fn)."""
    precision: Fraction | None
    """tp / (tp + fp)."""
    recall: Fraction | None
    """tp / (tp + fn)."""
    f1: Fraction | None
    """2 tp / (2 tp + fp + fn), also called Dice."""


@dataclass(frozen=True, kw_only=True)
class EpochChoice:
    """How long a network was trained; with several seeds or folds both are means."""

    best_epoch: Epochs
    """Epoch whose weights are scored, from 1: the one with the best validation mIoU."""
    epochs: Epochs
    """Epochs trained."""


@dataclass(frozen=True, kw_only=True)
class CostValues:
    """What a network costs."""

    params: Count
    """Parameters of the network, the auxiliary head's included."""
    flops: Count
    """Floating-point operations for one image of the working size; a multiply-add counts as two."""
    latency_ms: Milliseconds
    """Time from one image in memory to its labels in memory: median of 15 repetitions on a CPU, 50 on a GPU. On a GPU,
    most of it is the time to launch the network's operations."""
    latency_low_ms: Milliseconds | None = None
    """First quartile of the repetitions: a quarter of them were faster."""
    latency_high_ms: Milliseconds | None = None
    """Third quartile of the repetitions: a quarter of them were slower."""
    labelled_per_second: PerSecond | None = None
    """Images that a GPU labels in a second, from memory to memory, in batches of 16; null on a CPU, where a batch takes
    about as long as its images one by one."""
    train_seconds: Seconds
    """Time of all epochs, validation included; with folds, of all folds."""
    train_cpu_seconds: Seconds | None = None
    """Processor time, user and system, of the same epochs: of all threads and of the processes that load images. Other
    programs change it less than the time that passes. null if the system does not report it."""
    images_per_second: PerSecond
    """Training images per second: median over the epochs."""
    peak_memory_mib: Mebibytes | None
    """Largest memory in use during training, without libraries and images; null if the system does not report it."""
