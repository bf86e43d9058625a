"""Mask files to labels, by the one meaning that holds for all masks of a set."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from segarena.data.encoding.mask_encoding import MaskEncoding
from segarena.data.files.raw_masks import read_plane


def read_mask(path: Path, encoding: MaskEncoding) -> NDArray[np.uint8]:
    """Read a mask file -> (H, W) uint8 labels 0..num_classes-1, 255 = void; palette files by index, not by colour,
    unless the classes are colours.

    Raises DataError where the file is damaged, or holds a value that the encoding does not know.
    """
    plane = read_plane(path)
    color = encoding.kind == "color"
    places = plane.colors(path) if color else plane.numbers(path, encoding.by_grey)
    return encoding.labels(places, plane.one_bit and not color, path).astype(np.uint8)


def resize_mask(labels: NDArray[np.uint8], height: int, width: int) -> NDArray[np.uint8]:
    """(H, W) labels -> (height, width), each the label at its pixel's centre: never a mixture of two."""
    rows = ((np.arange(height) + 0.5) * labels.shape[0] / height).astype(np.intp)
    columns = ((np.arange(width) + 0.5) * labels.shape[1] / width).astype(np.intp)
    resized: NDArray[np.uint8] = labels[rows[:, None], columns]
    return resized
