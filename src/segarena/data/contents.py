"""Hashes of what images and masks show, by which they are recognised under other names and in other encodings."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from segarena.threads import thread_pool


class ContentHash(NamedTuple):
    """The hashes of a decoded image and of its labels, in hex; see `hash_pixels`."""

    image: str
    labels: str


def hash_pixels(pixels: NDArray[np.uint8]) -> str:
    """Return the SHA-256, in hex, of an array's shape and values.

    >>> hash_pixels(np.zeros((2, 3), np.uint8)) == hash_pixels(np.zeros((3, 2), np.uint8))
    False
    """
    digest = hashlib.sha256(f"{pixels.shape}".encode())
    digest.update(np.ascontiguousarray(pixels).data)
    return digest.hexdigest()


def hash_contents(
    read: Callable[[int], tuple[NDArray[np.uint8], NDArray[np.uint8]]],
    indices: Sequence[int],
    on_progress: Callable[[int, int], None] | None = None,
    *,
    pixels: int = 0,
) -> list[ContentHash]:
    """Hash images (H, W, 3) and their labels (H, W), in threads.

    Args:
        read: Returns the image and the labels of an index, as `Source.read` does.
        indices: Which ones.
        on_progress: Called with (images hashed, images).
        pixels: Pixels of the largest image that `read` decodes; 0 if that is not known.

    Raises:
        DataError: `read` raised it.
    """

    def hash_one(index: int) -> ContentHash:
        image, labels = read(index)
        return ContentHash(hash_pixels(image), hash_pixels(labels))

    found: list[ContentHash] = []
    with thread_pool(pixels) as threads:
        for one in threads.map(hash_one, indices):
            found.append(one)
            if on_progress is not None:
                on_progress(len(found), len(indices))
    return found
