"""One scene: a coast seen from the air, its picture and its exact mask.

The classes differ in what makes them difficult:

    sea, meadow, field   large regions; fields and meadows differ in their furrows
    lake                 the same water as the sea, painted in the same way; only the surroundings differ.
                         Water that reaches the picture's edge is sea and has beaches, water enclosed by land is a
                         lake and has none
    forest               ragged: crowns of 7 to 12 pixels along a fractal edge, and single trees
    road                 thin: 6 pixels
    house, boat          small: about 140 pixels each

The sizes are chosen so that the resolution decides much of the scores and not everything: of the averaged masks at
output stride 8, three quarters of the mIoU are left, at 16 less than a half.

A scene is drawn with 2 x 2 samples for each pixel. A pixel of the picture is their mean, so that edges are soft. A
pixel of the mask has the most frequent of the four labels; of two labels with two samples each, the one that comes
later in `CLASSES`, which is the order of painting.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from segarena.classes import ClassTable, SegmentationClass
from segarena.scenes.drawing import Plane, RandomStream, Region, blur, fractal, noise, wave
from segarena.scenes.painting import CROP, GRASS, HULL, PAVEMENT, ROOF, SAMPLES, TREE, WATER, Canvas, paint

SEA, LAKE, MEADOW, FIELD, FOREST, ROAD, HOUSE, BOAT = range(8)

#: The eight classes. Classes that touch differ in lightness as well as in hue, for readers who are colour-blind.
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

#: Increased when the same arguments give another scene.
VERSION = 2

ROAD_WIDTH = 6
_AROUND = np.ones((3, 3), dtype=bool)
# The class of each material. Water is labelled as sea here; the lakes are relabelled.
_LABELS = np.array([SEA, MEADOW, *[FIELD] * 4, *[FOREST] * 4, ROAD, *[HOUSE] * 4, *[BOAT] * 2], dtype=np.uint8)


def generate_scene(seed: int, index: int, size: int = 128) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Draw one scene. A pure function: the result is bitwise equal on every machine.

    Args:
        seed: The seed of the data set, 0 or more.
        index: The number of the scene, 0 or more.
        size: Pixels along each side. A larger scene shows more land, not larger objects.

    Returns:
        The image (size, size, 3) uint8, RGB, and the mask (size, size) uint8 of labels 0 to 7.
    """
    random = RandomStream(seed, index)
    canvas = Canvas(size)
    sea = _add_sea(random, canvas)
    roads = _draw_roads(random, canvas)
    distance = np.minimum.reduce([road.distance for road in roads])
    lake = _add_lakes(random, canvas, sea | (distance < ROAD_WIDTH / 2))
    shore = sea | lake
    canvas.material[shore] = WATER
    near_water = blur(shore, 7) > 0
    _add_fields(random, canvas, roads[0])
    _add_trees(random, canvas, distance)
    canvas.fill((distance < ROAD_WIDTH / 2) & ~shore, PAVEMENT)
    _add_houses(random, canvas, distance, near_water)
    for water in (sea, lake):  # equally frequent on both, so that a boat does not show which of the two it is on
        _add_boats(random, canvas, water)
    labels = _LABELS[canvas.material]
    labels[lake & (canvas.material == WATER)] = LAKE
    return paint(random, canvas, shore, sea), _downsample(labels)


@dataclass(frozen=True)
class _Road:
    """A road: its approximate normal, and each sample's distance from its middle line in pixels."""

    direction: tuple[float, float]
    distance: Plane


def _add_sea(random: RandomStream, canvas: Canvas) -> Region:
    """The sea, with a fractal coast: along one side, between two shores, around an island, or nowhere."""
    scene = random.uniform()
    size = canvas.size
    middle = size / 2
    if scene < 0.42:
        height = canvas.distance_along(random.direction(), middle, middle) + size * random.uniform(0.12, 0.3)
    elif scene < 0.55:
        from_middle = np.abs(
            canvas.distance_along(random.direction(), middle, middle) + size * random.uniform(0.1, 0.25)
        )
        height = from_middle - random.uniform(20, 28)
    elif scene < 0.7:
        x, y = (size * random.uniform(0.4, 0.6) for _ in "xy")
        dx, dy = canvas.x - x, canvas.y - y
        height = size * random.uniform(0.45, 0.55) - np.sqrt(dx * dx + dy * dy)
    else:
        return np.zeros_like(canvas.tall)
    height = height + 24 * fractal(random, canvas.samples, 60 * SAMPLES, 6, 0.5)
    water = height < 0
    wet = water[0::2, 0::2].astype(np.uint8) + water[0::2, 1::2] + water[1::2, 0::2] + water[1::2, 1::2]
    # Of pixels that will be labelled as water, so that no bay is cut off in the mask.
    parts, sizes = _connected_parts(wet > 2)
    rim = np.concatenate([parts[0], parts[-1], parts[:, 0], parts[:, -1]])
    kept = np.zeros(len(sizes), dtype=bool)
    kept[rim] = sizes[rim] > 0.05 * parts.size  # a small pool at the edge would be neither sea nor lake
    with_fringe: Region = ndimage.binary_dilation(kept[parts], _AROUND)
    sea: Region = water & with_fringe.repeat(SAMPLES, 0).repeat(SAMPLES, 1)
    return sea


