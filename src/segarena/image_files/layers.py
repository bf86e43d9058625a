"""Masks in layers: a binary mask for each class, in files of their own.

Together they are one mask, in which each pixel's value is the set of the layers that cover it: bit k is set where a
file of layer k has the pixel.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from segarena.errors import DataError
from segarena.formats import listing
from segarena.image_files.mask_facts import MaskFacts, count_values
from segarena.image_files.raw_masks import Places, Plane, read_plane

#: The number of each layer and its file.
LayerFiles = Sequence[tuple[int, Path]]

#: The most layers: their sets are numbers below 2**24.
MOST_LAYERS = 24

#: Brightness, 0..255: the cut between the two levels, and how far from it they are at least where there are others.
_CUT, _FAR = 128, 64
#: Levels of soft edges have at most the first share of all pixels, and at most the second of theirs is inside areas.
_SOFT, _INSIDE = 0.1, 0.1


def read_layers(layers: LayerFiles) -> Plane:
    """Read the files of all layers of a mask -> (H, W) int32, the sets of layers as numbers. Raises DataError."""
    return _combine([(number, path, read_region(path)) for number, path in layers])


def count_layers(files: Sequence[tuple[int, Path, bytes]]) -> MaskFacts:
    """Count the sets of layers in a mask, from the number, the path and the bytes of each file. Raises DataError."""
    return count_values(_combine([(number, path, read_region(path, content)) for number, path, content in files]))


def read_region(path: Path, content: bytes | None = None) -> NDArray[np.bool_]:
    """Read a binary mask.

    The brightness of a pixel is its largest channel, and 0 where it is transparent. With two levels, one of them 0, the
    other one is the region, whatever it is. Else the region is what has a brightness of 128 or more: soft edges and
    JPEG's artefacts have further levels. If all opaque pixels are alike and others are transparent, the opaque ones are
    the region.

    Args:
        path: The file.
        content: Its bytes, if they have been read already; then `path` is only used in messages.

    Returns:
        (H, W), whether a pixel is in the region.

    Raises:
        DataError: The file is damaged, or it is not clear that it has two levels only.
    """
    plane = read_plane(path, content)
    brightness = _brightness(plane)
    if plane.clear is not None and len(np.unique(brightness[~plane.clear])) <= 1:
        return ~plane.clear
    facts = count_values(Plane(brightness, False))
    if plane.lossy is None and len(facts.values) <= 2 and (len(facts.values) == 1 or facts.values[0] == 0):
        region: NDArray[np.bool_] = brightness > 0
        colors = np.unique(plane.values[region])
        if len(colors) > 1:  # red and blue are as bright as each other
            raise _not_binary(path, _names_of(plane, colors))
        return region
    between = np.abs(facts.values - _CUT) < _FAR
    pixels, inside = facts.pixels[between].sum(), facts.inside[between].sum()
    is_soft = pixels <= _SOFT * facts.pixels.sum() and inside <= _INSIDE * pixels
    if plane.lossy is None:
        areas = facts.values[facts.inside > _INSIDE * facts.pixels]
        is_soft &= facts.values[-1] >= _CUT + _FAR and max(sum(areas < _CUT), sum(areas >= _CUT)) < 2
    if facts.values[-1] > 255 or not is_soft:
        raise _not_binary(path, [str(level) for level in facts.values])
    return brightness >= _CUT


def _brightness(plane: Plane) -> Places:
    """(H, W): the largest channel of each pixel, or its number; 0 where it is transparent."""
    values = plane.values if plane.palette is None else plane.palette[plane.values]
    if plane.colored or plane.palette is not None:
        values = np.maximum(np.maximum(values >> 16, values >> 8 & 255), values & 255)
    return values if plane.clear is None else np.where(plane.clear, 0, values)


def _combine(regions: Sequence[tuple[int, Path, NDArray[np.bool_]]]) -> Plane:
    _, first, region = regions[0]
    height, width = region.shape
    sets = np.zeros((height, width), dtype=np.int32)
    for number, path, region in regions:
        if region.shape != (height, width):
            raise DataError(
                f"is {region.shape[-1]} x {region.shape[0]} pixels, but {first.parent.name}/{first.name}"
                f" of the same image is {width} x {height}",
                where=path,
                remedy="Export all masks of an image at the same size",
            )
        sets |= region * np.int32(1 << number)
    return Plane(sets, False)


def _names_of(plane: Plane, values: Places) -> list[str]:
    """Values as a message has them: numbers, or red, green and blue."""
    if not plane.colored:
        return [str(value) for value in values]
    return [str([int(value) >> 16, int(value) >> 8 & 255, int(value) & 255]) for value in values]


def _not_binary(path: Path, levels: Sequence[str]) -> DataError:
    return DataError(
        f"has the values {listing(levels, 5)}; a mask of one class has two, e.g. 0 and 255",
        where=path,
        remedy="Export one black and white mask per class, or one mask with a number for each class",
    )
