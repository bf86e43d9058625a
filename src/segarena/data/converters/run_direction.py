"""Whether run lengths go along the rows or down the columns, as the objects show it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from segarena.data.annotations.rasterize import Region
from segarena.data.converters.pixel_runs import PixelRuns
from segarena.data.files.image_io import decode, open_image
from segarena.errors import DataError

_SAMPLE, _CLEARLY = 20, 1.2
#: On square images: factor by which edges below the outlines are stronger, in how many images and in which share of
#: them, at least.
_STRONGER, _LEAST, _MOST = 1.3, 4, 0.8


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
            with open_image(path) as undecoded:
                grey = np.asarray(decode(undecoded, path).convert("L"), dtype=np.int16)
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
