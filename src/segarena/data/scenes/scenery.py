"""One scene: a coast seen from the air, its picture and its exact mask.

What each class is there for:

    sea, meadow, field   large regions; a field is told from a meadow by its furrows
    lake                 water like the sea's, from the same brush: only what lies around it tells it from the sea.
                         Water that reaches the picture's edge is sea, water enclosed by land is a lake
    forest               ragged: crowns of a few pixels along a fractal edge, lone trees
    road                 thin: 1 to 2 pixels
    house, boat          small: about 24 and 12 pixels

A scene is drawn on a grid of 2 x 2 samples a pixel. The picture is their mean, so its edges are soft; the mask holds
the label of most of the four, at a tie the later class (the order of `CLASSES` is the order of painting).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from segarena.classes import ClassTable, SegmentationClass
from segarena.data.scenes.drawing import Dice, Plane, Region, blur, fractal, noise, wave
from segarena.data.scenes.painting import CROP, GRASS, HULL, ROOF, SAMPLES, TREE, WATER, WAY, Land, paint

SEA, LAKE, MEADOW, FIELD, FOREST, ROAD, HOUSE, BOAT = range(8)

#: The eight classes. Neighbours in a scene differ in lightness as well as in hue, for colour-blind readers.
CLASSES = ClassTable(
    tuple(
        SegmentationClass(name, value, color)
        for value, (name, color) in enumerate(
            {
                "sea": (0, 68, 136),
                "lake": (102, 204, 238),
                "meadow": (128, 176, 76),
                "field": (250, 222, 136),
                "forest": (17, 99, 51),
                "road": (40, 36, 48),
                "house": (204, 51, 17),
                "boat": (255, 255, 255),
            }.items()
        )
    )
)

#: Counts up when the same arguments give another scene.
VERSION = 1

_AROUND = np.ones((3, 3), dtype=bool)
# From material to class; the one water becomes sea or lake by what lies around it.
_LABELS = np.array([SEA, MEADOW, *[FIELD] * 4, *[FOREST] * 4, ROAD, *[HOUSE] * 4, *[BOAT] * 2], dtype=np.uint8)


def generate_scene(seed: int, index: int, size: int = 96) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Draw scene `index` of the data set `seed`: image (size, size, 3) RGB, mask (size, size) of labels 0..7.

    A pure function: the same bytes each time, on any machine. A larger `size` shows more land, not larger things.
    """
    dice = Dice(seed, index)
    land = Land(size)
    sea = _flood(dice, land)
    lake = _dig_lakes(dice, land, sea)
    land.material[sea | lake] = WATER
    shore = sea | lake
    near_water = blur(shore, 3) > 0
    ways = _survey(dice, land)
    _plough(dice, land, ways[0])
    distance = np.minimum.reduce([way.distance for way in ways])
    _plant(dice, land, distance)
    land.fill((distance < 0.8) & ~shore, WAY)
    _build(dice, land, distance, near_water)
    _launch(dice, land, shore)
    labels = _LABELS[land.material]
    labels[lake & (land.material == WATER)] = LAKE
    return paint(dice, land, shore), _vote(labels)


@dataclass(frozen=True)
class _Way:
    direction: tuple[float, float]  # across the road
    distance: Plane  # from its middle line, in pixels


def _flood(dice: Dice, land: Land) -> Region:
    """Sea along one side, as a sound between two shores, around an island, or nowhere; its edge is fractal."""
    scene = dice.number()
    size = land.size
    middle = size / 2
    if scene < 0.45:
        height = land.along(dice.direction(), middle, middle) + size * dice.number(0.0, 0.2)
    elif scene < 0.65:
        from_middle = np.abs(land.along(dice.direction(), middle, middle) + size * dice.number(0.1, 0.25))
        height = from_middle - dice.number(9, 14)
    elif scene < 0.8:
        x, y = (size * dice.number(0.4, 0.6) for _ in "xy")
        dx, dy = land.x - x, land.y - y
        height = size * dice.number(0.4, 0.5) - np.sqrt(dx * dx + dy * dy)
    else:
        return np.zeros_like(land.tall)
    height = height + 15 * fractal(dice, land.samples, 34 * SAMPLES, 6, 0.55)
    water = height < 0
    wet = water[0::2, 0::2].astype(np.uint8) + water[0::2, 1::2] + water[1::2, 0::2] + water[1::2, 1::2]
    parts, sizes = _parts(wet > 2)  # what the vote will call water, so that no cove loses its mouth there
    rim = np.concatenate([parts[0], parts[-1], parts[:, 0], parts[:, -1]])
    kept = np.zeros(len(sizes), dtype=bool)
    kept[rim] = sizes[rim] > 0.05 * parts.size  # a puddle at the edge would be neither sea nor lake
    with_fringe: Region = ndimage.binary_dilation(kept[parts], _AROUND)
    sea: Region = water & with_fringe.repeat(SAMPLES, 0).repeat(SAMPLES, 1)
    return sea


