"""The ways in which masks are turned and mirrored by mistake."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

#: How masks are turned by mistake: quarters of a turn against the clock, of the mask or of its mirror image.
TURNS = {
    "mirrored from top to bottom": (2, True),
    "mirrored from left to right": (0, True),
    "turned upside down": (2, False),
    "turned by a quarter, to the left": (1, False),
    "turned by a quarter, to the right": (3, False),
    "with rows and columns exchanged": (1, True),
    "with rows and columns exchanged, and turned upside down": (3, True),
}


def turn_masks(labels: NDArray[np.uint8], *, quarters: bool) -> Iterator[tuple[str, NDArray[np.uint8]]]:
    """Yield masks (M, 64, 64), turned and mirrored in each way, with its words.

    Args:
        labels: The masks.
        quarters: Whether a mask could be turned by a quarter without having another shape than its image.
    """
    for words, (number, mirrored) in TURNS.items():
        if number % 2 == 0 or quarters:
            turned = np.rot90(labels[:, :, ::-1] if mirrored else labels, number, axes=(1, 2))
            yield words, np.ascontiguousarray(turned)
