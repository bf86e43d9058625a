"""Arrays in files, .npy, .npz and .mat: their pixels as a PNG, which is decoded like any other image."""

from __future__ import annotations

import io
import math
import struct
import tokenize
import zipfile
import zlib
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from segarena.errors import DataError
from segarena.formats import listing
from segarena.image_files.mat_headers import why_not_numbers

#: The endings, in lower case, of files with an array.
ARRAY_SUFFIXES = frozenset({".npy", ".npz", ".mat"})

#: Of several arrays in a file, the one with such a name is read.
_KEYS = ("mask", "label", "labels", "segmentation", "seg", "gt", "annotation", "image", "img", "arr_0", "data")
#: Bytes of the largest array that is read: small files can unpack to any size.
MOST_BYTES = 1 << 30
#: MATLAB's classes of arrays of numbers, and the types that they are read as.
_NUMERIC: dict[str, type[np.generic]] = {
    "logical": np.uint8,
    "double": np.float64,
    "single": np.float32,
    "uint8": np.uint8,
    "uint16": np.uint16,
    "uint32": np.uint32,
    "uint64": np.uint64,
    "int8": np.int8,
    "int16": np.int16,
    "int32": np.int32,
    "int64": np.int64,
}


def array_as_png(path: Path, content: bytes | None = None) -> bytes:
    """Read an array and write it as a PNG.

    Integers become numbers of 8 or 16 bits, and so do floats that are whole; floats of 0 to 1 become 0 to 255. One
    channel per class, 1 in the pixels of the class and 0 elsewhere, becomes the number of the channel. Nothing in the
    file is executed: Python objects are refused.

    Args:
        path: The file.
        content: Its bytes, if they have been read already; then `path` is only used in messages.

    Raises:
        DataError: The file is damaged, or its shape or values are not clearly those of an image or a mask.
    """
    return _write_png(_as_integers(_as_plane(read_array(path, content), path), path))


def class_channels(path: Path) -> tuple[int, ...] | None:
    """Return the shape of an array with one channel per class, None for any other file. Raises as `read_array`."""
    if path.suffix.lower() not in ARRAY_SUFFIXES:
        return None
    array = read_array(path)
    axes = [axis for axis in (0, -1) if array.ndim == 3 and 1 < array.shape[axis] == min(array.shape)]
    return array.shape if any(_is_one_hot(array, axis) for axis in axes) else None


# Files


def read_array(path: Path, content: bytes | None = None) -> NDArray[Any]:
    """Read the array of a file as it is stored. Nothing in the file is executed: Python objects are refused.

    Args:
        path: The file.
        content: Its bytes, if they have been read already; then `path` is only used in messages.

    Raises:
        DataError: The file is damaged or too large, has no array of numbers, or several.
        OSError: It cannot be read; `image_io.reading` makes a DataError of it.
        ValueError: It has no header of NumPy; likewise.
    """
    content = path.read_bytes() if content is None else content
    match path.suffix.lower():
        case ".npy":
            return _read_npy(io.BytesIO(content), path)
        case ".npz":
            return _read_npz(content, path)
        case _:
            return _read_mat(content, path)


def _read_npy(stream: IO[bytes], path: Path) -> NDArray[Any]:
    """Read an array without numpy's loader, so that a header cannot make it allocate or execute anything."""
    version = np.lib.format.read_magic(stream)
    read_header = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    try:
        shape, is_fortran, dtype = read_header(stream)
    except tokenize.TokenError as error:
        raise _damaged(path, f"its header is no Python literal: {error.args[0]}") from error
    if min(shape, default=0) < 0:
        raise _damaged(path, f"its header has the shape {shape}")
    _check(shape, dtype, path)
    size = math.prod(shape) * dtype.itemsize
    data = stream.read(size)
    if len(data) < size:
        raise _damaged(path, f"it ends after {len(data):,} of {size:,} bytes")
    return np.frombuffer(data, dtype).reshape(shape, order="F" if is_fortran else "C")


def _read_npz(content: bytes, path: Path) -> NDArray[Any]:
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            names = {name.removesuffix(".npy"): name for name in archive.namelist()}
            with archive.open(names[_choose(list(names), path)]) as stream:
                return _read_npy(stream, path)
    except (zipfile.BadZipFile, zlib.error, NotImplementedError, RuntimeError) as error:
        raise _damaged(path, str(error)) from error


