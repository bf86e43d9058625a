"""Every option, written once: these dataclasses are the command line, the Python API and the saved config.

A None means "chosen for this data and this machine"; `commands/defaults.py` chooses, prints and saves it.
No torch here: `segarena --help` answers at once.
"""

from __future__ import annotations

import shlex
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Annotated, Any, Literal, get_args, get_origin, get_type_hints

import tyro

from segarena.errors import ConfigError

ModelName = Literal["fcn", "unet", "pspnet", "deeplabv3", "fcn8s", "fcn16s", "fcn32s"]
TrackName = Literal["encoder", "paper"]
EncoderName = (
    Literal["resnet18", "resnet34", "resnet50", "resnet101", "resnext50_32x4d", "vgg16_bn"]
    | Literal["mobilenet_v2", "mobilenet_v3_large"]
    | Literal["efficientnet_b0", "efficientnet_b1", "efficientnet_b2", "efficientnet_b3", "efficientnet_b4"]
    | Literal["convnext_tiny", "convnext_small", "swin_t"]
)
SplitName = Literal["train", "val", "test"]
Flag = tyro.conf.FlagCreatePairsOff[bool]

#: Marks an option that is chosen for the data and the machine where it is not given.
_CHOSEN = tyro.conf.arg(help_behavior_hint="")

#: What each track compares where no models are named.
TRACK_MODELS: dict[TrackName, tuple[ModelName, ...]] = {
    "encoder": ("fcn", "unet", "pspnet", "deeplabv3"),
    "paper": ("fcn8s", "unet", "pspnet", "deeplabv3"),
}


@dataclass(frozen=True, kw_only=True)
class ProtocolOptions:
    """What `train` and `compare` share: the data, the encoder and the training recipe."""

    data: tyro.conf.Positional[Path | None] = None
    """Folder of images and masks. Without it, the built-in scenes are used."""
    track: TrackName = "encoder"
    """encoder: each architecture on the same encoder. paper: each as it was published."""
    encoder: Annotated[EncoderName | None, _CHOSEN] = None
    """Backbone that all models share. Default: resnet50 on a GPU, resnet18 on a CPU.
    In the paper track resnet50 or resnet101, for those built on a ResNet."""
    weights: Annotated[str | None, _CHOSEN] = None
    """Weights to start from: imagenet (downloaded by torchvision), none, a file of torchvision's,
    or coco (fcn and deeplabv3 of the paper track). Default: imagenet; none for the built-in scenes."""
    output_stride: Annotated[Literal[8, 16] | None, _CHOSEN] = None
    """Stride of the deepest features in PSPNet and DeepLabv3. Default: 16; in the paper track the papers'."""
    size: Annotated[int | None, _CHOSEN] = None
    """Working size: images are resized so that their shorter side has this many pixels; training crops are this high.
    Default: the images' own, at most 512 on a GPU and 256 on a CPU."""
    split: float = 0.8
    """Share of the images that trains, where the data has no train/val folders of its own."""
    epochs: Annotated[int | None, _CHOSEN] = None
    """Most epochs to train. Default: enough for about 64000 crops on a GPU, 4000 on a CPU."""
    patience: Annotated[int | None, _CHOSEN] = None
    """Stop after this many epochs without a better validation mIoU. Default: a third of the epochs."""
    batch_size: Annotated[int | None, _CHOSEN] = None
    """Images per step. Default: 16; 8 on a CPU for sizes above 128; at most a quarter of the images."""
    optimizer: Literal["adamw", "sgd"] = "adamw"
    """AdamW, or SGD with momentum 0.9."""
    schedule: Literal["onecycle", "poly"] = "onecycle"
    """Learning rate over time: up and down along half cosines, or (1 - t)^0.9."""
    learning_rate: Annotated[float | None, _CHOSEN] = None
    """Peak learning rate of the encoder. Default: 1e-3 for AdamW, 1e-2 for SGD at batch size 8, scaled with the
    batch size; three times that from scratch."""
    decoder_factor: Annotated[float | None, _CHOSEN] = None
    """Learning rate of what stands on the encoder, relative to the encoder's. Default: 3; 1 from scratch."""
    weight_decay: float = 1e-2
    """Weight decay; not applied to normalisation layers and biases."""
    clip_norm: float = 5.0
    """Largest norm of the gradient."""
    loss: Literal["ce", "ce+dice"] = "ce"
    """Cross-entropy, or cross-entropy plus Dice."""
    class_weights: Literal["none", "inverse", "median"] = "none"
    """Weight of each class in the loss, from the training split's pixels."""
    device: Literal["auto", "cpu", "cuda"] = "auto"
    """Where to compute. auto: the GPU if there is one."""
    precision: Literal["auto", "fp32", "bf16"] = "auto"
    """auto: bf16 where the machine computes it natively."""
    workers: Annotated[int | None, _CHOSEN] = None
    """Processes that prepare images. Default: 0 on a CPU, up to 8 on a GPU."""
    cache_gib: float = 4.0
    """Memory for decoded images, in GiB; images beyond it are decoded each time."""
    out: Annotated[Path | None, _CHOSEN] = None
    """Folder to write; it must not exist or be empty. Default: a new one under runs/."""
    resume: Flag = False
    """Go on with what --out holds."""

    def __post_init__(self) -> None:
        for name in ("data", "out"):
            value = getattr(self, name)
            if isinstance(value, str):  # the Python API takes strings too
                object.__setattr__(self, name, Path(value))
        _check_choices(self)
        for name in ("size", "epochs", "patience", "batch_size"):
            smallest = {"size": 32, "batch_size": 2}.get(name, 1)
            _check_at_least(name, getattr(self, name), smallest)
        _check_at_least("workers", self.workers, 0)
        for name in ("learning_rate", "decoder_factor", "clip_norm"):
            value = getattr(self, name)
            if value is not None and not 0 < value < float("inf"):
                raise ConfigError(f"{value} is not above 0", where=_flag(name), remedy="Give a number above 0")
        for name in ("weight_decay", "cache_gib"):
            if not 0 <= getattr(self, name) < float("inf"):
                raise ConfigError(f"{getattr(self, name)} is below 0", where=_flag(name), remedy="Give 0 or more")
        if not 0 < self.split < 1:
            raise ConfigError(
                f"{self.split} is not between 0 and 1", where="--split", remedy="Give a share such as 0.8"
            )
        if self.resume and self.out is None:
            raise ConfigError(
                "--resume needs to know the folder", where="--resume", remedy="Name the folder to go on with: --out DIR"
            )


