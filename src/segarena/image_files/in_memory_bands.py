"""Images in memory for a network whose images are not RGB: files, arrays, tensors and PIL images as they are."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from segarena.errors import DataError, ImageTypeError
from segarena.image_files.bands import as_channels, as_stored
from segarena.image_files.channel_format import ChannelFormat
from segarena.image_files.in_memory import is_tensor, load_pil


def read_channel_images(images: Iterable[object], form: ChannelFormat) -> Iterator[NDArray[Any]]:
    """Read images one after the other, each with the channels of the training images.

    Args:
        images: Files, of which the channels of `form` are read; arrays (H, W, C) or (H, W), tensors (C, H, W) and PIL
            images, which have exactly these channels in their order; those of a PIL image are what its file would have,
            RGB for a palette. Whole numbers of a wider type are accepted where all values are in the range of the
            training's type.
        form: The channels and the type of the training images.

    Yields:
        (H, W, C), of the type of the training images.

    Raises:
        ImageTypeError: One is not an image.
        DataError: A file cannot be read, or an image has other channels or another type of values.
    """
    for image in images:
        if isinstance(image, (str, PathLike)):
            yield read_file(Path(image), form)
        else:
            array = _narrow(_as_array(image), form.dtype)
            where = f"an array {array.shape} of {array.dtype}"
            pixels = as_channels(array, where)
            form.check(pixels, where)
            yield np.ascontiguousarray(pixels)


def read_file(path: Path, form: ChannelFormat, content: bytes | None = None) -> NDArray[Any]:
    """Read a file, or its bytes, with the channels of the training images. Raises DataError."""
    if content is None and path.is_dir():
        raise DataError("is a folder", where=path, remedy="Give a list of its files")
    return form.read(path, content)


def _as_array(image: Any) -> NDArray[Any]:
    if isinstance(image, Image.Image):
        upright = load_pil(image)
        array = np.asarray(upright if upright.mode.startswith("I") else as_stored(upright))
    elif isinstance(image, np.ndarray):
        array = image
    elif is_tensor(image):
        try:
            array = np.asarray(image.detach().cpu())
        except TypeError as error:  # it is sparse, or of a type that numpy has not
            raise ImageTypeError(
                f"a tensor {tuple(image.shape)} of {image.dtype} cannot be converted to an array",
                remedy="Give image.to_dense().float()",
            ) from error
        array = array.transpose(1, 2, 0) if array.ndim == 3 else array
    else:
        raise ImageTypeError(
            f"{type(image).__name__} is not an image",
            remedy="Give a file, an array (H, W, C), a tensor (C, H, W), a PIL image, or a list of them",
        )
    if array.ndim not in (2, 3) or 0 in array.shape:
        raise ImageTypeError(
            f"an array {array.shape} is not an image", remedy="Give one image at a time, (H, W, C), or a list of them"
        )
    return array


def _narrow(array: NDArray[Any], dtype: str) -> NDArray[Any]:
    """Whole numbers of a wider type as the type of the training, if all are in its range."""
    if array.dtype.kind not in "iu" or dtype not in ("uint8", "uint16") or array.dtype.itemsize <= 1:
        return array
    if array.dtype.itemsize <= np.dtype(dtype).itemsize and array.dtype.kind == "u":
        return array
    if array.dtype == np.uint16 and dtype == "uint8":
        return array  # the scale of 16 bits: refused
    limits = np.iinfo(dtype)
    return array.astype(dtype) if limits.min <= array.min() and array.max() <= limits.max else array
