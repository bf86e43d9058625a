"""A folder of images and masks as a source: layout, encoding and sizes are checked before anything is trained."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segarena.classes import ClassTable, find_declared
from segarena.config.channels import Channels
from segarena.data.encoding.infer import (
    InferredEncoding,
    infer_encoding,
    infer_like,
    labels_of_values,
    refuse_picture,
)
from segarena.data.encoding.layers import count_overlap, encode_layers
from segarena.data.encoding.mask_encoding import read_mask, resize_mask
from segarena.data.encoding.named import Unused, like_run, read_class_files
from segarena.data.layout.layout import find_pairs
from segarena.data.layout.tree import relative_name
from segarena.data.source import Sample
from segarena.errors import DataError
from segarena.formats import command, relative_path
from segarena.image_files.band_facts import BandFacts
from segarena.image_files.channel_format import ChannelFormat, common_format
from segarena.image_files.composite import composite
from segarena.image_files.faults import join_faults
from segarena.image_files.headers import Resized, fit, image_size
from segarena.image_files.image_facts import ImageFacts
from segarena.image_files.images import common_bits, read_image
from segarena.image_files.mask_facts import CountedMask
from segarena.image_files.sample_files import PairDigest, Progress, ReadFile, read_samples

_INFERRED = "inferred from the values of all masks"


class FolderSource:
    """The images and masks below a folder, as `data.layout` and `data.encoding` understand them.

    Each file is read once, and decoded unless its content is in the cache; `classes.yaml` is read if there is one.

    Attributes:
        root: The folder.
        layout: Where the images and masks are, and how they pair.
        samples: The pairs, N of them, by split and name.
        images: N, what reading each image showed.
        masks: N, the values that were counted in each mask.
        sizes: N, the (height, width) of each image in pixels.
        unused_class_files: Files of a tool that list classes and do not fit the masks.
        resized: The masks that have another size than their image; `read` resizes them.
        encoding: The classes, and the label of each value in the masks.
        format: The channels that the images are read with; None for RGB.
        bits: The bits used by images of 16 bits per channel, which are scaled to 8.
        mask_pixels: (N, num_classes) int64, pixels of each class in each mask, as the files have them.
        void_pixels: (N,) int64, void pixels of each mask.
        overlap: The pixels that are in several layers, where each class has a file of its own.
        class_pixels: (num_classes,) int64, pixels of each class in all masks.
        image_counts: (num_classes,) int64, masks in which each class occurs.
    """

    def __init__(
        self,
        root: Path,
        on_progress: Progress | None = None,
        *,
        images: Path | None = None,
        masks: Path | None = None,
        run_classes: ClassTable | None = None,
        channels: Channels | None = None,
    ) -> None:
        """Read a folder.

        Args:
            root: The folder.
            on_progress: Called with (pairs read, pairs).
            images: The folder of the images, if it should not be searched for.
            masks: The same for the masks.
            run_classes: The classes of the run that is evaluated on the folder. The masks may lack some of them.
            channels: The channels of the images that are read, as they are stored; None for RGB of 8 bits.

        Raises:
            DataError: Something could not be read or paired, a mask does not have its image's shape, or the images do
                not have the same channels.
        """
        self.root = Path(root)
        self.layout = find_pairs(self.root, images=images, masks=masks)
        self.samples: tuple[Sample, ...] = self.layout.samples
        self._declared = find_declared(self.root, [sample.files[1] for sample in self.samples])
        self.images: list[ReadFile[ImageFacts]] = []
        self.sizes: list[tuple[int, int]] = []
        self._digests: list[PairDigest] = []
        self.masks: list[CountedMask] = []
        faults, self.resized = self._read_files(on_progress, as_stored=channels is not None)
        if faults:
            raise join_faults(faults, self._check_command(images, masks))
        self._resized = {one.mask for one in self.resized}
        self.unused_class_files: tuple[Unused, ...] = ()
        self._classes_from = _INFERRED
        self.overlap = count_overlap(self.masks) if self.layout.layers else 0
        self.encoding, self.mask_pixels, self.void_pixels = self._infer(run_classes)
        self.class_pixels: NDArray[np.int64] = self.mask_pixels.sum(axis=0)
        self.image_counts: NDArray[np.int64] = (self.mask_pixels > 0).sum(axis=0)
        highest = (image.facts.highest for image in self.images if image.facts is not None)
        self.bits = common_bits(value for value in highest if value is not None)
        self.format: ChannelFormat | None = None
        if channels is not None:
            bands = [(image.path, image.checked()) for image in self.images]
            self.format = common_format(
                [(path, facts) for path, facts in bands if isinstance(facts, BandFacts)], channels
            )

    def _read_files(
        self, on_progress: Progress | None, *, as_stored: bool
    ) -> tuple[list[DataError], tuple[Resized, ...]]:
        """Read each file once; return the faults of those that cannot be used, and the masks of another size."""
        resized: list[Resized | None] = []
        faults: list[DataError] = []
        pairs = [(sample.files[0], sample.mask_files) for sample in self.samples]
        for image, mask, digest in read_samples(pairs, on_progress, as_stored=as_stored):
            # An image that cannot be decoded is left to `checks`, which list all of them.
            try:
                is_left = image.facts is None and not as_stored
                size = image_size(image.path) if is_left else image.checked().size
                one = CountedMask(mask.path, mask.checked())
                refuse_picture(one)
                resized.append(fit(image.path, size, mask.path, one.facts.size))
            except DataError as error:  # the other files are read, so that all with the same fault are named at once
                faults.append(error)
                continue
            self.sizes.append(size)
            self.masks.append(one)
            self.images.append(image)
            self._digests.append(digest)
        return faults, tuple(one for one in resized if one is not None)

    @property
    def declared_in(self) -> Path | None:
        """The classes.yaml that declares the classes."""
        return None if self._declared is None else self._declared.path

    @property
    def is_inferred(self) -> bool:
        """Whether the classes are those of the masks' values alone: nothing declares or names them."""
        return self._classes_from == _INFERRED

    def _infer(self, run_classes: ClassTable | None) -> InferredEncoding:
        """The encoding by classes.yaml, by a file of a tool, by the classes of the run, or by the masks' values."""
        declared = None if self._declared is None else self._declared.table
        if self._declared is not None:
            self._classes_from = f"declared in {relative_name(self.root, self._declared.path)}"
        if declared is not None and run_classes is not None and set(declared.names) == set(run_classes.names):
            declared = like_run(run_classes, declared)
        if self.layout.layers and run_classes is not None:
            if declared is None and set(self.layout.layers) <= set(run_classes.names):
                declared, self._classes_from = run_classes, "the classes of the run"
            return encode_layers(self.masks, self.layout.layers, declared, least=1)
        if self.layout.layers:
            return self._encode(declared)
        if declared is None and (named := self._read_class_files(run_classes)) is not None:
            return named
        if declared is None and run_classes is not None:
            inferred = infer_like(self.masks, run_classes, self.root)
            if inferred.encoding.classes == run_classes:
                self._classes_from = "the classes of the run"
            return inferred
        return infer_encoding(self.masks, declared, self.root, least=2 if run_classes is None else 1)

    def _encode(self, declared: ClassTable | None) -> InferredEncoding:
        if self.layout.layers:
            return encode_layers(self.masks, self.layout.layers, declared)
        return infer_encoding(self.masks, declared, self.root)

    def reads_alike(self, classes: ClassTable) -> bool:
        """Return whether each pixel has the same label if the classes are declared in a classes.yaml."""
        try:
            again = self._encode(classes).encoding
        except DataError:
            return False
        pairs = ((labels_of_values(one, self.encoding), labels_of_values(one, again)) for one in self.masks)
        same = [(table.digest, table.colors) for table in (again.classes, self.classes)]
        return same[0] == same[1] and all(np.array_equal(old, new) for old, new in pairs)

    def _read_class_files(self, run_classes: ClassTable | None) -> InferredEncoding | None:
        """The encoding with the classes of a file that a tool wrote, None if there is none that fits."""
        named = read_class_files(self.root, self.masks)
        self.unused_class_files = named.unused
        if named.inferred is None or named.path is None or named.everything is None:
            return None
        self._classes_from = f"names from {relative_name(self.root, named.path)}"
        if run_classes is None:
            return infer_encoding(self.masks, named.inferred.encoding.classes)
        return infer_encoding(self.masks, like_run(run_classes, named.everything), least=1)

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

        With `format` the image is (H, W, C) as it is stored.

        Raises DataError where a file has been damaged or changed since the source was made.
        """
        image_path, mask_path = self.samples[index].files
        image = self.read_image(image_path)
        mask = read_mask(self.samples[index].mask_files, self.encoding)
        height, width = image.shape[:2]
        if fit(image_path, (height, width), mask_path, mask.shape) is not None:
            mask = resize_mask(mask, height, width)
        self._digests[index].check_unchanged()  # after the files were read: an earlier answer could be out of date
        return image, mask

    def read_image(self, path: Path) -> NDArray[Any]:
        """Return an image as `read` gives it. Raises DataError."""
        if self.format is None:
            return read_image(path, self.bits)
        return self.format.read(path)

    def shown(self, image: NDArray[Any]) -> NDArray[np.uint8]:
        """Return an image that `read` gave as RGB, to be looked at; see `composite`."""
        return image if self.format is None else composite(image, self.format.ranges)

    def read_labels(self, index: int) -> NDArray[np.uint8]:
        """Return the mask alone, as `read` gives it; the image is not decoded. Raises DataError as `read`."""
        sample = self.samples[index]
        mask, (height, width) = read_mask(sample.mask_files, self.encoding), self.sizes[index]
        if fit(sample.files[0], (height, width), sample.files[1], mask.shape) is not None:
            mask = resize_mask(mask, height, width)
        self._digests[index].check_unchanged()
        return mask

    def label_counts(self, index: int) -> NDArray[np.int64] | None:
        """Return the pixels of each class in the mask that `read` gives, (num_classes,), without reading it.

        None for a resized mask, which was counted at its own size.
        """
        return None if self.samples[index].mask in self._resized else self.mask_pixels[index]

    def label_thumbnail(self, index: int) -> NDArray[np.uint8]:
        """The labels at the centres of a grid over a mask, (64, 64): 0..num_classes-1, 255 = void."""
        mask = self.masks[index]
        shown: NDArray[np.uint8] = labels_of_values(mask, self.encoding).astype(np.uint8)[mask.facts.thumbnail]
        return shown

    def brightness(self, indices: Sequence[int]) -> list[float]:
        """The mean grey level, 0 to 255, of these images; those that could not be decoded are left out."""
        facts = [self.images[index].facts for index in indices]
        return [float(one.histogram(self.bits) @ np.arange(256)) for one in facts if one is not None]

    def digest(self, index: int) -> str:
        """Return the SHA-256, in hex, of the image file's bytes followed by the mask file's. Raises DataError."""
        return self._digests[index].current()

    @property
    def decoding_digest(self) -> str:
        """The SHA-256, in hex, of the class table, the label of each value in the masks, and the images' `bits`."""
        digest = hashlib.sha256(f"{self.classes.digest} {self.encoding.by_grey} {self.bits}".encode())
        if self.format is not None:
            digest.update(f"{self.format.numbers} {self.format.dtype}".encode())
        digest.update(self._labels_of_values)
        return digest.hexdigest()

    @cached_property
    def _labels_of_values(self) -> bytes:
        """The label of each value: of all masks, then of each mask with numbers of its own."""
        own = self.encoding.own_numbers
        numbered = [own[mask.path][mask.facts.values].tobytes() for mask in self.masks if mask.path in own]
        return b"".join([self.encoding.lookup.tobytes(), *numbered])

    def describe(self) -> dict[str, Any]:
        """Return how the folder was read: layout, pairing, encoding, orphans, counts, sizes, class frequencies."""
        splits = Counter(sample.split or "none" for sample in self.samples)
        sizes = Counter(self.sizes)
        return {
            "name": self.name,
            "origin": str(self.root),
            "layout": self.layout.sentence,
            "pairing": self.layout.pairing,
            "conflicts": [conflict.sentence for conflict in self.layout.conflicts],
            "encoding": f"{self.encoding.sentence} ({self._classes_from})",
            **({} if self.format is None else {"channels": self.format.sentence}),
            "image_bits": self.bits,
            "deep_images": sum(image.facts is not None and image.facts.highest is not None for image in self.images),
            "images_without_mask": self._relative(self.layout.images_without_mask),
            "masks_without_image": self._relative(self.layout.masks_without_image),
            "unlisted": self._relative(self.layout.unlisted),
            "num_samples": len(self.samples),
            "splits": dict(splits),
            "sizes": [{"height": h, "width": w, "images": count} for (h, w), count in sizes.most_common()],
            "resized": [self._describe_resized(one) for one in self.resized],
            **self.classes.to_dict(),
            "class_pixels": dict(zip(self.classes.names, self.class_pixels.tolist(), strict=True)),
            "class_images": dict(zip(self.classes.names, self.image_counts.tolist(), strict=True)),
            "void_pixels": int(self.void_pixels.sum()),
        }

    def _check_command(self, images: Path | None, masks: Path | None) -> str:
        """The command that lists all faults."""
        places = [word for name, place in (("--images", images), ("--masks", masks)) if place for word in (name, place)]
        return command("segarena", "check", self.root, *places)

    def _describe_resized(self, one: Resized) -> dict[str, Any]:
        (height, width), (to_height, to_width) = one.size, one.image_size
        [mask] = self._relative([one.mask])
        return {"mask": mask, "height": height, "width": width, "to_height": to_height, "to_width": to_width}

    def _relative(self, paths: Sequence[Path]) -> list[str]:
        return [Path(relative_path(path, self.root)).as_posix() for path in paths]
