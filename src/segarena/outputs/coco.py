"""coco.json: the regions of all images in COCO's format of objects (cocodataset.org, Data format).

A region without holes is one polygon along the edges of its pixels, which pycocotools and `segarena convert` fill to
the same pixels. COCO's polygons have no holes: a region with holes is a run-length encoding, down the columns of the
image, with `iscrowd: 0`, as it is one object.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from segarena.classes import ClassTable
from segarena.files import open_whole
from segarena.outputs.json_list import write_list
from segarena.outputs.regions import Polygon, Regions
from segarena.outputs.result import Result
from segarena.outputs.writer import Collected, Collector


@dataclass(frozen=True)
class CocoCollector(Collector):
    """Writes the regions of all classes but the background."""

    classes: ClassTable
    min_area: int = 1
    file: ClassVar[str] = "coco.json"

    def collect(self, result: Result) -> list[dict[str, Any]]:
        polygons = result.regions.polygons(min_area=self.min_area, without=self.classes.background)
        return [self._annotation(polygon, result.regions) for polygon in polygons]

    def _annotation(self, polygon: Polygon, regions: Regions) -> dict[str, Any]:
        left, top, right, bottom = polygon.bounds
        return {
            "category_id": polygon.label + 1,
            "segmentation": (
                [polygon.rings[0].ravel().tolist()] if len(polygon.rings) == 1 else encode_columns(polygon, regions)
            ),
            "area": polygon.area,
            "bbox": [left, top, right - left, bottom - top],
            "iscrowd": 0,
        }

    def finish(self, images: Iterable[Collected], folder: Path) -> None:
        entries = (
            {"id": number, "file_name": image.image, "height": image.height, "width": image.width}
            for number, image in enumerate(images, 1)
        )
        numbers = count(1)
        annotations = (
            {"id": next(numbers), "image_id": number, **annotation}
            for number, image in enumerate(images, 1)
            for annotation in image.content
        )
        with open_whole(folder / self.file) as stream:
            for start, items in (
                (b'{"images":', entries),
                (b',\n"annotations":', annotations),
                (b',\n"categories":', self._categories()),
            ):
                stream.write(start)
                write_list(stream, items)
            stream.write(b"}\n")

    def _categories(self) -> list[dict[str, Any]]:
        return [
            {"id": index + 1, "name": name, "color": list(color)}
            for index, (name, color) in enumerate(zip(self.classes.names, self.classes.colors, strict=True))
            if index != self.classes.background
        ]


def encode_columns(polygon: Polygon, regions: Regions) -> dict[str, Any]:
    """Return COCO's run-length encoding of a region, not compressed.

    Args:
        polygon: The outline of the region.
        regions: The regions of the mask (H, W).

    Returns:
        `size`, [H, W], and `counts`: the lengths of the runs of pixels outside and inside in turn, down the columns.
    """
    height, width = regions.mask.shape
    left, top, _, bottom = polygon.bounds
    patch = regions.patch(polygon.region, polygon.bounds)
    column, row = np.nonzero(np.diff(patch.T, axis=1, prepend=False, append=False))
    edges = (left + column) * height + top + row
    # A column that is full to the last row goes on in the next one, if that begins in the first row.
    if bottom == height and top == 0:
        twice = np.flatnonzero(edges[1:] == edges[:-1])
        edges = np.delete(edges, np.concatenate([twice, twice + 1]))
    counts = np.diff(edges, prepend=0, append=height * width)
    return {"size": [height, width], "counts": (counts if counts[-1] else counts[:-1]).tolist()}