def _read_mat(content: bytes, path: Path) -> NDArray[Any]:
    from scipy.io import loadmat, whosmat  # slow to import

    try:
        variables = {name: (shape, kind) for name, shape, kind in whosmat(io.BytesIO(content))}
        numeric = [name for name, (_, kind) in variables.items() if kind in _NUMERIC]
        sparse = [name for name, (_, kind) in variables.items() if kind == "sparse"]
        if not numeric and len(sparse) == 1:
            raise _not_plain(sparse[0], "is sparse", path)
        if variables and not numeric:
            shown = listing([f"{name} ({kind})" for name, (_, kind) in variables.items()], 5)
            raise DataError(
                f"has no array of numbers, but {shown}",
                where=path,
                remedy="Save the mask alone, e.g. `save('a.mat', 'mask')` in MATLAB",
            )
        name = _choose(numeric, path)
        shape, kind = variables[name]
        _check(shape, np.dtype(_NUMERIC[kind]), path)
        reason = why_not_numbers(content, name)
        if reason is not None:
            raise _not_plain(name, reason, path)
        array: NDArray[Any] = loadmat(io.BytesIO(content), variable_names=[name])[name]
    except DataError:
        raise
    except NotImplementedError as error:
        raise DataError(
            "is a MATLAB file of version 7.3 (HDF5), which is not read",
            where=path,
            remedy="Save it as `save('a.mat', 'mask', '-v7')` in MATLAB, or as PNG with imwrite",
        ) from error
    except Exception as error:  # scipy raises many kinds
        raise _damaged(path, str(error)) from error
    return array


def _not_plain(name: str, reason: str, path: Path) -> DataError:
    return DataError(
        f"has an array that {reason}: {name}",
        where=path,
        remedy=f"Save it as `mask = full(real({name})); save('a.mat', 'mask')` in MATLAB",
    )


def _choose(names: list[str], path: Path) -> str:
    """The one array, or the one with a usual name."""
    if len(names) == 1:
        return names[0]
    lower = {name.lower(): name for name in names}
    found = [lower[key] for key in _KEYS if key in lower]
    if len(found) == 1:
        return found[0]
    raise DataError(
        f"has several arrays ({listing(names, 5)})" if names else "has no array",
        where=path,
        remedy="Save the mask or the image alone, or name it `mask` or `image`",
    )


# Shapes and values


def _check(shape: tuple[int, ...], dtype: np.dtype[Any], path: Path) -> None:
    """Raise DataError for arrays that are not of numbers, or too large."""
    if dtype.kind not in "buif":
        is_object = dtype.kind == "O"
        what = "Python objects, which are not loaded: they could execute code" if is_object else "no plain numbers"
        remedy = 'Save it as numbers, e.g. `np.save("a.npy", mask.astype("uint8"))`'
        if path.stem.endswith("_seg"):
            remedy = "If it is Cellpose's file, save the masks as PNG there"
        raise DataError(f"holds {what}", where=path, remedy=remedy)
    limit = Image.MAX_IMAGE_PIXELS
    pixels = math.prod(sorted(shape)[-2:])
    size = math.prod(shape) * dtype.itemsize
    if size > MOST_BYTES:
        raise DataError(
            f"has the shape {shape}, which are {size / 1e9:,.1f} GB, more than the {MOST_BYTES / 1e9:.1f} GB that are "
            "safe to read",
            where=path,
            remedy="Cut it, and its mask, into tiles; save a mask as one uint8 per pixel, not as one channel per class",
        )
    if limit is not None and pixels > limit:
        raise DataError(
            f"has the shape {shape}, more than the {limit // 1_000_000} million pixels that are safe to read",
            where=path,
            remedy="Cut it, and its mask, into tiles",
        )


def _as_plane(array: NDArray[Any], path: Path) -> NDArray[Any]:
    """(H, W), or (H, W, 3 or 4); one channel per class becomes the channel's number."""
    shape = array.shape
    while array.ndim > 2 and 1 in (array.shape[0], array.shape[-1]):
        array = array[0] if array.shape[0] == 1 else array[..., 0]
    if array.size and array.ndim == 2:
        return array
    if not array.size or array.ndim != 3:
        remedy = "Save it as (height, width) or (height, width, 3)"
        if array.ndim == 4:
            remedy = (
                "Save each image and each mask as a file, e.g. in Python:"
                ' for i, one in enumerate(array): np.save(f"images/{i:05}.npy", one)'
            )
        raise DataError(f"has the shape {shape}, not that of an image", where=path, remedy=remedy)
    for axis in (-1, 0):
        if array.shape[axis] <= 256 and array.shape[axis] == min(array.shape) and _is_one_hot(array, axis):
            classes: NDArray[Any] = np.argmax(array, axis)
            return classes
    _refuse_scores(array, path)
    first, last = array.shape[0] in (3, 4), array.shape[-1] in (3, 4)
    if first and last:
        raise DataError(
            f"has the shape {shape}, and it is not clear which axis has the channels",
            where=path,
            remedy="Save it as PNG",
        )
    if first or last:
        return np.moveaxis(array, 0, -1) if first else array
    raise DataError(
        f"has the shape {shape}: a stack of slices, or {min(shape)} channels",
        where=path,
        remedy="Save each slice as a file of its own; of channels, one or three; of scores of classes, their argmax",
    )


