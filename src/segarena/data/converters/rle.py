"""Run lengths: a region as the lengths of its runs of 0 and 1 by turns, beginning with 0.

COCO runs down the columns, over the whole image; CVAT along the rows of the object's box. COCO writes the lengths as a
list, or as a string (the COCO API's common/maskApi.c, rleToString): from the fourth on, the difference to the length
two before; in groups of five bits, the lowest first; each group one character, 48 added, 32 more where another
follows; the last group's highest bit is the sign.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from segarena.data.converters.parsing import Malformed
from segarena.data.converters.rasterize import Mask, Patch, Region

_FIRST, _MORE, _SIGN, _BITS = 48, 32, 16, 5
_LONGEST = 13  # characters of one length: beyond 64 bits


@dataclass(frozen=True)
class Runs:
    """A region as `counts`, (runs,) int64, kept short until it is painted: down the columns of the whole mask."""

    counts: NDArray[np.int64]

    def paint(self, mask: Mask, label: int) -> None:
        height, width = mask.shape
        Patch(unroll(self.counts, width, height).T).paint(mask, label)


def unroll(counts: NDArray[np.int64], rows: int, columns: int) -> Region:
    """The region (rows, columns) that the runs fill along the rows. `counts` is what `check_counts` gave."""
    return np.repeat(np.arange(len(counts)) % 2 == 1, counts).reshape(rows, columns)


def check_counts(counts: Sequence[object], height: int, width: int) -> NDArray[np.int64]:
    """The lengths as an array. Raises Malformed where one is no length, or their sum is not height x width."""
    wrong = [count for count in counts if type(count) is not int or not 0 <= count <= height * width]
    if wrong:
        raise Malformed(f"the run length {wrong[0]!r} cannot be in an RLE of {width} x {height} pixels")
    lengths = np.array(counts, dtype=np.int64)
    if lengths.sum() != height * width:
        raise Malformed(f"the RLE has {lengths.sum()} pixels, not {width} x {height} = {width * height}")
    return lengths


def read_string(text: str) -> list[int]:
    """The lengths in a compressed RLE. Raises Malformed where it is none."""
    counts: list[int] = []
    value = shift = 0
    for character in text:
        group = ord(character) - _FIRST
        if not 0 <= group < 2 * _MORE or shift > _BITS * _LONGEST:
            raise Malformed(f"the compressed RLE has the character {character!r} where none can be")
        value |= (group & _MORE - 1) << shift
        shift += _BITS
        if not group & _MORE:
            if group & _SIGN:
                value -= 1 << shift
            counts.append(value + (counts[-2] if len(counts) > 2 else 0))
            value = shift = 0
    if shift:
        raise Malformed("the compressed RLE ends within a number")
    return counts
