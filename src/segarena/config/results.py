"""The options of the commands that use a trained run, and of `models`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import tyro

from segarena.config.checks import (
    OPTIONAL,
    Flag,
    check_at_least,
    check_one_folder,
    check_sides,
    default,
    flag,
)
from segarena.config.computing import DeviceOptions
from segarena.config.output import OutputOptions
from segarena.config.training import EncoderName, TrackName
from segarena.config.views import ViewOptions
from segarena.errors import ConfigError
from segarena.formats import plural

TableKind = Literal["csv", "parquet"]
SplitName = Literal["train", "val", "test"]


@dataclass(frozen=True, kw_only=True)
class EvaluateOptions(ViewOptions, DeviceOptions):
    """Score a trained run on a split of its data, or on other labelled data."""

    run: tyro.conf.Positional[Path]
    """Run folder, or a comparison folder (then its model with the highest mIoU). For other labelled data also what
    `export` wrote: an ONNX file, or a folder with model.safetensors."""
    data: Annotated[tyro.conf.Positional[Path | None], default("the data of the training")] = None
    """Other labelled data, with the same class names."""
    images: Annotated[Path | None, default("found by name and content")] = None
    """Folder of the other data's images, or a pattern of their files."""
    masks: Annotated[Path | None, default("found by name and content")] = None
    """Folder of the other data's masks, or a pattern of their files."""
    root: Annotated[Path | None, OPTIONAL] = None
    """Folder of the other data, if it is a published data set."""
    split: Annotated[
        SplitName | Literal["unseen", "all"] | None,
        default("those that had no part in the training, or val if there are none"),
    ] = None
    """Which images to score. Images of the training are recognised by their content, and keep their part of the split.
    unseen: test, and images that the run does not have."""
    out: Annotated[Path | None, default("a new folder in the run folder")] = None
    """Folder to write; it must not exist or be empty."""

    def __post_init__(self) -> None:
        super().__post_init__()
        given = [name for name in ("images", "masks", "root") if getattr(self, name) is not None]
        if self.data is None and given:
            raise ConfigError(
                "the data of the training is read as it was then",
                where=flag(given[0]),
                remedy="Leave it out, or name other data after the run",
            )


@dataclass(frozen=True, kw_only=True)
class PredictOptions(ViewOptions, DeviceOptions):
    """Write masks for images, at the images' own size, and overlays with a legend."""

    run: tyro.conf.Positional[Path]
    """Run folder, or a comparison folder (then its run on all images, where there is one, else the model with the
    highest mIoU), or what `export` wrote: an ONNX file, or a folder with model.safetensors."""
    images: tyro.conf.Positional[tuple[Path, ...]]
    """Files of images or videos, or folders of them; subfolders are searched too."""
    max_megapixels: Annotated[int | None, default("89, to protect from files that become huge in memory")] = None
    """Millions of pixels of an image at most."""
    no_legend: Flag = False
    """Write overlays without a legend, at the images' own size."""
    no_overlay: Flag = False
    """Write no overlays."""
    probabilities: Annotated[Literal["png8", "npz"] | None, OPTIONAL] = None
    """Write the probability of each class in each pixel, and their entropy. png8: grey PNGs of 8 bits in
    NAME_probabilities, 255 for 1. npz: NumPy arrays of float16 in NAME_probabilities.npz."""
    polygons: Annotated[Literal["coco", "geojson"] | None, OPTIONAL] = None
    """Write the outlines of the regions of all classes but the background, along the edges of the pixels. coco:
    coco.json for all images. geojson: NAME.geojson for each image."""
    labels: Annotated[Literal["labelstudio", "cvat", "coco"] | None, OPTIONAL] = None
    """Write pre-annotations, which a labelling tool imports and a person corrects: labelstudio.json, cvat.xml or
    coco.json."""
    video_masks: Literal["png", "ffv1"] = "png"
    """The form of the masks of a video. png: a folder of PNG files, as for images. ffv1: one file NAME_masks.mkv
    without loss (8 bits grey), which is smaller and needs a library for videos to be read."""
    min_area: int = 1
    """Objects of fewer pixels are left out of polygons, pre-annotations and the number of objects in areas.csv. Masks
    keep them."""
    tables: TableKind = "csv"
    """The form of the table of areas: csv or parquet."""
    shards: Annotated[int | None, OPTIONAL] = None
    """Number of processes that divide the images between them, on one machine or several, and share the folder of
    --resume. Which of them labels an image depends on its path below the folder that is named."""
    shard: Annotated[int | None, OPTIONAL] = None
    """The number of this process, from 0."""
    out: Annotated[Path | None, default("a new folder in the run folder")] = None
    """Folder to write; it must not exist or be empty."""
    resume: Annotated[Path | None, OPTIONAL] = None
    """Continue the folder of an earlier call, or start a new one: images that have their results are not labelled
    again. The model and the options have to be the same."""

    def __post_init__(self) -> None:
        super().__post_init__()
        check_at_least("max_megapixels", self.max_megapixels, 1)
        check_at_least("min_area", self.min_area, 1)
        check_at_least("shards", self.shards, 1)
        if (self.shards is None) != (self.shard is None):
            given, missing = ("--shards", "--shard") if self.shard is None else ("--shard", "--shards")
            raise ConfigError(f"needs {missing}", where=given, remedy="Give both, e.g. --shards 4 --shard 0")
        if self.shards is not None and self.shard not in range(self.shards):
            raise ConfigError(
                f"{self.shard} is not the number of one of {plural(self.shards, 'shard')}",
                where="--shard",
                remedy=f"Give a number from 0 to {self.shards - 1}",
            )
        if self.shards is not None and self.resume is None:
            raise ConfigError(
                "needs the folder that all shards write to",
                where="--shards",
                remedy="Name it with --resume DIR, the same for each shard; it may be new",
            )
        check_one_folder(self.out, self.resume)


@dataclass(frozen=True, kw_only=True)
class ReportOptions(OutputOptions):
    """Rebuild the figures, the page and the texts for a paper of a comparison from its files."""

    folder: tyro.conf.Positional[Path]
    """Comparison folder."""
    zip: Flag = False
    """Also write NAME.zip into the folder, to send: the page, figures, tables and settings, without weights."""
    images: Literal["sample", "all"] = "sample"
    """all: also write viewer/index.html with every scored image at the size that was kept, in files beside it. sample:
    report.html has all images where they are together no larger than 21 MB, else the worst, the best, those on which
    the models differ most, and random ones."""


@dataclass(frozen=True, kw_only=True)
class DoctorOptions(DeviceOptions):
    """Show versions, the machine and its free memory and disk, and test in seconds whether it can train."""


@dataclass(frozen=True, kw_only=True)
class ModelsOptions(OutputOptions):
    """List the networks: encoder, output stride, parameters and FLOPs."""

    track: Annotated[TrackName | None, default("both")] = None
    """encoder: every architecture on the same encoder. paper: every architecture as published."""
    encoder: Annotated[EncoderName | None, default("resnet18; in the paper track that of the paper")] = None
    """Encoder (backbone)."""
    num_classes: int = 21
    """Number of classes."""
    size: tuple[int, ...] = (512,)
    """Height and width of the image that FLOPs are counted for, in pixels, or one number for both."""

    def __post_init__(self) -> None:
        super().__post_init__()
        check_at_least("num_classes", self.num_classes, 1)
        check_sides("size", self.size, "a size")
