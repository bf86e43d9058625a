"""The files of one training beside its scores: what it ran on, on which images, what it cost."""

from __future__ import annotations

from dataclasses import dataclass, field, fields, replace
from typing import Any, Literal

from segarena.formats import plural
from segarena.records.record import Count, Pixels, Record
from segarena.records.values import CostValues


@dataclass(frozen=True, kw_only=True)
class Machine:
    """The software and the machine of a part of a run."""

    segarena: str
    """Version of segarena."""
    python: str
    """Version of Python."""
    torch: str
    """Version of PyTorch."""
    torchvision: str
    """Version of torchvision."""
    platform: str
    """Operating system and processor family."""
    cpu: str
    """Name of the processor."""
    cores: Count
    """Processor cores that the process may use."""
    threads: Count
    """Threads that PyTorch computes with."""
    device: str | None = None
    """Device that computed: cpu, cuda, cuda:1, mps; null in files of earlier versions."""
    gpu: str | None
    """Name of the GPU that computed; null on a CPU. In files of earlier versions the GPU that was there."""
    cuda: str | None = None
    """Version of CUDA; null without an NVIDIA GPU."""
    cudnn: str | None = None
    """Version of cuDNN, whose algorithms are measured and chosen for the crops of a training, not in an evaluation;
    likewise."""
    tf32: bool | None = None
    """Whether the GPU computes convolutions of float32 in TF32, with a mantissa of 10 bits. Matrix products and fixed
    upsampling never are. null without an NVIDIA GPU."""
    commit: str | None
    """Commit of segarena's own checkout; null if it is installed as a package."""
    processes: Count = 1
    """Processes that trained one network together."""

    @property
    def sentence(self) -> str:
        """Versions and machine on one line."""
        commit = f" ({self.commit})" if self.commit else ""
        return (
            f"segarena {self.segarena}{commit}, Python {self.python}, torch {self.torch}, torchvision"
            f" {self.torchvision}, {self.platform}, {self.gpu or self.cpu}, {plural(self.threads, 'thread')} on"
            f" {plural(self.cores, 'core')}"
        )


@dataclass(frozen=True, kw_only=True)
class Environment(Machine, Record, file="environment.json", schema=1):
    """The software and the machine that a run ran on."""

    earlier: tuple[Machine, ...] = ()
    """Those of the parts before a run was resumed with other software or on another machine, the first one first."""

    def after(self, before: Environment) -> Environment:
        """Return this environment with that of the part before; the one of before where nothing has changed."""
        last = Machine(**{item.name: getattr(before, item.name) for item in fields(Machine)})
        now = Machine(**{item.name: getattr(self, item.name) for item in fields(Machine)})
        return before if now == last else replace(self, earlier=(*before.earlier, last))


@dataclass(frozen=True, kw_only=True)
class Parts:
    """The images of each part of the split, by name."""

    train: tuple[str, ...]
    """Images that train the network."""
    val: tuple[str, ...]
    """Images used to select the epoch."""
    test: tuple[str, ...]
    """Images used for the scores; empty if there is no test split, then the scores are those of val."""
    unused: tuple[str, ...] = ()
    """Training images that a fraction of the data leaves out; empty without, and in files of earlier versions."""


@dataclass(frozen=True, kw_only=True)
class ChannelValues:
    """The channels of images that are not read as RGB, and what is known of the training images."""

    numbers: tuple[Count, ...]
    """The channels of a file, from 1, in the order in which the network gets them."""
    are_all: bool
    """Whether the files have these channels and no others; files with others are refused then."""
    dtype: Literal["uint8", "uint16", "float32"]
    """Type of the values."""
    mean: tuple[float, ...]
    """Mean of each channel over all pixels of the training images: it is subtracted."""
    std: tuple[float, ...]
    """Standard deviation, likewise: what is left is divided by it. 1 for a channel that is the same everywhere."""
    low: tuple[float, ...]
    """What is shown as black in overlays: the median over all images of the 2nd percentile of the channel."""
    high: tuple[float, ...]
    """What is shown as white: likewise of the 98th percentile."""


@dataclass(frozen=True, kw_only=True)
class Data(Record, file="data.json", schema=1):
    """The images and masks of a run: what was read, and which file is in which part of the split."""

    name: str
    """Name of the data set."""
    origin: str
    """Folder of the data; "generated" for the built-in scenes."""
    fingerprint: str
    """SHA-256, in hex, of every file's hash, its part of the split, and how its values are decoded."""
    class_table: dict[str, Any]
    """Classes and void values, in the form of classes.yaml."""
    counts: dict[str, Count]
    """Number of images in each part: train, val, test."""
    split: Parts
    """Names of the images in each part."""
    sha256: dict[str, str]
    """SHA-256, in hex, of each image with its mask, by the image's name."""
    image_sha256: dict[str, str] = field(default_factory=dict)
    """SHA-256, in hex, of each image's shape and decoded pixels, by its name; empty in files of earlier versions."""
    label_sha256: dict[str, str] = field(default_factory=dict)
    """SHA-256, in hex, of the shape and class indices of each mask, likewise."""
    train_class_pixels: dict[str, Pixels]
    """Pixels of each class in the training masks, by the class's name."""
    image_bits: Count = 16
    """Bits that 16-bit images of this data set use, e.g. 12: another image's brightness is read on the same scale."""
    channels: ChannelValues | None = None
    """The channels of the images; null where they are read as RGB of 8 bits, and in files of earlier versions."""
    description: dict[str, Any]
    """What else was found: layout, pairing, encoding, image sizes, ... The keys depend on the kind of data."""


@dataclass(frozen=True, kw_only=True)
class Costs(CostValues, Record, file="costs.json", schema=1):
    """What a network costs. It is the last file of a run: one that has it is finished."""
