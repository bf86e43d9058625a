"""A source whose files are named by someone else's lists, so that nothing has to be found out."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, get_args

import numpy as np
from numpy.typing import NDArray

from segarena.classes import IGNORE_INDEX, ClassTable
from segarena.data.files.images import read_image
from segarena.data.source import Sample, Split
from segarena.errors import DataError

Labels = NDArray[np.uint8]
#: Image files and their mask files.
Pairs = Sequence[tuple[Path, Path]]

UNPACK = "Unpack the data set again"


class ListedSource:
    """A `Source` of pairs of files and a class table that are known beforehand.

    `read_values` reads a mask file, (H, W) uint8: the values of `classes`.
    """

    def __init__(
        self,
        name: str,
        root: Path,
        pairs: Mapping[Split, Pairs],
        classes: ClassTable,
        read_values: Callable[[Path], Labels],
    ) -> None:
        self.name, self.root, self.classes = name, root, classes
        self._read_values = read_values
        self.samples: tuple[Sample, ...] = tuple(
            sorted(
                (Sample(image.stem, split, image, mask) for split, found in pairs.items() for image, mask in found),
                key=lambda sample: (get_args(Split).index(sample.split), sample.name),
            )
        )
        self._labels = np.full(256, -1, dtype=np.int16)
        for value in classes.ignore:
            self._labels[value] = IGNORE_INDEX
        for label, entry in enumerate(classes.classes):
            self._labels[entry.value] = label

    def read(self, index: int) -> tuple[NDArray[np.uint8], Labels]:
        """Return the image (H, W, 3), RGB 0..255, and its mask (H, W): labels 0..num_classes-1, 255 = void.

        Raises DataError where a file is damaged, has a value of no class, or the two differ in size.
        """
        image_path, mask_path = self._paths(index)
        image, values = read_image(image_path), self._read_values(mask_path)
        if image.shape[:2] != values.shape:
            raise DataError(f"has not the size of its image {image_path}", where=mask_path, remedy=UNPACK)
        labels = self._labels[values]
        if labels.min() < 0:
            raise DataError(
                f"holds the value {values[labels < 0][0]}, which is no class", where=mask_path, remedy=UNPACK
            )
        return image, labels.astype(np.uint8)

    def digest(self, index: int) -> str:
        """Return the SHA-256, in hex, of the image file's bytes followed by the mask file's. Raises DataError."""
        digest = hashlib.sha256()
        for path in self._paths(index):
            try:
                digest.update(path.read_bytes())
            except OSError as error:
                raise DataError(f"cannot be read ({error.strerror or error})", where=path, remedy=UNPACK) from error
        return digest.hexdigest()

    @property
    def meaning(self) -> str:
        """The SHA-256, in hex, of the class table: nothing else stands between the files and the labels."""
        return self.classes.digest

    def describe(self) -> dict[str, Any]:
        """Return the data set's name, place, splits and classes, as plain values."""
        return {
            "name": self.name,
            "origin": str(self.root),
            "layout": f"{self.name}, as published",
            "pairing": "the data set's own lists",
            "num_samples": len(self.samples),
            "splits": dict(Counter(str(sample.split) for sample in self.samples)),
            **self.classes.to_dict(),
        }

    def _paths(self, index: int) -> tuple[Path, Path]:
        sample = self.samples[index]
        assert sample.image is not None
        assert sample.mask is not None
        return sample.image, sample.mask
