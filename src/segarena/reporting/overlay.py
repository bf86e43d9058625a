"""Labels drawn over their photograph: tinted, with contours; one class is left untinted."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from segarena.classes import IGNORE_INDEX, ClassTable
from segarena.classes.colors import lightness

#: Share of the class colour in a tinted pixel.
OPACITY = 0.45
#: The two colours beside a contour, one for light classes and one for dark ones.
DARK, LIGHT = (24, 24, 24), (255, 255, 255)

_PALE, _STRIPES, _SHADE = 0.55, 8, 0.6  # void: share of white, pixels from stripe to stripe, brightness of stripes
_VOID_LINE = (110, 110, 110)
_SIDE = 1000  # pixels of the longer side for each pixel of a contour's width
_LIGHT_CLASS = 0.62  # lightness

#: The longest side that a JPEG file can have, in pixels, by libjpeg.
LONGEST_JPEG = 65_500

Colors = NDArray[np.uint8]
Pixels = NDArray[np.int64]


def draw_overlay(image: NDArray[np.uint8], labels: NDArray[np.uint8], classes: ClassTable) -> NDArray[np.uint8]:
    """Draw labels over their image.

    Pixels are tinted in the colour of their class, those of `classes.untinted` are not. Where the class changes, the
    pixels of a class have its full colour, so that thin objects are visible, and those outside are dark or white,
    whichever differs more from it, so that the contour is visible on any photograph. Void is pale and striped.

    Args:
        image: RGB, (H, W, 3), 0..255.
        labels: Class indices, (H, W); 255 is void.
        classes: Names and colours.

    Returns:
        RGB, (H, W, 3), 0..255.
    """
    colors = np.zeros((256, 3), dtype=np.uint8)
    colors[: classes.num_classes] = classes.colors
    colors[IGNORE_INDEX] = _VOID_LINE
    result = _tint(image, labels, colors, classes)
    beside = np.full((256, 3), LIGHT, dtype=np.uint8)
    beside[: classes.num_classes] = [DARK if lightness(color) > _LIGHT_CLASS else LIGHT for color in classes.colors]
    flat, width = result.reshape(-1, 3), max(1, round(max(labels.shape) / _SIDE))
    lines = list(_contours(labels, width, classes.untinted))
    for _, _, outer, inner_labels in lines:
        flat[outer] = beside[inner_labels]
    for inner, own, _, _ in lines:
        flat[inner] = colors[own]
    return result


def fit_jpeg(picture: Image.Image) -> Image.Image:
    """Return a picture that a JPEG file can have: one with a longer side than `LONGEST_JPEG` is reduced, in place."""
    if max(picture.size) > LONGEST_JPEG:
        picture.thumbnail((LONGEST_JPEG, LONGEST_JPEG))
    return picture


def _tint(image: NDArray[np.uint8], labels: NDArray[np.uint8], colors: Colors, classes: ClassTable) -> Colors:
    plane = Image.fromarray(labels)
    tints = colors.copy()
    tints[IGNORE_INDEX] = 255
    shares = np.full(256, round(255 * OPACITY))
    shares[[classes.untinted, IGNORE_INDEX]] = 0, round(255 * _PALE)
    tint = plane.copy()
    tint.putpalette(tints.tobytes())
    mixed = Image.composite(tint.convert("RGB"), Image.fromarray(image), plane.point(shares.tolist()))
    result = np.array(mixed)
    void = labels == IGNORE_INDEX
    if void.any():
        diagonal = np.add.outer(np.arange(labels.shape[0]), np.arange(labels.shape[1]))
        striped = void & (diagonal % _STRIPES < 2)
        result[striped] = (_SHADE * result[striped]).astype(np.uint8)
    return result


def _contours(labels: NDArray[np.uint8], width: int, untinted: int) -> Iterator[tuple[Pixels, Colors, Pixels, Colors]]:
    """For each axis: pixels of contours and their labels, pixels beside them and the labels that these surround.

    Between two tinted classes, the line beside is in the right or lower one.
    """
    flat, columns = labels.ravel(), labels.shape[1]
    for step in (width * columns, width):
        first = np.flatnonzero(flat[step:] != flat[:-step])
        if step == width:
            first = first[first % columns < columns - width]  # not from the end of a row to the next
        second = first + step
        turned = flat[first] == untinted
        inner, outer = np.where(turned, second, first), np.where(turned, first, second)
        yield inner, flat[inner], outer, flat[inner]
