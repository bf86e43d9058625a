"""Photographs or masks, by their pixels: asked only where names do not tell, answered only where it is plain."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segarena.data.files.images import read_header, read_image, set_bits
from segarena.data.files.raw_masks import read_plane
from segarena.errors import DataError

#: Pairs looked at, evenly chosen, and pixels of the longer side at most, picked without blending.
_PAIRS = 6
_SIDE = 512
#: The share that the commonest values have of a mask at least, and of a photograph at most.
_COMMONEST = 16
_MASK_SHARE = 0.9
_PHOTOGRAPH_SHARE = 0.6
_JPEG = frozenset({".jpg", ".jpeg"})


def are_masks(pairs: Sequence[tuple[Path, Path]]) -> bool:
    """Whether the second of each pair is plainly a mask for the first.

    It is where its size is the same, it is no JPEG, and its 16 commonest values fill nine tenths of it. A file that
    cannot be read leaves the question open: False.
    """
    try:
        return all(_is_mask(image, mask) for image, mask in _spread(pairs))
    except DataError:
        return False


def are_photographs(pairs: Sequence[tuple[Path, Path]]) -> bool:
    """Whether the first of each pair is plainly a photograph: a JPEG, or of many colours.

    The 16 commonest colours of those that are no JPEGs must fill less than six tenths on average.
    """
    others = [image for image, _ in _spread(pairs) if image.suffix.lower() not in _JPEG]
    try:
        return not others or float(np.mean([_share(_colors(image)) for image in others])) < _PHOTOGRAPH_SHARE
    except DataError:
        return False


def _is_mask(image: Path, mask: Path) -> bool:
    if mask.suffix.lower() in _JPEG:
        return False
    values = read_plane(mask).values
    header = read_header(image)
    return values.shape == (header.height, header.width) and _share(values) >= _MASK_SHARE


def _colors(path: Path) -> NDArray[np.uint32]:
    """(H, W), the packed colour of each pixel as a network would see it. Raises DataError."""
    # Scaled as if it had all 16 bits, an image of 12 would have as few greys as a mask.
    bits = set_bits([path] if read_header(path).deep else [])
    colors: NDArray[np.uint32] = read_image(path, bits).astype(np.uint32) @ np.array([65536, 256, 1], np.uint32)
    return colors


def _share(values: NDArray[Any]) -> float:
    """The share of the pixels that the commonest values of (H, W) have."""
    step = max(1, max(values.shape) // _SIDE)
    counts = np.unique(values[::step, ::step], return_counts=True)[1]
    return float(np.sort(counts)[-_COMMONEST:].sum() / counts.sum())


def _spread(pairs: Sequence[tuple[Path, Path]]) -> list[tuple[Path, Path]]:
    return [pairs[i] for i in sorted({int(i) for i in np.linspace(0, len(pairs) - 1, _PAIRS)})]
