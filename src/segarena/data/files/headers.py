"""Whether a mask fits its image: of the same size, of the same shape in another size, or of another shape."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from segarena.data.files.images import Header, read_header
from segarena.errors import DataError
from segarena.threads import thread_pool


class Resized(NamedTuple):
    """A mask whose (height, width) are not its image's, but of the same shape: it is read at the image's."""

    mask: Path
    size: tuple[int, int]
    image: Path
    image_size: tuple[int, int]


def compare_sizes(pairs: Sequence[tuple[Path, Path]]) -> tuple[list[Header], tuple[Resized, ...]]:
    """Read the headers -> those of the images, and which masks are to be resized. Raises DataError."""

    def check(pair: tuple[Path, Path]) -> tuple[Header, Resized | None]:
        image, mask = (read_header(path) for path in pair)
        return image, fit(pair[0], (image.height, image.width), pair[1], (mask.height, mask.width))

    with thread_pool() as threads:
        checked = list(threads.map(check, pairs))
    return [header for header, _ in checked], tuple(resized for _, resized in checked if resized is not None)


def fit(image: Path, image_size: tuple[int, ...], mask: Path, mask_size: tuple[int, ...]) -> Resized | None:
    """None where the sizes (height, width) are equal, Resized where only the scale differs.

    The scale may be off by the pixel that rounding costs. Raises DataError for another shape.
    """
    image_height, image_width = image_size
    height, width = mask_size
    if (height, width) == (image_height, image_width):
        return None
    if not _same_shape((image_height, image_width), (height, width)):
        turned = _same_shape((image_height, image_width), (width, height)) and height != width
        raise DataError(
            f"is {width} x {height} pixels, but its image {image} is {image_width} x {image_height}",
            where=mask,
            remedy="Export the mask as its image is shown, at any size but of the same shape"
            + (": one of the two is turned, perhaps by an EXIF orientation" if turned else ""),
        )
    return Resized(mask, (height, width), image, (image_height, image_width))


def _same_shape(one: tuple[int, int], other: tuple[int, int]) -> bool:
    """Whether one scale makes the larger of two sizes the smaller, but for a pixel of the smaller."""
    small, large = sorted((one, other), key=lambda size: size[0] * size[1])
    by_width, by_height = small[1] / large[1], small[0] / large[0]
    return abs(large[0] * by_width - small[0]) <= 1 or abs(large[1] * by_height - small[1]) <= 1
