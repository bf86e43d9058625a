"""The trained networks of a server, by name."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from segarena.classes import ClassTable
from segarena.data.files.bit_depth import ChosenBits
from segarena.serving.problems import ProblemError


class Labels(Protocol):
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
    predictor: Labels
    facts: dict[str, Any] = field(default_factory=dict)
    """Further entries of `GET /models`: numbers and words."""

    @property
    def classes(self) -> ClassTable:
        """The classes of its labels."""
        return self.predictor.classes

    @property
    def choose_bits(self) -> Callable[[Iterable[int]], ChosenBits] | None:
        """The choice of bits for files of 16 bits per channel; None where the predictor has none."""
        return getattr(self.predictor, "choose_bits", None)

    def label(self, images: Sequence[NDArray[np.uint8]]) -> list[NDArray[np.uint8]]:
        """Label images of one size. Each mask is the one that the image alone would get.

        Args:
            images: RGB, (H, W, 3) uint8.

        Returns:
            Class indices, (H, W) uint8 each.
        """
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
