"""Run lengths as pairs of start and length: `3 2 9 4` is 2 pixels from the 3rd on, and 4 from the 9th on.

Whether they go along the rows or down the columns is judged by the objects.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np
from numpy.typing import NDArray

from segarena.annotations.annotations import Malformed, show
from segarena.annotations.rasterize import Cover, Region, Shape, crop
from segarena.errors import DataError
from segarena.image_files.images import find_bits, read_image

_NOTHING = frozenset({"", "-1", "nan", "none"})

_SAMPLE, _CLEARLY = 20, 1.2
#: On square images: factor by which edges below the outlines are stronger, in how many images and in which share of
#: them, at least.
_STRONGER, _LEAST, _MOST = 1.3, 4, 0.8


@dataclass(frozen=True)
class PixelRuns(Shape):
    """Runs of pixels: where each begins and how long it is, (runs,), along the rows or down the columns."""

    starts: NDArray[np.int64]
    lengths: NDArray[np.int64]
    by_rows: bool = False

    @classmethod
    def of(cls, region: Region) -> Self:
        """Return the runs of a region (H, W), which take far less memory."""
        edges = np.flatnonzero(np.diff(region.ravel(), prepend=False, append=False))
        return cls(edges[::2], edges[1::2] - edges[::2], by_rows=True)

    def cover(self, height: int, width: int) -> Cover:
        return crop(self.region(height, width, self.by_rows))

    def region(self, height: int, width: int, by_rows: bool) -> Region:
        """The pixels (height, width)."""
        change = np.zeros(height * width + 1, dtype=np.int8)
        change[self.starts] += 1
        change[self.starts + self.lengths] -= 1
        flat: Region = np.cumsum(change[:-1], dtype=np.int8) > 0
        return flat.reshape(height, width) if by_rows else flat.reshape(width, height).T


def read_runs(text: str) -> PixelRuns | None:
    """Return the runs of a row as they are counted in the file; None if they have no pixel.

    Raises Malformed if they are not pairs of numbers, or not in the order of the pixels.
    """
    words = text.split()
    if not words or (len(words) == 1 and words[0].lower() in _NOTHING):
        return None
    if len(words) % 2 or not all(word.isdecimal() and len(word) < 16 for word in words):
        raise Malformed(f"the run lengths {show(text)} are not pairs of start and length")
    pairs = np.array([int(word) for word in words]).reshape(-1, 2)
    starts, lengths = pairs[pairs[:, 1] > 0].T
    if not len(starts):
        return None
    if (starts[1:] < (starts + lengths)[:-1]).any():
        raise Malformed(
            "the runs are not in the order of the pixels, or overlap",
            remedy="Write where each run begins in the image, not after the run before (as in SIIM-ACR Pneumothorax)",
        )
    return PixelRuns(starts, lengths)


def check_end(runs: PixelRuns, size: tuple[int, int], first: int) -> None:
    """Raise Malformed if runs go on after the last pixel of an image.

    Args:
        runs: As they are counted in the file.
        size: (height, width) of the image.
        first: The number of the first pixel, 0 or 1.
    """
    last = runs.starts[-1] + runs.lengths[-1] - 1
    if last - first >= size[0] * size[1]:
        raise Malformed(
            f"the runs end at pixel {last}, counted from {first}, but the image has {size[1]} x {size[0]} pixels",
            remedy="Use the images that were annotated, in their full size",
        )


def is_along_rows(objects: Sequence[tuple[tuple[int, int], PixelRuns]]) -> bool | None:
    """Return whether runs are along the rows and not down the columns: the one in which the objects are more compact.

    None if both are possible, as they are on square images, where one is the other turned over.

    Args:
        objects: The (height, width) of the image, and the runs as counted from 1, of each object.
    """
    columns_edge = rows_edge = 0
    oblong = [(size, runs) for size, runs in objects if size[0] != size[1]]
    for (height, width), runs in oblong[:: max(1, len(oblong) // _SAMPLE)]:
        shifted = PixelRuns(np.maximum(runs.starts - 1, 0), runs.lengths)
        rows_edge += _edge(shifted.region(height, width, by_rows=True))
        columns_edge += _edge(shifted.region(height, width, by_rows=False))
    if max(rows_edge, columns_edge) > _CLEARLY * min(rows_edge, columns_edge):
        return rows_edge < columns_edge
    return None


def edges_are_along_rows(objects: Sequence[tuple[Path, tuple[int, int], PixelRuns]]) -> bool:
    """Return whether the outlines are on clearly stronger edges of the images if runs are along the rows.

    Args:
        objects: The image, its (height, width), and the runs as counted from 1, of each object, on square images.
    """
    votes = []
    for path, (height, width), runs in objects[:: max(1, len(objects) // _SAMPLE)]:
        try:
            grey = read_image(path, find_bits(path)).mean(axis=2).astype(np.int16)
        except DataError:  # the file is reported when it is copied
            continue
        shifted = PixelRuns(np.maximum(runs.starts - 1, 0), runs.lengths)
        down, along = (_strength(grey, shifted.region(height, width, by_rows)) for by_rows in (False, True))
        votes.append(along > _STRONGER * down)
    return len(votes) >= _LEAST and sum(votes) >= _MOST * len(votes)


def _strength(grey: NDArray[np.int16], region: Region) -> float:
    """How much neighbouring pixels differ on the outline of a region, on average."""
    upright, level = region[1:] != region[:-1], region[:, 1:] != region[:, :-1]
    steps = np.concatenate([np.abs(np.diff(grey, axis=0))[upright], np.abs(np.diff(grey, axis=1))[level]])
    return float(steps.mean()) if len(steps) else 0.0


def _edge(region: Region) -> int:
    """How many pairs of neighbouring pixels differ."""
    return int(np.count_nonzero(region[1:] != region[:-1]) + np.count_nonzero(region[:, 1:] != region[:, :-1]))
