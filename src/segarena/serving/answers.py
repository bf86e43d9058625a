"""Labels as an answer: a PNG with a palette, an overlay, or JSON with areas and polygons."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from segarena.classes import ClassTable
from segarena.errors import ConfigError
from segarena.outputs.regions import Regions
from segarena.reporting.overlay import draw_overlay, fit_jpeg

#: Polygons of an answer; of a mask with more regions, the largest ones. A mask of noise would be hundreds of megabytes.
MOST_POLYGONS = 10_000
#: The formats of an answer, and their types.
TYPES = {"png": "image/png", "json": "application/json", "overlay": "image/jpeg"}


def mask_png(mask: NDArray[np.uint8], classes: ClassTable) -> bytes:
    """Write a mask as the file that `predict` writes: class indices, with the colours as its palette.

    Args:
        mask: Class indices, (H, W).
        classes: Their colours.
    """
    picture = Image.fromarray(mask).convert("P")
    picture.putpalette(classes.palette())
    return _write(picture, "PNG")


def overlay_jpeg(image: NDArray[np.uint8], mask: NDArray[np.uint8], classes: ClassTable) -> bytes:
    """Draw a mask over its image, as `predict` does, without a legend.

    Args:
        image: RGB, (H, W, 3).
        mask: Class indices, (H, W).
        classes: Their colours.
    """
    # At full resolution of colours: a contour is a coloured line of one pixel.
    picture = fit_jpeg(Image.fromarray(draw_overlay(image, mask, classes)))
    return _write(picture, "JPEG", quality=88, subsampling=0)


def preview_jpeg(image: NDArray[np.uint8]) -> bytes:
    """Write an image as a network sees it, for browsers that cannot show its file. image: RGB, (H, W, 3)."""
    return _write(fit_jpeg(Image.fromarray(image)), "JPEG", quality=90)


def describe_classes(classes: ClassTable) -> list[dict[str, Any]]:
    """Return index, name and colour of each class, and whether overlays leave it untinted."""
    return [
        {
            "index": index,
            "name": name,
            "color": "#{:02x}{:02x}{:02x}".format(*color),
            "tinted": index != classes.untinted,
        }
        for index, (name, color) in enumerate(zip(classes.names, classes.colors, strict=True))
    ]


def describe_areas(mask: NDArray[np.uint8], classes: ClassTable) -> list[dict[str, Any]]:
    """Return each class with its number of pixels and their share of the image, 0..1; classes without pixels too.

    Args:
        mask: Class indices, (H, W).
        classes: The classes.
    """
    pixels = np.bincount(mask.ravel(), minlength=classes.num_classes)
    return [
        {**entry, "pixels": int(pixels[entry["index"]]), "share": int(pixels[entry["index"]]) / mask.size}
        for entry in describe_classes(classes)
    ]


def find_polygons(mask: NDArray[np.uint8], classes: ClassTable) -> tuple[list[list[Any]], int]:
    """Find the outlines of the regions of each class but the background.

    Args:
        mask: Class indices, (H, W).
        classes: The classes.

    Returns:
        For each class its polygons, each a list of rings, the outer one first, of [x, y] at the corners of pixels; and
        how many regions are left out because there are more than `MOST_POLYGONS`.
    """
    regions = Regions.of(mask)
    areas = np.sort(regions.areas[regions.labels != (-1 if classes.background is None else classes.background)])
    least = 1 if len(areas) <= MOST_POLYGONS else int(areas[-MOST_POLYGONS - 1]) + 1
    found: list[list[Any]] = [[] for _ in classes.names]
    polygons = regions.polygons(min_area=least, without=classes.background)
    for polygon in polygons:
        found[polygon.label].append([ring.tolist() for ring in polygon.rings])
    return found, len(areas) - len(polygons)


def choose_format(typed: str | None, accept: str) -> str:
    """Choose the format of an answer.

    Args:
        typed: What the request names; None where it names none.
        accept: The header `Accept`: JSON where it is preferred to images, else PNG.

    Raises:
        ConfigError: There is no such format.
    """
    if typed is not None:
        if typed not in TYPES:
            raise ConfigError(
                f"there is no format {typed[:50]!r}", where="format", remedy=f"Choose from {', '.join(TYPES)}"
            )
        return typed
    weights = {name: _weight(accept, TYPES[name]) for name in ("png", "json")}
    return "json" if weights["json"] > weights["png"] else "png"


def _weight(accept: str, kind: str) -> float:
    """The weight that a header `Accept` gives a type, 0..1; the more exact entry counts."""
    best = (0, 0.0)
    for entry in accept.lower().split(","):
        name, *options = (part.strip() for part in entry.split(";"))
        exactness = {kind: 3, f"{kind.split('/', maxsplit=1)[0]}/*": 2, "*/*": 1}.get(name, 0)
        if exactness > best[0]:
            typed = next((option[2:] for option in options if option.startswith("q=")), "1")
            best = (exactness, float(typed) if typed.replace(".", "", 1).isdecimal() else 0.0)
    return best[1]


def _write(picture: Image.Image, kind: str, **options: Any) -> bytes:
    stream = io.BytesIO()
    picture.save(stream, kind, **options)
    return stream.getvalue()
