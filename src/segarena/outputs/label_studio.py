"""labelstudio.json: pre-annotations that Label Studio imports, with the labelling interface that they need.

labelstud.io/guide/predictions: a list of tasks; a brush for each class of an image, which is exact to the pixel.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar
from urllib.parse import quote
from xml.sax.saxutils import quoteattr

import numpy as np

from segarena.classes import ClassTable
from segarena.files import open_whole, write_text
from segarena.outputs.brush import encode_brush
from segarena.outputs.json_list import write_list
from segarena.outputs.result import Result
from segarena.outputs.writer import Collected, Collector

#: The labelling interface, to paste into the settings of the project.
INTERFACE = "labelstudio.xml"
_LOCAL = "/data/local-files/?d="
_LABEL, _IMAGE = "label", "image"


@dataclass(frozen=True)
class LabelStudioCollector(Collector):
    """Writes a brush for each class but the background, with the name of the model."""

    classes: ClassTable
    model: str
    min_area: int = 1
    file: ClassVar[str] = "labelstudio.json"

    def collect(self, result: Result) -> dict[str, list[int]]:
        brushes = {}
        for label in np.unique(result.mask).tolist():
            if label == self.classes.background:
                continue
            region = result.mask == label
            if self.min_area > 1:
                region &= result.regions.is_large(self.min_area)
            if region.any():
                brushes[str(label)] = encode_brush(region)
        return brushes

    def finish(self, images: Iterable[Collected], folder: Path) -> None:
        with open_whole(folder / self.file) as stream:
            write_list(stream, map(self._task, images))
            stream.write(b"\n")
        write_text(folder / INTERFACE, self._interface())

    def _task(self, image: Collected) -> dict[str, Any]:
        address = _LOCAL + quote(image.image, errors="surrogateescape")
        results = [self._result(image, int(label), rle) for label, rle in image.content.items()]
        return {"data": {_IMAGE: address}, "predictions": [{"model_version": self.model, "result": results}]}

    def _result(self, image: Collected, label: int, rle: list[int]) -> dict[str, Any]:
        return {
            "id": f"class{label}",
            "type": "brushlabels",
            "from_name": _LABEL,
            "to_name": _IMAGE,
            "original_width": image.width,
            "original_height": image.height,
            "image_rotation": 0,
            "value": {"format": "rle", "rle": rle, "brushlabels": [self.classes.names[label]]},
        }

    def _interface(self) -> str:
        labels = "".join(
            f'    <Label value={quoteattr(name)} background="#{bytes(color).hex()}"/>\n'
            for index, (name, color) in enumerate(zip(self.classes.names, self.classes.colors, strict=True))
            if index != self.classes.background
        )
        return (
            f'<View>\n  <Image name="{_IMAGE}" value="${_IMAGE}" zoom="true"/>\n'
            f'  <BrushLabels name="{_LABEL}" toName="{_IMAGE}">\n{labels}  </BrushLabels>\n</View>\n'
        )
