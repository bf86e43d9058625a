"""Which data, and how it is divided: what `train`, `compare` and `check` share. And the verbs that make data."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Literal

import tyro

from segarena.config.checks import CHOSEN, check_at_least, check_choices, check_share, make_paths
from segarena.errors import ConfigError


@dataclass(frozen=True, kw_only=True)
class DataOptions:
    """Which images with masks, and how they are divided."""

    data: Annotated[tyro.conf.Positional[Path | None], CHOSEN] = None
    """Folder of images and masks, or the name of a published data set (voc2012, sbd, cityscapes, oxford-pets).
    Without it, the built-in scenes are used."""
    images: Annotated[Path | None, CHOSEN] = None
    """Folder of the images, in DATA. Default: found by its name and content."""
    masks: Annotated[Path | None, CHOSEN] = None
    """Folder of the masks, in DATA. Default: found by its name and content."""
    split: float = 0.8
    """Share of the images that trains, where the data has no train/val folders of its own."""
    test_fraction: float = 0.0
    """Share of all images that is set aside for the test, where the data has no test folder of its own."""
    group_by: Annotated[str | None, CHOSEN] = None
    """Keep together what belongs together, when the images are divided: prefix (what stands before the frame number),
    folder, blocks (neighbours in the order of the names), a regular expression, or a file of name,group."""
    splits: Annotated[Path | None, CHOSEN] = None
    """Divide the images as an earlier run did: its folder, or its data.json."""

    def __post_init__(self) -> None:
        make_paths(self, "data", "images", "masks", "splits")
        check_share("split", self.split)
        check_share("test_fraction", self.test_fraction, least=0.0)
        if self.splits is not None and (self.group_by is not None or self.test_fraction):
            raise ConfigError(
                "a saved split is taken as it is", where="--splits", remedy="Leave out --group-by and --test-fraction"
            )
        if self.data is None and (self.images or self.masks):
            raise ConfigError("no data is named", where="DATA", remedy="Name the folder of images and masks")


@dataclass(frozen=True, kw_only=True)
class CheckOptions(DataOptions):
    """Show what the reader understood of a folder of images and masks, and what looks wrong in it."""

    data: tyro.conf.Positional[Path] = field()
    """Folder of images and masks."""
    json: Annotated[Path | None, CHOSEN] = None
    """File to write the findings to, as JSON; it must not exist. Default: none."""
    out: Annotated[Path | None, CHOSEN] = None
    """Folder for check.png; it must not exist or be empty. Default: a new one under runs/."""

    def __post_init__(self) -> None:
        super().__post_init__()
        make_paths(self, "json", "out")


@dataclass(frozen=True, kw_only=True)
class SynthOptions:
    """Write the built-in data set to a folder, as images and masks."""

    folder: tyro.conf.Positional[Path]
    """Folder to write; it must not exist or be empty."""
    seed: int = 0
    """Another seed makes other scenes."""
    size: int = 96
    """Side of a scene, in pixels."""

    def __post_init__(self) -> None:
        make_paths(self, "folder")
        check_at_least("seed", self.seed, 0)


@dataclass(frozen=True, kw_only=True)
class ConvertOptions:
    """Write annotations of another format as images, index masks and a classes.yaml."""

    src: tyro.conf.Positional[Path]
    """Folder that holds annotations and images, or the file of the annotations."""
    dst: tyro.conf.Positional[Path]
    """Folder to write; it must not exist or be empty."""
    source: Annotated[Literal["coco", "labelme", "cvat", "voc", "instances"], tyro.conf.arg(name="from")]
    """Format of the annotations."""

    def __post_init__(self) -> None:
        make_paths(self, "src", "dst")
        check_choices(self)
