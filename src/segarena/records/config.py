"""The file of how a run was trained."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from segarena.config import Choice, Protocol
from segarena.records.record import Count, Fraction, Record
from segarena.records.tuning import Tuning


@dataclass(frozen=True, kw_only=True)
class DataSettings:
    """Where the data is and how it was split.

    Paths are made absolute, so that they are valid in any working directory.
    """

    data: str | None
    """Folder of images and masks, or name of a published data set; null for the built-in scenes."""
    images: str | None
    """Folder of the images; null if it was found by name and content."""
    masks: str | None
    """Folder of the masks; null if it was found by name and content."""
    root: str | None
    """Folder of a published data set."""
    channels: str = "rgb"
    """Channels of the images: rgb, all, or their numbers."""
    splits: str | None
    """Earlier run whose split is used."""
    split: Fraction
    """Share of the images for training."""
    test_fraction: Fraction
    """Share of the images for the test split."""
    group_by: str | None
    """Which images stay in one part of the split."""
    all_images: bool = False
    """Whether all images train and none is held out; then there is no split."""


@dataclass(frozen=True, kw_only=True)
class Config(Record, file="config.json", schema=1):
    """How a run was trained: every setting, none left open."""

    command: str
    """Command line that repeats the run."""
    protocol_version: Count
    """Goes up when the same settings train or score differently."""
    model: str
    """Name of the architecture."""
    seed: Count
    """Seed of the initial weights, the order of the images and the augmentation."""
    data: DataSettings
    """Where the data is and how it was split."""
    protocol: Protocol
    """How the network was trained and scored."""
    choices: tuple[Choice, ...]
    """Settings that were not typed but chosen for the data and the machine."""
    architecture: dict[str, Any]
    """Arguments of `segarena.build_model` that build the network again, without its weights."""
    start: str
    """Initial weights, in words."""
    processes: Count = 1
    """Processes that trained it together, each with a slice of every batch; of a run that was resumed, the last ones.
    environment.json has those of before."""
    tuning: Tuning | None = None
    """The trials of `--tune` that chose the learning rate and the class weights; null without, and in files of older
    versions."""
