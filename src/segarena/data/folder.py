"""A folder of images and masks as a source: layout, encoding and sizes checked before anything is trained."""

from __future__ import annotations

import hashlib
import os
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segarena.classes import ClassTable, find_class_table
from segarena.data.encoding.infer import Progress, infer_encoding
from segarena.data.encoding.masks import read_mask, resize_mask
from segarena.data.files.headers import Resized, compare_sizes, fit
from segarena.data.files.image_io import reading
from segarena.data.files.images import read_image, set_bits
from segarena.data.layout.layout import find_pairs
from segarena.data.source import Sample


class FolderSource:
    """The images and masks below a folder, as `data.layout` and `data.encodings.scan` understand them.

    Reads `classes.yaml` in the folder where there is one, every image's and mask's header, and every mask; `images`
    and `masks` name the two folders where they should not be looked for. `on_progress` hears (masks read, masks).
    `class_pixels` (num_classes,) int64 counts the pixels of each class over all masks, `class_images` the masks in
    which it occurs, `mask_pixels` (N, num_classes + 1) the pixels mask by mask, void last, all as the files have
    them; `sizes` are (height, width) of the images, `resized` the masks of another size but their image's shape,
    which `read` resizes to it; `bits` what images of 16 bits per channel are scaled from.
    Raises DataError for anything that could not be read or paired, and where a mask has not its image's shape.
    """

    def __init__(
        self,
        root: Path,
        on_progress: Progress | None = None,
        *,
        images: Path | None = None,
        masks: Path | None = None,
    ) -> None:
        self.root = Path(root)
        self.layout = find_pairs(self.root, images=images, masks=masks)
        self.samples: tuple[Sample, ...] = self.layout.samples
        self._pairs = [_paths(sample) for sample in self.samples]
        headers, self.resized = compare_sizes(self._pairs)
        self.sizes = [(header.height, header.width) for header in headers]
        self._declared = find_class_table(self.root)
        self.encoding, self.mask_pixels = infer_encoding([mask for _, mask in self._pairs], self._declared, on_progress)
        self.class_pixels: NDArray[np.int64] = self.mask_pixels[:, :-1].sum(axis=0)
        self.class_images: NDArray[np.int64] = (self.mask_pixels[:, :-1] > 0).sum(axis=0)
        self.bits = set_bits([image for (image, _), header in zip(self._pairs, headers, strict=True) if header.deep])

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
        image, mask = read_image(image_path, self.bits), read_mask(mask_path, self.encoding)
        height, width = image.shape[:2]
        if fit(image_path, (height, width), mask_path, mask.shape) is not None:
            mask = resize_mask(mask, height, width)
        return image, mask

    def digest(self, index: int) -> str:
        """Return the SHA-256, in hex, of the image file's bytes followed by the mask file's. Raises DataError."""
        digest = hashlib.sha256()
        for path in self._pairs[index]:
            with reading(path):
                digest.update(path.read_bytes())
        return digest.hexdigest()

    @property
    def meaning(self) -> str:
        """The SHA-256, in hex, of the class table, the label of each value in the masks, and the images' `bits`."""
        digest = hashlib.sha256(f"{self.classes.digest} {self.encoding.by_grey} {self.bits}".encode())
        digest.update(self.encoding.lookup.tobytes())
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
            "conflicts": list(self.layout.conflicts),
            "encoding": f"{self.encoding.sentence} ({origin})",
            "image_bits": self.bits,
            "images_without_mask": self._relative(self.layout.images_without_mask),
            "masks_without_image": self._relative(self.layout.masks_without_image),
            "unlisted": self._relative(self.layout.unlisted),
            "num_samples": len(self.samples),
            "splits": dict(splits),
            "sizes": [{"height": h, "width": w, "images": count} for (h, w), count in sizes.most_common()],
            "resized": [self._describe_resized(one) for one in self.resized],
            **self.classes.to_dict(),
            "class_pixels": dict(zip(self.classes.names, self.class_pixels.tolist(), strict=True)),
            "class_images": dict(zip(self.classes.names, self.class_images.tolist(), strict=True)),
            "void_pixels": int(self.mask_pixels[:, -1].sum()),
        }

    def _describe_resized(self, one: Resized) -> dict[str, Any]:
        (height, width), (to_height, to_width) = one.size, one.image_size
        [mask] = self._relative([one.mask])
        return {"mask": mask, "height": height, "width": width, "to_height": to_height, "to_width": to_width}

    def _relative(self, paths: Sequence[Path]) -> list[str]:
        return [Path(os.path.relpath(path, self.root)).as_posix() for path in paths]


def _paths(sample: Sample) -> tuple[Path, Path]:
    assert sample.image is not None
    assert sample.mask is not None
    return sample.image, sample.mask
