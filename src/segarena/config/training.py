"""The options of `train` and `compare`."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal, get_args

from segarena.config import defaults
from segarena.config.checks import (
    OPTIONAL,
    Flag,
    check_at_least,
    check_between,
    check_not_negative,
    check_positive,
    check_share,
    default,
    flag,
)
from segarena.config.computing import DeviceOptions
from segarena.config.data import DataOptions
from segarena.config.durations import parse_duration
from segarena.config.resolution import SIZE_RULE, STRIDE_RULE
from segarena.config.tuning import FEWEST, MOST
from segarena.config.typed_settings import TypedSettings
from segarena.errors import ConfigError

ModelName = Literal["fcn", "unet", "pspnet", "deeplabv3", "fcn8s", "fcn16s", "fcn32s"]
TrackName = Literal["encoder", "paper"]
TrackerName = Literal["tensorboard", "mlflow", "wandb"]
#: The names of `segarena.models.ENCODERS`, which needs torch; a test compares the two.
EncoderName = Literal[
    "resnet18",
    "resnet34",
    "resnet50",
    "resnet101",
    "resnext50_32x4d",
    "vgg16_bn",
    "mobilenet_v2",
    "mobilenet_v3_large",
    "efficientnet_b0",
    "efficientnet_b1",
    "efficientnet_b2",
    "efficientnet_b3",
    "efficientnet_b4",
    "convnext_tiny",
    "convnext_small",
    "swin_t",
]

#: The smallest working size, in pixels.
SMALLEST_SIZE = 32
#: The models that `compare` trains in each track if none are named.
TRACK_MODELS: dict[TrackName, tuple[ModelName, ...]] = {
    "encoder": ("fcn", "unet", "pspnet", "deeplabv3"),
    "paper": ("fcn8s", "unet", "pspnet", "deeplabv3"),
}
#: Pixels of the image from one logit to the next, for the models of the encoder track. Two of them depend on
#: --output-stride. A test compares this with the networks, which need torch.
LOGIT_STRIDES: dict[ModelName, tuple[int, ...]] = {"unet": (1,), "fcn": (8,), "pspnet": (8, 16), "deeplabv3": (8, 16)}


def models_at(stride: int) -> list[ModelName]:
    """Return the models whose logits have a stride, where the output stride is 16.

    >>> models_at(16)
    ['pspnet', 'deeplabv3']
    """
    return [name for name, strides in LOGIT_STRIDES.items() if max(strides) == stride]


def is_own(model: str) -> bool:
    """Whether a model is a module of a Python program, and not one of segarena's.

    >>> is_own("unet"), is_own("mine")
    (False, True)
    """
    return model not in get_args(ModelName)


@dataclass(frozen=True, kw_only=True)
class ProtocolOptions(DataOptions, DeviceOptions, TypedSettings, ABC):
    """What `train` and `compare` have in common: the data, the networks and how they are trained."""

    root: Annotated[Path | None, OPTIONAL] = None
    """Folder of a published data set."""
    download: Flag = False
    """Download a published data set into --root if it is not there."""
    folds: Annotated[int | None, default("none, one split into train, val and test")] = None
    """K-fold cross-validation: train K times, each time testing on a different fold.
    Of the images in the other folds, --split is the share for training."""
    track: TrackName = "encoder"
    """encoder: every architecture on the same encoder. paper: every architecture as published."""
    encoder: Annotated[EncoderName | None, default(defaults.encoder)] = None
    """Encoder (backbone). With --track paper resnet50 or resnet101, for the models that have a ResNet."""
    weights: Annotated[str | None, default(defaults.weights)] = None
    """Initial weights. imagenet: of the encoder, downloaded by torchvision. none: random.
    coco: of the whole network, for fcn and deeplabv3 with --track paper.
    Or a file of torchvision's, if all models have the same encoder."""
    output_stride: Annotated[Literal[8, 16] | None, default(STRIDE_RULE)] = None
    """Output stride of the encoder in PSPNet and DeepLabv3."""
    size: Annotated[int | None, default(SIZE_RULE)] = None
    """Working size, in pixels: images are resized to this shorter side, and training crops have about this side."""
    epochs: Annotated[int | None, default(defaults.epochs)] = None
    """Maximum number of epochs."""
    budget: Annotated[str | None, OPTIONAL] = None
    """Time for the whole command: 45m, 1h30m, 90s, ... After a trial of some seconds for each model, --epochs, and
    --size and --output-stride where they are left out, are chosen to fill it. Early stopping may end it sooner."""
    patience: Annotated[int | None, default(defaults.patience)] = None
    """Stop after this many epochs without a better validation mIoU."""
    batch_size: Annotated[int | Literal["auto"] | None, default(defaults.batch_size)] = None
    """Images per training step. auto: the most that fit into memory for all models, up to 32."""
    micro_batch: Annotated[int | None, default("the whole batch; less where it does not fit into memory")] = None
    """Images of a training step that are computed at a time, to save memory: the gradients of the parts add up to those
    of the batch. BatchNorm, the Dice loss and --hard-pixels see one part at a time. A part has two images or more:
    with --micro-batch 2, one part of an odd batch has three."""
    optimizer: Literal["adamw", "sgd"] = "adamw"
    """AdamW, or SGD with momentum 0.9."""
    schedule: Literal["onecycle", "poly"] = "onecycle"
    """Learning rate over time t in [0, 1]: up and down along half cosines, or (1 - t)^0.9."""
    learning_rate: Annotated[float | None, default(defaults.learning_rate)] = None
    """Peak learning rate of the encoder."""
    decoder_factor: Annotated[float | None, default(defaults.decoder_factor)] = None
    """Learning rate of the layers outside the encoder, as a multiple of --learning-rate.
    A network without an encoder uses it for all layers."""
    weight_decay: float = 1e-2
    """Weight decay; not applied to normalisation layers and biases."""
    clip_norm: Annotated[float | None, default(defaults.clip_norm)] = None
    """Gradients are clipped to this norm."""
    loss: Annotated[Literal["ce", "ce+dice"] | None, default(defaults.loss)] = None
    """Cross-entropy, or cross-entropy plus Dice."""
    class_weights: Literal["none", "inverse", "sqrt-inverse", "effective", "median"] = "none"
    """Weight of each class in the loss, from its pixels in the training masks."""
    crop_foreground: float = 0.0
    """Share of the training crops that are chosen to contain a less frequent class."""
    scale_jitter: Annotated[float | None, default(defaults.scale_jitter)] = None
    """Training images are scaled by a random factor, at most this and at least its inverse. 1: not scaled."""
    precision: Annotated[Literal["auto", "fp32", "bf16", "fp16"], default(defaults.precision)] = "auto"
    """Number format of the forward pass. fp16 is for GPUs without bf16; its gradients are scaled."""
    crops: Annotated[Literal["auto", "each", "batch"], default(defaults.crops)] = "auto"
    """How training crops are computed. each: one by one on the CPU, by the processes of --workers. batch: those of a
    batch together, on the device of the network. The two differ by at most one level in few pixels."""
    workers: Annotated[int | None, default(defaults.workers)] = None
    """Processes that load images. With --crops batch, threads do."""
    threads: Annotated[int | None, default(defaults.threads)] = None
    """Threads that PyTorch computes with. The same number gives the same results, to the last bit."""
    cache_gib: Annotated[float | None, default(defaults.cache_gib)] = None
    """Memory for decoded images, in GiB; images that do not fit are kept on disk."""
    disk_cache_gib: Annotated[float | None, default(defaults.disk_cache_gib)] = None
    """Disk space for decoded images that do not fit into memory, in GiB, in ~/.cache/segarena or $SEGARENA_CACHE.
    The least recently used make room for new ones. 0: they are decoded each time."""
    track_with: Annotated[tuple[TrackerName, ...], OPTIONAL] = ()
    """Log each epoch, the protocol and the final scores with these trackers, each an extra of the same name. Nothing is
    sent anywhere unless MLFLOW_TRACKING_URI or WANDB_MODE ask for it: what is logged is in the folder tracking."""
    keep_states: Annotated[int | None, default("all; none where the disk has too little room for them")] = None
    """Training states (last/) of finished trainings that are kept: those of the last ones. Nothing reads them again.
    The weights of the best epoch, and the states of trainings that are not finished, are kept in any case."""
    out: Annotated[Path | None, default("a new folder under runs/")] = None
    """Folder to write; it must not exist or be empty."""
    resume: Annotated[Path | None, OPTIONAL] = None
    """Resume what is in this folder, with the options that it was started with: no other option is needed.
    More --seeds and other --models are added. Data that was moved is named as DATA.
    With the same folder as --out, it is started if there is nothing in it."""

    @property
    @abstractmethod
    def model_names(self) -> tuple[ModelName, ...]:
        """The architectures that are trained."""

    def __post_init__(self) -> None:
        super().__post_init__()
        smallest = {
            "folds": 2,
            "size": SMALLEST_SIZE,
            "epochs": 1,
            "patience": 1,
            "batch_size": 2,
            "micro_batch": 2,
            "workers": 0,
            "threads": 1,
            "keep_states": 0,
        }
        for name, least in smallest.items():
            value = getattr(self, name)
            check_at_least(name, None if value == "auto" else value, least)
        for name in ("learning_rate", "decoder_factor", "clip_norm"):
            check_positive(name, getattr(self, name))
        for name in ("weight_decay", "cache_gib", "disk_cache_gib"):
            check_not_negative(name, getattr(self, name))
        for name in ("crop_foreground", "label_smoothing", "ema_decay"):
            check_share(name, getattr(self, name), least=0.0)
        check_share("hard_pixels", self.hard_pixels, least=1.0)
        for name, lowest, highest in (("scale_jitter", 1, 8), ("rotation", 0, 180), ("elastic", 0, 0.2)):
            check_between(name, getattr(self, name), lowest, highest)
        self._check_crops()
        _check_choosing(self)
        if self.folds is not None and (self.splits is not None or self.test_fraction):
            raise ConfigError(
                "each image is tested once, so there is no other split",
                where="--folds",
                remedy="Leave out --splits and --test-fraction",
            )
        for model in self.model_names:
            if self.track == "encoder" and not is_own(model) and model not in TRACK_MODELS[self.track]:
                raise ConfigError(
                    f"{model} is only in the paper track",
                    where="--track",
                    remedy=f"Add --track paper, or choose from {', '.join(TRACK_MODELS[self.track])}",
                )

    def _check_crops(self) -> None:
        if self.crops == "batch" and self.channels != "rgb":
            raise ConfigError(
                "crops are computed together for RGB of 8 bits only",
                where="--crops batch",
                remedy="Leave out --crops, or --channels",
            )
        if self.crops == "batch" and (self.rotation or self.elastic):
            raise ConfigError(
                "crops that are rotated or deformed are computed one by one",
                where="--crops batch",
                remedy="Leave out --crops, or --rotation and --elastic",
            )


