"""The learning curve over the amount of labelled data: what `compare --data-fractions` measured."""

from __future__ import annotations

from dataclasses import dataclass

from segarena.records.record import Count, Fraction, Record
from segarena.records.statistics import Statistics


@dataclass(frozen=True, kw_only=True)
class DataPart:
    """A part of the training images."""

    fraction: Fraction
    """Its share, as `--data-fractions` has it; 1 for all."""
    images: Count
    """Number of training images; with folds the mean over the folds, rounded."""
    class_images: dict[str, Count]
    """Number of them in which each class has pixels, likewise."""


@dataclass(frozen=True, kw_only=True)
class ModelCurve:
    """The scores of one model with each part of the training images, and their differences."""

    model: str
    """Name of the architecture."""
    statistics: Statistics
    """As in comparison.json; what is a model there is a share of the training images here, e.g. "0.5". The seeds of all
    shares are the same."""


@dataclass(frozen=True, kw_only=True)
class DataCurve(Record, file="data_fractions.json", schema=1):
    """The learning curve over the amount of labelled data: each model trained on parts of the training images."""

    parts: tuple[DataPart, ...]
    """The parts, the smallest first. Each is contained in the next one."""
    steps: Count
    """Steps of an epoch, the same for all parts."""
    epochs: Count
    """Maximum number of epochs, the same for all parts; with `--equal time` the mean over the models."""
    seeds: Count
    """Trainings of each model on each part."""
    folds: Count | None = None
    """Number of folds; null without cross-validation."""
    models: tuple[ModelCurve, ...]
    """The models, in the order of the ranking."""