@dataclass(frozen=True, kw_only=True)
class CompareOptions(ProtocolOptions):
    """Train, test and compare the architectures on one folder of images and masks."""

    models: Annotated[tuple[ModelName, ...] | None, _CHOSEN] = None
    """Which architectures. Default: fcn unet pspnet deeplabv3; in the paper track fcn8s instead of fcn.
    fcn8s, fcn16s and fcn32s are in the paper track only; fcn is there torchvision's dilated one."""
    seeds: int = 1
    """Trainings per architecture, from seeds 0, 1, ... With one, training noise is not measured."""

    def __post_init__(self) -> None:
        named = TRACK_MODELS.get(self.track, ()) if self.models is None else tuple(self.models)
        object.__setattr__(self, "models", named)
        super().__post_init__()
        if not self.models:
            raise ConfigError(
                "no model is named", where="--models", remedy=f"Choose from {', '.join(get_args(ModelName))}"
            )
        if len(set(self.models)) < len(self.models):
            raise ConfigError("a model is named twice", where="--models", remedy="Name each model once")
        _check_track(self.models, self.track)
        _check_at_least("seeds", self.seeds, 1)


@dataclass(frozen=True, kw_only=True)
class TrainOptions(ProtocolOptions):
    """Train and test one architecture."""

    model: ModelName
    """Which architecture."""
    seed: int = 0
    """Seed of the first weights, the order of the images and the augmentation."""

    def __post_init__(self) -> None:
        super().__post_init__()
        _check_track((self.model,), self.track)
        _check_at_least("seed", self.seed, 0)


@dataclass(frozen=True, kw_only=True)
class EvaluateOptions:
    """Score a trained run on a split of its data, or on other labelled data."""

    run: tyro.conf.Positional[Path]
    """Run folder, or a comparison folder (then its winner)."""
    data: tyro.conf.Positional[Path | None] = None
    """Other labelled data, with the same class names. Default: the data of the training."""
    split: Annotated[SplitName | Literal["all"] | None, _CHOSEN] = None
    """Default: test, or val where there is no test; all of other data."""
    device: Literal["auto", "cpu", "cuda"] = "auto"
    """Where to compute. auto: the GPU if there is one."""
    out: Annotated[Path | None, _CHOSEN] = None
    """Folder to write; it must not exist or be empty. Default: a new one in the run folder."""

    def __post_init__(self) -> None:
        _make_paths(self, "run", "data", "out")
        _check_choices(self)


@dataclass(frozen=True, kw_only=True)
class PredictOptions:
    """Write masks and overlays for images, at the images' own size."""

    run: tyro.conf.Positional[Path]
    """Run folder, or a comparison folder (then its winner)."""
    images: tyro.conf.Positional[tuple[Path, ...]]
    """Image files, or folders of them."""
    device: Literal["auto", "cpu", "cuda"] = "auto"
    """Where to compute. auto: the GPU if there is one."""
    out: Annotated[Path | None, _CHOSEN] = None
    """Folder to write; it must not exist or be empty. Default: a new one in the run folder."""

    def __post_init__(self) -> None:
        _make_paths(self, "run", "out")
        object.__setattr__(self, "images", tuple(Path(image) for image in self.images))
        _check_choices(self)