def _parts(region: Region) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Number the connected parts from 1, and count the places of each; part 0 is what lies outside, its count 0."""
    parts = np.asarray(ndimage.label(region, _AROUND)[0], dtype=np.intp)
    sizes = np.bincount(parts.ravel())
    sizes[0] = 0
    return parts, sizes


def _dig_lakes(dice: Dice, land: Land, sea: Region) -> Region:
    """Lakes inland, at least 5 pixels of land between them, the sea and the picture's edge."""
    lakes = np.zeros_like(sea)
    taken = sea.copy()
    taken[[0, -1]] = taken[:, [0, -1]] = True
    ragged = 6 * fractal(dice, land.samples, 14 * SAMPLES, 4, 0.6)
    wanted = round((2 if sea.any() else 3) * land.size**2 / 96**2)
    tries = 20 * wanted
    for turn in range(tries):
        radius = 18 - 9 * turn / tries  # as large as there is room for
        x, y = (dice.number(radius, land.size - radius) for _ in "xy")
        rows, columns = land.stamp(x, y, int(radius) + 3)
        if wanted == 0 or taken[rows, columns].any():
            continue
        direction = dice.direction()
        stretch = dice.number(1.0, 1.7)
        length = land.along(direction, x, y)
        width = land.along((-direction[1], direction[0]), x, y) * stretch
        lake = (np.sqrt(length * length + width * width) + ragged < radius) & (blur(taken, 5) == 0)
        parts, sizes = _parts(lake)
        if sizes.max() < 50 * SAMPLES**2:
            continue
        lake = parts == sizes.argmax()  # without its puddles
        lakes |= lake
        taken |= lake
        wanted -= 1
    return lakes


def _survey(dice: Dice, land: Land) -> list[_Way]:
    """One or two winding roads, each a level line of a sloping, uneven plane."""
    ways = []
    direction = dice.direction()
    for _ in range(1 + dice.chance(0.6)):
        x, y = (land.size * dice.number(0.3, 0.7) for _ in "xy")
        level = land.along(direction, x, y) + 11 * noise(dice, land.samples, 40 * SAMPLES)
        slope_y, slope_x = (level - np.roll(level, 1, axis) for axis in (0, 1))
        slope = np.sqrt(slope_x * slope_x + slope_y * slope_y) * SAMPLES
        slope[0] = slope[1]
        slope[:, 0] = slope[:, 1]
        ways.append(_Way(direction, np.abs(level) / np.maximum(slope, 0.1)))
        direction = (-direction[1], direction[0])
    return ways


def _plough(dice: Dice, land: Land, way: _Way) -> None:
    """Fields in rows beside the road, each with its crop and its furrows."""
    across = way.direction
    v = land.along(across, 0, 0) + 3 * land.size
    u = land.along((-across[1], across[0]), 0, 0) + 3 * land.size
    row = np.floor(v / 15).astype(np.intp)
    begin = dice.plane(1, 2 + int(row.max()))[0] * 20
    along = u + begin[row]
    column = np.floor(along / 21).astype(np.intp)
    use = dice.plane(int(row.max()) + 1, int(column.max()) + 1)
    crops = np.floor(use * 4 / dice.number(0.3, 0.55))
    parcel = row * use.shape[1] + column
    crop = crops.astype(np.intp).take(parcel)
    aslant = (crops * use * 100 % 2 < 1).take(parcel)
    in_row, in_column = v - 15 * row, along - 21 * column
    margin = np.minimum(np.minimum(in_row, 15 - in_row), np.minimum(in_column, 21 - in_column))
    field = (crop < 4) & (land.material == GRASS)
    land.material[field] = CROP + crop[field]
    furrows = 1 + 0.07 * wave(np.where(aslant, v, along), 3.0) - 0.16 * (margin < 0.6)
    land.shade[field] = furrows[field]


