"""Images in memory as RGB of 8 bits: PIL images, arrays, tensors. What has no clear meaning is refused."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Iterable
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFile, ImageOps
from PIL.TiffImagePlugin import PHOTOMETRIC_INTERPRETATION, TiffImageFile

from segarena.errors import DataError, ImageTypeError
from segarena.image_files.bit_depth import highest_values
from segarena.image_files.images import DeepImage, highest_value, is_deep, read_image, rgb_picture, scale_deep

if TYPE_CHECKING:  # a file needs no torch to be read
    from torch import Tensor

#: What is taken for one image.
ImageInput: TypeAlias = "str | PathLike[str] | Image.Image | NDArray[Any] | Tensor"

_KINDS = (
    "a file, a PIL image, an array of RGB, uint8 (H, W, 3), or grey, uint8 (H, W), or a tensor, uint8 (3, H, W); "
    "or a list of them"
)
_UNNAMED = Path("image")  # for messages about an image without a file


def read_images(images: Iterable[ImageInput], choose_bits: Callable[[list[int]], int]) -> Iterable[NDArray[np.uint8]]:
    """Read images one after the other, each as RGB with its EXIF orientation applied.

    Args:
        images: Files, PIL images in any mode, arrays or tensors. Arrays are uint8, or uint16 as in a file of 16 bits:
            (H, W), (H, W, 1), (H, W, 3) or (H, W, 4), RGB and alpha. Tensors have their channels first. Transparent
            parts become white, as in files.
        choose_bits: Called with the highest values of all images of 16 bits; returns the bits that they are read with.

    Yields:
        (H, W, 3) uint8, RGB, 0..255.

    Raises:
        ImageTypeError: One is not an image, or its values could mean several things.
        DataError: A file cannot be read.
    """
    opened = [_open(image) for image in images]
    deep = [highest_value(image) for image in opened if isinstance(image, DeepImage)]
    deep += highest_values(image for image in opened if isinstance(image, Path))
    bits = choose_bits(deep)
    for image in opened:
        if isinstance(image, Path):
            yield read_image(image, bits)
        elif isinstance(image, DeepImage):
            yield scale_deep(image, bits, _UNNAMED).pixels
        else:
            yield rgb_picture(image, _UNNAMED).pixels


def _open(image: object) -> Path | DeepImage | Image.Image:
    if isinstance(image, (str, PathLike)):
        return _check_file(Path(image))
    if isinstance(image, Image.Image):
        return _open_pil(image)
    if isinstance(image, np.ndarray):
        return _open_array(image)
    if is_tensor(image):
        return _open_tensor(image)
    if image is None:
        raise ImageTypeError("None is not an image", remedy="cv2.imread returns None where it cannot read a file")
    raise ImageTypeError(f"{type(image).__name__} is not an image", remedy=f"Give {_KINDS}")


def _check_file(path: Path) -> Path:
    if path.is_dir():
        raise DataError(
            "is a folder",
            where=path,
            remedy=f"Label all images in it with segarena.predict(RUN, {str(path)!r}), or give a list of its files",
        )
    return path


def _open_pil(image: Image.Image) -> Path | DeepImage | Image.Image:
    if isinstance(image, ImageFile.ImageFile) and image.tile and is_deep(image):
        path = Path(os.fsdecode(image.filename))
        is_page = image.mode.startswith("I") and getattr(image, "n_frames", 1) > 1  # the caller has chosen this page
        if path.is_file() and not is_page:
            return path  # not decoded yet; of colours of 16 bits Pillow would drop the low byte
    white_is_zero = isinstance(image, TiffImageFile) and image.tag_v2.get(PHOTOMETRIC_INTERPRETATION) == 0
    image = load_pil(image)
    if image.mode == "La":
        image = image.convert("LA")
    if not image.mode.startswith("I"):
        return image
    values = np.asarray(image)
    if values.min() < 0 or values.max() > 65535:
        raise ImageTypeError(
            f"a PIL image of mode {image.mode} has values from {values.min()} to {values.max()}",
            remedy="Scale them to 0..255 and convert it to mode L",
        )
    return DeepImage(values.astype(np.uint16), white_is_zero)


def load_pil(image: Image.Image) -> Image.Image:
    """Return a PIL image decoded and upright, in its own mode.

    Raises DataError if it cannot be decoded, ImageTypeError if it has no pixel.
    """
    if 0 in image.size:
        raise ImageTypeError(
            f"a PIL image of {image.width} x {image.height} pixels is empty", remedy="Check how it was cut"
        )
    try:
        image.load()
    except (OSError, SyntaxError, ValueError) as error:  # ValueError: it is closed
        raise DataError(
            f"cannot be decoded ({error})", where=_UNNAMED, remedy="Open the file again, and do not close it before"
        ) from error
    return ImageOps.exif_transpose(image)


def _open_array(array: NDArray[Any], tensor: bool = False) -> DeepImage | Image.Image:
    shape = array.shape
    if array.ndim == 4:
        raise ImageTypeError(f"{_describe(array)} is a batch", remedy="Give its images as a list: list(batch)")
    if array.ndim not in (2, 3) or 0 in shape:
        raise ImageTypeError(f"{_describe(array)} is not an image", remedy=f"Give {_KINDS}")
    if array.ndim == 3 and shape[2] not in (1, 3, 4):
        first = shape[0] in (1, 3, 4) and not tensor
        remedy = "Put the channels last: image.transpose(1, 2, 0)" if first else f"Give {_KINDS}"
        raise ImageTypeError(f"{_describe(array)} has {shape[2]} channels in its last dimension", remedy=remedy)
    if array.dtype.kind in "iuf":
        array = array.astype(array.dtype.newbyteorder("="), copy=False)
    if array.dtype not in (np.uint8, np.uint16):
        raise ImageTypeError(
            f"{_describe(array)} has values whose range is not clear", remedy=_scaling_remedy(array, tensor)
        )
    array = array[..., 0] if array.ndim == 3 and shape[2] == 1 else array
    if array.dtype == np.uint16:
        return DeepImage(array)
    return Image.fromarray(np.ascontiguousarray(array))


def _open_tensor(tensor: Any) -> DeepImage | Image.Image:
    tensor = tensor.detach().cpu()
    try:
        array: NDArray[Any] = np.asarray(tensor)
    except TypeError as error:
        raise _unlike_arrays(tensor) from error
    if array.ndim != 3:
        return _open_array(array, tensor=True)
    if array.shape[0] not in (1, 3, 4):
        last = array.shape[2] in (1, 3, 4)
        remedy = "Put the channels first: image.permute(2, 0, 1)" if last else f"Give {_KINDS}"
        raise ImageTypeError(
            f"a tensor {array.shape} has {array.shape[0]} channels in its first dimension", remedy=remedy
        )
    return _open_array(array.transpose(1, 2, 0), tensor=True)


def _unlike_arrays(tensor: Any) -> ImageTypeError:
    """The error for a tensor that is no array: it is sparse, or of a type that numpy has not, such as bfloat16."""
    what = f"a tensor {tuple(tensor.shape)} of {tensor.dtype}"
    try:
        array = np.asarray(tensor.float())
    except (TypeError, RuntimeError):
        return ImageTypeError(f"{what} cannot be converted to an array", remedy=f"Give {_KINDS}")
    return ImageTypeError(f"{what} has values whose range is not clear", remedy=_scaling_remedy(array, tensor=True))


def _scaling_remedy(array: NDArray[Any], tensor: bool) -> str:
    to_bytes = "to(torch.uint8)" if tensor else 'astype("uint8")'
    if array.dtype == bool:
        return f"If True is white, give image.{to_bytes} * 255"
    if array.dtype.kind not in "iuf":
        return f"Give {_KINDS}"
    low, high = float(array.min()), float(array.max())
    if not (math.isfinite(low) and math.isfinite(high)):
        found = "NaN" if math.isnan(low) else "infinite"  # the minimum is NaN where any value is
        return f"Replace its {found} values, or give the image as it was before they arose"
    if low < 0:
        return "Give the image as it was before it was normalised: the network's own normalisation is applied to it"
    if array.dtype.kind == "f" and high <= 1:
        return f"If 1 is white, give (image * 255).round().{to_bytes}"
    if high <= 255:
        return f"If 255 is white, give image.{'round().' if array.dtype.kind == 'f' else ''}{to_bytes}"
    return f"Scale its values, of which the highest is {high:g}, to 0..255, and give image.{to_bytes}"


def _describe(array: NDArray[Any]) -> str:
    return f"an array {array.shape} of {array.dtype}"


def is_tensor(image: object) -> bool:
    """Whether something is a tensor of torch, without importing torch."""
    return hasattr(image, "detach") and hasattr(image, "permute")
