"""What is known of one image once it is labelled: what every writer gets."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from segarena.outputs.regions import Regions

#: a, b, c, d, e, f of the map coordinates X = a x + b y + c, Y = d x + e y + f of a point (x, y) in pixels.
Transform = tuple[float, float, float, float, float, float]


@dataclass(frozen=True)
class Result:
    """One image with its labels."""

    name: str
    """What its files are called: their path below the output folder, `/` between folders, without an ending."""
    source: Path
    """The image file."""
    image: NDArray[np.uint8]
    """RGB, (H, W, 3), 0..255; of a large image, which is not held as an array, a reduced picture."""
    mask: NDArray[np.uint8]
    """Class indices, (H, W)."""
    probabilities: NDArray[np.float32] | None = None
    """(C, H, W), 0..1, with the sum 1 in each pixel; None if no writer uses them."""
    transform: Transform | None = None
    """From pixels to map coordinates, if the image has some."""
    crs: str = ""
    """The coordinate reference system of the map coordinates, e.g. "urn:ogc:def:crs:EPSG::32632"."""

    @cached_property
    def regions(self) -> Regions:
        """The regions of the mask."""
        return Regions.of(self.mask)