def _plant(dice: Dice, land: Land, road: Plane) -> None:
    """Crowns around jittered grid points: dense where the noise is high, alone elsewhere."""
    cell = 4 * SAMPLES
    count = land.samples // cell + 2
    jitter = dice.plane(3 * count, count)
    grid = np.arange(count)
    tree_y = ((grid[:, None] - 0.5 + jitter[:count]) * cell).clip(0, land.samples - 1)
    tree_x = ((grid[None, :] - 0.5 + jitter[count : 2 * count]) * cell).clip(0, land.samples - 1)
    iy, ix = tree_y.astype(np.intp), tree_x.astype(np.intp)
    wood = fractal(dice, land.samples, 26 * SAMPLES, 4, 0.6)[iy, ix]
    lot = jitter[2 * count :]
    here = land.material[iy, ix]
    grows = (wood > dice.number(0.1, 0.45)) | (lot < 0.02)
    grows &= (here == GRASS) | ((here != WATER) & (lot < 0.6))
    grows &= road[iy, ix] > 2.5
    lot, tree_y, tree_x = lot[grows][:, None, None], tree_y[grows][:, None, None], tree_x[grows][:, None, None]
    reach = np.arange(-cell, cell + 1)
    rows = np.floor(tree_y).astype(np.intp) + reach[:, None]
    columns = np.floor(tree_x).astype(np.intp) + reach
    dy, dx = rows - tree_y, columns - tree_x
    radius = (1.9 + 1.3 * (lot * 31 % 1)) * SAMPLES
    crown = (dx * dx + dy * dy < radius * radius) & (rows >= 0) & (rows < land.samples)
    crown &= (columns >= 0) & (columns < land.samples)
    spots = (rows * land.samples + columns)[crown]
    dry = land.material.ravel()[spots] != WATER
    spots = spots[dry]  # where crowns overlap the last one named stays, the lower right
    tint = np.broadcast_to(TREE + np.floor(lot * 997 % 4), crown.shape)[crown][dry]
    light = (1 - 0.055 * (dx + dy) / SAMPLES)[crown][dry]
    land.material.ravel()[spots] = tint.astype(np.uint8)
    land.shade.ravel()[spots] = light
    land.tall.ravel()[spots] = True


def _build(dice: Dice, land: Land, road: Plane, near_water: Region) -> None:
    """Houses with pitched roofs along the roads."""
    ground = (road > 3.2) & (road < 9) & ~near_water & (land.material != WATER)
    frame = 4 * SAMPLES
    ground[:frame] = ground[-frame:] = ground[:, :frame] = ground[:, -frame:] = False
    wanted = round(dice.number(4, 8) * land.size**2 / 96**2)
    for x, y in _places(dice, land, ground, wanted, 7.5):
        direction = dice.direction()
        rows, columns = land.stamp(x, y, 5)
        u = (land.x[:, columns] - x) * direction[0] + (land.y[rows] - y) * direction[1]
        v = (land.y[rows] - y) * direction[0] - (land.x[:, columns] - x) * direction[1]
        house = (np.abs(u) < 2.7) & (np.abs(v) < 2.0)
        lit = v * (direction[0] - direction[1]) < 0  # the light comes from the upper left
        roof = ROOF + 2 * dice.chance(0.35)
        land.material[rows, columns][house] = np.where(lit, roof, roof + 1)[house]
        land.shade[rows, columns][house] = 1
        land.tall[rows, columns] |= house


def _launch(dice: Dice, land: Land, water: Region) -> None:
    """Boats, as many a square pixel on lakes as on the sea: they give neither away."""
    open_water = blur(~water, 3) == 0
    wanted = round(dice.number(0.8, 1.3) * float(np.count_nonzero(water)) / SAMPLES**2 / 600)
    for x, y in _places(dice, land, open_water, wanted, 9):
        direction = dice.direction()
        rows, columns = land.stamp(x, y, 6)
        u = (land.x[:, columns] - x) * direction[0] + (land.y[rows] - y) * direction[1]
        v = np.abs((land.y[rows] - y) * direction[0] - (land.x[:, columns] - x) * direction[1])
        hull = (v < 1.5 * (1 - u * u / (3.7 * 3.7))) & (np.abs(u) < 3.7)
        deck = hull & (v < 0.5) & (u < 1) & (u > -2)
        land.material[rows, columns][hull] = HULL
        land.material[rows, columns][deck] = HULL + 1
        land.tall[rows, columns] |= hull


def _places(dice: Dice, land: Land, region: Region, wanted: int, apart: float) -> list[tuple[float, float]]:
    """Up to `wanted` points (x, y) of the region, at least `apart` pixels from each other."""
    spots = np.flatnonzero(region)
    places: list[tuple[float, float]] = []
    for _ in range(8 * wanted if len(spots) else 0):
        row, column = divmod(int(spots[dice.pick(len(spots))]), land.samples)
        x, y = (column + 0.5) / SAMPLES, (row + 0.5) / SAMPLES
        if len(places) < wanted and all((x - a) * (x - a) + (y - b) * (y - b) >= apart * apart for a, b in places):
            places.append((x, y))
    return places


def _vote(labels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The most frequent of each 2 x 2 labels, the highest at a tie. (2n, 2n) -> (n, n)."""
    quarters = np.stack([labels[0::2, 0::2], labels[0::2, 1::2], labels[1::2, 0::2], labels[1::2, 1::2]])
    low, second, third, high = np.sort(quarters, axis=0)
    pair = np.where(second == third, second, np.where(low == second, low, high))
    voted: NDArray[np.uint8] = np.where(third == high, high, pair)
    return voted
