"""Image files as they are stored: their own channels, 1 to 16, with 8 or 16 bits or as float32 numbers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from segarena.config.channels import MOST_CHANNELS, Channels
from segarena.errors import DataError
from segarena.formats import listing, plural
from segarena.image_files.arrays import ARRAY_SUFFIXES, read_array
from segarena.image_files.image_io import decode, open_image, raw_mode, reading
from segarena.image_files.images import is_deep, read_deep
from segarena.image_files.row_bands import to_array
from segarena.image_files.tiff_bands import is_tiff, read_tiff

#: Modes of Pillow whose numbers are the channels. Others are converted to RGB: a palette, for instance.
_AS_STORED = frozenset({"L", "LA", "RGB", "RGBA", "CMYK", "F"})


def read_all_bands(path: Path, content: bytes | None = None) -> NDArray[Any]:
    """Read all channels of an image file as they are stored, with its orientation applied.

    Nothing is scaled, and alpha is a channel like any other. Colours of a palette become RGB, black and white 0 and
    255. Numbers of 8 or 16 bits without a sign stay what they are; all others become float32.

    Args:
        path: A TIFF, PNG, JPEG or any other image; .npy, .npz or .mat with an array (H, W), (H, W, C) or (C, H, W).
        content: The file's bytes, where they have been read already.

    Returns:
        (H, W, C), uint8, uint16 or float32. There may be more channels than a network can have.

    Raises:
        DataError: The file cannot be read, or has values that are NaN, infinite, or too large for float32 to be exact.
    """
    if path.suffix.lower() in ARRAY_SUFFIXES:
        with reading(path):
            array = read_array(path, content)
        return as_channels(_channels_last(array, path), path)
    if is_tiff(path, content):
        found = read_tiff(path, content)
        if found is not None:
            return as_channels(found, path)
    return as_channels(_read_with_pillow(path, content), path)


def select_channels(image: NDArray[Any], channels: Channels, where: object) -> NDArray[Any]:
    """Return channels of an image, (H, W, C).

    Args:
        image: (H, W, C).
        channels: Which ones, from 1; empty: all.
        where: The image, for messages.

    Raises:
        DataError: It lacks a channel, or has more than 16 and none is chosen.
    """
    check_selection(image.shape[2], channels, where)
    chosen = image if not channels else image[..., [number - 1 for number in channels]]
    return np.require(chosen, requirements=["C", "W"])


def check_selection(count: int, channels: Channels, where: object) -> None:
    """Raise DataError if an image with `count` channels lacks one of `channels`, or has over 16 and none is chosen."""
    missing = [str(number) for number in channels if number > count]
    if missing:
        raise DataError(
            f"has {plural(count, 'channel')}, and no channel {listing(missing, 5)}",
            where=where,
            remedy=f"Train with channels that all images have, e.g. `segarena train DATA --channels {count}`",
        )
    if not channels and count > MOST_CHANNELS:
        raise DataError(
            f"has {count} channels, and a network can have up to {MOST_CHANNELS}",
            where=where,
            remedy="Train with the most useful ones, e.g. `segarena train DATA --channels 1,2,3,4`. If they are slices,"
            " save each as a file",
        )


def as_channels(array: NDArray[Any], where: object) -> NDArray[Any]:
    """Return an array as (H, W, C) of uint8, uint16 or float32.

    Args:
        array: (H, W) or (H, W, C), of any type of numbers.
        where: The image, for messages.

    Raises:
        DataError: It has complex numbers, NaN or infinite values, or whole numbers that float32 does not have.
    """
    image = array[..., None] if array.ndim == 2 else array
    if image.dtype == bool:
        return image.astype(np.uint8)
    if image.dtype.kind == "u" and image.dtype.itemsize <= 2:
        return image.astype(image.dtype.newbyteorder("="), copy=False)
    if image.dtype.kind not in "iuf":
        raise DataError(
            f"has values of the type {image.dtype}",
            where=where,
            remedy="Save it with 8 or 16 bits per channel, or as float32",
        )
    with np.errstate(over="ignore"):
        converted = image.astype(np.float32)
    if not np.isfinite(converted).all():
        raise DataError(
            "has values that are NaN, infinite or too large for float32",
            where=where,
            remedy="Replace them, e.g. by the mean of their channel, and declare these pixels void in the mask",
        )
    if image.dtype.kind in "iu" and (converted.astype(np.float64) != image).any():
        most = int(np.abs(image.astype(np.float64)).max())
        raise DataError(
            f"has whole numbers up to {most}, which float32 does not have exactly",
            where=where,
            remedy="Save it with 16 bits per channel, or as float32",
        )
    return converted


def as_stored(image: Image.Image) -> Image.Image:
    """Return a decoded image of 8 bits or of float32 in a mode whose numbers are the channels.

    Black and white become 0 and 255, colours of a palette RGB.

    Args:
        image: Decoded, in any mode but those of 16 and 32 bits.
    """
    if image.mode == "1":
        return image.convert("L")
    if image.mode in _AS_STORED:
        return image
    return image.convert("RGBA" if image.mode == "PA" else "LA" if image.mode == "La" else "RGB")


def describe_type(dtype: str) -> str:
    """Return the type of the values in words.

    >>> describe_type("uint16"), describe_type("float32")
    ('16 bits', 'float32')
    """
    return {"uint8": "8 bits", "uint16": "16 bits"}.get(dtype, dtype)


def _channels_last(array: NDArray[Any], path: Path) -> NDArray[Any]:
    """(H, W) or (H, W, C) of an array; of two axes that could be the channels, the last one is."""
    shape = array.shape
    while array.ndim > 3 and array.shape[0] == 1:
        array = array[0]
    if array.ndim not in (2, 3) or 0 in array.shape:
        raise DataError(
            f"has the shape {shape}, not that of an image",
            where=path,
            remedy="Save it as (height, width, channels)",
        )
    if array.ndim == 3 and array.shape[0] <= MOST_CHANNELS < array.shape[2]:
        return np.moveaxis(array, 0, -1)
    return array


def _read_with_pillow(path: Path, content: bytes | None) -> NDArray[Any]:
    with open_image(path, content) as undecoded:
        if not is_deep(undecoded):
            return to_array(as_stored(decode(undecoded, path)))
        has_grey_alpha = raw_mode(undecoded).startswith("LA")
    values = read_deep(path, content).values
    return values[..., [0, 3]] if has_grey_alpha else values
