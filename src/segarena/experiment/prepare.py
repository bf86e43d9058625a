"""The first steps of `train` and `compare`: read the data, split it, decode it, settle every open option."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Generic

import numpy as np
from numpy.typing import NDArray

from segarena.classes import IGNORE_INDEX
from segarena.data.checks import inspect
from segarena.data.checks.problem import stop_on_errors, summarise, worst_of
from segarena.data.dataset import DecodedImages
from segarena.data.folder import FolderSource
from segarena.data.source import Source, Split
from segarena.data.splitting.splits import Splits
from segarena.data.transforms import crop_size, working_size
from segarena.errors import DataError
from segarena.experiment.inputs import divide, divide_into_folds, open_source
from segarena.experiment.progress import Reporter
from segarena.experiment.resolve import DataFacts, Options, choose_defaults
from segarena.formats import listing
from segarena.records.run import Data, Parts

GIB = 1024**3


@dataclass(frozen=True)
class Prepared(Generic[Options]):
    """All that a training needs to know of its data, and the options with nothing left open."""

    source: Source
    splits: Splits
    images: DecodedImages
    options: Options
    notes: tuple[str, ...]
    """A sentence for each option that was chosen for this data and this machine."""
    crop: tuple[int, int]
    """Height and width of a training crop, in pixels."""
    input_size: tuple[int, int]
    """Height and width at which the network sees a typical whole image."""
    mask_pixels: NDArray[np.int64]
    """Pixels of each class in each training mask, (N, C)."""
    digests: tuple[str, ...]
    fold: int | None = None
    """Which fold tests, from 1; None where the images are divided once."""

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 over every file's hash and the split it is in, and what the values in the files mean."""
        digest = hashlib.sha256(f"{self.source.decoding_digest}\n".encode())
        for name, indices in self._parts().items():
            for index in indices:
                digest.update(f"{name}/{self.source.samples[index].name}/{self.digests[index]}\n".encode())
        return digest.hexdigest()

    @property
    def class_pixels(self) -> NDArray[np.int64]:
        """Pixels of each class in the training split, (C,)."""
        pixels: NDArray[np.int64] = self.mask_pixels.sum(axis=0)
        return pixels

    @property
    def most_frequent_class(self) -> int:
        """Index of the class with the most pixels in the training split."""
        return int(self.class_pixels.argmax())

    def describe_data(self) -> Data:
        """The record for data.json: the data, its split and every file's hash."""
        names = [sample.name for sample in self.source.samples]
        found = self.source.describe()
        known = ("name", "origin", "image_bits", "classes", "ignore")
        return Data(
            name=found["name"],
            origin=found["origin"],
            fingerprint=self.fingerprint,
            class_table=self.source.classes.to_dict(),
            counts=self.splits.counts,
            split=Parts(**{part: tuple(names[i] for i in indices) for part, indices in self._parts().items()}),
            sha256=dict(zip(names, self.digests, strict=True)),
            train_class_pixels=dict(zip(self.source.classes.names, self.class_pixels.tolist(), strict=True)),
            image_bits=found.get("image_bits", 16),
            description={key: value for key, value in found.items() if key not in known},
        )

    def _parts(self) -> dict[str, tuple[int, ...]]:
        return {"train": self.splits.train, "val": self.splits.val, "test": self.splits.test}


