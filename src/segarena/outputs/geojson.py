"""NAME.geojson: the outline of each region, as QuPath, QGIS and `segarena convert` read it.

RFC 7946, with one departure: coordinates are pixels, x to the right and y down, or those of the image's map, as its
section 4 allows by prior arrangement. For a map, the member `crs` of GeoJSON 2008 names the system, as GDAL does.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from segarena.classes import ClassTable
from segarena.files import write_text
from segarena.outputs.regions import Polygon, Ring
from segarena.outputs.result import Result, Transform
from segarena.outputs.writer import Writer


def make_features(
    polygons: Iterable[Polygon], classes: ClassTable, transform: Transform | None = None
) -> list[dict[str, Any]]:
    """Return a feature for each polygon: a closed outer ring, counterclockwise in its coordinates, and closed holes.

    Args:
        polygons: The outlines of regions.
        classes: Names and colours.
        transform: From pixels to map coordinates; None: the coordinates are pixels.
    """
    return [
        {
            "type": "Feature",
            "geometry": {"type": "Polygon", "coordinates": [_close(ring, transform) for ring in polygon.rings]},
            "properties": {
                "objectType": "annotation",
                "classification": {"name": classes.names[polygon.label], "color": list(classes.colors[polygon.label])},
                "class": classes.names[polygon.label],
                "class_index": polygon.label,
                "area": polygon.area,
            },
        }
        for polygon in polygons
    ]


def _close(ring: Ring, transform: Transform | None) -> list[list[float]]:
    """The ring in its coordinates, its first point repeated at the end; reversed where a map has y upwards."""
    closed = np.concatenate([ring, ring[:1]])
    if transform is None:
        return closed.tolist()  # type: ignore[no-any-return]
    a, b, c, d, e, f = transform
    x, y = closed.T.astype(np.float64)
    mapped = np.stack([a * x + b * y + c, d * x + e * y + f], axis=1)
    return (mapped[::-1] if a * e - b * d < 0 else mapped).tolist()  # type: ignore[no-any-return]


@dataclass(frozen=True)
class GeoJsonWriter(Writer):
    """Writes the regions of all classes but the background."""

    classes: ClassTable
    min_area: int = 1

    def write(self, result: Result, folder: Path) -> list[Path]:
        polygons = result.regions.polygons(min_area=self.min_area, without=self.classes.background)
        content: dict[str, Any] = {"type": "FeatureCollection"}
        if result.crs:
            content["crs"] = {"type": "name", "properties": {"name": result.crs}}
        content["features"] = make_features(polygons, self.classes, result.transform)
        path = folder / f"{result.name}.geojson"
        write_text(path, json.dumps(content, ensure_ascii=False, separators=(",", ":")) + "\n")
        return [path]
