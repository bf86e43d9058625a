"""The options of the commands that use a trained run, and of `models`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import tyro

from segarena.config import defaults
from segarena.config.checks import OPTIONAL, Flag, check_at_least, check_choices, default, flag
from segarena.config.devices import DEVICES
from segarena.config.output import OutputOptions
from segarena.config.training import EncoderName, TrackName
from segarena.config.views import ViewOptions
from segarena.errors import ConfigError

SplitName = Literal["train", "val", "test"]


@dataclass(frozen=True, kw_only=True)
class EvaluateOptions(ViewOptions):
    """Score a trained run on a split of its data, or on other labelled data."""

    run: tyro.conf.Positional[Path]
    """Run folder, or a comparison folder (then its model with the highest mIoU)."""
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
    device: Annotated[str, default(defaults.device, shown=DEVICES)] = "auto"
    """Where to compute: auto, cpu, cuda, cuda:N (the GPU of number N, from 0) or mps (Apple's GPU)."""
    out: Annotated[Path | None, default("a new folder in the run folder")] = None
    """Folder to write; it must not exist or be empty."""

    def __post_init__(self) -> None:
        super().__post_init__()
        check_choices(self)
        given = [name for name in ("images", "masks", "root") if getattr(self, name) is not None]
        if self.data is None and given:
            raise ConfigError(
                "the data of the training is read as it was then",
                where=flag(given[0]),
                remedy="Leave it out, or name other data after the run",
            )


@dataclass(frozen=True, kw_only=True)
class PredictOptions(ViewOptions):
    """Write masks for images, at the images' own size, and overlays with a legend."""

    run: tyro.conf.Positional[Path]
    """Run folder, or a comparison folder (then its run on all images, where there is one, else the model with the
    highest mIoU)."""
    images: tyro.conf.Positional[tuple[Path, ...]]
    """Image files, or folders of them; subfolders are searched too."""
    max_megapixels: Annotated[int | None, default("89, to protect from files that become huge in memory")] = None
    """Millions of pixels of an image at most."""
    no_legend: Flag = False
    """Write overlays without a legend, at the images' own size."""
    device: Annotated[str, default(defaults.device, shown=DEVICES)] = "auto"
    """Where to compute: auto, cpu, cuda, cuda:N (the GPU of number N, from 0) or mps (Apple's GPU)."""
    out: Annotated[Path | None, default("a new folder in the run folder")] = None
    """Folder to write; it must not exist or be empty."""

    def __post_init__(self) -> None:
        super().__post_init__()
        check_choices(self)
        check_at_least("max_megapixels", self.max_megapixels, 1)


@dataclass(frozen=True, kw_only=True)
class ReportOptions(OutputOptions):
    """Rebuild the figures, the page and the texts for a paper of a comparison from its files."""

    folder: tyro.conf.Positional[Path]
    """Comparison folder."""
    svg: Flag = False
    """Also write each figure as SVG."""
    zip: Flag = False
    """Also write NAME.zip into the folder, to send: the page, figures, tables and settings, without weights."""


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
        check_choices(self)
        check_at_least("num_classes", self.num_classes, 1)
        if len(self.size) not in (1, 2):
            raise ConfigError(
                f"a size has one or two numbers, not {len(self.size)}",
                where="--size",
                remedy="Give height and width, or one number for both",
            )
        for side in self.size:
            check_at_least("size", side, 32)
