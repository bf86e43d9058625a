"""Image files to RGB of 8 bits: every mode converted, 16 bits scaled by one number for the whole data set."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFile

from segarena.data.files.cache import recall, remember
from segarena.data.files.image_io import decode, file_hash, image_size, open_image, raw_mode, reading, shown_size
from segarena.errors import DataError
from segarena.threads import thread_pool

__all__ = [
    "IMAGE_SUFFIXES",
    "Header",
    "decode",
    "image_size",
    "open_image",
    "read_header",
    "read_image",
    "set_bits",
]

#: The endings, in lower case, of the files taken for images or masks.
IMAGE_SUFFIXES = frozenset(
    {".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff", ".webp", ".gif", ".ppm", ".pgm", ".pbm", ".pnm"}
)

#: The cache's name for a file's highest value.
_HIGHEST = "highest value 1"
#: The bits that cameras and scanners put into files of 16 bits per channel.
_DEPTHS = (8, 10, 12, 14, 16)
#: Colours of 16 bits, of which Pillow keeps the high byte of each channel.
_DEEP_COLORS = frozenset(f"{mode};16{order}" for mode in ("RGB", "RGBA", "RGBX") for order in "LBN")


class Header(NamedTuple):
    """A file's size in pixels as `read_image` gives it; `deep` where it has 16 bits per channel."""

    height: int
    width: int
    deep: bool


def read_image(path: Path, bits: int = 16) -> NDArray[np.uint8]:
    """Read an image file -> (H, W, 3) uint8, RGB, turned the way its EXIF orientation says.

    Grey becomes three equal channels; transparent parts are laid on white, as a page would show them. Files of 16
    bits per channel, and no others, are scaled from 0..2**`bits` - 1 to 0..255; what is higher becomes 255. `bits`
    is one number for all images that a network sees (see `set_bits`), so that brightness stays comparable.
    Raises DataError where the file is missing, empty, truncated, no image, too large, of several pages, or of 32
    bits per channel.
    """
    with open_image(path) as undecoded:
        deep = _is_deep(undecoded)
        image = None if deep else decode(undecoded, path)
    if image is None:
        image = Image.fromarray(_to_8_bits(_read_deep(path), bits))
    if image.mode == "F":
        raise DataError(
            "has 32-bit floating-point pixels, whose range is anybody's guess",
            where=path,
            remedy="Save it with 8 bits per channel",
        )
    with reading(path):
        if image.has_transparency_data:
            layer = image.convert("RGBA")
            image = Image.alpha_composite(Image.new("RGBA", layer.size, (255, 255, 255, 255)), layer)
        return np.array(image.convert("RGB"))


def read_header(path: Path) -> Header:
    """Read the size and the depth, without decoding the file. Raises DataError."""
    with open_image(path) as image:
        return Header(*shown_size(image), deep=_is_deep(image))


def set_bits(paths: Sequence[Path]) -> int:
    """Return the bits that the values of all these files, of 16 bits per channel, fit into: 8, 10, 12, 14 or 16.

    Cameras store 10 to 14 bits in files of 16; divided by 257 they would be nearly black. All images of a data set
    share the answer, so a dark image stays darker than a bright one. 16 for no files. Each file's highest value is
    remembered by the file's hash. Raises DataError.
    """
    with thread_pool() as threads:
        keys = list(threads.map(file_hash, paths))
        known = {key: int(value) for key, value in recall(_HIGHEST, sorted(set(keys))).items()}
        new = {key: path for key, path in zip(keys, paths, strict=True) if key not in known}
        found = dict(zip(new, threads.map(_highest, new.values()), strict=True))
    remember(_HIGHEST, {key: str(value).encode() for key, value in found.items()})
    highest = max((*known.values(), *found.values()), default=65535)
    return next(bits for bits in _DEPTHS if highest < 2**bits)


def _highest(path: Path) -> int:
    """The highest value 0..65535 in a file of 16 bits per channel, transparency apart."""
    values = _read_deep(path)
    return int(values.max() if values.ndim == 2 else values[..., :3].max())


def _is_deep(image: Image.Image) -> bool:
    return image.mode.startswith("I") or raw_mode(image) in _DEEP_COLORS


def _to_8_bits(values: NDArray[np.uint32], bits: int) -> NDArray[np.uint8]:
    top = 2**bits - 1
    scaled: NDArray[np.uint32] = (np.minimum(values, top) * 255 + top // 2) // top
    return scaled.astype(np.uint8)


def _read_deep(path: Path) -> NDArray[np.uint32]:
    """Decode a file of 16 bits per channel -> (H, W) or (H, W, 3 or 4), values 0..65535."""
    with open_image(path) as undecoded:
        values = np.asarray(decode(undecoded, path))
    if values.ndim == 3:
        with open_image(path) as undecoded:
            _take_low_bytes(undecoded)
            low = np.asarray(decode(undecoded, path))
        both: NDArray[np.uint32] = values.astype(np.uint32) << 8 | low
        return both
    if values.min() < 0 or values.max() > 65535:
        raise DataError(
            f"has 32-bit pixels, {values.min()} to {values.max()}", where=path, remedy="Save it with 8 or 16 bits"
        )
    return values.astype(np.uint32)


def _take_low_bytes(image: Image.Image) -> None:
    """Make Pillow, which keeps the high byte of a 16-bit channel, take the low one: in the other byte order."""
    assert isinstance(image, ImageFile.ImageFile)
    mode, _, order = raw_mode(image).partition(";16")
    if order == "N":
        order = "L" if sys.byteorder == "little" else "B"
    other = f"{mode};16{'B' if order == 'L' else 'L'}"
    for place, tile in enumerate(image.tile):
        arguments = (other, *tile[3][1:]) if isinstance(tile[3], tuple) else other
        image.tile[place] = type(tile)(tile[0], tile[1], tile[2], arguments)
