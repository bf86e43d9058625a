"""The colours of classes that are declared without one: how `segarena.classes.colors.DEFAULT_COLORS` was chosen.

Eight are given; each further colour is the one of a grid that differs most from all before it, for readers with normal
vision and for those with protanopia or deuteranopia. Differences are distances in OKLab, times 100
(bottosson.github.io/posts/oklab); colour-blindness is simulated after Machado et al. 2009 (doi:10.1109/TVCG.2009.113).

Print the table: `.venv/bin/python docs/class_colors.py`
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

#: Light grey for the class that overlays leave untinted; five of Paul Tol's "bright" set (personal.sron.nl/~pault);
#: violet and orange.
GIVEN = (
    (221, 221, 221),
    *((68, 119, 170), (238, 102, 119), (34, 136, 51), (204, 187, 68), (102, 204, 238)),
    *((136, 51, 170), (240, 130, 20)),
)
#: What has another meaning in the same pictures: wrong pixels; the stripes of void, and greys of photographs.
WRONG, TAKEN = (196, 12, 64), ((255, 255, 255), (0, 0, 0), (150, 158, 166), (120, 120, 120))

_TO_CONES = np.array(
    [
        [0.4122214708, 0.5363325363, 0.0514459929],
        [0.2119034982, 0.6806995451, 0.1073969566],
        [0.0883024619, 0.2817188376, 0.6299787005],
    ]
)
_TO_LAB = np.array(
    [
        [0.2104542553, 0.7936177850, -0.0040720468],
        [1.9779984951, -2.4285922050, 0.4505937099],
        [0.0259040371, 0.7827717662, -0.8086757660],
    ]
)
_VISIONS = np.array(
    [
        np.eye(3),
        [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
        [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]],
    ]
)
_WEIGHTS = np.array([1.0, 1.35, 1.35])  # what is distinct for everyone counts more than what is very distinct for most
_FARTHER = 0.6  # colours of classes keep further from that of wrong pixels than from each other


def seen_colors(colors: NDArray[np.uint8] | list[tuple[int, int, int]]) -> Floats:
    """Colours of 0..255, (N, 3), in OKLab: (3, N, 3) for normal vision, protanopia, deuteranopia."""
    rgb = np.asarray(colors, dtype=np.float64) / 255
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    seen = np.clip(np.einsum("vij,nj->vni", _VISIONS, linear), 0, 1)
    lab: Floats = np.cbrt(seen @ _TO_CONES.T) @ _TO_LAB.T
    return lab


def differences(seen: Floats, others: Floats) -> Floats:
    """100 times the distance of each pair of colours: (3, N, 3) and (3, M, 3) -> (3, N, M)."""
    distances: Floats = 100 * np.linalg.norm(seen[:, :, None] - others[:, None], axis=-1)
    return distances


def choose_colors(number: int) -> list[tuple[int, int, int]]:
    """Choose colours one after the other, so that fewer are the beginning of more."""
    steps = np.arange(0, 256, 15)
    grid = np.stack(np.meshgrid(steps, steps, steps, indexing="ij"), axis=-1).reshape(-1, 3)
    seen = seen_colors(grid)
    lightness, chroma = seen[0, :, 0], np.hypot(seen[0, :, 1], seen[0, :, 2])

    def nearest(others: Floats) -> Floats:
        weighted: Floats = (differences(seen, others) * _WEIGHTS[:, None, None]).min(axis=(0, 2))
        return weighted

    chosen = list(GIVEN[:number])
    nearness = np.minimum(nearest(seen_colors([*GIVEN, *TAKEN])), _FARTHER * nearest(seen_colors([WRONG])))
    while len(chosen) < number:
        lowest = 0.06 if len(chosen) < 60 else 0.02  # greys are for photographs
        highest = 0.22 if len(chosen) < 40 else 0.4
        fits = (lightness > 0.32) & (lightness < 0.93) & (chroma > lowest) & (chroma < highest)
        best = int(np.where(fits, nearness, -1).argmax())
        red, green, blue = grid[best].tolist()
        chosen.append((red, green, blue))
        nearness = np.minimum(nearness, nearest(seen[:, best : best + 1]))
    return chosen


if __name__ == "__main__":
    text = "".join("{:02x}{:02x}{:02x}".format(*color) for color in choose_colors(255))
    print("\n".join(f'    "{text[start : start + 102]}"' for start in range(0, len(text), 102)))
