"""Which writers the options of `predict` ask for."""

from __future__ import annotations

from segarena.classes import ClassTable
from segarena.config import PredictOptions
from segarena.image_files.georeference import has_rasterio
from segarena.outputs.areas import AreasCollector
from segarena.outputs.coco import CocoCollector
from segarena.outputs.cvat import CvatCollector
from segarena.outputs.geojson import GeoJsonWriter
from segarena.outputs.geotiff import GeoTiffWriter
from segarena.outputs.label_studio import LabelStudioCollector
from segarena.outputs.mask import MaskWriter
from segarena.outputs.overlay import OverlayWriter
from segarena.outputs.probabilities import NpzProbabilityWriter, PngProbabilityWriter
from segarena.outputs.writer import Collector, Writer


def choose_writers(options: PredictOptions, classes: ClassTable) -> list[Writer]:
    """Return the writers in the order in which they are called for an image.

    Args:
        options: The options as typed.
        classes: The classes of the model.
    """
    writers: list[Writer] = [MaskWriter(classes)]
    if has_rasterio():
        writers.append(GeoTiffWriter(classes))
    if not options.no_overlay:
        writers.append(OverlayWriter(classes, has_legend=not options.no_legend))
    if options.probabilities is not None:
        kind = PngProbabilityWriter if options.probabilities == "png8" else NpzProbabilityWriter
        writers.append(kind(classes))
    if options.polygons == "geojson":
        writers.append(GeoJsonWriter(classes, options.min_area))
    return writers


def choose_collectors(options: PredictOptions, classes: ClassTable, model: str) -> list[Collector]:
    """Return what is collected of all images.

    Args:
        options: The options as typed.
        classes: The classes of the model.
        model: What the model is called in pre-annotations.
    """
    collectors: list[Collector] = [AreasCollector(classes, options.min_area, options.tables)]
    if "coco" in (options.polygons, options.labels):
        collectors.append(CocoCollector(classes, options.min_area))
    if options.labels == "labelstudio":
        collectors.append(LabelStudioCollector(classes, model, options.min_area))
    if options.labels == "cvat":
        collectors.append(CvatCollector(classes, options.min_area))
    return collectors
