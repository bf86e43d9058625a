"""Run lengths as pairs of start and length: `3 2 9 4` is 2 pixels from the 3rd on, and 4 from the 9th on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from segarena.data.annotations.annotations import Malformed, show
from segarena.data.annotations.rasterize import Cover, Region, Shape, crop

_NOTHING = frozenset({"", "-1", "nan", "none"})


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


def read_runs(text: str, size: tuple[int, int]) -> PixelRuns | None:
    """The runs of a row as they are counted in the file; None if it has none."""
    words = text.split()
    if not words or (len(words) == 1 and words[0].lower() in _NOTHING):
        return None
    if len(words) % 2 or not all(word.isdecimal() and len(word) < 16 for word in words):
        raise Malformed(f"the run lengths {show(text)} are not pairs of start and length")
    starts, lengths = np.array([int(word) for word in words]).reshape(-1, 2).T
    if (starts[1:] < (starts + lengths)[:-1]).any():
        raise Malformed(
            "the runs are not in the order of the pixels, or overlap",
            remedy="Write where each run begins in the image, not after the run before (as in SIIM-ACR Pneumothorax)",
        )
    if starts[-1] + lengths[-1] - 1 > size[0] * size[1]:
        raise Malformed(
            f"the runs end at pixel {starts[-1] + lengths[-1] - 1}, but the image has {size[1]} x {size[0]} pixels",
            remedy="Use the images that were annotated, in their full size",
        )
    return PixelRuns(starts, lengths)
