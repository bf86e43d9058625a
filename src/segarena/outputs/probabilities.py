"""The probability of each class in each pixel, and their entropy, as grey PNGs or as one NumPy file."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from segarena.classes import ClassTable
from segarena.data.layout.new_images import PROBABILITIES
from segarena.files import write_with
from segarena.outputs.result import Result
from segarena.outputs.writer import Writer

#: The most bytes of a class's name in the name of its file, in UTF-8: file systems allow 255 for all of it.
_LONGEST = 150


def entropy(probabilities: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the entropy of the classes of each pixel, as a share of the highest one possible.

    Shannon's entropy, -sum p log p, divided by log C: 0 where one class is certain, 1 where all are equally probable.

    Args:
        probabilities: (C, H, W), 0..1, C at least 2.

    Returns:
        (H, W), 0..1.

    >>> entropy(np.array([[[1.0, 0.5]], [[0.0, 0.5]]], dtype=np.float32)).tolist()
    [[0.0, 1.0]]
    """
    total = np.zeros(probabilities.shape[1:], dtype=np.float32)
    for plane in probabilities:
        total -= plane * np.log(np.maximum(plane, np.finfo(np.float32).tiny))
    share: NDArray[np.float32] = np.clip(total / np.float32(np.log(len(probabilities))), 0, 1)
    return share


@dataclass(frozen=True)
class PngProbabilityWriter(Writer):
    """Writes NAME_probabilities/INDEX_CLASS.png for each class, and entropy.png: 8 bits, 0 for 0 and 255 for 1."""

    classes: ClassTable
    uses_probabilities: ClassVar[bool] = True

    def write(self, result: Result, folder: Path) -> list[Path]:
        assert result.probabilities is not None
        inside = folder / f"{result.name}{PROBABILITIES}"
        digits = len(str(self.classes.num_classes - 1))
        plain = [
            re.sub(r"[^\w-]+", "-", name).encode()[:_LONGEST].decode(errors="ignore") for name in self.classes.names
        ]
        names = [f"{index:0{digits}}_{name}" for index, name in enumerate(plain)]
        planes = [*zip(names, result.probabilities, strict=True), ("entropy", entropy(result.probabilities))]
        for name, plane in planes:
            picture = Image.fromarray(np.rint(plane * 255).astype(np.uint8))
            write_with(inside / f"{name}.png", partial(picture.save, format="PNG"))
        return [inside / f"{name}.png" for name, _ in planes]


@dataclass(frozen=True)
class NpzProbabilityWriter(Writer):
    """Writes NAME_probabilities.npz: `probabilities` (C, H, W) and `entropy` (H, W), float16, and `classes`."""

    classes: ClassTable
    uses_probabilities: ClassVar[bool] = True

    def write(self, result: Result, folder: Path) -> list[Path]:
        assert result.probabilities is not None
        arrays = {
            "probabilities": result.probabilities.astype(np.float16),
            "entropy": entropy(result.probabilities).astype(np.float16),
            "classes": np.array(self.classes.names),
        }
        path = folder / f"{result.name}{PROBABILITIES}.npz"
        write_with(path, lambda stream: np.savez_compressed(stream, **arrays))  # type: ignore[arg-type]
        return [path]
