"""The data of a command, read, split, decoded and measured, with its options closed: what all trainings share."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segarena.config import Choice, DataFacts, Protocol, ProtocolOptions
from segarena.data.contents import ContentHash
from segarena.data.folder import FolderSource
from segarena.data.source import Source
from segarena.data.splitting.fractions import take_fraction
from segarena.data.splitting.splits import Splits
from segarena.experiment.resolution import Survey
from segarena.experiment.units import Units
from segarena.image_files.brightness import brightness_range
from segarena.loading.decoded import DecodedImages
from segarena.loading.pixel_store import PixelStore, store_pixels
from segarena.loading.scaling import TrainingSides
from segarena.loading.transforms import Normalization
from segarena.records.run import ChannelValues, Data, Parts
from segarena.records.tuning import Tuning

#: The options that are the resolution, and those whose rule depends on it.
RESOLUTION, FOLLOWS_RESOLUTION = ("size", "output_stride"), ("batch_size", "micro_batch", "learning_rate")


@dataclass(frozen=True)
class PreparedSplit:
    """The data of one training: split, decoded and measured.

    Args:
        source: All images with masks.
        splits: Which of them are for training, validation and test.
        images: The decoded images and masks.
        mask_pixels: Pixels of each class in each training mask, (N, C).
        digests: The SHA-256 of each image with its mask, in hex.
        contents: The hashes of each decoded image and its labels.
        fold: The fold that is tested, from 1; None without cross-validation.
        groups: The group of each image in the statistics, by its name; None where each image is a unit.
        normalization: Mean and standard deviation of each channel of the training images; None for RGB, which is
            normalised as ImageNet is.
        unused: Training images that a fraction of the data leaves out, see `at_fraction`; they are in no part.
    """

    source: Source
    splits: Splits
    images: DecodedImages
    mask_pixels: NDArray[np.int64]
    digests: tuple[str, ...]
    contents: tuple[ContentHash, ...]
    fold: int | None = None
    groups: Mapping[str, str] | None = None
    normalization: Normalization | None = None
    unused: tuple[int, ...] = ()

    def at_fraction(self, fraction: float) -> PreparedSplit:
        """Return the same with a fraction of the training images; of a smaller one they are among those of a larger.

        Validation and test images stay, and so does what is measured on all training images without their labels: the
        normalisation, and the sides by which large images are scaled.

        Args:
            fraction: The share of the training images, above 0, at most 1.

        Raises:
            ConfigError: The fraction has fewer than two images.
        """
        if fraction == 1:
            return self
        samples, train = self.source.samples, self.splits.train
        groups = None if self.groups is None else [self.groups[sample.name] for sample in samples]
        chosen = take_fraction(samples, train, self.mask_pixels, fraction, groups)
        rows = [train.index(index) for index in chosen]
        unused = tuple(sorted({*train, *self.unused} - {*chosen}))
        splits = replace(self.splits, train=chosen)
        return replace(self, splits=splits, mask_pixels=self.mask_pixels[rows], unused=unused)

    @property
    def labelled(self) -> tuple[int, ...]:
        """All training images, with those that a fraction leaves out: an epoch has as many crops as there are."""
        return tuple(sorted((*self.splits.train, *self.unused)))

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 of every file's hash, the part of the split it is in, and how the values in the files are decoded."""
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

    @property
    def scored_names(self) -> list[str]:
        """Names of the images that give the scores."""
        return [self.source.samples[index].name for index in self.splits.indices(self.splits.scored)]

    @cached_property
    def sides(self) -> TrainingSides:
        """The sides of the training images."""
        return TrainingSides.of(self.images.size(index) for index in self.labelled)

    def pixels(self, device: str) -> PixelStore:
        """Return the training images, where the crops of a batch are cut out fastest; they are put there once.

        Args:
            device: Where the crops are computed.

        Raises:
            DataError: A file cannot be read.
        """
        return store_pixels(self.images, self.labelled, device)

    def describe_data(self) -> Data:
        """Return the record for data.json: the data, its split and every file's hash."""
        names = [sample.name for sample in self.source.samples]
        found = self.source.describe()
        known = ("name", "origin", "image_bits", "channels", "classes", "ignore")
        return Data(
            name=found["name"],
            origin=found["origin"],
            fingerprint=self.fingerprint,
            class_table=self.source.classes.to_dict(),
            counts=self.splits.counts,
            split=Parts(**{part: tuple(names[i] for i in indices) for part, indices in self._parts().items()}),
            sha256=dict(zip(names, self.digests, strict=True)),
            image_sha256={name: content.image for name, content in zip(names, self.contents, strict=True)},
            label_sha256={name: content.labels for name, content in zip(names, self.contents, strict=True)},
            train_class_pixels=dict(zip(self.source.classes.names, self.class_pixels.tolist(), strict=True)),
            image_bits=found.get("image_bits", 16),
            channels=self._describe_channels(),
            description={key: value for key, value in found.items() if key not in known}
            | self._describe_brightness()
            | {"train_sides": asdict(self.sides)},
        )

    def _describe_brightness(self) -> dict[str, Any]:
        """How bright the training images of a folder are, so that other images can be compared with them."""
        if not isinstance(self.source, FolderSource) or self.source.format is not None:
            return {}
        levels = self.source.brightness(self.splits.train)
        return {"train_brightness": brightness_range(levels)} if levels else {}

    def _describe_channels(self) -> ChannelValues | None:
        """The channels of images that are not RGB, as the network gets them."""
        form = self.source.format if isinstance(self.source, FolderSource) else None
        if form is None or self.normalization is None:
            return None
        mean, std = self.normalization
        low, high = ([one[end] for one in form.ranges] for end in (0, 1))
        return ChannelValues(
            numbers=form.numbers,
            are_all=form.are_all,
            dtype=form.dtype,
            mean=mean,
            std=std,
            low=tuple(low),
            high=tuple(high),
        )

    def _parts(self) -> dict[str, tuple[int, ...]]:
        parts = {"train": self.splits.train, "val": self.splits.val, "test": self.splits.test}
        return parts | ({"unused": self.unused} if self.unused else {})