def _refuse_scores(array: NDArray[Any], path: Path) -> None:
    """Raise DataError for channels that are not colours: probabilities of classes, or 0 and 1 for each class."""
    axis = 0 if array.shape[0] == min(array.shape) else -1
    if not np.isfinite(array).all():
        return  # refused as such
    if array.min() >= 0 and array.max() <= 1 and (array.max() > 0):
        if ((array == 0) | (array == 1)).all():
            raise DataError(
                f"has the shape {array.shape} with 0 and 1, one channel per class, and pixels in several or in none",
                where=path,
                remedy="Save one number per pixel, e.g. in Python:"
                f" np.where(mask.any({axis}), mask.argmax({axis}) + 1, 0)",
            )
        if np.allclose(array.sum(axis), 1, atol=1e-3):
            raise DataError(
                f"has the shape {array.shape} with the probabilities of classes",
                where=path,
                remedy=f"Save the class of each pixel, e.g. in Python: scores.argmax({axis})",
            )


def _is_one_hot(array: NDArray[Any], axis: int) -> bool:
    return bool(((array == 0) | (array == 1)).all() and (array.sum(axis) == 1).all())


def _as_integers(array: NDArray[Any], path: Path) -> NDArray[np.unsignedinteger[Any]]:
    """The same as uint8 or uint16."""
    if array.dtype.kind == "f":
        low, high = float(array.min()), float(array.max())
        if not math.isfinite(low) or not math.isfinite(high):
            raise DataError(
                "has values that are not numbers (NaN or infinite)",
                where=path,
                remedy="Replace them; void as 255, e.g. `np.nan_to_num(mask, nan=255)`",
            )
        if (array != np.round(array)).any():
            if low < 0 or high > 1:
                raise DataError(
                    f"has fractions from {low:g} to {high:g}, and it is not clear which of them is white",
                    where=path,
                    remedy="Save values of 0 to 1, or integers of 0 to 255",
                )
            return np.round(array * 255).astype(np.uint8)
    low, high = int(array.min()), int(array.max())
    if low < 0 or high > 65535:
        raise DataError(
            f"has values from {low} to {high}, but those of images and masks are 0 to 65535",
            where=path,
            remedy="Save other values; void as 255, e.g. `np.where(mask < 0, 255, mask.astype(int))`",
        )
    # Two bytes stay two bytes, so that a dark image has the scale of the others. Four or eight are what libraries make
    # of any number: masks are read like those of one byte, colours like those of two.
    size = array.dtype.itemsize
    is_wide = size == 2 or (size > 2 and (array.ndim == 3 or high > 255))
    return array.astype(np.uint16 if is_wide else np.uint8)


def _write_png(pixels: NDArray[np.unsignedinteger[Any]]) -> bytes:
    """(H, W) or (H, W, 3 or 4), uint8 or uint16, as a PNG; Pillow cannot write colours of 16 bits."""
    height, width = pixels.shape[:2]
    kind = {2: 0, 3: 2, 4: 6}[pixels.ndim if pixels.ndim == 2 else pixels.shape[2]]
    ordered = np.ascontiguousarray(pixels, dtype=pixels.dtype.newbyteorder(">"))
    rows = ordered.reshape(height, -1).view(np.uint8)
    filtered = np.zeros((height, rows.shape[1] + 1), dtype=np.uint8)
    filtered[:, 1:] = rows
    header = struct.pack(">IIBBBBB", width, height, 8 * pixels.dtype.itemsize, kind, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(filtered.tobytes(), 1)), (b"IEND", b""))
    packed = (struct.pack(">I", len(c)) + k + c + struct.pack(">I", zlib.crc32(k + c)) for k, c in chunks)
    return b"\x89PNG\r\n\x1a\n" + b"".join(packed)


def _damaged(path: Path, reason: str) -> DataError:
    return DataError(f"cannot be read ({reason})", where=path, remedy="Copy or save the file again, or remove it")
