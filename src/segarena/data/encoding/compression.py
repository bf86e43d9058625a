"""What compression makes of colours: which strays are mixtures of two classes, which are a class that was missed."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from segarena.data.encoding.value_counts import Found
from segarena.data.files.raw_masks import read_plane

#: RGB to luma and two chroma, each 0..255 long, as JPEG computes them (ITU-T T.871).
_YCC = np.array([[0.299, 0.587, 0.114], [-0.168736, -0.331264, 0.5], [0.5, -0.418688, -0.081312]])
#: Strays along an edge are in a band narrower than this, even where the chroma has half the resolution.
_BAND = 5


def distance_from_mixtures(points: NDArray[np.int64], palette: NDArray[np.int64]) -> NDArray[np.float64]:
    """How far each of `points` (S, 3) lies from all mixtures of two of `palette` (P, 3), in steps of luma or chroma.

    JPEG blurs luma and chroma apart, the chroma over twice the distance, so beside an edge one may be that of the one
    side and the other halfway: a mixture has a luma between the two, and a chroma between the two.
    """
    least = np.full(len(points), np.inf)
    mixed = points @ _YCC.T
    for start, end in combinations(palette @ _YCC.T, 2):
        low, high = sorted((start[0], end[0]))
        luma = np.maximum(np.maximum(low - mixed[:, 0], mixed[:, 0] - high), 0)
        way, offset = end[1:] - start[1:], mixed[:, 1:] - start[1:]
        along = np.clip(offset @ way / max(float(way @ way), 1e-9), 0, 1)
        chroma = np.linalg.norm(offset - along[:, None] * way, axis=1)
        np.minimum(least, np.maximum(luma, chroma), out=least)
    return least


def find_thick(found: Sequence[Found], strays: NDArray[np.int64]) -> tuple[int, Path | None]:
    """Count the pixels of `strays`, packed colours, that lie deeper in areas of strays than an edge's can.

    Returns their number in all masks, and the mask that has most of them. Decodes each mask again. Raises DataError.
    """
    total, most, worst = 0, 0, None
    for path, _ in found:
        stray = Image.fromarray(np.isin(read_plane(path).colors(path), strays).astype(np.uint8))
        deep = int(np.count_nonzero(np.asarray(stray.filter(ImageFilter.MinFilter(_BAND)))))
        total += deep
        if deep > most:
            most, worst = deep, path
    return total, worst