#: Options that need images which do not train.
HOLDING_OUT = ("patience", "folds", "splits", "test_fraction", "group_by")


@dataclass(frozen=True, kw_only=True)
class TrainOptions(ProtocolOptions):
    """Train and test one architecture."""

    model: ModelName
    """Which architecture."""
    seed: int = 0
    """Seed of the initial weights, the order of the images and the augmentation."""
    data_fraction: float = 1.0
    """Share of the training images that train, chosen with about the same share of each class, for as many steps as
    with all of them: one point of the learning curve over the data that `compare` draws."""
    like: Annotated[Path | None, OPTIONAL] = None
    """Train with the data and the settings of an earlier comparison or run: its folder. Options that are typed replace
    them. The model is the one with the highest mIoU, unless --model is given.
    With --all-images, --epochs is the mean of its best epochs, and the folder to write is in that of the comparison."""
    all_images: Flag = False
    """Train on all labelled images, with none held out for validation or test: for use, once the settings are known.
    Exactly --epochs are trained, the weights of the last one are kept, and there is no score."""

    @property
    def holds_out_none(self) -> bool:
        """Whether all images train."""
        return self.all_images

    @property
    def model_names(self) -> tuple[ModelName, ...]:
        """The one architecture."""
        return (self.model,)

    def __post_init__(self) -> None:
        super().__post_init__()
        check_at_least("seed", self.seed, 0)
        check_share("data_fraction", self.data_fraction, least=1.0)
        if self.all_images:
            for name in HOLDING_OUT:
                if getattr(self, name) not in (None, 0.0):
                    raise ConfigError(
                        "no image is held out with --all-images",
                        where=flag(name),
                        remedy=f"Leave out {flag(name)}, or --all-images",
                    )


def _check_choosing(options: ProtocolOptions) -> None:
    """Check the options that choose another one, which must then be left out."""
    if options.tune:
        check_between("tune", options.tune, FEWEST, MOST)
    if options.budget is not None:
        parse_duration(options.budget, flag("budget"))
    for name, chosen, what in (("budget", "epochs", "number of epochs"), ("tune", "learning_rate", "learning rate")):
        if getattr(options, name) and getattr(options, chosen) is not None:
            raise ConfigError(
                f"it chooses the {what}, and {flag(chosen)} is given too",
                where=flag(name),
                remedy="Leave out one of the two",
            )


def command_name(kind: type[ProtocolOptions]) -> Literal["compare", "train"]:
    """Return the name of the command that has the options."""
    return "train" if issubclass(kind, TrainOptions) else "compare"
