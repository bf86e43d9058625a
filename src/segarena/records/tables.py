"""The columns of the CSV files: one dataclass for the rows of each.

A value that does not exist (an undefined score, memory that the system does not report) is an empty cell. The column
`class` is the field `class_`: the word is one of Python's own.
"""

from __future__ import annotations

from dataclasses import MISSING, asdict, dataclass, fields
from typing import Any

from segarena.records.record import Count, Fraction, PerSecond, Pixels, Seconds, field_names
from segarena.records.values import ClassCounts, ClassMetrics, CostValues, EpochChoice, MeanScores


@dataclass(frozen=True, kw_only=True)
class ModelRow(MeanScores, EpochChoice, CostValues):
    """models.csv of a comparison: a row for each model and seed; with folds, for all folds together."""

    model: str
    """Name of the architecture."""
    seed: int
    """Seed of the training."""
    encoder: str | None
    """Encoder that the architecture is built on; empty for one without an encoder."""
    output_stride: Count | None
    """Pixels of the image from one of the deepest features to the next, in training."""
    eval_output_stride: Count | None
    """The same in evaluation."""
    start: str | None
    """Initial weights, in words, e.g. "random weights"."""
    restart: str | None = None
    """Why the training, or that of a fold, was restarted at a third of the learning rate: diverged or majority, as in
    metrics.json; empty if it was not."""
    skipped_steps: Count = 0
    """Training steps that were left out, as in metrics.json."""
    micro_batch: Count | None = None
    """Images that were computed at a time because the memory was too small, as in metrics.json; empty if it was not."""


@dataclass(frozen=True, kw_only=True)
class FoldRow(MeanScores, EpochChoice):
    """folds.csv of a comparison with folds: a row for each model, seed and fold."""

    model: str
    """Name of the architecture."""
    seed: int
    """Seed of the training."""
    fold: Count
    """Number of the fold, from 1."""
    images: Count
    """Images tested in the fold."""
    val_miou: Fraction | None
    """Validation mIoU of the best epoch."""
    train_seconds: Seconds
    """Time of all epochs, validation included."""


@dataclass(frozen=True, kw_only=True)
class ClassRow(ClassMetrics):
    """classes.csv of a comparison: a row for each model, seed and class."""

    model: str
    """Name of the architecture."""
    seed: int
    """Seed of the training."""
    class_index: Count
    """Class index, from 0."""
    class_: str
    """Name of the class."""


@dataclass(frozen=True, kw_only=True)
class ImageRow(ClassCounts):
    """images.csv of a run: a row for each scored image and class. Every score follows from sums of these counts."""

    image: str
    """Name of the image."""
    part: str | None = None
    """What the run used the image for. train: it, or an equal image, trained the network. val: it chose the epoch.
    test: neither. new: the run does not have it, or it is not known, as of an exported model. Null in files of earlier
    versions."""
    group: str | None = None
    """Images of one group are one unit in the statistics: frames of a film, copies, or those of `--group-by`. Empty
    where each image is a unit, and null in files of earlier versions."""
    class_index: Count
    """Class index, from 0."""
    class_: str
    """Name of the class."""


@dataclass(frozen=True, kw_only=True)
class EpochRow:
    """history.csv of a run: a row for each epoch."""

    epoch: Count
    """Number of the epoch, from 1."""
    train_loss: float
    """Mean loss of the training steps, the auxiliary head's included."""
    auxiliary_loss: float | None
    """Mean loss of the auxiliary head; empty for an architecture without one."""
    val_miou: Fraction | None
    """mIoU on the validation images; empty if it is undefined."""
    val_pixel_accuracy: Fraction | None
    """Pixel accuracy on the validation images."""
    learning_rate: float
    """Learning rate of the encoder in the last step."""
    seconds: Seconds
    """Time of the epoch, validation included."""
    images_per_second: PerSecond
    """Training images per second, without validation."""
    waiting_share: Fraction | None = None
    """Share of the training time, without validation, in which the network waited for its next batch. Absent in files
    of earlier versions."""


@dataclass(frozen=True, kw_only=True)
class AreaRow:
    """areas.csv of `segarena predict`: a row for each image and class."""

    image: str
    """What the files of the image are called, without an ending."""
    class_index: Count
    """Class index, from 0: the value in the mask."""
    class_: str
    """Name of the class."""
    pixels: Pixels
    """Pixels of the class."""
    share: Fraction
    """Share of all pixels of the image."""
    objects: Count
    """Number of connected regions of the class, of at least `--min-area` pixels. Pixels that share an edge are
    connected (4-connectivity)."""


@dataclass(frozen=True, kw_only=True)
class FrameAreaRow:
    """NAME_areas.csv of a video labelled by `segarena predict`: a row for each frame and class."""

    frame: Count
    """Number of the frame, from 1, as in the names of its mask."""
    time_seconds: Seconds
    """When it is shown, from the first frame."""
    class_index: Count
    """Class index, from 0: the value in the mask."""
    class_: str
    """Name of the class."""
    pixels: Pixels
    """Pixels of the class."""
    share: Fraction
    """Share of all pixels of the frame."""
    objects: Count
    """Number of connected regions of the class, as in areas.csv."""


def columns(row: type) -> tuple[str, ...]:
    """Return the column names of a table, in their order, from the class of its rows."""
    return tuple(name.rstrip("_") for name in field_names(row))


def optional_columns(row: type) -> tuple[str, ...]:
    """Return the columns that tables of older versions may lack: those of fields with a default value."""
    return tuple(item.name.rstrip("_") for item in fields(row) if item.default is not MISSING)


def to_columns(row: Any) -> dict[str, Any]:
    """Return a row as a dictionary, by column name."""
    return {name.rstrip("_"): value for name, value in asdict(row).items()}
