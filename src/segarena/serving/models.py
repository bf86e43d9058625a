"""The trained networks of a server, by name."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from segarena.classes import ClassTable
from segarena.image_files.bit_depth import ChosenBits
from segarena.image_files.images import read_image
from segarena.serving.problems import ProblemError


class LoadedNetwork(Protocol):
    """What a server needs of a loaded network: `segarena.load` returns it."""

    @property
    def classes(self) -> ClassTable:
        """The classes."""

    def predict(self, image: Any) -> Any:
        """Label an image, or a list of images."""


@dataclass(frozen=True)
class ServedModel:
    """A network and what clients read about it."""

    name: str
    predictor: LoadedNetwork
    facts: dict[str, Any] = field(default_factory=dict)
    """Further entries of `GET /models`: numbers and words."""
    together: Callable[[Sequence[NDArray[Any]]], list[NDArray[np.uint8]]] | None = None
    """Labels images of one size in one pass, with the labels that each would get alone; None: one after the other."""

    @property
    def classes(self) -> ClassTable:
        """The classes of its labels."""
        return self.predictor.classes

    @property
    def has_channels(self) -> bool:
        """Whether its images have other channels than RGB of 8 bits."""
        return getattr(self.predictor, "channels", None) is not None

    def choose_bits(self, highest: Iterable[int]) -> ChosenBits:
        """Choose the bits by which files of 16 bits per channel are read that have these highest values."""
        choose: Callable[[Iterable[int]], ChosenBits] | None = getattr(self.predictor, "choose_bits", None)
        return ChosenBits(16) if choose is None else choose(highest)

    def read(self, path: Path, bits: int, content: bytes) -> NDArray[Any]:
        """Read an image file from its bytes as the network gets it.

        Args:
            path: A name for messages.
            bits: What `choose_bits` chose.
            content: The file.

        Returns:
            (H, W, C): RGB, uint8, or the channels of the training images in the type of the file.

        Raises:
            DataError: It cannot be read, or has other channels than the training images.
        """
        if not hasattr(self.predictor, "read_file"):
            return read_image(path, bits, content)
        image: NDArray[Any] = self.predictor.read_file(path, bits, content)
        return image

    def shown(self, image: NDArray[Any]) -> NDArray[np.uint8]:
        """Return what `read` gave as RGB, to be looked at, (H, W, 3) uint8."""
        shown: NDArray[np.uint8] = self.predictor.shown(image) if hasattr(self.predictor, "shown") else image
        return shown

    def label(self, images: Sequence[NDArray[Any]]) -> list[NDArray[np.uint8]]:
        """Label images of one size. Each mask is the one that the image alone would get.

        Args:
            images: What `read` gave.

        Returns:
            Class indices, (H, W) uint8 each.
        """
        if self.together is not None and len(images) > 1:
            return self.together(images)
        masks: list[NDArray[np.uint8]] = self.predictor.predict(list(images))
        return masks


class ServedModels:
    """The networks of a server.

    Args:
        models: One or more; the first is used where a request names none.
    """

    def __init__(self, models: Sequence[ServedModel]) -> None:
        self._models = {model.name: model for model in models}
        self.default = models[0]

    def __iter__(self) -> Any:
        return iter(self._models.values())

    @property
    def names(self) -> list[str]:
        """The names, the default first."""
        return list(self._models)

    def find(self, name: str | None) -> ServedModel:
        """Return the model of a name, the default for None or "". Raises ProblemError 404."""
        if not name:
            return self.default
        if name not in self._models:
            raise ProblemError(
                404, f"there is no model {name[:50]!r}", f"Choose from {', '.join(self._models)}", where="model"
            )
        return self._models[name]
