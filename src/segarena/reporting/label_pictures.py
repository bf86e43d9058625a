"""Labels in the colours of their classes, and error maps in a colour that no class has."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product

import numpy as np
from numpy.typing import NDArray

from segarena.classes import IGNORE_INDEX
from segarena.classes.colors import difference, lightness
from segarena.classes.values import Color

#: Colours for wrong pixels of error maps: all stand out on pale grey, also without their hue.
WRONG: tuple[Color, ...] = ((196, 12, 64), (208, 0, 160), (112, 0, 200), (0, 60, 220), (0, 100, 40), (0, 0, 0))
#: How much that colour has to differ from those of the classes.
APART = 15.0
#: The two colours of void.
VOID, STRIPE = (255, 255, 255), (150, 158, 166)

_STRIPES = 8  # pixels from one void stripe to the next
_GREYS = 8  # step between greys of an error map: fewer greys compress better and look the same


def color_labels(labels: NDArray[np.uint8], colors: list[tuple[int, int, int]]) -> NDArray[np.uint8]:
    """Return labels in the class colours; void is striped, and a label without a class black.

    Args:
        labels: Class indices, or 255 for void, (H, W).
        colors: Red, green and blue of each class, 0..255.

    Returns:
        RGB, (H, W, 3).
    """
    table = np.zeros((256, 3), dtype=np.uint8)
    table[: len(colors)] = colors
    return _stripe(table[labels], labels == IGNORE_INDEX)


def wrong_color(class_colors: Sequence[Color]) -> Color:
    """Return the first colour of WRONG that no class has or resembles; if there is none, the most different colour."""
    distances = [min(difference(color, one) for one in class_colors) for color in WRONG]
    for color, distance in zip(WRONG, distances, strict=True):
        if distance >= APART:
            return color
    grid = product(range(0, 256, 51), repeat=3)
    strong = [(r, g, b) for r, g, b in grid if lightness((r, g, b)) < 0.6 and max(r, g, b) - min(r, g, b) > 100]
    return max([*WRONG, *strong], key=lambda color: min(difference(color, one) for one in class_colors))


def error_map(
    image: NDArray[np.uint8], truth: NDArray[np.uint8], prediction: NDArray[np.uint8], wrong: Color
) -> NDArray[np.uint8]:
    """Return the image in pale grey, with wrong pixels in one colour and void striped.

    Args:
        image: RGB, (H, W, 3).
        truth: Class indices, or 255 for void, (H, W).
        prediction: Class indices, (H, W).
        wrong: The colour of wrong pixels.

    Returns:
        RGB, (H, W, 3).
    """
    grey = image @ np.array([0.299, 0.587, 0.114])
    pale = (130 + 0.47 * grey).astype(np.uint8) // _GREYS * _GREYS
    result = np.repeat(pale[..., None], 3, axis=2)
    result[(prediction != truth) & (truth != IGNORE_INDEX)] = wrong
    return _stripe(result, truth == IGNORE_INDEX)


def _stripe(rgb: NDArray[np.uint8], void: NDArray[np.bool_]) -> NDArray[np.uint8]:
    """Fill the void pixels with stripes, in place."""
    height, width = void.shape
    stripe = (np.arange(height)[:, None] + np.arange(width)) % _STRIPES < 2
    rgb[void] = VOID
    rgb[void & stripe] = STRIPE
    return rgb
