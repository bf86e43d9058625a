"""Random numbers, smooth noise, blurs and waves that are bitwise equal on every machine.

The random numbers come from the raw stream of PCG64, which NumPy promises never to change (its distributions may). The
arithmetic is + - * / and sqrt on float64, of which IEEE 754 defines each bit. Sums have a fixed order: reductions and
matrix products, whose order depends on the machine, are not used.
"""

from __future__ import annotations

from math import sqrt

import numpy as np
from numpy.typing import NDArray

#: (rows, columns), a number for each sample.
Plane = NDArray[np.float64]
#: (rows, columns), True inside.
Region = NDArray[np.bool_]


class RandomStream:
    """A stream of uniform random numbers, determined by `key`: one or more integers, none of them negative."""

    def __init__(self, *key: int) -> None:
        self._stream = np.random.PCG64(np.random.SeedSequence(key))

    def plane(self, rows: int, columns: int) -> Plane:
        """Return independent numbers in [0, 1), (rows, columns)."""
        raw = np.asarray(self._stream.random_raw(rows * columns), dtype=np.uint64)
        share: Plane = (raw >> np.uint64(11)).astype(np.float64) * 2.0**-53
        return share.reshape(rows, columns)

    def uniform(self, low: float = 0.0, high: float = 1.0) -> float:
        """Return one number in [low, high)."""
        return low + (high - low) * ((int(self._stream.random_raw()) >> 11) * 2.0**-53)

    def chance(self, share: float) -> bool:
        """Return True with the probability `share`, 0 to 1."""
        return self.uniform() < share

    def integer(self, count: int) -> int:
        """Return an integer from 0 to `count` - 1."""
        return int(self.uniform() * count)

    def direction(self) -> tuple[float, float]:
        """Return a unit vector (x, y); all angles are equally likely."""
        while True:  # a random point of the disc, scaled to its rim: sine and cosine differ between machines
            x, y = self.uniform(-1, 1), self.uniform(-1, 1)
            if 0.01 < x * x + y * y <= 1:
                length = sqrt(x * x + y * y)
                return x / length, y / length


def noise(random: RandomStream, size: int, cell_y: float, cell_x: float | None = None) -> Plane:
    """Return smooth value noise.

    Args:
        random: The stream to draw from.
        size: Samples along each side.
        cell_y: The distance of the lattice points along y, in samples.
        cell_x: The same along x, `cell_y` if None.

    Returns:
        (size, size), in [-1, 1].
    """
    row, down = _lattice_positions(random, size, cell_y)
    column, across = _lattice_positions(random, size, cell_x or cell_y)
    values = 2 * random.plane(int(row[-1]) + 2, int(column[-1]) + 2) - 1
    left = values[:, column]
    bands = left + (values[:, column + 1] - left) * across
    smooth = np.diff(bands, axis=0).take(row, 0)
    smooth *= down[:, None]
    smooth += bands.take(row, 0)
    return smooth


def fractal(random: RandomStream, size: int, cell: float, octaves: int, gain: float = 0.5) -> Plane:
    """Return the sum of several layers of `noise`.

    Args:
        random: The stream to draw from.
        size: Samples along each side.
        cell: The distance of the lattice points of the first layer, in samples; each further layer halves it.
        octaves: The number of layers.
        gain: The amplitude of a layer relative to the one before; that of the first is 1.

    Returns:
        (size, size), in [-s, s] where s is the sum of the amplitudes.
    """
    total = noise(random, size, cell)
    height = 1.0
    for octave in range(1, octaves):
        height *= gain
        total += height * noise(random, size, cell / 2**octave)
    return total


def blur(region: Region, radius: int) -> Plane:
    """Return the share of the region around each sample: a box filter of `radius`, applied twice.

    Args:
        region: (size, size) bool. The values at its edge are repeated outside.
        radius: In samples, at most 7, so that the sums fit into 16 bits. The result depends on samples up to twice as
            far away.

    Returns:
        (size, size), in [0, 1], exact.
    """
    width = 2 * radius + 1
    total = np.pad(region.astype(np.uint16), 2 * radius, mode="edge")
    for _ in range(2):
        total = _sum_rows(_sum_rows(total, width).T, width).T
    return total / float(width**4)


def shift(region: Region, samples: int) -> Region:
    """Return the region moved down and right by `samples`, 1 or more; the new rows and columns are False."""
    moved = np.zeros_like(region)
    moved[samples:, samples:] = region[:-samples, :-samples]
    return moved


def wave(position: Plane, period: float) -> Plane:
    """Return a triangle wave in [-1, 1] of this period; the last bits of a sine would differ between machines."""
    phase = position / period
    return 4 * np.abs(phase - np.floor(phase) - 0.5) - 1


def _lattice_positions(random: RandomStream, size: int, cell: float) -> tuple[NDArray[np.intp], Plane]:
    """The lattice point before each of `size` samples, and the weight of the next one, 0 to 1, by smoothstep."""
    position = random.uniform() + np.arange(size) / cell
    index = np.floor(position).astype(np.intp)
    share = position - index
    return index, share * share * (3 - 2 * share)


def _sum_rows(values: NDArray[np.uint16], width: int) -> NDArray[np.uint16]:
    """Sums over `width` consecutive rows (an odd number), built from sums over 1, 2, 4, ... rows."""
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
