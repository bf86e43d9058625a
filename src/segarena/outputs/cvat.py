"""cvat.xml: pre-annotations in the format "CVAT for images 1.1" (docs.cvat.ai, XML annotation format).

A mask for each region, as run lengths along the rows of its box, which is exact to the pixel.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar
from xml.sax.saxutils import escape, quoteattr

import numpy as np

from segarena.classes import ClassTable
from segarena.files import open_whole
from segarena.outputs.regions import Polygon, Regions
from segarena.outputs.result import Result
from segarena.outputs.writer import Collected, Collector


@dataclass(frozen=True)
class CvatCollector(Collector):
    """Writes the regions of all classes but the background."""

    classes: ClassTable
    min_area: int = 1
    file: ClassVar[str] = "cvat.xml"

    def collect(self, result: Result) -> list[dict[str, Any]]:
        polygons = result.regions.polygons(min_area=self.min_area, without=self.classes.background)
        return [_mask(polygon, result.regions) for polygon in polygons]

    def finish(self, images: Iterable[Collected], folder: Path) -> None:
        with open_whole(folder / self.file) as stream:
            stream.write(self._head().encode())
            for number, image in enumerate(images):
                size = f'width="{image.width}" height="{image.height}"'
                stream.write(
                    f'  <image id="{number}" name={quoteattr(image.image)} {size}>\n'.encode(errors="backslashreplace")
                )
                for mask in image.content:
                    stream.write(self._element(mask).encode())
                stream.write(b"  </image>\n")
            stream.write(b"</annotations>\n")

    def _head(self) -> str:
        labels = "".join(
            f"        <label><name>{escape(name)}</name><color>#{bytes(color).hex()}</color><type>any</type>"
            "<attributes></attributes></label>\n"
            for index, (name, color) in enumerate(zip(self.classes.names, self.classes.colors, strict=True))
            if index != self.classes.background
        )
        return (
            '<?xml version="1.0" encoding="utf-8"?>\n<annotations>\n  <version>1.1</version>\n'
            f"  <meta>\n    <task>\n      <labels>\n{labels}      </labels>\n    </task>\n  </meta>\n"
        )

    def _element(self, mask: dict[str, Any]) -> str:
        rle = ", ".join(map(str, mask["rle"]))
        box = " ".join(f'{key}="{mask[key]}"' for key in ("left", "top", "width", "height"))
        name = quoteattr(self.classes.names[mask["label"]])
        return f'    <mask label={name} source="auto" occluded="0" rle="{rle}" {box} z_order="0"></mask>\n'


def _mask(polygon: Polygon, regions: Regions) -> dict[str, Any]:
    left, top, right, bottom = polygon.bounds
    flat = regions.patch(polygon.region, polygon.bounds).ravel()
    edges = np.flatnonzero(np.diff(flat, prepend=False))
    rle = np.diff(edges, prepend=0, append=flat.size).tolist()
    return {
        "label": polygon.label,
        "rle": rle,
        "left": left,
        "top": top,
        "width": right - left,
        "height": bottom - top,
    }
