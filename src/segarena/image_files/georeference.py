"""Where on the earth a GeoTIFF is: whether a file has a place, and its projection, by rasterio (the extra `geo`)."""

from __future__ import annotations

import importlib.util
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

from segarena.errors import DataError
from segarena.extras import install_command
from segarena.image_files.tiff_bands import is_tiff, steps

#: TIFF's tags of a place: pixel scale, tie points, transformation.
_PLACE = (33550, 33922, 34264)
#: The tag of the orientation of the pixels.
_ORIENTATION = 274
#: The command that installs what reads and writes projections.
INSTALL = install_command("geo")


#: a, b, c, d, e, f of the map coordinates X = a x + b y + c, Y = d x + e y + f of a point (x, y) in pixels.
Transform: TypeAlias = tuple[float, float, float, float, float, float]


@dataclass(frozen=True)
class Georeference:
    """The place of an image.

    Attributes:
        crs: The coordinate reference system as WKT; "" if the file has none.
        transform: Of the pixels as they are stored, from their corners.
        orientation: How the file's pixels are turned, by EXIF's numbers; the place is that of the pixels as stored.
        points: Ground control points, in place of a transform; rasterio's objects.
        urn: The coordinate reference system as GeoJSON names it; "" if it is in no register.
    """

    crs: str
    transform: Transform
    orientation: int = 1
    points: tuple[Any, ...] = ()
    urn: str = ""

    def upright_transform(self, height: int, width: int) -> Transform | None:
        """Return the transform of the upright image's pixels; None where there are ground control points instead.

        Args:
            height: Of the upright image, in pixels.
            width: Of the upright image, in pixels.
        """
        if self.points:
            return None
        a, b, c, d, e, f = self.transform
        rows, columns = steps(self.orientation)
        # of the pixels as they are stored, before rows and columns are exchanged: row = rows y + down, and so on
        down, right = (height if rows < 0 else 0), (width if columns < 0 else 0)
        if self.orientation >= 5:
            return (b * columns, a * rows, a * down + b * right + c, e * columns, d * rows, d * down + e * right + f)
        return (a * columns, b * rows, a * right + b * down + c, d * columns, e * rows, d * right + e * down + f)


def has_rasterio() -> bool:
    """Whether rasterio is installed."""
    return importlib.util.find_spec("rasterio") is not None


def is_georeferenced(path: Path) -> bool:
    """Whether a file is a TIFF with a place on the earth; needs no rasterio. False where it cannot be read."""
    if not is_tiff(path):
        return False
    import tifffile

    try:
        with tifffile.TiffFile(path) as file:
            page: Any = file.pages[0]
            return any(tag in page.tags for tag in _PLACE)
    except Exception:  # tifffile raises many kinds
        return False


def read_georeference(path: Path) -> Georeference | None:
    """Read the place of a GeoTIFF.

    Args:
        path: The file.

    Returns:
        None if it has none.

    Raises:
        DataError: rasterio is not installed, or cannot read the file.
    """
    if not is_georeferenced(path):
        return None
    try:
        import rasterio
    except ImportError as error:
        raise DataError(
            "is a GeoTIFF, and rasterio, which reads its projection, is not installed",
            where=path,
            remedy=f"Install it: {INSTALL}",
        ) from error
    import tifffile

    try:
        with tifffile.TiffFile(path) as tiff:
            page: Any = tiff.pages[0]
            orientation = int(page.tags[_ORIENTATION].value) if _ORIENTATION in page.tags else 1
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with rasterio.open(path) as file:
                points, points_crs = file.gcps
                crs = file.crs or points_crs
                a, b, c, d, e, f = tuple(file.transform)[:6]
                authority = crs.to_authority() if crs else None
                return Georeference(
                    crs=crs.to_wkt() if crs else "",
                    transform=(a, b, c, d, e, f),
                    orientation=orientation,
                    points=tuple(points),
                    urn="" if authority is None else f"urn:ogc:def:crs:{authority[0]}::{authority[1]}",
                )
    except Exception as error:  # rasterio raises many kinds
        raise DataError(
            f"has a projection that cannot be read ({error})", where=path, remedy="Export the file again"
        ) from error
