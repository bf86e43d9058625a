"""Labels over their image: tinted in the class colours, outlined, void striped."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from segarena.classes import IGNORE_INDEX

#: Share of the class colour in a tinted pixel.
OPACITY = 0.45

_PAPER = 255
_STRIPES = 8  # pixels from one void stripe to the next
_DARK, _LIGHT = 40, 255  # an outline is both, so that it shows on any ground


def fit_pair(
    image: NDArray[np.uint8], labels: NDArray[np.uint8], width: int, height: int
) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Scale image (H, W, 3) and labels (H, W) to the largest size of their aspect within width x height."""
    scale = min(width / image.shape[1], height / image.shape[0])
    size = (max(1, round(scale * image.shape[1])), max(1, round(scale * image.shape[0])))
    smooth = Image.Resampling.LANCZOS if scale < 1 else Image.Resampling.BICUBIC
    small = Image.fromarray(image).resize(size, smooth, reducing_gap=3.0)
    return np.asarray(small), np.asarray(Image.fromarray(labels).resize(size, Image.Resampling.NEAREST))


def overlay(
    image: NDArray[np.uint8],
    labels: NDArray[np.uint8],
    colors: list[tuple[int, int, int]],
    background: int | None = None,
) -> NDArray[np.uint8]:
    """RGB (H, W, 3): `image` tinted by its labels (H, W), with an outline where the class changes.

    Pixels of the class `background` keep the image's own colours. Void is paler and striped.
    """
    table = np.zeros((256, 3), dtype=np.float32)
    table[: len(colors)] = colors
    share = np.full(256, OPACITY, dtype=np.float32)
    if background is not None:
        share[background] = 0
    result = image + share[labels][..., None] * (table[labels] - image)
    void = labels == IGNORE_INDEX
    result[void] = 0.45 * image[void] + 0.55 * _PAPER
    diagonal = np.add.outer(np.arange(labels.shape[0]), np.arange(labels.shape[1]))
    result[void & (diagonal % _STRIPES < 2)] *= 0.6
    ends, starts = _outline(labels)
    result[ends], result[starts] = _DARK, _LIGHT
    return result.round().astype(np.uint8)


def _outline(labels: NDArray[np.uint8]) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """The pixels on either side of each change of class: right of it or below, left of it or above."""
    ends, starts = np.zeros((2, *labels.shape), dtype=bool)
    for axis in (0, 1):
        change = np.diff(labels.astype(np.int16), axis=axis) != 0
        ends |= np.insert(change, 0, False, axis=axis)
        starts |= np.insert(change, change.shape[axis], False, axis=axis)
    return ends, starts & ~ends
