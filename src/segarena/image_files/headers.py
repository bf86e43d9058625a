"""Sizes of images and masks: read from a file's header, and whether a mask has its image's shape."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from segarena.errors import DataError
from segarena.image_files.image_io import open_image, shown_size


class Resized(NamedTuple):
    """A mask with the aspect ratio of its image and another size. Sizes are (height, width) in pixels."""

    mask: Path
    size: tuple[int, int]
    image: Path
    image_size: tuple[int, int]


def image_size(path: Path, content: bytes | None = None) -> tuple[int, int]:
    """Return (height, width) in pixels as the file is shown, from its header alone. Raises DataError.

    Args:
        path: The file.
        content: Its bytes, where they have been read already.
    """
    with open_image(path, content) as image:
        return shown_size(image)


def fit(image: Path, image_size: tuple[int, ...], mask: Path, mask_size: tuple[int, ...]) -> Resized | None:
    """Compare the sizes of an image and its mask.

    Args:
        image: The image's file, for the message.
        image_size: Its (height, width) in pixels.
        mask: The mask's file, for the message.
        mask_size: Its (height, width) in pixels.

    Returns:
        None where the sizes are equal, `Resized` where only the scale differs, but for a pixel of rounding.

    Raises:
        DataError: The mask has another shape than the image.
    """
    image_height, image_width = image_size
    height, width = mask_size
    if (height, width) == (image_height, image_width):
        return None
    if not _same_shape((image_height, image_width), (height, width)):
        rotated = _same_shape((image_height, image_width), (width, height)) and height != width
        raise DataError(
            f"is {width} x {height} pixels, but its image {image} is {image_width} x {image_height}",
            where=mask,
            remedy="Export the mask in the shape in which its image is shown, at any size"
            + (": one of the two is rotated, perhaps by an EXIF orientation" if rotated else ""),
        )
    return Resized(mask, (height, width), image, (image_height, image_width))


def _same_shape(one: tuple[int, int], other: tuple[int, int]) -> bool:
    """Whether one scale makes the larger of two sizes the smaller, but for a pixel of the smaller."""
    small, large = sorted((one, other), key=lambda size: size[0] * size[1])
    by_width, by_height = small[1] / large[1], small[0] / large[0]
    return abs(large[0] * by_width - small[0]) <= 1 or abs(large[1] * by_height - small[1]) <= 1
