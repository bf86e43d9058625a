"""areas.csv or areas.parquet: pixels, share and number of objects of each class, for each image."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from segarena.classes import ClassTable
from segarena.config.results import TableKind
from segarena.outputs.result import Result
from segarena.outputs.table import write_table
from segarena.outputs.writer import Collected, Collector
from segarena.records.tables import AreaRow


@dataclass(frozen=True)
class AreasCollector(Collector):
    """Writes a row for each image and class."""

    classes: ClassTable
    min_area: int = 1
    kind: TableKind = "csv"

    @property
    def file(self) -> str:  # type: ignore[override]
        """The file."""
        return f"areas.{self.kind}"

    def collect(self, result: Result) -> list[list[int]]:
        """Return pixels and objects of each class."""
        from segarena.kernels.region_counts import count_regions

        number = self.classes.num_classes
        pixels = np.array(Image.fromarray(result.mask).histogram())  # np.bincount makes eight bytes of each pixel
        objects = np.zeros(256, np.int64)
        count_regions(np.ascontiguousarray(result.mask), self.min_area, objects)
        return [pixels[:number].tolist(), objects[:number].tolist()]

    def finish(self, images: Iterable[Collected], folder: Path) -> None:
        write_table(folder / self.file, AreaRow, self._rows(images))

    def _rows(self, images: Iterable[Collected]) -> Iterator[AreaRow]:
        for image in images:
            for index, (pixels, objects) in enumerate(zip(*image.content, strict=True)):
                yield AreaRow(
                    image=image.name,
                    class_index=index,
                    class_=self.classes.names[index],
                    pixels=pixels,
                    share=pixels / (image.height * image.width),
                    objects=objects,
                )
