"""Whether images are about as bright as those that a network was trained on."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median

import numpy as np
from numpy.typing import NDArray

#: Images are unlike those of the training if more than half are darker than the darkest or brighter than the brightest
#: of them by this number of grey levels, or have less than this share of the darkest one's brightness; ...
MARGIN, SHARE = 25, 0.5
#: ... or if this share of the images, and this number of them, is outside the range, and the medians differ by a factor
#: of 2. Measured
#: on street scenes, plants, roads and tissue: no split is reported with another one as training images, and every one
#: is at an eighth of its brightness.
MOST, _FEWEST = 0.9, 5

_EVERY = 4  # pixels along each side


def brightness(image: NDArray[np.uint8]) -> float:
    """Return the mean grey level, 0 to 255, of an image (H, W, 3), RGB; grey as ITU-R 601 and Pillow have it."""
    return float(image[::_EVERY, ::_EVERY].mean(axis=(0, 1)) @ (0.299, 0.587, 0.114))


def brightness_range(levels: Sequence[float]) -> dict[str, float]:
    """Return the lowest, the median and the highest of the images' mean grey levels, for data.json.

    >>> brightness_range([90, 110.04, 70])
    {'lowest': 70, 'median': 90, 'highest': 110.0}
    """
    return {
        "lowest": round(min(levels), 1),
        "median": round(median(levels), 1),
        "highest": round(max(levels), 1),
    }


def warn_if_unlike(levels: Sequence[float], trained: dict[str, float] | None) -> str:
    """Return a sentence if images are far darker or brighter than those of a training, "" if they are not.

    Args:
        levels: The mean grey level of each image, 0 to 255.
        trained: `brightness_range` of the training images; None if it is not recorded.

    >>> warn_if_unlike([12, 7], {"lowest": 80, "median": 100, "highest": 130})[:76]
    '2 of 2 images are darker than all training images: mean grey level 7 to 12, '
    """
    if trained is None or not levels:
        return ""
    lowest, highest = trained["lowest"], trained["highest"]
    middle = median(levels) / max(1e-6, trained["median"])
    dark, bright = [level for level in levels if level < lowest], [level for level in levels if level > highest]
    for found, word, far, differs in (
        (dark, "darker", [x for x in dark if x < lowest - MARGIN or x < SHARE * lowest], middle <= 0.5),
        (bright, "brighter", [x for x in bright if x > highest + MARGIN], middle >= 2),
    ):
        nearly_all = len(levels) >= _FEWEST and len(found) >= MOST * len(levels)
        if 2 * len(far) > len(levels) or (nearly_all and differs):
            one = len(levels) == 1
            seen = f"{min(found):.0f}" if one else f"{min(found):.0f} to {max(found):.0f}"
            return (
                f"{'the image is' if one else f'{len(found)} of {len(levels)} images are'} {word} than all training"
                f" images: mean grey level {seen}, against {lowest:.0f} to {highest:.0f} of 255. The results may be"
                " wrong: export with the same bits, range and colours as the training images"
            )
    return ""
