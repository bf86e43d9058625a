"""The options of `train` and `compare`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal, get_args

from segarena.config.checks import CHOSEN, Flag, check_at_least, check_choices, check_share, flag, make_paths
from segarena.config.data import DataOptions
from segarena.errors import ConfigError

ModelName = Literal["fcn", "unet", "pspnet", "deeplabv3", "fcn8s", "fcn16s", "fcn32s"]
TrackName = Literal["encoder", "paper"]
EncoderName = (
    Literal["resnet18", "resnet34", "resnet50", "resnet101", "resnext50_32x4d", "vgg16_bn"]
    | Literal["mobilenet_v2", "mobilenet_v3_large"]
    | Literal["efficientnet_b0", "efficientnet_b1", "efficientnet_b2", "efficientnet_b3", "efficientnet_b4"]
    | Literal["convnext_tiny", "convnext_small", "swin_t"]
)

#: What each track compares where no models are named.
TRACK_MODELS: dict[TrackName, tuple[ModelName, ...]] = {
    "encoder": ("fcn", "unet", "pspnet", "deeplabv3"),
    "paper": ("fcn8s", "unet", "pspnet", "deeplabv3"),
}


@dataclass(frozen=True, kw_only=True)
class ProtocolOptions(DataOptions):
    """What `train` and `compare` share: the data, the networks' beginnings and the training recipe."""

    root: Annotated[Path | None, CHOSEN] = None
    """Folder that holds a published data set."""
    download: Flag = False
    """Download a published data set into --root where it is not there."""
    folds: Annotated[int | None, CHOSEN] = None
    """Cross-validate: divide all images anew into so many folds, train without each of them in turn, test on it.
    Of the other images --split chooses the share that trains. Default: one division into train, val and test."""
    track: TrackName = "encoder"
    """encoder: each architecture on the same encoder. paper: each as it was published."""
    encoder: Annotated[EncoderName | None, CHOSEN] = None
    """Backbone that all models share. Default: resnet50 on a GPU, resnet18 on a CPU.
    In the paper track resnet50 or resnet101, for those built on a ResNet."""
    weights: Annotated[str | None, CHOSEN] = None
    """Weights to start from: imagenet (downloaded by torchvision), none, a file of torchvision's (for models on one
    encoder), or coco (fcn and deeplabv3 of the paper track). Default: imagenet; none for the built-in scenes."""
    output_stride: Annotated[Literal[8, 16] | None, CHOSEN] = None
    """Stride of the deepest features in PSPNet and DeepLabv3. Default: 16; in the paper track the papers'."""
    size: Annotated[int | None, CHOSEN] = None
    """Working size: images are resized so that their shorter side has this many pixels; training crops about as many.
    Default: the images' own, at most 512 on a GPU and 256 on a CPU."""
    epochs: Annotated[int | None, CHOSEN] = None
    """Most epochs to train. Default: enough for about 64000 crops on a GPU, 4000 on a CPU."""
    patience: Annotated[int | None, CHOSEN] = None
    """Stop after this many epochs without a better validation mIoU. Default: a third of the epochs."""
    batch_size: Annotated[int | None, CHOSEN] = None
    """Images per step. Default: 16; 8 on a CPU for sizes above 128; at most a quarter of the images."""
    optimizer: Literal["adamw", "sgd"] = "adamw"
    """AdamW, or SGD with momentum 0.9."""
    schedule: Literal["onecycle", "poly"] = "onecycle"
    """Learning rate over time: up and down along half cosines, or (1 - t)^0.9."""
    learning_rate: Annotated[float | None, CHOSEN] = None
    """Peak learning rate of the encoder. Default: 1e-3 for AdamW, 1e-2 for SGD at batch size 8, scaled with the
    batch size; three times that from scratch, a tenth in the paper track."""
    decoder_factor: Annotated[float | None, CHOSEN] = None
    """Learning rate of what stands on the encoder, relative to the encoder's; of a network without an encoder all of
    it. Default: 3; 1 from scratch in the encoder track."""
    weight_decay: float = 1e-2
    """Weight decay; not applied to normalisation layers and biases."""
    clip_norm: float = 5.0
    """Largest norm of the gradient."""
    loss: Literal["ce", "ce+dice"] = "ce"
    """Cross-entropy, or cross-entropy plus Dice."""
    class_weights: Literal["none", "inverse", "effective", "median"] = "none"
    """Weight of each class in the loss, from the training split's pixels."""
    crop_foreground: float = 0.0
    """Share of the training crops that are cut around a pixel of a rarer class."""
    device: Literal["auto", "cpu", "cuda"] = "auto"
    """Where to compute. auto: the GPU if there is one."""
    precision: Literal["auto", "fp32", "bf16"] = "auto"
    """auto: bf16 where the machine computes it natively."""
    workers: Annotated[int | None, CHOSEN] = None
    """Processes that prepare images. Default: 0 on a CPU, up to 8 on a GPU."""
    cache_gib: float = 4.0
    """Memory for decoded images, in GiB; images beyond it are decoded each time."""
    out: Annotated[Path | None, CHOSEN] = None
    """Folder to write; it must not exist or be empty. Default: a new one under runs/."""
    resume: Flag = False
    """Go on with what --out holds."""

    def __post_init__(self) -> None:
        super().__post_init__()
        make_paths(self, "out", "root")
        check_choices(self)
        for name in ("folds", "size", "epochs", "patience", "batch_size"):
            smallest = {"folds": 2, "size": 32, "batch_size": 2}.get(name, 1)
            check_at_least(name, getattr(self, name), smallest)
        check_at_least("workers", self.workers, 0)
        for name in ("learning_rate", "decoder_factor", "clip_norm"):
            value = getattr(self, name)
            if value is not None and not 0 < value < float("inf"):
                raise ConfigError(f"{value} is not above 0", where=flag(name), remedy="Give a number above 0")
        for name in ("weight_decay", "cache_gib"):
            if not 0 <= getattr(self, name) < float("inf"):
                raise ConfigError(f"{getattr(self, name)} is below 0", where=flag(name), remedy="Give 0 or more")
        check_share("crop_foreground", self.crop_foreground, least=0.0)
        if self.folds is not None and (self.splits is not None or self.test_fraction):
            raise ConfigError(
                "with folds each image is tested once, so there is no other division",
                where="--folds",
                remedy="Leave out --splits and --test-fraction",
            )
        if self.resume and self.out is None:
            raise ConfigError(
                "--resume needs to know the folder", where="--resume", remedy="Name the folder to go on with: --out DIR"
            )


@dataclass(frozen=True, kw_only=True)
class CompareOptions(ProtocolOptions):
    """Train, test and compare the architectures on one folder of images and masks."""

    models: Annotated[tuple[ModelName, ...] | None, CHOSEN] = None
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
        check_at_least("seeds", self.seeds, 1)


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
        check_at_least("seed", self.seed, 0)


def _check_track(models: tuple[ModelName, ...], track: TrackName) -> None:
    for model in models:
        if track == "encoder" and model not in TRACK_MODELS[track]:
            raise ConfigError(
                f"{model} belongs to the paper track", where="--track", remedy="Add --track paper, or choose fcn"
            )
