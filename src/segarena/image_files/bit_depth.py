"""The bits by which 16-bit images are read when a trained network labels or scores other images."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from functools import partial
from pathlib import Path
from statistics import median
from typing import NamedTuple

from PIL import ImageFile
from PIL.TiffImagePlugin import TiffImageFile

from segarena.errors import DataError
from segarena.formats import plural
from segarena.image_files.image_io import open_image, raw_mode
from segarena.image_files.images import DEPTHS, common_bits, highest_value, is_deep, read_deep
from segarena.threads import thread_pool

#: TIFF's tags of the highest value that its samples can have.
_MAX_SAMPLE_VALUES = (281, 341)

#: Images are of another camera if most have a highest value above that of the training's bits by this factor.
_TOO_BRIGHT = 2


class ChosenBits(NamedTuple):
    """The bits by which images are read, and what to tell the user about it; "" if nothing is unusual."""

    bits: int
    warning: str = ""


def choose_bits(highest: Iterable[int], trained: int, deep_images: int | None) -> ChosenBits:
    """Choose the bits by which the 16-bit images that a trained network gets are read.

    Brightness has to mean the same as in the training: the bits of the training are used, if it had such images and
    most images fit. If not, the values of these images show their bits, as those of the training images did.

    Args:
        highest: The highest value of each 16-bit image, see `highest_values`.
        trained: The bits of the training images.
        deep_images: How many of the training images had 16 bits; None if that is not recorded.
    """
    values = list(highest)
    if not values:
        return ChosenBits(trained)
    own, most = common_bits(values), max(values)
    seen = f"{plural(len(values), 'image')} of 16 bits per channel, with values up to {most}"
    if deep_images == 0:
        return ChosenBits(
            own, f"{seen}: read as {own} bits. The training images had 8 bits; compare the brightness of the overlays"
        )
    if own > trained:
        top = 2**trained - 1
        if median(values) <= _TOO_BRIGHT * top:
            brighter = plural(sum(value > top for value in values), "image")
            return ChosenBits(
                trained,
                f"{seen}: read as {trained} bits, as the training images were. {brighter} with values above {top}, "
                "which become white: scale them if they are of another camera",
            )
        return ChosenBits(
            own,
            f"{seen}: read as {own} bits. The training images had {trained} bits: if the same brightness is another "
            "number here, scale the images as those of the training",
        )
    if own < trained:
        return ChosenBits(
            trained,
            f"{seen}, which fit into {own} bits: read as {trained} bits, as the training images were. If they are not "
            f"dark but of a camera of {own} bits, multiply their values by {2 ** (trained - own)}",
        )
    return ChosenBits(trained)


def highest_values(paths: Iterable[Path], content: bytes | None = None) -> list[int]:
    """Return the highest value of each image of 16 bits per channel; the highest possible one, if the file declares it.

    A declared value that pixels exceed does not count.

    Other files are left out, and those that cannot be read.

    Args:
        paths: The files.
        content: The bytes of the file, where there is one and they have been read already.
    """
    files, found = list(paths), []
    with thread_pool() as threads:
        looks = threads.map(partial(_look_at, content=content), files)
        for path, (is_16_bit, declared) in zip(files, looks, strict=True):
            if is_16_bit:
                with suppress(DataError):
                    found.append(max(declared or 0, highest_value(read_deep(path, content))))
    return found


def _look_at(path: Path, content: bytes | None) -> tuple[bool, int | None]:
    """Whether a file has 16 bits per channel, and the highest value that it declares; False where it is damaged."""
    with suppress(DataError), open_image(path, content) as image:
        return (True, _declared_value(image)) if is_deep(image) else (False, None)
    return False, None


def _declared_value(image: ImageFile.ImageFile) -> int | None:
    """The highest value of a bit depth that a TIFF declares: by 12 bits per sample, or by its tags."""
    if raw_mode(image) == "I;12":
        return 4095
    tags = [image.tag_v2.get(tag) for tag in _MAX_SAMPLE_VALUES] if isinstance(image, TiffImageFile) else []
    values = [tag[0] if isinstance(tag, tuple) else tag for tag in tags if tag]
    return next((int(value) for value in values if value in {2**bits - 1 for bits in DEPTHS}), None)
