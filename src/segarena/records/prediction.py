"""The file of a folder of predictions: what made them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from segarena.records.record import Count, Record


@dataclass(frozen=True, kw_only=True)
class PredictionRecord(Record, file="predictions.json", schema=1):
    """predictions.json of `segarena predict`: what was used for all images of the folder."""

    segarena: str
    """Version of segarena that wrote the file."""
    model: str
    """Name of the architecture."""
    weights_sha256: str
    """SHA-256 of the file of the weights, in hex."""
    classes: tuple[str, ...]
    """Names of the classes, in the order of the values in the masks."""
    image_bits: Count
    """Bits by which images of 16 bits per channel are read."""
    options: dict[str, Any]
    """The options on which the results depend."""
