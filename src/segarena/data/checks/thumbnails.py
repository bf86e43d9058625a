"""The thumbnails of all images of a folder: what images are compared by."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from segarena.data.files.image_facts import SIDE
from segarena.data.folder import FolderSource
from segarena.errors import DataError


class Thumbnails(NamedTuple):
    """The images of a folder, N of them, in its order.

    Attributes:
        pixels: (N, 32, 32) uint8, grey; black for an image that could not be decoded.
        digests: SHA-256 of each file, in hex; "" for an image that could not be decoded.
        faults: By index, why an image could not be decoded.
    """

    pixels: NDArray[np.uint8]
    digests: tuple[str, ...]
    faults: dict[int, DataError]


def collect_thumbnails(source: FolderSource) -> Thumbnails:
    """Collect what was found when the files were read; no file is opened."""
    pixels = np.zeros((len(source.images), SIDE, SIDE), dtype=np.uint8)
    for index, image in enumerate(source.images):
        if image.facts is not None:
            pixels[index] = image.facts.thumbnail(source.bits)
    digests = tuple("" if image.facts is None else image.sha256 for image in source.images)
    faults = {index: image.fault for index, image in enumerate(source.images) if image.fault is not None}
    return Thumbnails(pixels, digests, faults)
