"""From what lies where to the picture. The brush knows one water: it is never told which is sea and which lake."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from segarena.data.scenes.drawing import Dice, Plane, Region, blur, fractal, noise, shift

#: A pixel's side, in samples: the picture is the mean of 2 x 2, so its edges are soft.
SAMPLES = 2

#: Materials: what a sample is made of. Those between two names are variants of the first.
WATER, GRASS, CROP, TREE, WAY, ROOF, HULL = 0, 1, 2, 6, 10, 11, 15

_COLORS = (
    (44, 104, 138),  # water
    (134, 164, 92),  # grass
    (222, 190, 112), (160, 172, 92), (188, 150, 104), (206, 196, 130),  # crops
    (52, 96, 62), (64, 110, 62), (80, 120, 64), (58, 100, 76),  # trees
    (236, 222, 192),  # road
    (206, 98, 72), (156, 66, 54), (190, 120, 84), (140, 82, 62),  # roofs, lit and unlit
    (250, 246, 238), (214, 112, 74),  # hull, deck
)  # fmt: skip
_SHALLOWS, _SAND = (122, 190, 186), (232, 214, 168)


class Land:
    """The scene while it grows: what lies where, how bright it is, what casts a shadow. Planes (samples, samples)."""

    def __init__(self, size: int) -> None:
        self.size = size  # pixels
        self.samples = size * SAMPLES
        place = (np.arange(self.samples) + 0.5) / SAMPLES
        self.y, self.x = place[:, None], place[None, :]
        self.material = np.full((self.samples, self.samples), GRASS, dtype=np.uint8)
        self.shade = np.ones((self.samples, self.samples))
        self.tall: Region = np.zeros((self.samples, self.samples), dtype=bool)

    def fill(self, region: Region, material: int) -> None:
        self.material[region] = material
        self.shade[region] = 1.0

    def along(self, direction: tuple[float, float], x: float, y: float) -> Plane:
        """How far each sample lies from (x, y) in a direction, in pixels."""
        return (self.x - x) * direction[0] + (self.y - y) * direction[1]

    def stamp(self, x: float, y: float, reach: int) -> tuple[slice, slice]:
        """The samples within `reach` pixels of (x, y)."""
        top, left = (max(0, int((at - reach) * SAMPLES)) for at in (y, x))
        side = 2 * reach * SAMPLES
        return slice(top, top + side), slice(left, left + side)


def paint(dice: Dice, land: Land, water: Region) -> NDArray[np.uint8]:
    """The picture (size, size, 3) of what lies where. No brush looks further than 4 pixels around itself."""
    n = land.samples
    tone = dice.plane(len(_COLORS), 3)
    warmth = dice.number(-1, 1)
    colors = np.array(_COLORS) * (0.95 + 0.1 * tone) * (1 + warmth * np.array([0.035, 0.0, -0.045]))
    mottle = fractal(dice, n, 10 * SAMPLES, 3, 0.7)
    ripples = noise(dice, n, 1.2 * SAMPLES, 4 * SAMPLES)
    clouds = noise(dice, n, 45 * SAMPLES)
    to_land, to_water = blur(~water, 2 * SAMPLES), blur(water, SAMPLES)
    wet = land.material == WATER
    to_land *= wet
    shade = land.shade + 0.05 * np.where(wet, ripples, mottle)
    shade *= 1 + 0.06 * clouds
    shade *= 1 - 0.38 * blur(shift(land.tall, 3) & ~land.tall, 1) * ~land.tall
    foam = to_land > 0.30 + 0.12 * ripples
    shallow = np.minimum(to_land * 2, 1.0)
    sand = np.clip(2.2 * to_water - 0.35 + 0.2 * mottle, 0.0, 0.8)
    sand *= (land.material <= CROP + 3) & ~wet
    bright = 0.5 * foam
    material = land.material.astype(np.intp)
    image = np.empty((land.size, land.size, 3), dtype=np.uint8)
    grain = 5 * (dice.plane(land.size, land.size) - 0.5)
    for channel in range(3):
        plane = colors[:, channel].take(material)
        plane += (_SHALLOWS[channel] - plane) * shallow
        plane += (_SAND[channel] - plane) * sand
        plane += (245 - plane) * bright
        plane *= shade
        mean = (plane[0::2, 0::2] + plane[0::2, 1::2] + plane[1::2, 0::2] + plane[1::2, 1::2]) / 4
        image[:, :, channel] = np.clip(mean + grain + 0.5, 0, 255).astype(np.uint8)
    return image
