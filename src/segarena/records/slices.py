"""Where the errors of the models of a comparison are: counts over seeds and folds, scores of parts of the images."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from segarena.records.error_analysis import ErrorCounts
from segarena.records.record import Count, Fraction, Pixels, Record


@dataclass(frozen=True, kw_only=True)
class ImageSlice:
    """The scored images with a property in one range, or of one group."""

    property: Literal["brightness", "size", "group"]
    """What the images have in common. brightness: mean grey level, 0 to 255. size: pixels of the mask."""
    name: str
    """The slice in words, e.g. "darkest third", or the name of the group."""
    low: float | None
    """Smallest value of the property; null for a group."""
    high: float | None
    """Largest value of the property; null for a group."""
    images: Count
    """Images in the slice."""
    classes: Count
    """Classes that the mIoU is the mean of: those with true pixels in each slice of the property; of a group, those
    with true pixels in it."""
    miou: dict[str, Fraction | None]
    """mIoU of each model on these images, mean over its seeds; null where no class counts."""


@dataclass(frozen=True, kw_only=True)
class WorstImages:
    """The 5% of the images with the lowest mIoU of their own, for one model."""

    names: tuple[str, ...]
    """Their names, the lowest mIoU first; at least one image."""
    miou: Fraction
    """Mean of their own mIoUs."""
    all_miou: Fraction
    """The same of all images."""


@dataclass(frozen=True, kw_only=True)
class Slices(Record, file="slices.json", schema=1):
    """Where the errors of the models of a comparison are. docs/metrics.md has the definitions."""

    models: dict[str, ErrorCounts]
    """Counts of each model, summed over its seeds and folds, best first."""
    slices: tuple[ImageSlice, ...]
    """Scores of parts of the images."""
    worst: dict[str, WorstImages]
    """The worst 5% of the images, for each model."""
    suspicious: Count | None
    """Regions in which all networks agree on another class than the mask, see suspicious.csv, which has 1,000 of them
    at most; null where fewer than two networks were compared."""


@dataclass(frozen=True, kw_only=True)
class SuspiciousRow:
    """suspicious.csv of a comparison: a row for each region, the one to check first on top."""

    rank: Count
    """From 1."""
    image: str
    """Name of the image."""
    true_class: str
    """Class in the mask."""
    predicted_class: str
    """Class that all networks predict there."""
    pixels: Pixels
    """Area of the region."""
    thickness: Pixels
    """Largest distance of one of its pixels to a pixel outside of it, in steps to any of 8 neighbours."""
    confidence: Fraction
    """Mean probability of the predicted class over its pixels and the networks."""
    networks: Count
    """Networks that agree: all models and seeds that were scored on the image."""
    left: Pixels
    """First column of the region."""
    top: Pixels
    """First row."""
    right: Pixels
    """Column after the last one."""
    bottom: Pixels
    """Row after the last one."""