def _connected_parts(region: Region) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """The number of each place's connected part, 0 outside the region; and the sizes of the parts, 0 for number 0."""
    parts = np.asarray(ndimage.label(region, _AROUND)[0], dtype=np.intp)
    sizes = np.bincount(parts.ravel())
    sizes[0] = 0
    return parts, sizes


def _add_lakes(random: RandomStream, canvas: Canvas, taken: Region) -> Region:
    """Lakes, with at least 6 pixels of land between them, roads, the sea and the picture's edge."""
    lakes, taken = np.zeros_like(taken), taken.copy()
    taken[[0, -1]] = taken[:, [0, -1]] = True
    ragged = 8 * fractal(random, canvas.samples, 26 * SAMPLES, 4, 0.55)
    wanted = round(random.uniform(2.5, 4.5) * canvas.size**2 / 128**2)
    tries = 40 * wanted
    for turn in range(tries):
        radius = 27 - 12 * turn / tries  # large ones are tried first
        x, y = (random.uniform(radius, canvas.size - radius) for _ in "xy")
        rows, columns = canvas.window(x, y, int(radius) + 4)
        if wanted == 0 or taken[rows, columns].any():
            continue
        direction = random.direction()
        stretch = random.uniform(1.0, 1.6)
        length = canvas.distance_along(direction, x, y)
        width = canvas.distance_along((-direction[1], direction[0]), x, y) * stretch
        lake = (np.sqrt(length * length + width * width) + ragged < radius) & (blur(taken, 6) == 0)
        parts, sizes = _connected_parts(lake)
        if sizes.max() < 180 * SAMPLES**2:
            continue
        lake = parts == sizes.argmax()  # without the pools beside it
        lakes |= lake
        taken |= lake
        wanted -= 1
    return lakes


def _draw_roads(random: RandomStream, canvas: Canvas) -> list[_Road]:
    """One or two winding roads, each a contour line of a tilted plane with noise."""
    roads = []
    direction = random.direction()
    for _ in range(1 + random.chance(0.25)):
        x, y = (canvas.size * random.uniform(0.3, 0.7) for _ in "xy")
        level = canvas.distance_along(direction, x, y) + 20 * noise(random, canvas.samples, 70 * SAMPLES)
        slope_y, slope_x = (level - np.roll(level, 1, axis) for axis in (0, 1))
        slope = np.sqrt(slope_x * slope_x + slope_y * slope_y) * SAMPLES
        slope[0] = slope[1]
        slope[:, 0] = slope[:, 1]
        roads.append(_Road(direction, np.abs(level) / np.maximum(slope, 0.1)))
        direction = (-direction[1], direction[0])
    return roads


def _add_fields(random: RandomStream, canvas: Canvas, road: _Road) -> None:
    """Fields in rows along the road, each with one crop and with furrows in one direction."""
    across = road.direction
    v = canvas.distance_along(across, 0, 0) + 3 * canvas.size
    u = canvas.distance_along((-across[1], across[0]), 0, 0) + 3 * canvas.size
    row = np.floor(v / 28).astype(np.intp)
    begin = random.plane(1, 2 + int(row.max()))[0] * 38
    along = u + begin[row]
    column = np.floor(along / 40).astype(np.intp)
    use = random.plane(int(row.max()) + 1, int(column.max()) + 1)
    crops = np.floor(use * 4 / random.uniform(0.3, 0.55))
    parcel = row * use.shape[1] + column
    crop = crops.astype(np.intp).take(parcel)
    aslant = (crops * use * 100 % 2 < 1).take(parcel)
    in_row, in_column = v - 28 * row, along - 40 * column
    margin = np.minimum(np.minimum(in_row, 28 - in_row), np.minimum(in_column, 40 - in_column))
    field = (crop < 4) & (canvas.material == GRASS)
    canvas.material[field] = CROP + crop[field]
    furrows = 1 + 0.07 * wave(np.where(aslant, v, along), 5.0) - 0.16 * (margin < 0.8)
    canvas.shade[field] = furrows[field]


