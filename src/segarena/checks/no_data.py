"""A value that marks where an image has no data: a class of the masks below which the images are black or white."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from segarena.checks.measurements import recall_pairs
from segarena.checks.problem import Problem, names_of
from segarena.data.encoding.mask_encoding import write_classes
from segarena.data.folder import FolderSource
from segarena.formats import small_percent

#: A class that is in a larger share of the masks is a background, which may be black in all images.
MOST_MASKS = 0.75
#: Grey levels that a mean colour may be from black or white: compression of the images blurs the edges.
NEARLY = 2
#: Images that are looked at, those with most of the class.
_MOST_IMAGES = 6


def check_no_data(source: FolderSource) -> Iterator[Problem]:
    """Yield a class 0 of three or more whose pixels are black, or white, in all images that have most of it."""
    values = [entry.value for entry in source.classes.classes]
    numbers = [value for value in values if isinstance(value, int)]
    if source.encoding.kind != "index" or not source.is_inferred or 0 not in numbers or len(numbers) < len(values):
        return
    label = values.index(0)
    if len(numbers) < 3 or not 0 < source.image_counts[label] <= MOST_MASKS * len(source.samples):
        return
    shares = source.mask_pixels[:, label] / np.maximum(1, source.mask_pixels.sum(axis=1))
    most = np.argsort(-shares, kind="stable")[: min(_MOST_IMAGES, int(source.image_counts[label]))]
    colors = np.array([pair.colors[label] for pair in recall_pairs(source, sorted(most.tolist()))]).reshape(-1, 3)
    colors = colors[np.isfinite(colors).all(axis=1)]
    if not len(colors) or not ((colors <= NEARLY).all() or (colors >= 255 - NEARLY).all()):
        return
    share = small_percent(int(source.class_pixels[label]) / int(source.class_pixels.sum()))
    shade = "black" if colors.max() <= NEARLY else "white"
    others = sorted(number for number in numbers if number)
    yield Problem(
        "no-data-class",
        "warning",
        names_of(source, (source.masks[index].path for index in np.flatnonzero(source.mask_pixels[:, label]))),
        f"0 ({share} of the pixels) is only where the images are {shade}: it may stand for pixels without data, but is"
        " a class that is trained and scored",
        f"{write_classes(others, [0])} if so",
    )
