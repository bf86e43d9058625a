"""Label Studio's brush: the run lengths of `value.rle`. `segarena.converters.brush` describes and reads them.

`label-studio-converter` is not used: it is no longer developed, brings opencv and nltk, and encodes pixel by pixel.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

_SIZES = (3, 4, 8, 16)  # bits of the length of a run, those that Label Studio writes
_CHANNELS = 4


def encode_brush(region: NDArray[np.bool_]) -> list[int]:
    """Return `value.rle`, a list of bytes.

    All four channels, red, green, blue and opacity, are 255 within the region and 0 outside, as Label Studio has them.

    Args:
        region: (H, W), True inside.
    """
    flat = region.ravel()
    edges = np.flatnonzero(np.diff(flat)) + 1
    starts = np.concatenate([[0], edges])
    lengths = np.diff(starts, append=flat.size) * _CHANNELS
    words = np.where(flat[starts], 255, 0)
    most = 1 << _SIZES[-1]
    parts = -(-lengths // most)
    lengths, words, last = np.repeat(lengths, parts), np.repeat(words, parts), np.cumsum(parts) - 1
    rest = lengths[last] - (parts - 1) * most
    lengths = np.minimum(lengths, most)
    lengths[last] = rest
    # A chunk: one bit (a word repeated), two bits (which size), the length less one, the word.
    choice = np.searchsorted([1 << size for size in _SIZES], lengths)
    sizes = np.array(_SIZES)[choice]
    values = (((4 + choice) << sizes | lengths - 1) << 8) | words
    header = [(flat.size * _CHANNELS, 32), (8 - 1, 5), *((size - 1, 4) for size in _SIZES)]
    values = np.concatenate([[value for value, _ in header], values])
    widths = np.concatenate([[width for _, width in header], 3 + sizes + 8])
    place = np.repeat(np.cumsum(widths), widths) - 1 - np.arange(widths.sum())
    bits = (np.repeat(values, widths) >> place) & 1
    return np.packbits(bits.astype(np.uint8)).tolist()
