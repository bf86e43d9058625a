"""What a generated picture is drawn with: dice, noise, blurs, tilted coordinates. Nothing here knows of scenes.

Each function gives the same bits on every machine: the random numbers come from the raw stream of PCG64, which
NumPy promises never to change (its distributions may), and the arithmetic is + - * / and sqrt on float64, which
IEEE 754 rounds in one way only. Sums run in a written order, never through a reduction or a matrix product.
"""

from __future__ import annotations

from math import sqrt

import numpy as np
from numpy.typing import NDArray

Plane = NDArray[np.float64]
Region = NDArray[np.bool_]


class Dice:
    """A stream of uniform numbers that depends on `key` alone. The integers of `key` are 0 or more."""

    def __init__(self, *key: int) -> None:
        self._stream = np.random.PCG64(np.random.SeedSequence(key))

    def plane(self, rows: int, columns: int) -> Plane:
        """(rows, columns) independent numbers in [0, 1)."""
        raw = np.asarray(self._stream.random_raw(rows * columns), dtype=np.uint64)
        share: Plane = (raw >> np.uint64(11)).astype(np.float64) * 2.0**-53
        return share.reshape(rows, columns)

    def number(self, low: float = 0.0, high: float = 1.0) -> float:
        """One number in [low, high)."""
        return low + (high - low) * ((int(self._stream.random_raw()) >> 11) * 2.0**-53)

    def chance(self, share: float) -> bool:
        """True with probability `share`."""
        return self.number() < share

    def pick(self, count: int) -> int:
        """One of 0..count-1."""
        return int(self.number() * count)

    def direction(self) -> tuple[float, float]:
        """A unit vector (x, y), every angle equally likely: a point of the disc, pushed to its rim."""
        while True:
            x, y = self.number(-1, 1), self.number(-1, 1)
            if 0.01 < x * x + y * y <= 1:
                length = sqrt(x * x + y * y)
                return x / length, y / length


def noise(dice: Dice, size: int, cell_y: float, cell_x: float | None = None) -> Plane:
    """Smooth value noise (size, size) in [-1, 1] with one lattice point every `cell` samples."""
    row, down = _lattice(dice, size, cell_y)
    column, across = _lattice(dice, size, cell_x or cell_y)
    values = 2 * dice.plane(int(row[-1]) + 2, int(column[-1]) + 2) - 1
    left = values[:, column]
    bands = left + (values[:, column + 1] - left) * across
    smooth = np.diff(bands, axis=0).take(row, 0)
    smooth *= down[:, None]
    smooth += bands.take(row, 0)
    return smooth


def fractal(dice: Dice, size: int, cell: float, octaves: int, gain: float = 0.5) -> Plane:
    """`octaves` layers of noise, each half as wide and `gain` times as high as the one before, from height 1."""
    total = noise(dice, size, cell)
    height = 1.0
    for octave in range(1, octaves):
        height *= gain
        total += height * noise(dice, size, cell / 2**octave)
    return total


def blur(region: Region, radius: int) -> Plane:
    """The share of `region` around each sample: a box of `radius`, twice, so it reaches 2 * radius and no further.

    Beyond the picture its edge goes on. `radius` is 7 at most, so that the sums fit 16 bits.
    (size, size) bool -> (size, size) in [0, 1], exact.
    """
    width = 2 * radius + 1
    total = np.pad(region.astype(np.uint16), 2 * radius, mode="edge")
    for _ in range(2):
        total = _run(_run(total, width).T, width).T
    return total / float(width**4)


def shift(region: Region, samples: int) -> Region:
    """The region moved down and right by `samples`, as a shadow is; what comes in is False."""
    moved = np.zeros_like(region)
    moved[samples:, samples:] = region[:-samples, :-samples]
    return moved


def wave(position: Plane, period: float) -> Plane:
    """A triangle wave in [-1, 1]: a sine's last bits would differ between machines."""
    phase = position / period
    return 4 * np.abs(phase - np.floor(phase) - 0.5) - 1


def _lattice(dice: Dice, size: int, cell: float) -> tuple[NDArray[np.intp], Plane]:
    position = dice.number() + np.arange(size) / cell
    index = np.floor(position).astype(np.intp)
    share = position - index
    return index, share * share * (3 - 2 * share)


def _run(values: NDArray[np.uint16], width: int) -> NDArray[np.uint16]:
    """Sums of `width` (odd) rows that follow each other, from sums of 1, 2, 4, ... rows."""
    rows = len(values) - width + 1
    total = values[:rows]
    begin = reach = 1
    while begin < width:
        values = values[:-reach] + values[reach:]
        reach *= 2
        if width & reach:
            total = total + values[begin : begin + rows]
            begin += reach
    return total
