"""What labels images with a network, however they come: files, PIL images, arrays, tensors; one or several."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable
from os import PathLike
from pathlib import Path
from typing import Any, overload

import numpy as np
from numpy.typing import NDArray

from segarena.image_files.bit_depth import ChosenBits, choose_bits
from segarena.image_files.channel_format import ChannelFormat
from segarena.image_files.composite import composite
from segarena.image_files.images import read_image
from segarena.image_files.in_memory import ImageInput, read_images
from segarena.image_files.in_memory_bands import read_channel_images, read_file
from segarena.image_files.large_images import LargeImage, open_large


class ImageLabeller(ABC):
    """Reads images as a network was trained with them, and labels them."""

    @property
    @abstractmethod
    def image_bits(self) -> int:
        """Bits that the 16-bit images of the training used."""

    @property
    @abstractmethod
    def deep_images(self) -> int | None:
        """How many images of the training data had 16 bits per channel; None if that is not recorded."""

    @property
    @abstractmethod
    def channels(self) -> ChannelFormat | None:
        """The channels of the images; None for RGB of 8 bits."""

    @abstractmethod
    def label(self, image: NDArray[Any]) -> NDArray[np.uint8]:
        """Label an image as `read_file` gives it, (H, W, C): class indices, uint8 (H, W)."""

    @abstractmethod
    def label_large(self, image: LargeImage) -> NDArray[np.uint8]:
        """Label an image of which only a part at a time is an array: class indices, uint8 (H, W), as `predict`."""

    @overload
    def predict(self, image: list[ImageInput] | tuple[ImageInput, ...]) -> list[NDArray[np.uint8]]: ...

    @overload
    def predict(self, image: ImageInput) -> NDArray[np.uint8]: ...

    def predict(self, image: Any) -> NDArray[np.uint8] | list[NDArray[np.uint8]]:
        """Label each pixel of an image. The logits are resized to the image's own size, as in the evaluation.

        An image that is clearly larger than those of the training is labelled in windows at the scale of the training.

        Args:
            image: An image, or a list of images. Each is a file; a PIL image, of any mode, whose EXIF orientation is
                applied; an array, uint8 of RGB (H, W, 3), grey (H, W) or (H, W, 1), or with alpha (H, W, 4), or uint16
                as in a file of 16 bits; or a tensor of the same with its channels first, (3, H, W). OpenCV's arrays
                are BGR: give `cv2.cvtColor(image, cv2.COLOR_BGR2RGB)`. Floating-point values are refused, as their
                range is not clear; the message has the conversion. For a network of other channels: see
                `read_channel_images`.

        Returns:
            Class indices, uint8 (H, W); for a list of images a list of them.

        Raises:
            ImageTypeError: It is not an image, or its values could mean several things. It is a TypeError.
            DataError: A file cannot be read.
        """
        if isinstance(image, (str, PathLike)) and Path(image).is_file() and (large := self.open_large(Path(image))):
            return self.label_large(large)
        if isinstance(image, (list, tuple)):
            return [self.label(pixels) for pixels in self.read(image)]
        [mask] = [self.label(pixels) for pixels in self.read([image])]
        return mask

    def choose_bits(self, highest: Iterable[int]) -> ChosenBits:
        """Choose the bits by which images are read whose 16-bit files have these highest values (`highest_values`)."""
        return choose_bits(highest, self.image_bits, self.deep_images)

    def read(self, images: Iterable[ImageInput]) -> Iterable[NDArray[Any]]:
        """Read images as `predict` takes them, one after the other: (H, W, C) each. Raises what `predict` raises."""
        if self.channels is None:
            return read_images(images, lambda highest: self.choose_bits(highest).bits)
        return read_channel_images(images, self.channels)

    def read_file(self, path: Path, bits: int, content: bytes | None = None) -> NDArray[Any]:
        """Read an image file as the network was trained: RGB, or with the channels of the training images.

        Args:
            path: The file.
            bits: What `choose_bits` chose, for RGB.
            content: The file's bytes, where they have been read already; then `path` is only used in messages.

        Returns:
            (H, W, C).

        Raises:
            DataError: The file cannot be read, or has other channels than the training images.
        """
        if self.channels is None:
            return read_image(path, bits, content)
        return read_file(path, self.channels, content)

    def open_large(self, path: Path) -> LargeImage | None:
        """Decode a file that `label_large` labels part by part; None where it is read as an array. Raises DataError."""
        return open_large(path) if self.channels is None else None

    def shown(self, image: NDArray[Any]) -> NDArray[np.uint8]:
        """Return an image that `read_file` gave as RGB, to be looked at; see `composite`."""
        return image if self.channels is None else composite(image, self.channels.ranges)
