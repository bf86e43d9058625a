"""The options of the verbs that work on what a training left, and of `models`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import tyro

from segarena.config.checks import CHOSEN, check_at_least, check_choices, flag, make_paths
from segarena.config.training import EncoderName, TrackName
from segarena.errors import ConfigError

SplitName = Literal["train", "val", "test"]


@dataclass(frozen=True, kw_only=True)
class EvaluateOptions:
    """Score a trained run on a split of its data, or on other labelled data."""

    run: tyro.conf.Positional[Path]
    """Run folder, or a comparison folder (then its winner)."""
    data: Annotated[tyro.conf.Positional[Path | None], CHOSEN] = None
    """Other labelled data, with the same class names. Default: the data of the training."""
    images: Annotated[Path | None, CHOSEN] = None
    """Folder of the other data's images. Default: found."""
    masks: Annotated[Path | None, CHOSEN] = None
    """Folder of the other data's masks. Default: found."""
    root: Annotated[Path | None, CHOSEN] = None
    """Folder that holds the other data, where it is a published data set."""
    split: Annotated[SplitName | Literal["all"] | None, CHOSEN] = None
    """Default: test, or val where there is no test; all of other data."""
    device: Literal["auto", "cpu", "cuda"] = "auto"
    """Where to compute. auto: the GPU if there is one."""
    out: Annotated[Path | None, CHOSEN] = None
    """Folder to write; it must not exist or be empty. Default: a new one in the run folder."""

    def __post_init__(self) -> None:
        make_paths(self, "run", "data", "images", "masks", "root", "out")
        check_choices(self)
        given = [name for name in ("images", "masks", "root") if getattr(self, name) is not None]
        if self.data is None and given:
            raise ConfigError(
                "the data of the training are read as they were then",
                where=flag(given[0]),
                remedy="Leave it out, or name other data behind the run",
            )


@dataclass(frozen=True, kw_only=True)
class PredictOptions:
    """Write masks and overlays for images, at the images' own size."""

    run: tyro.conf.Positional[Path]
    """Run folder, or a comparison folder (then its winner)."""
    images: tyro.conf.Positional[tuple[Path, ...]]
    """Image files, or folders of them."""
    device: Literal["auto", "cpu", "cuda"] = "auto"
    """Where to compute. auto: the GPU if there is one."""
    out: Annotated[Path | None, CHOSEN] = None
    """Folder to write; it must not exist or be empty. Default: a new one in the run folder."""

    def __post_init__(self) -> None:
        make_paths(self, "run", "out")
        object.__setattr__(self, "images", tuple(Path(image) for image in self.images))
        check_choices(self)


@dataclass(frozen=True, kw_only=True)
class ReportOptions:
    """Rebuild the figures and the page of a comparison from its files."""

    folder: tyro.conf.Positional[Path]
    """Comparison folder."""

    def __post_init__(self) -> None:
        make_paths(self, "folder")


@dataclass(frozen=True, kw_only=True)
class ModelsOptions:
    """List the networks: encoder, output stride, parameters and FLOPs."""

    track: Annotated[TrackName | None, CHOSEN] = None
    """encoder: each architecture on the same encoder. paper: each as it was published. Default: both."""
    encoder: Annotated[EncoderName | None, CHOSEN] = None
    """Backbone. Default: resnet18 in the encoder track, resnet50 for those of the paper track that have a choice."""
    num_classes: int = 21
    """Number of classes."""
    size: tuple[int, ...] = (512,)
    """Image that the FLOPs are counted for: height and width, or one number for both."""

    def __post_init__(self) -> None:
        sides = (self.size,) if isinstance(self.size, int) else tuple(self.size)
        object.__setattr__(self, "size", sides)
        check_choices(self)
        check_at_least("num_classes", self.num_classes, 1)
        if len(sides) not in (1, 2):
            raise ConfigError(
                f"{len(sides)} numbers are no size", where="--size", remedy="Give height and width, or one number"
            )
        for side in sides:
            check_at_least("size", side, 32)
