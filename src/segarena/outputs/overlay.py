"""NAME_overlay.jpg: the image, tinted in the colours of the classes, with contours and a legend."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from segarena.classes import ClassTable
from segarena.data.layout.new_images import OVERLAY
from segarena.files import write_with
from segarena.outputs.result import Result
from segarena.outputs.writer import Writer
from segarena.reporting.legend import add_legend
from segarena.reporting.overlay import draw_overlay, fit_jpeg


@dataclass(frozen=True)
class OverlayWriter(Writer):
    """Writes the overlay as JPEG, reduced where a side has more pixels than a JPEG file can have."""

    classes: ClassTable
    has_legend: bool = True

    def write(self, result: Result, folder: Path) -> list[Path]:
        mask = result.mask
        if mask.shape != result.image.shape[:2]:  # the image is reduced
            height, width = result.image.shape[:2]
            mask = np.asarray(Image.fromarray(mask).resize((width, height), Image.Resampling.NEAREST))
        overlay = draw_overlay(result.image, mask, self.classes)
        picture = fit_jpeg(add_legend(overlay, mask, self.classes) if self.has_legend else Image.fromarray(overlay))
        # At full resolution of colours: a contour is a coloured line of one pixel.
        path = folder / f"{result.name}{OVERLAY}"
        write_with(path, lambda stream: picture.save(stream, "JPEG", quality=88, subsampling=0))
        return [path]
