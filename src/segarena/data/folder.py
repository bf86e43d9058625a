"""A folder of images and masks as a source: layout, encoding and sizes checked before anything is trained."""

from __future__ import annotations

import hashlib
import os
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segarena.classes import ClassTable, read_class_table
from segarena.data.images import image_size, read_image
from segarena.data.layout import find_pairs
from segarena.data.masks import Progress, infer_encoding, read_mask
from segarena.data.source import Sample
from segarena.errors import DataError


class FolderSource:
    """The images and masks below a folder, as `segarena.data.layout` and `segarena.data.masks` understand them.

    Reads `classes.yaml` in the folder where there is one, every image's and mask's header, and every mask.
    `class_pixels` (num_classes,) int64 counts the pixels of each class over all masks, `class_images` the masks in
    which it occurs, `mask_pixels` (N, num_classes + 1) the pixels mask by mask, void last.
    Raises DataError for anything that could not be read or paired, and where a mask has not its image's size.
    """

    def __init__(self, root: Path, on_progress: Progress | None = None) -> None:
        self.root = Path(root)
        self.layout = find_pairs(self.root)
        self.samples: tuple[Sample, ...] = self.layout.samples
        self._pairs = [_paths(sample) for sample in self.samples]
        self.sizes = _check_sizes(self._pairs)
        table = self.root / "classes.yaml"
        self._declared = read_class_table(table) if table.exists() else None
        masks = [mask for _, mask in self._pairs]
        self.encoding, self.mask_pixels = infer_encoding(masks, self._declared, on_progress)
        self.class_pixels: NDArray[np.int64] = self.mask_pixels[:, :-1].sum(axis=0)
        self.class_images: NDArray[np.int64] = (self.mask_pixels[:, :-1] > 0).sum(axis=0)

    @property
    def name(self) -> str:
        """The folder's own name."""
        return self.root.resolve().name

    @property
    def classes(self) -> ClassTable:
        """The classes of `classes.yaml`, or those inferred from the masks' values."""
        return self.encoding.classes

    def read(self, index: int) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
        """Return the image (H, W, 3), RGB 0..255, and its mask (H, W): labels 0..num_classes-1, 255 = void.

        Raises DataError where a file has been damaged or changed since the source was made.
        """
        image_path, mask_path = self._pairs[index]
        image, mask = read_image(image_path), read_mask(mask_path, self.encoding)
        _check_size(image_path, image.shape[:2], mask_path, mask.shape[:2])
        return image, mask

    def digest(self, index: int) -> str:
        """Return the SHA-256, in hex, of the image file's bytes followed by the mask file's. Raises DataError."""
        digest = hashlib.sha256()
        for path in self._pairs[index]:
            try:
                digest.update(path.read_bytes())
            except OSError as error:
                raise DataError(
                    f"cannot be read ({error.strerror or error})", where=path, remedy="Put the file back"
                ) from error
        return digest.hexdigest()

    def describe(self) -> dict[str, Any]:
        """Return what was understood: layout, pairing, encoding, orphans, counts, sizes, class frequencies."""
        splits = Counter(sample.split or "none" for sample in self.samples)
        sizes = Counter(self.sizes)
        origin = "inferred from the values of all masks" if self._declared is None else "declared in classes.yaml"
        return {
            "name": self.name,
            "origin": str(self.root),
            "layout": self.layout.sentence,
            "pairing": self.layout.pairing,
            "encoding": f"{self.encoding.sentence} ({origin})",
            "images_without_mask": self._relative(self.layout.images_without_mask),
            "masks_without_image": self._relative(self.layout.masks_without_image),
            "num_samples": len(self.samples),
            "splits": dict(splits),
            "sizes": [{"height": h, "width": w, "images": count} for (h, w), count in sizes.most_common()],
            **self.classes.to_dict(),
            "class_pixels": dict(zip(self.classes.names, self.class_pixels.tolist(), strict=True)),
            "class_images": dict(zip(self.classes.names, self.class_images.tolist(), strict=True)),
            "void_pixels": int(self.mask_pixels[:, -1].sum()),
        }

    def _relative(self, paths: tuple[Path, ...]) -> list[str]:
        return [path.relative_to(self.root).as_posix() for path in paths]


def _paths(sample: Sample) -> tuple[Path, Path]:
    assert sample.image is not None
    assert sample.mask is not None
    return sample.image, sample.mask


def _check_sizes(pairs: list[tuple[Path, Path]]) -> list[tuple[int, int]]:
    """(height, width) of each image, from the headers; each mask has its image's."""

    def check(pair: tuple[Path, Path]) -> tuple[int, int]:
        size = image_size(pair[0])
        _check_size(pair[0], size, pair[1], image_size(pair[1]))
        return size

    with ThreadPoolExecutor(min(8, os.cpu_count() or 1)) as threads:
        return list(threads.map(check, pairs))


def _check_size(image: Path, image_shape: tuple[int, ...], mask: Path, mask_shape: tuple[int, ...]) -> None:
    if image_shape != mask_shape:
        raise DataError(
            f"is {mask_shape[1]} x {mask_shape[0]} pixels, but its image {image} is "
            f"{image_shape[1]} x {image_shape[0]}",
            where=mask,
            remedy="Export the mask at the size of the image as it is shown, its EXIF orientation applied",
        )
