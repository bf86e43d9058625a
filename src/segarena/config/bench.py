"""The options of `bench`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal, get_args

import tyro

from segarena.config import defaults
from segarena.config.checks import OPTIONAL, check_at_least, check_positive, check_sides, default, flag
from segarena.config.computing import DeviceOptions
from segarena.config.names import find_choice
from segarena.config.training import TRACK_MODELS, EncoderName, ModelName, TrackName
from segarena.errors import ConfigError

#: The options that a trained network has settled.
_OF_ARCHITECTURES = ("track", "encoder", "output_stride", "num_classes")
#: What a network that is named by its architecture is measured with, unless typed.
SIZE, NUM_CLASSES, BATCH_SIZE = 512, 21, 8


@dataclass(frozen=True, kw_only=True)
class BenchOptions(DeviceOptions):
    """Measure time and memory of a network on this machine, beside what the machine can do at most."""

    network: tyro.conf.Positional[str]
    """Run folder, or a comparison folder (then its model with the highest mIoU), or what `export` wrote: an ONNX file,
    or a folder with model.safetensors. Or an architecture: fcn, unet, pspnet, deeplabv3, and in the paper track fcn8s,
    fcn16s, fcn32s. A folder with such a name is meant by ./fcn."""
    track: Annotated[TrackName | None, default("encoder")] = None
    """Of an architecture. encoder: on an encoder that all share. paper: as published."""
    encoder: Annotated[EncoderName | None, default("resnet18; in the paper track that of the paper")] = None
    """Encoder (backbone) of an architecture."""
    output_stride: Annotated[Literal[8, 16] | None, default("16; in the paper track that of the paper")] = None
    """Output stride of the encoder in PSPNet and DeepLabv3."""
    num_classes: Annotated[int | None, default(str(NUM_CLASSES))] = None
    """Number of classes of an architecture."""
    size: Annotated[tuple[int, ...], default(f"that of the training; {SIZE} for an architecture")] = ()
    """Height and width of the images that the network gets, in pixels, or one number for both."""
    batch_size: Annotated[int | None, default(f"that of the training; {BATCH_SIZE} for an architecture")] = None
    """Images of a batch and of a training step."""
    precision: Annotated[Literal["auto", "fp32", "bf16", "fp16"], default(defaults.precision)] = "auto"
    """Number format of the forward pass."""
    seconds: float = 3.0
    """How long each of the measurements lasts, at least."""
    json: Annotated[Path | None, OPTIONAL] = None
    """Also write the numbers as JSON to this new file."""

    @property
    def architecture(self) -> str | None:
        """The architecture that is named; None where a path is."""
        name: str | None = find_choice(self.network, get_args(ModelName))
        return name

    def __post_init__(self) -> None:
        super().__post_init__()
        check_at_least("num_classes", self.num_classes, 1)
        check_at_least("batch_size", self.batch_size, 2)
        if self.size:
            check_sides("size", self.size, "a size")
        check_positive("seconds", self.seconds)
        given = [name for name in _OF_ARCHITECTURES if getattr(self, name) is not None]
        if self.architecture is None and given:
            raise ConfigError(
                f"{self.network} is not the name of an architecture, and a trained network has settled it",
                where=flag(given[0]),
                remedy=f"Leave it out, or name an architecture: {', '.join(get_args(ModelName))}",
            )
        if self.architecture is not None and self.architecture not in TRACK_MODELS["encoder"] and self.track is None:
            object.__setattr__(self, "track", "paper")