def _add_trees(random: RandomStream, canvas: Canvas, road: Plane) -> None:
    """Crowns around jittered grid points: dense where the noise is high, few elsewhere."""
    cell = 7 * SAMPLES
    count = canvas.samples // cell + 2
    jitter = random.plane(3 * count, count)
    grid = np.arange(count)
    tree_y = ((grid[:, None] - 0.5 + jitter[:count]) * cell).clip(0, canvas.samples - 1)
    tree_x = ((grid[None, :] - 0.5 + jitter[count : 2 * count]) * cell).clip(0, canvas.samples - 1)
    iy, ix = tree_y.astype(np.intp), tree_x.astype(np.intp)
    wood = fractal(random, canvas.samples, 45 * SAMPLES, 4, 0.6)[iy, ix]
    lot = jitter[2 * count :]
    here = canvas.material[iy, ix]
    grows = (wood > random.uniform(0.1, 0.45)) | (lot < 0.02)
    grows &= (here == GRASS) | ((here != WATER) & (lot < 0.6))
    grows &= road[iy, ix] > 6
    lot, tree_y, tree_x = lot[grows][:, None, None], tree_y[grows][:, None, None], tree_x[grows][:, None, None]
    reach = np.arange(-cell, cell + 1)
    rows = np.floor(tree_y).astype(np.intp) + reach[:, None]
    columns = np.floor(tree_x).astype(np.intp) + reach
    dy, dx = rows - tree_y, columns - tree_x
    radius = (3.6 + 2.4 * (lot * 31 % 1)) * SAMPLES
    crown = (dx * dx + dy * dy < radius * radius) & (rows >= 0) & (rows < canvas.samples)
    crown &= (columns >= 0) & (columns < canvas.samples)
    spots = (rows * canvas.samples + columns)[crown]
    dry = canvas.material.ravel()[spots] != WATER
    spots = spots[dry]  # where crowns overlap, the lower right one is on top
    tint = np.broadcast_to(TREE + np.floor(lot * 997 % 4), crown.shape)[crown][dry]
    light = (1 - 0.032 * (dx + dy) / SAMPLES)[crown][dry]
    canvas.material.ravel()[spots] = tint.astype(np.uint8)
    canvas.shade.ravel()[spots] = light
    canvas.tall.ravel()[spots] = True


def _add_houses(random: RandomStream, canvas: Canvas, road: Plane, near_water: Region) -> None:
    """Houses with pitched roofs along the roads."""
    ground = (road > 9) & (road < 18) & ~near_water & (canvas.material != WATER)
    frame = 8 * SAMPLES
    ground[:frame] = ground[-frame:] = ground[:, :frame] = ground[:, -frame:] = False
    wanted = round(random.uniform(4, 7) * canvas.size**2 / 128**2)
    for x, y in _choose_places(random, canvas, ground, wanted, 17):
        direction = random.direction()
        rows, columns = canvas.window(x, y, 9)
        u = (canvas.x[:, columns] - x) * direction[0] + (canvas.y[rows] - y) * direction[1]
        v = (canvas.y[rows] - y) * direction[0] - (canvas.x[:, columns] - x) * direction[1]
        house = (np.abs(u) < 6.6) & (np.abs(v) < 5.2)
        lit = v * (direction[0] - direction[1]) < 0  # the light comes from the upper left
        roof = ROOF + 2 * random.chance(0.35)
        canvas.material[rows, columns][house] = np.where(lit, roof, roof + 1)[house]
        canvas.shade[rows, columns][house] = 1
        canvas.tall[rows, columns] |= house


def _add_boats(random: RandomStream, canvas: Canvas, water: Region) -> None:
    """Boats, one for about every 1000 pixels of water."""
    open_water = blur(~water, 5) == 0
    wanted = round(random.uniform(0.8, 1.3) * float(np.count_nonzero(water)) / SAMPLES**2 / 1000)
    for x, y in _choose_places(random, canvas, open_water, wanted, 22):
        direction = random.direction()
        rows, columns = canvas.window(x, y, 11)
        u = (canvas.x[:, columns] - x) * direction[0] + (canvas.y[rows] - y) * direction[1]
        v = np.abs((canvas.y[rows] - y) * direction[0] - (canvas.x[:, columns] - x) * direction[1])
        hull = (v < 5.0 * (1 - u * u / (10 * 10))) & (np.abs(u) < 10)
        if not water[rows, columns][hull].all():
            continue  # its bow would be on land
        deck = hull & (v < 1.5) & (u < 3) & (u > -5)
        canvas.material[rows, columns][hull] = HULL
        canvas.material[rows, columns][deck] = HULL + 1
        canvas.tall[rows, columns] |= hull


def _choose_places(
    random: RandomStream, canvas: Canvas, region: Region, wanted: int, apart: float
) -> list[tuple[float, float]]:
    """Up to `wanted` points (x, y) of the region, at least `apart` pixels from each other."""
    spots = np.flatnonzero(region)
    places: list[tuple[float, float]] = []
    for _ in range(8 * wanted if len(spots) else 0):
        row, column = divmod(int(spots[random.integer(len(spots))]), canvas.samples)
        x, y = (column + 0.5) / SAMPLES, (row + 0.5) / SAMPLES
        if len(places) < wanted and all((x - a) * (x - a) + (y - b) * (y - b) >= apart * apart for a, b in places):
            places.append((x, y))
    return places


def _downsample(labels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The most frequent label of each 2 x 2, the highest in a tie: (2n, 2n) -> (n, n)."""
    quarters = np.stack([labels[0::2, 0::2], labels[0::2, 1::2], labels[1::2, 0::2], labels[1::2, 1::2]])
    low, second, third, high = np.sort(quarters, axis=0)
    pair = np.where(second == third, second, np.where(low == second, low, high))
    voted: NDArray[np.uint8] = np.where(third == high, high, pair)
    return voted
