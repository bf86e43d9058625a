"""NAME.png: the class index of each pixel, with a palette of the class colours."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from segarena.classes import ClassTable
from segarena.files import write_with
from segarena.outputs.result import Result
from segarena.outputs.writer import Writer


@dataclass(frozen=True)
class MaskWriter(Writer):
    """Writes the mask as an indexed PNG."""

    classes: ClassTable

    def write(self, result: Result, folder: Path) -> list[Path]:
        picture = Image.fromarray(result.mask)  # which is not copied; with a palette it is of mode P
        picture.putpalette(self.classes.palette())
        path = folder / f"{result.name}.png"
        write_with(path, lambda stream: picture.save(stream, "PNG"))
        return [path]