@dataclass(frozen=True, kw_only=True)
class CheckOptions:
    """Show what the reader understood of a folder of images and masks."""

    data: tyro.conf.Positional[Path]
    """Folder of images and masks."""
    split: float = 0.8
    """Share of the images that would train, where the data has no train/val folders of its own."""

    def __post_init__(self) -> None:
        _make_paths(self, "data")


@dataclass(frozen=True, kw_only=True)
class ReportOptions:
    """Rebuild the figures and the page of a comparison from its files."""

    folder: tyro.conf.Positional[Path]
    """Comparison folder."""

    def __post_init__(self) -> None:
        _make_paths(self, "folder")


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
        _make_paths(self, "folder")
        _check_at_least("seed", self.seed, 0)


@dataclass(frozen=True, kw_only=True)
class ModelsOptions:
    """List the networks: encoder, output stride, parameters and FLOPs."""

    track: Annotated[TrackName | None, _CHOSEN] = None
    """encoder: each architecture on the same encoder. paper: each as it was published. Default: both."""
    encoder: Annotated[EncoderName | None, _CHOSEN] = None
    """Backbone. Default: resnet18 in the encoder track, resnet50 for those of the paper track that have a choice."""
    num_classes: int = 21
    """Number of classes."""
    size: tuple[int, ...] = (512,)
    """Image that the FLOPs are counted for: height and width, or one number for both."""

    def __post_init__(self) -> None:
        sides = (self.size,) if isinstance(self.size, int) else tuple(self.size)
        object.__setattr__(self, "size", sides)
        _check_choices(self)
        _check_at_least("num_classes", self.num_classes, 1)
        if len(sides) not in (1, 2):
            raise ConfigError(
                f"{len(sides)} numbers are no size", where="--size", remedy="Give height and width, or one number"
            )
        for side in sides:
            _check_at_least("size", side, 32)


Command = (
    Annotated[CompareOptions, tyro.conf.subcommand("compare")]
    | Annotated[TrainOptions, tyro.conf.subcommand("train")]
    | Annotated[EvaluateOptions, tyro.conf.subcommand("evaluate")]
    | Annotated[PredictOptions, tyro.conf.subcommand("predict")]
    | Annotated[CheckOptions, tyro.conf.subcommand("check")]
    | Annotated[ReportOptions, tyro.conf.subcommand("report")]
    | Annotated[SynthOptions, tyro.conf.subcommand("synth")]
    | Annotated[ModelsOptions, tyro.conf.subcommand("models")]
)


def to_dict(options: Any) -> dict[str, Any]:
    """The options as plain values for config.json: paths as strings, without `out` and `resume`."""
    content = {key: value for key, value in asdict(options).items() if key not in ("out", "resume")}
    return {
        key: str(value) if isinstance(value, Path) else list(value) if isinstance(value, tuple) else value
        for key, value in content.items()
    }


def to_command(options: ProtocolOptions, out: Path | None = None) -> str:
    """The command line that gives these options, defaults left out. With `out`, the one that goes on there."""
    verb = "train" if isinstance(options, TrainOptions) else "compare"
    words = ["segarena", verb, *([str(options.data)] if options.data is not None else [])]
    for item in fields(options):
        value = getattr(options, item.name)
        usual = TRACK_MODELS[options.track] if item.name == "models" else item.default
        if item.name not in ("data", "out", "resume") and value != usual:
            words += [_flag(item.name), *map(str, value if isinstance(value, tuple) else [value])]
    return shlex.join(words + ([] if out is None else ["--out", str(out), "--resume"]))


def _check_choices(options: object) -> None:
    """Check each field with fixed choices; the command line did already, the Python API did not."""
    for name, hint in get_type_hints(type(options)).items():
        choices = _literals(hint)
        value = getattr(options, name)
        for item in value if isinstance(value, tuple) else (value,):
            if choices and item is not None and item not in choices:
                raise ConfigError(
                    f"unknown {name.removesuffix('s').replace('_', ' ')} {item!r}",
                    where=_flag(name),
                    remedy=f"Choose from {', '.join(map(str, choices))}",
                )


def _literals(hint: Any) -> list[object]:
    if get_origin(hint) is Literal:
        return list(get_args(hint))
    return [choice for part in get_args(hint) for choice in _literals(part)]


def _check_track(models: tuple[ModelName, ...], track: TrackName) -> None:
    for model in models:
        if track == "encoder" and model not in TRACK_MODELS[track]:
            raise ConfigError(
                f"{model} belongs to the paper track", where="--track", remedy="Add --track paper, or choose fcn"
            )


def _flag(name: str) -> str:
    return "--" + name.replace("_", "-")


def _check_at_least(name: str, value: int | None, smallest: int) -> None:
    if value is not None and value < smallest:
        raise ConfigError(f"{value} is too small", where=_flag(name), remedy=f"Give {smallest} or more")


def _make_paths(options: object, *names: str) -> None:
    for name in names:
        value = getattr(options, name)
        if isinstance(value, str):  # the Python API takes strings too
            object.__setattr__(options, name, Path(value))
