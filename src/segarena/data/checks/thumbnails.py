"""Every image as 32 x 32 grey, decoded once in its life: what images are compared by."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import PIL
from numpy.typing import NDArray
from PIL import Image

from segarena.data.files import cache
from segarena.data.files.image_io import file_hash
from segarena.data.files.images import decode, open_image, read_image
from segarena.errors import DataError
from segarena.threads import thread_pool

#: Height and width of a thumbnail, in pixels.
SIDE = 32

_KIND = f"thumbnail 1, Pillow {PIL.__version__}"  # names them in the cache; another decoder makes other ones


class Thumbnails(NamedTuple):
    """`pixels` (N, 32, 32) uint8 grey; `digests`, the SHA-256 of each file; `faults` by index, what stopped one.

    A faulty image is black and has an empty digest.
    """

    pixels: NDArray[np.uint8]
    digests: tuple[str, ...]
    faults: dict[int, DataError]


def read_thumbnails(
    paths: Sequence[Path], bits: int = 16, on_progress: Callable[[int, int], None] | None = None
) -> Thumbnails:
    """Decode each image, whole, and shrink it; a file that cannot be decoded becomes a fault, not an error.

    `bits` is as in `read_image`. Thumbnails are kept in the user's cache by the hash of the file, so the second time
    files are only hashed.
    """
    kind = f"{_KIND}, {bits} bits"
    with thread_pool() as threads:
        hashes = list(threads.map(_hash, paths))
        faults = {index: found for index, found in enumerate(hashes) if isinstance(found, DataError)}
        digests = [found if isinstance(found, str) else "" for found in hashes]
        known = cache.recall(kind, sorted({*digests} - {""}))
        missing = [index for index, digest in enumerate(digests) if digest and digest not in known]
        if on_progress is not None:
            on_progress(len(paths) - len(missing), len(paths))
        new: dict[str, bytes] = {}
        made = threads.map(lambda index: _try(paths[index], bits), missing)
        for done, (index, found) in enumerate(zip(missing, made, strict=True), start=len(paths) - len(missing) + 1):
            if isinstance(found, DataError):
                faults[index] = found
                digests[index] = ""
            else:
                new[digests[index]] = found.tobytes()
            if on_progress is not None:
                on_progress(done, len(paths))
    cache.remember(kind, new)
    contents, black = {**known, **new}, bytes(SIDE * SIDE)
    pixels = np.frombuffer(b"".join(contents.get(digest, black) for digest in digests), dtype=np.uint8)
    return Thumbnails(pixels.reshape(len(paths), SIDE, SIDE), tuple(digests), faults)


def make_thumbnail(path: Path, bits: int = 16) -> NDArray[np.uint8]:
    """Decode an image, turned the way its EXIF orientation says -> (32, 32) uint8 grey. Raises DataError."""
    with open_image(path) as image:
        is_jpeg = image.format == "JPEG"
        if is_jpeg:
            # The decoder gives an eighth to a half of the size at a fraction of the time, and still reads it all.
            image.draft("L", (4 * SIDE, 4 * SIDE))
            grey = decode(image, path).convert("L")
    if not is_jpeg:
        grey = Image.fromarray(read_image(path, bits)).convert("L")
    return np.asarray(grey.resize((SIDE, SIDE), Image.Resampling.BOX))


def _hash(path: Path) -> str | DataError:
    try:
        return file_hash(path)
    except DataError as error:
        return error


def _try(path: Path, bits: int) -> NDArray[np.uint8] | DataError:
    try:
        return make_thumbnail(path, bits)
    except DataError as error:
        return error
