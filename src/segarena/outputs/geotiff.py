"""NAME.tif: the mask of a GeoTIFF, with the same projection, for QGIS and other geographic programs."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from segarena.classes import ClassTable
from segarena.files import write_with
from segarena.image_files.georeference import Georeference, read_georeference
from segarena.image_files.tiff_bands import turn_back
from segarena.outputs.result import Result
from segarena.outputs.writer import Writer

#: Height and width of a tile, in pixels: GDAL's default, which it requires to be a multiple of 16.
TILE = 256


@dataclass(frozen=True)
class GeoTiffWriter(Writer):
    """Writes the mask of each image that is a GeoTIFF; other images are left to the other writers. Needs rasterio."""

    classes: ClassTable

    def write(self, result: Result, folder: Path) -> list[Path]:
        place = read_georeference(result.source)
        if place is None:
            return []
        content = encode(turn_back(result.mask, place.orientation), place, self.classes)
        path = folder / f"{result.name}.tif"
        write_with(path, lambda stream: stream.write(content))
        return [path]


def encode(mask: NDArray[np.uint8], place: Georeference, classes: ClassTable) -> bytes:
    """Return a mask as a GeoTIFF: one band of 8 bits with the class colours as its palette, tiled, Deflate.

    No value is declared as no data, since each is a class. The names of the classes are in the band's metadata, as
    `class_0`, `class_1`, ...

    Args:
        mask: Class indices, (H, W), turned as the pixels of the image's file.
        place: That of the image.
        classes: The classes.
    """
    from rasterio import Affine
    from rasterio.io import MemoryFile

    height, width = mask.shape
    profile = {
        **{"driver": "GTiff", "height": height, "width": width, "count": 1, "dtype": "uint8", "photometric": "palette"},
        **{"tiled": True, "blockxsize": TILE, "blockysize": TILE, "compress": "deflate", "bigtiff": "if_safer"},
        **({"crs": place.crs} if place.crs else {}),
        **({"gcps": list(place.points)} if place.points else {"transform": Affine(*place.transform)}),
    }
    with warnings.catch_warnings(), MemoryFile() as memory:
        warnings.simplefilter("ignore")  # of an image without a transform
        with memory.open(**profile) as file:
            file.write(mask, 1)
            file.write_colormap(1, {index: (*entry.color, 255) for index, entry in enumerate(classes.classes)})
            file.set_band_description(1, "class")
            file.update_tags(1, **{f"class_{index}": name for index, name in enumerate(classes.names)})
        return bytes(memory.read())
