"""Which writers the options of `predict` ask for."""

from __future__ import annotations

from segarena.classes import ClassTable
from segarena.config import PredictOptions
from segarena.outputs.mask import MaskWriter
from segarena.outputs.overlay import OverlayWriter
from segarena.outputs.writer import Writer


def choose_writers(options: PredictOptions, classes: ClassTable) -> list[Writer]:
    """Return the writers in the order in which they are called for an image.

    Args:
        options: The options as typed.
        classes: The classes of the model.
    """
    return [MaskWriter(classes), OverlayWriter(classes, has_legend=not options.no_legend)]