def prepare(options: Options, reporter: Reporter) -> list[Prepared[Options]]:
    """Read, divide and decode the data, and fill in the options: once, or alike for each fold that `folds` asks for.

    Reports what it understood. Raises DataError for data that cannot be used, ConfigError for options that
    cannot work with it.
    """
    source = open_source(
        options.data,
        images=options.images,
        masks=options.masks,
        root=options.root,
        download=options.download,
        reporter=reporter,
    )
    divisions = [divide(source, options)] if options.folds is None else divide_into_folds(source, options)
    first = divisions[0]
    with reporter.progress("decoding images") as on_progress:
        images = DecodedImages(
            source,
            [*first.train, *first.val, *first.test],
            limit_bytes=options.cache_gib * GIB,
            on_progress=on_progress,
        )
    pixels, shapes = _measure(images, {index for splits in divisions for index in splits.train})
    for splits in divisions:
        _check_not_void(images, splits, options.data or source.name)
    height, width = (int(np.median([shape[axis] for shape in shapes])) for axis in (0, 1))
    facts = DataFacts(min(len(splits.train) for splits in divisions), min(height, width), built_in=options.data is None)
    options, notes = choose_defaults(options, facts)
    if options.folds is not None and any(sample.split for sample in source.samples):
        notes += ("the data's own train, val and test set aside (--folds divides all images anew)",)
    assert options.size is not None
    digests = tuple(source.digest(index) for index in range(len(source.samples)))
    prepared = [
        Prepared(
            source=source,
            splits=splits,
            images=images,
            options=options,
            notes=notes,
            crop=crop_size(height, width, options.size),
            input_size=working_size(height, width, options.size),
            mask_pixels=pixels[list(splits.train), : source.classes.num_classes],
            digests=digests,
            fold=None if options.folds is None else number,
        )
        for number, splits in enumerate(divisions, start=1)
    ]
    _say(prepared, reporter)
    _inspect(source, divisions, grouped=options.group_by is not None, reporter=reporter)
    return prepared


def _check_not_void(images: DecodedImages, splits: Splits, where: object) -> None:
    """Raise DataError where a part that trains, chooses the epoch or gives the scores has no pixel that counts.

    Such are the public test masks of some data sets, whose labels are kept back.
    """
    parts: dict[Split, str] = {"train": "training", "val": "validation", "test": "test"}
    for part, name in parts.items():
        indices = splits.indices(part)
        if indices and not any((images[index][1] != IGNORE_INDEX).any() for index in indices):
            raise DataError(
                f"every {name} mask is void, so no pixel of them counts",
                where=where,
                remedy="Check `ignore` in classes.yaml, or leave those images out of the data",
            )


def _measure(images: DecodedImages, indices: Iterable[int]) -> tuple[NDArray[np.int64], list[tuple[int, ...]]]:
    """Pixels of each label in the masks of `indices`, (N, 256) with zeros for all others, and the masks' shapes."""
    pixels = np.zeros((len(images.source.samples), 256), dtype=np.int64)
    shapes = []
    for index in sorted(indices):
        mask = images[index][1].numpy()
        pixels[index] = np.bincount(mask.ravel(), minlength=256)
        shapes.append(mask.shape)
    return pixels, shapes


def _say(folds: Sequence[Prepared[Any]], reporter: Reporter) -> None:
    prepared = folds[0]
    counts = prepared.splits.counts
    if prepared.fold is None:
        parts = ", ".join(f"{count} {name}" for name, count in counts.items() if count)
    else:
        images = len(prepared.source.samples)
        parts = (
            f"{images} images in {len(folds)} folds; in each about {counts['train']} train, {counts['val']} choose the"
        )
        parts += f" epoch, {counts['test']} test"
    reporter.say(f"{parts}; {prepared.source.classes.num_classes} classes", title=prepared.source.name)
    description = prepared.source.describe()
    for key in ("layout", "pairing", "encoding"):
        if key in description:
            reporter.say(f"  {key}: {description[key]}")
    orphans: Sequence[str] = description.get("images_without_mask", ())
    if orphans:
        reporter.say(f"  left out, no mask: {listing(orphans)}")
    if not counts["test"]:
        reporter.say("  no test split: the scores come from the validation images, which also choose the epoch")
    if prepared.notes:
        reporter.say(f"  chosen here: {'; '.join(prepared.notes)}")


def _inspect(source: Source, divisions: Sequence[Splits], grouped: bool, reporter: Reporter) -> None:
    """Report what looks wrong in a folder; the costly looks are left to `check`. Of all folds the worst one counts."""
    if not isinstance(source, FolderSource):
        return
    found = [inspect(source, splits, closely=False, grouped=grouped) for splits in divisions]
    problems = worst_of(found)
    summary = summarise(problems)
    if summary:
        reporter.say("\n".join(f"  {line}" for line in summary.splitlines()))
    stop_on_errors(problems, source.root)
