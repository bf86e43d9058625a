"""The files of one training: what it ran on, on which images, what it scored, what it cost."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from segarena.records.record import (
    Count,
    Epochs,
    Fraction,
    Mebibytes,
    Milliseconds,
    PerSecond,
    Pixels,
    Record,
    Seconds,
)


@dataclass(frozen=True, kw_only=True)
class Environment(Record, file="environment.json", schema=1):
    """The software and the machine that a run ran on."""

    segarena: str
    """Version of segarena."""
    python: str
    """Version of Python."""
    torch: str
    """Version of PyTorch."""
    torchvision: str
    """Version of torchvision."""
    platform: str
    """Operating system and processor family."""
    cpu: str
    """Name of the processor."""
    cores: Count
    """Processor cores that the process may use."""
    threads: Count
    """Threads that PyTorch computes with."""
    gpu: str | None
    """Name of the GPU; null where there is none."""
    commit: str | None
    """Commit of segarena's own checkout; null where it is installed as a package."""


@dataclass(frozen=True, kw_only=True)
class Parts:
    """The images of each part of the split, by name."""

    train: tuple[str, ...]
    """Images that train the network."""
    val: tuple[str, ...]
    """Images that choose the epoch."""
    test: tuple[str, ...]
    """Images that give the scores; empty where there is no test split."""


@dataclass(frozen=True, kw_only=True)
class Data(Record, file="data.json", schema=1):
    """The images and masks of a run: what was read, and which file is in which part of the split."""

    name: str
    """Name of the data set."""
    origin: str
    """Folder of the data; "generated" for the built-in scenes."""
    fingerprint: str
    """SHA-256, in hex, of every file's hash, its part of the split, and how its values are decoded."""
    class_table: dict[str, Any]
    """Classes and void values, in the form of classes.yaml."""
    counts: dict[str, Count]
    """Number of images in each part: train, val, test."""
    split: Parts
    """Names of the images in each part."""
    sha256: dict[str, str]
    """SHA-256, in hex, of each image with its mask, by the image's name."""
    train_class_pixels: dict[str, Pixels]
    """Pixels of each class in the training masks, by the class's name."""
    image_bits: Count = 16
    """Bits that 16-bit images of this data set use, e.g. 12: another image's brightness is read on the same scale."""
    description: dict[str, Any]
    """What else was found: layout, pairing, encoding, image sizes, ... The keys depend on the kind of data."""


@dataclass(frozen=True, kw_only=True)
class ClassMetrics:
    """The scores of one class. All four scores are null where neither truth nor prediction has a pixel of the class."""

    iou: Fraction | None
    """Intersection over union, tp / (tp + fp + fn)."""
    precision: Fraction | None
    """tp / (tp + fp)."""
    recall: Fraction | None
    """tp / (tp + fn)."""
    f1: Fraction | None
    """2 tp / (2 tp + fp + fn), also called Dice."""
    tp: Pixels
    """True positives: pixels of the class that are predicted as the class."""
    fp: Pixels
    """False positives: pixels of other classes that are predicted as the class."""
    fn: Pixels
    """False negatives: pixels of the class that are predicted as another one."""


@dataclass(frozen=True, kw_only=True)
class Metrics(Record, file="metrics.json", schema=1):
    """The scores of one network on one set of images. docs/metrics.md has the formulas."""

    split: str
    """Images that were scored: train, val, test or all."""
    data: str | None = None
    """Data that `segarena evaluate` scored; null for the scores of the training itself."""
    folds: Count | None = None
    """Number of folds whose pixels are scored together; null without cross-validation."""
    best_epoch: Epochs | None = None
    """Epoch whose weights are scored, from 1; the mean over the folds; null for `segarena evaluate`."""
    epochs: Epochs | None = None
    """Epochs trained; the mean over the folds; null for `segarena evaluate`."""
    val_miou: Fraction | None = None
    """Validation mIoU of the best epoch; null where it is undefined, with folds, and for `segarena evaluate`."""
    miou: Fraction | None
    """Mean over the defined classes of their IoU, from pixels counted over all images: the score of the ranking."""
    mean_f1: Fraction | None
    """Mean over the defined classes of F1."""
    mean_precision: Fraction | None
    """Mean over the defined classes of precision."""
    mean_recall: Fraction | None
    """Mean over the defined classes of recall."""
    pixel_accuracy: Fraction | None
    """Correct pixels divided by all counted pixels."""
    frequency_weighted_iou: Fraction | None
    """Mean of IoU weighted by the classes' true pixels."""
    mean_image_iou: Fraction | None
    """Mean over the images of each image's own mIoU."""
    miou_without_background: Fraction | None
    """mIoU over all classes but background; null where no class has that name, as in the next three."""
    mean_f1_without_background: Fraction | None
    """Mean F1 over all classes but background."""
    mean_precision_without_background: Fraction | None
    """Mean precision over all classes but background."""
    mean_recall_without_background: Fraction | None
    """Mean recall over all classes but background."""
    undefined_classes: Count
    """Classes with no pixel in truth and prediction; the means leave them out."""
    images: Count
    """Images scored."""
    void_images: Count
    """Images with no counted pixel, among those scored."""
    pixels: Pixels
    """Pixels counted: all but void."""
    per_class: dict[str, ClassMetrics]
    """Scores of each class, by its name, in the order of the class indices."""
    confusion: tuple[tuple[Pixels, ...], ...]
    """Confusion matrix summed over the images: a row for each true class, a column for each predicted class."""


@dataclass(frozen=True, kw_only=True)
class Costs(Record, file="costs.json", schema=1):
    """What a network costs. It is the last file of a run: one that has it is finished."""

    params: Count
    """Parameters of the network, the auxiliary head's included."""
    flops: Count
    """Floating-point operations for one image of the working size; a multiply-add counts as two."""
    latency_ms: Milliseconds
    """Time from one image in memory to its labels: median of 15 repetitions."""
    train_seconds: Seconds
    """Time of all epochs, validation included; with folds, of all folds."""
    images_per_second: PerSecond
    """Training images per second: median over the epochs."""
    peak_memory_mib: Mebibytes | None
    """Largest memory in use during training, without libraries and images; null where the system does not report it."""