@dataclass(frozen=True)
class Prepared:
    """What all trainings of a command share.

    Args:
        options: The options as typed: they name the data and how it was split.
        protocol: The options closed.
        choices: The options that were open.
        splits: The data of the trainings of one model and seed: one, or one for each fold.
        facts: What the choices depend on.
        survey: Returns the resolution ceilings of the data.
        units: Which images are one unit in the statistics; None where each is.
        tuned: What the trials of --tune chose, by model and fold; the fold is None without cross-validation.
        fractions: The splits with a part of the training images, by the fraction, largest first.
    """

    options: ProtocolOptions
    protocol: Protocol
    choices: tuple[Choice, ...]
    splits: tuple[PreparedSplit, ...]
    facts: DataFacts
    survey: Survey
    units: Units | None = None
    tuned: Mapping[tuple[str, int | None], Tuning] = field(default_factory=dict)
    fractions: Mapping[float, tuple[PreparedSplit, ...]] = field(default_factory=dict)

    @property
    def source(self) -> Source:
        """All images with masks."""
        return self.splits[0].source

    @property
    def seeds(self) -> int:
        """Number of trainings of each architecture, as typed or chosen; 1 as long as it is open."""
        chosen = [choice.value for choice in self.choices if choice.name == "seeds"]
        return getattr(self.options, "seeds", None) or next(iter(chosen), 1)

    @property
    def notes(self) -> tuple[str, ...]:
        """A sentence for each choice, and one if the data has a split of its own that is not used."""
        notes = tuple(choice.sentence for choice in self.choices)
        if self.options.folds is not None and any(sample.split for sample in self.source.samples):
            notes += ("the data's own split is not used (--folds splits all images)",)
        return notes

    @property
    def fixed_by_budget(self) -> dict[str, Any]:
        """The options in place of --budget with which the same is trained; none where there is none.

        Where the models share the time, their epochs are of this machine: then --budget stays.
        """
        if self.options.budget is None or self.protocol.equal == "time":
            return {}
        chosen = {choice.name: choice.value for choice in self.choices if choice.name in RESOLUTION}
        return {"budget": None, "epochs": self.protocol.epochs, **chosen}


@dataclass(frozen=True)
class Recorded:
    """The protocol and the split of finished runs.

    Args:
        protocol: Their settings.
        trainings: The folder of a training for each fold, or one, with its split.
        fingerprints: That of the data of each.
    """

    protocol: Protocol
    trainings: tuple[Path, ...]
    fingerprints: tuple[str, ...]
