"""The options of the data and its split (of `train`, `compare` and `check`), and of the commands that write data."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Literal

import tyro

from segarena.config.channels import read_channels
from segarena.config.checks import OPTIONAL, Flag, check_at_least, check_share, default
from segarena.config.output import OutputOptions
from segarena.errors import ConfigError

#: Names of the published data sets: the keys of `segarena.published.PUBLISHED`, which needs torch.
PUBLISHED_NAMES = ("voc2012", "sbd", "cityscapes", "oxford-pets")


@dataclass(frozen=True, kw_only=True)
class DataOptions(OutputOptions):
    """Which images with masks, and how they are split."""

    data: Annotated[tyro.conf.Positional[Path | None], default("the built-in scenes")] = None
    """Folder of images and masks, or the name of a published data set (voc2012, sbd, cityscapes, oxford-pets)."""
    images: Annotated[Path | None, default("found by name and content")] = None
    """Folder of the images, in DATA, or a pattern of their files: '*_sat.jpg'."""
    masks: Annotated[Path | None, default("found by name and content")] = None
    """Folder of the masks, in DATA, or a pattern of their files: '*_labelIds.png'."""
    channels: str = "rgb"
    """Channels that a network gets of each image. rgb: red, green and blue of 8 bits, into which images are converted.
    all: what the files store, 1 to 16 channels of 8 or 16 bits or float32 (TIFF, .npy, PNG, ...), alpha included,
    normalised by mean and standard deviation of the training images. Or their numbers from 1: 4,3,2."""
    split: float = 0.8
    """Share of the images for training, if the data has no train and val split of its own."""
    test_fraction: float = 0.0
    """Share of all images for the test split, if the data has none of its own."""
    group_by: Annotated[str | None, OPTIONAL] = None
    """Which images belong together and stay in one part of the split.
    prefix: same name before the frame number. folder: same folder. blocks: neighbours in the order of the names.
    Or a regular expression, or a file with name,group in each line. In the statistics a group counts once.
    none: each image counts, also frames of a film that look alike."""
    splits: Annotated[Path | None, OPTIONAL] = None
    """Use the split of an earlier run: its folder, or its data.json."""
    config: Annotated[Path | None, OPTIONAL] = None
    """Read options from a file: YAML or JSON with the names of options as keys, or the options.json or config.json of
    an earlier run. Options that are typed replace those of the file. Paths in the file are relative to it."""

    @property
    def holds_out_none(self) -> bool:
        """Whether all images train: --all-images of `train`."""
        return False

    def __post_init__(self) -> None:
        super().__post_init__()
        read_channels(self.channels)
        check_share("split", self.split)
        check_share("test_fraction", self.test_fraction, least=0.0)
        if self.splits is not None and (self.group_by is not None or self.test_fraction):
            raise ConfigError(
                "a saved split is used unchanged", where="--splits", remedy="Leave out --group-by and --test-fraction"
            )
        if self.data is None and (self.images or self.masks):
            raise ConfigError("no data is named", where="DATA", remedy="Name the folder of images and masks")


@dataclass(frozen=True, kw_only=True)
class CheckOptions(DataOptions):
    """Show how a folder of images and masks is read, and what looks wrong in it."""

    data: tyro.conf.Positional[Path] = field()  # required; without `field()` it would inherit the default
    """Folder of images and masks."""
    json: Annotated[Path | None, OPTIONAL] = None
    """File to write the findings to, as JSON; it must not exist."""
    out: Annotated[Path | None, default("a new folder under runs/")] = None
    """Folder for check.png; it must not exist or be empty."""
    write_classes: Flag = False
    """Write the classes, as they are read, to DATA/classes.yaml, to be edited. The file must not exist."""
    optimise_ceilings: Flag = False
    """Also fit logits to some training masks: the ceiling that is possible, not only likely. Takes minutes."""


@dataclass(frozen=True, kw_only=True)
class SynthOptions(OutputOptions):
    """Write the built-in data set to a folder, as images and masks."""

    folder: tyro.conf.Positional[Path]
    """Folder to write; it must not exist or be empty."""
    seed: int = 0
    """Another seed gives other scenes."""
    size: int = 128
    """Side of a scene, in pixels."""

    def __post_init__(self) -> None:
        super().__post_init__()
        check_at_least("seed", self.seed, 0)


AnnotationFormat = Literal[
    "auto",
    "coco",
    "labelme",
    "cvat",
    "voc",
    "yolo",
    "via",
    "supervisely",
    "label-studio",
    "rle-csv",
    "geojson",
    "instances",
]


@dataclass(frozen=True, kw_only=True)
class ConvertOptions(OutputOptions):
    """Write annotations of another format as images, index masks and a classes.yaml."""

    src: tyro.conf.Positional[Path]
    """Folder of annotations and images, or the annotation file."""
    dst: tyro.conf.Positional[Path]
    """Folder to write; it must not exist or be empty."""
    source: Annotated[AnnotationFormat, tyro.conf.arg(name="from")] = "auto"
    """Format of the annotations; auto: the one that is found."""
    overlap: Literal["smaller-on-top", "file-order"] = "smaller-on-top"
    """Which of two overlapping objects is above: the one of fewer pixels, or the later one in the file."""
    crowd: Annotated[Literal["void", "object"] | None, default("void in COCO's own files, else mostly object")] = None
    """COCO: what objects with iscrowd: 1 are."""
    class_attribute: Annotated[str | None, default("the only one, or one named class or label")] = None
    """The attribute of an object that is its class; for via and geojson."""
