"""Whether images are about as bright as those that a network was trained on."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median
from typing import Any

import numpy as np
from numpy.typing import NDArray

#: Images are unlike those of the training if more than half are darker than the darkest or brighter than the brightest
#: of them by this number of grey levels, or have less than this share of the darkest one's brightness; ...
MARGIN, SHARE = 25, 0.5
#: ... or if this share of the images, and this number of them, is outside the range, and the medians differ by a factor
#: of 2. Measured on street scenes, plants, roads and tissue: no split is reported with another one as training images,
#: and every one is at an eighth of its brightness.
MOST, _FEWEST = 0.9, 5

_EVERY = 4  # pixels along each side

#: Of images with channels of their own: the mean of a channel is this many standard deviations of its pixels away.
_FAR = 3.0


def brightness(image: NDArray[np.uint8]) -> float:
    """Return the mean grey level, 0 to 255, of an image (H, W, 3), RGB; grey as ITU-R 601 and Pillow have it."""
    return float(image[::_EVERY, ::_EVERY].mean(axis=(0, 1)) @ (0.299, 0.587, 0.114))


def channel_means(image: NDArray[Any]) -> NDArray[np.float64]:
    """Return the mean of each channel, (C,), of an image (H, W, C), from every fourth pixel of every fourth row."""
    means: NDArray[np.float64] = image[::_EVERY, ::_EVERY].mean(axis=(0, 1), dtype=np.float64)
    return means


def warn_if_other_units(
    means: Sequence[NDArray[np.float64]], trained: tuple[Sequence[float], Sequence[float]], numbers: Sequence[int]
) -> str:
    """Return a sentence if a channel of most images is far from that of the training images, "" if none is.

    Args:
        means: `channel_means` of each image.
        trained: Mean and standard deviation of each channel over the pixels of the training images.
        numbers: The number of each channel in the files.

    >>> warn_if_other_units([np.array([0.2, 7.0])], ([2000.0, 7.0], [400.0, 1.0]), [1, 2])[:66]
    'channel 1 has a mean of 0.2 in the image, against 2000 ± 400 in th'
    """
    if not means:
        return ""
    mean, std = np.asarray(trained[0]), np.asarray(trained[1])
    middle = np.median(np.stack(means), axis=0)
    away = np.abs(middle - mean) / std
    worst = int(away.argmax())
    if away[worst] <= _FAR:
        return ""
    where = "the image" if len(means) == 1 else f"the {len(means)} images (median)"
    return (
        f"channel {numbers[worst]} has a mean of {middle[worst]:.4g} in {where}, against {mean[worst]:.4g} ±"
        f" {std[worst]:.4g} in the training images. The results may be wrong: give images with the same order of"
        " channels and the same units"
    )


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
