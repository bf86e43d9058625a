"""The canvas of a scene, and the picture that is painted of it.

Sea and lakes are one material here, so that they look the same: only their surroundings distinguish them.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from segarena.scenes.drawing import Plane, RandomStream, Region, blur, fractal, noise, shift

#: Samples along each side of a pixel. A pixel of the picture is the mean of 2 x 2 samples, so that edges are soft.
SAMPLES = 2

#: Materials of samples. The numbers up to the next material are variants of a material, e.g. four kinds of crop.
WATER, GRASS, CROP, TREE, PAVEMENT, ROOF, HULL = 0, 1, 2, 6, 10, 11, 15

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


class Canvas:
    """A scene that is being drawn.

    Attributes:
        size: Pixels along each side.
        samples: Samples along each side.
        x: (1, samples), the x coordinate of each column of samples, in pixels.
        y: (samples, 1), the y coordinate of each row of samples, in pixels.
        material: (samples, samples) uint8, the material of each sample.
        shade: (samples, samples), the brightness of each sample; 1 is that of the material.
        tall: (samples, samples) bool, what casts a shadow.
    """

    def __init__(self, size: int) -> None:
        self.size = size
        self.samples = size * SAMPLES
        place = (np.arange(self.samples) + 0.5) / SAMPLES
        self.y, self.x = place[:, None], place[None, :]
        self.material = np.full((self.samples, self.samples), GRASS, dtype=np.uint8)
        self.shade = np.ones((self.samples, self.samples))
        self.tall: Region = np.zeros((self.samples, self.samples), dtype=bool)

    def fill(self, region: Region, material: int) -> None:
        """Give a region (samples, samples) a material, at its own brightness."""
        self.material[region] = material
        self.shade[region] = 1.0

    def distance_along(self, direction: tuple[float, float], x: float, y: float) -> Plane:
        """Return the signed distance of each sample from (x, y) along a unit vector (x, y), in pixels."""
        return (self.x - x) * direction[0] + (self.y - y) * direction[1]

    def window(self, x: float, y: float, reach: int) -> tuple[slice, slice]:
        """Return the rows and columns of the samples within `reach` pixels of (x, y), all in pixels."""
        top, left = (max(0, int((at - reach) * SAMPLES)) for at in (y, x))
        side = 2 * reach * SAMPLES
        return slice(top, top + side), slice(left, left + side)


def paint(random: RandomStream, canvas: Canvas, water: Region, sea: Region) -> NDArray[np.uint8]:
    """Paint the picture of a scene. A pixel depends on the materials at most 7 pixels away.

    Args:
        random: The stream to draw from.
        canvas: The finished scene.
        water: (samples, samples), where sea and lakes are, under boats too.
        sea: The same of the sea alone: it has beaches, lakes have none.

    Returns:
        (size, size, 3) uint8, RGB.
    """
    n = canvas.samples
    tone = random.plane(len(_COLORS), 3)
    warmth = random.uniform(-1, 1)
    colors = np.array(_COLORS) * (0.95 + 0.1 * tone) * (1 + warmth * np.array([0.035, 0.0, -0.045]))
    mottle = fractal(random, n, 16 * SAMPLES, 4, 0.7)
    ripples = noise(random, n, 2 * SAMPLES, 7 * SAMPLES)
    clouds = noise(random, n, 70 * SAMPLES)
    to_land, to_sea = blur(~water, 7), blur(sea, 7)
    wet = canvas.material == WATER
    to_land *= wet
    shade = canvas.shade + 0.05 * np.where(wet, ripples, mottle)
    shade *= 1 + 0.06 * clouds
    shade *= 1 - 0.38 * blur(shift(canvas.tall, 5) & ~canvas.tall, 2) * ~canvas.tall
    foam = to_land > 0.30 + 0.12 * ripples
    shallow = np.minimum(to_land * 2, 1.0)
    sand = np.clip(6 * to_sea - 0.4 + 0.2 * mottle, 0.0, 0.9)
    sand *= (canvas.material <= CROP + 3) & ~wet
    bright = 0.5 * foam
    material = canvas.material.astype(np.intp)
    image = np.empty((canvas.size, canvas.size, 3), dtype=np.uint8)
    grain = 5 * (random.plane(canvas.size, canvas.size) - 0.5)
    for channel in range(3):
        plane = colors[:, channel].take(material)
        plane += (_SHALLOWS[channel] - plane) * shallow
        plane += (_SAND[channel] - plane) * sand
        plane += (245 - plane) * bright
        plane *= shade
        mean = (plane[0::2, 0::2] + plane[0::2, 1::2] + plane[1::2, 0::2] + plane[1::2, 1::2]) / 4
        image[:, :, channel] = np.clip(mean + grain + 0.5, 0, 255).astype(np.uint8)
    return image
