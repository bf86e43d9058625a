"""Large images band by band: decoded pixels become arrays without further copies of the whole image in memory."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

#: Pixels of a band.
BAND = 1 << 20


def row_bands(height: int, width: int) -> Iterator[slice]:
    """Yield slices of rows that cover an image from top to bottom, each of at most `BAND` pixels or one row.

    >>> list(row_bands(5, BAND // 2))
    [slice(0, 2, None), slice(2, 4, None), slice(4, 5, None)]
    """
    rows = max(1, BAND // max(1, width))
    yield from (slice(start, min(start + rows, height)) for start in range(0, height, rows))


def to_array(image: Image.Image, convert: Callable[[Image.Image], Image.Image] | None = None) -> NDArray[Any]:
    """Return a decoded image as an array.

    `numpy.asarray` of the whole takes twice the memory of the array meanwhile, and a conversion once more.

    Args:
        image: Decoded, in any mode.
        convert: Applied to each band of rows; its result depends on each pixel alone.

    Returns:
        (H, W) or (H, W, C), as `numpy.asarray` gives it; it can be written to.
    """
    if image.width * image.height <= BAND:
        return np.array(image if convert is None else convert(image))
    found: NDArray[Any] | None = None
    for rows in row_bands(image.height, image.width):
        part = image.crop((0, rows.start, image.width, rows.stop))
        pixels = np.asarray(part if convert is None else convert(part))
        if found is None:
            found = np.empty((image.height, *pixels.shape[1:]), pixels.dtype)
        found[rows] = pixels
    assert found is not None
    return found
