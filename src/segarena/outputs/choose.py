"""Which writers the options of `predict` ask for."""

from __future__ import annotations

from segarena.classes import ClassTable
from segarena.config import PredictOptions
from segarena.data.files.georeference import has_rasterio
from segarena.outputs.geotiff import GeoTiffWriter
from segarena.outputs.mask import MaskWriter
from segarena.outputs.overlay import OverlayWriter
from segarena.outputs.writer import Writer


def choose_writers(options: PredictOptions, classes: ClassTable) -> list[Writer]:
    """Return the writers in the order in which they are called for an image.

    Args:
        options: The options as typed.
        classes: The classes of the model.
    """
    on_maps: list[Writer] = [GeoTiffWriter(classes)] if has_rasterio() else []
    return [MaskWriter(classes), *on_maps, OverlayWriter(classes, has_legend=not options.no_legend)]
