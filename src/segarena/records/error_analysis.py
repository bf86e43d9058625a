"""Where the errors of a run are: by the size of objects, at boundaries, by confidence; counts that can be summed."""

from __future__ import annotations

from dataclasses import dataclass

from segarena.records.record import Count, Pixels, Record


@dataclass(frozen=True, kw_only=True)
class ObjectBin:
    """The objects of a class with an area in one range."""

    smallest: Pixels
    """Smallest area of an object in this bin."""
    largest: Pixels | None
    """Largest area; null in the last bin."""
    objects: Count
    """Objects of the truth: connected pixels of the class, along edges and corners."""
    found: Count
    """Objects of which at least half of the pixels are predicted as the class."""
    pixels: Pixels
    """Pixels of these objects."""
    correct: Pixels
    """Those that are predicted as the class."""


@dataclass(frozen=True, kw_only=True)
class BoundaryPixels:
    """The pixels of a class near boundaries."""

    region_both: Pixels
    """Pixels that are in the boundary region of the class in the truth and in the prediction."""
    region_predicted: Pixels
    """Pixels in that of the prediction."""
    region_true: Pixels
    """Pixels in that of the truth."""
    contour_predicted: Pixels
    """Contour pixels of the class in the prediction."""
    contour_predicted_matched: Pixels
    """Those with one in the truth within the tolerance."""
    contour_true: Pixels
    """Contour pixels of the class in the truth."""
    contour_true_matched: Pixels
    """Those with one in the prediction within the tolerance."""


@dataclass(frozen=True, kw_only=True)
class ConfidenceBin:
    """The pixels that are predicted as a class with a confidence in one of the equal ranges from 0 to 1."""

    pixels: Pixels
    """Pixels, of those at which the confidence was computed."""
    correct: Pixels
    """Those that are of the class."""
    confidence: float
    """Sum of their confidences."""


@dataclass(frozen=True, kw_only=True)
class DistanceBin:
    """The pixels of all classes at some distance from a boundary of the truth."""

    nearest: Pixels
    """Smallest distance to a pixel of another class, in steps to any of 8 neighbours; 1 is beside it."""
    farthest: Pixels | None
    """Largest distance; null in the last bin."""
    pixels: Pixels
    """Pixels at this distance."""
    correct: Pixels
    """Those that are predicted correctly."""


@dataclass(frozen=True, kw_only=True)
class ClassErrors:
    """Where the errors of one class are."""

    objects: tuple[ObjectBin, ...]
    """Objects of the truth, by area."""
    boundary: BoundaryPixels
    """Pixels near boundaries."""
    confidence: tuple[ConfidenceBin, ...]
    """Pixels predicted as the class, in bins of equal width from 0 to 1. None where no confidence was computed."""


@dataclass(frozen=True, kw_only=True)
class ErrorCounts:
    """Counts over images, which add up over folds and seeds."""

    images: Count
    """Images counted."""
    confidence_images: Count
    """Those at which the confidence was computed: all but those that are labelled in tiles."""
    surprise: float | None
    """Sum of -ln of the probability of the true class over the pixels at which the confidence was computed; null if
    that is not finite."""
    per_class: dict[str, ClassErrors]
    """The counts of each class, by its name, in the order of the class indices."""
    distances: tuple[DistanceBin, ...]
    """Pixels by their distance from a boundary."""


@dataclass(frozen=True, kw_only=True)
class ImageProperties:
    """What is known of an image beside its scores."""

    height: Pixels
    """Height of its mask."""
    width: Pixels
    """Width of its mask."""
    brightness: float | None
    """Mean grey level, 0 to 255; null if the image is not read as RGB of 8 bits."""


@dataclass(frozen=True, kw_only=True)
class ErrorAnalysis(ErrorCounts, Record, file="error_analysis.json", schema=1):
    """Where the errors of a run are on its scored images. docs/metrics.md has the definitions."""

    image_properties: dict[str, ImageProperties]
    """Size and brightness of each scored image, by its name."""
