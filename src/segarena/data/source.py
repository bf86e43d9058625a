"""The interface of all sources of images and masks: folders, published data sets and generated scenes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from segarena.classes import ClassTable

#: The parts of a data set.
Split = Literal["train", "val", "test"]


class Layer(NamedTuple):
    """A binary mask of one class."""

    number: int
    """The class, as the place of its name among those of all layers."""
    path: Path


#: The files of one mask: the file, or its layers.
MaskFiles = Path | tuple[Layer, ...]


@dataclass(frozen=True)
class Sample:
    """An image and its mask.

    Attributes:
        name: Unique within the source.
        split: None if the source does not divide its samples.
        image: The image file, None for generated scenes.
        mask: The mask file, likewise; of several, the first.
        layers: The binary masks that together are the mask, where there is no single file.
    """

    name: str
    split: Split | None
    image: Path | None
    mask: Path | None
    layers: tuple[Layer, ...] = ()

    @property
    def mask_files(self) -> MaskFiles:
        """The files of the mask, of a sample that has them."""
        return self.layers or self.files[1]

    @property
    def files(self) -> tuple[Path, Path]:
        """The files of the image and its mask, of a sample that has them."""
        assert self.image is not None
        assert self.mask is not None
        return self.image, self.mask


class Source(Protocol):
    """Images with masks, read one at a time."""

    @property
    def name(self) -> str:
        """The name of the data, e.g. that of the folder."""

    @property
    def classes(self) -> ClassTable:
        """The classes whose indices the masks hold."""

    @property
    def samples(self) -> Sequence[Sample]:
        """All samples, always in the same order: by split (train, val, test), then by name."""

    def read(self, index: int) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
        """Return the image (H, W, 3), RGB 0..255, and its mask (H, W): labels 0..num_classes-1, 255 = void.

        Raises DataError if a file cannot be read.
        """

    def read_labels(self, index: int) -> NDArray[np.uint8]:
        """Return the mask alone, as `read` gives it. Raises DataError if a file cannot be read."""

    def shown(self, image: NDArray[Any]) -> NDArray[np.uint8]:
        """Return an image that `read` gave as RGB, uint8 (H, W, 3), to be looked at."""

    def digest(self, index: int) -> str:
        """Return the SHA-256, in hex, of what `read` would decode. Raises DataError."""

    @property
    def decoding_digest(self) -> str:
        """The SHA-256, in hex, of all that decoding depends on besides the files' bytes, e.g. the class table."""

    def describe(self) -> dict[str, Any]:
        """Return how the data was read, as plain lists, dicts, numbers and strings."""


def indices_by_name(samples: Sequence[Sample]) -> dict[str, int]:
    """Return the place of each sample among all, by its name."""
    return {sample.name: index for index, sample in enumerate(samples)}
