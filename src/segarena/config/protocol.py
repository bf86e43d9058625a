"""The protocol of a training or a comparison: its options with nothing left open."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from segarena.config.training import TrackName
from segarena.config.typed_settings import TypedSettings
from segarena.formats import plain

#: BatchNorm needs more than one image where a branch has one value per image and channel, as in DeepLabv3.
SMALLEST_PART = 2


def count_parts(batch_size: int, micro_batch: int) -> int:
    """Return into how many parts a batch is split.

    The parts differ by one image at most. Where the batch is odd and the micro-batch 2, one of them has three images.

    Args:
        batch_size: Images of a training step, 2 or more.
        micro_batch: Images that are computed at a time, 2 or more; 0 for all.

    >>> count_parts(16, 0), count_parts(16, 4), count_parts(7, 2), count_parts(3, 2)
    (1, 4, 3, 1)
    """
    if not micro_batch:
        return 1
    return max(1, min(math.ceil(batch_size / micro_batch), batch_size // SMALLEST_PART))


@dataclass(frozen=True, kw_only=True)
class Protocol(TypedSettings):
    """How the networks are built, trained and scored: the same for all models and seeds of a comparison."""

    track: TrackName
    """encoder: every architecture on the same encoder. paper: every architecture as published."""
    network: dict[str, str | int]
    """Arguments of `segarena.build_model`: encoder, weights, output_stride. What is left to the architecture is not
    in it, and in the protocol of one run only what its network uses."""
    size: int
    """Working size, in pixels: the shorter side of the images that the network sees."""
    crop: tuple[int, int]
    """Height and width of a training crop, in pixels."""
    input_size: tuple[int, int]
    """Height and width at which the network sees a typical whole image, in pixels."""
    epochs: int
    """Maximum number of epochs; with `equal` "time" the mean over the models."""
    patience: int
    """Epochs without a better validation mIoU after which the training stops."""
    batch_size: int
    """Images per training step."""
    micro_batch: int = 0
    """Images of a step that are computed at a time, to save memory; the gradients of the parts add up. 0: all."""
    optimizer: Literal["adamw", "sgd"]
    """AdamW, or SGD with momentum 0.9."""
    schedule: Literal["onecycle", "poly"]
    """Learning rate over time."""
    learning_rate: float
    """Peak learning rate of the encoder. With `tune` and several models, the one that the trials begin with."""
    decoder_factor: float
    """Learning rate of the layers outside the encoder, as a multiple of `learning_rate`."""
    weight_decay: float
    """Weight decay; not applied to normalisation layers and biases."""
    clip_norm: float
    """Norm that gradients are clipped to."""
    loss: Literal["ce", "ce+dice"]
    """Cross-entropy, or cross-entropy plus Dice."""
    class_weights: Literal["none", "inverse", "sqrt-inverse", "effective", "median"]
    """Weight of each class in the loss. With `tune` and several models, those that the trials begin with."""
    crop_foreground: float
    """Share of the training crops that are chosen to contain a less frequent class."""
    scale_jitter: float = 2.0
    """Training images are scaled by a random factor, at most this and at least its inverse. 1: not scaled. Files of
    versions without this setting are of trainings with 2."""
    data_fraction: float = 1.0
    """Share of the training images that train. An epoch has as many steps as with all of them."""
    device: str
    """Where the network is computed: cpu, cuda, cuda:1 (or another number) or mps."""
    precision: str
    """Number format of the forward pass: fp32, bf16, or fp16 with scaled gradients."""
    crops: Literal["each", "batch"] = "each"
    """How training crops are computed: one by one on the CPU, or those of a batch together on the device."""
    workers: int
    """Processes that load images; 0: none but the main one."""
    threads: int = 0
    """Threads that PyTorch computes with on a CPU; 0 in files of earlier versions. With another number, results differ
    by rounding."""
    cache_gib: float | Literal["auto"] = "auto"
    """Memory for decoded images, in GiB, as it was asked for; auto: half of what was free, which files of earlier
    versions have as a number."""
    equal: Literal["epochs", "time"] = "epochs"
    """What the models share: the number of epochs, or the training time."""
    model_epochs: dict[str, int] = field(default_factory=dict)
    """Maximum number of epochs of each model, with `equal` "time"; empty in the protocol of one run."""

    @property
    def largest_part(self) -> int:
        """Images of a training step that are computed at a time: of an odd one, perhaps more than `micro_batch`."""
        return math.ceil(self.batch_size / count_parts(self.batch_size, self.micro_batch))

    def epochs_of(self, model: str) -> int:
        """Return the maximum number of epochs of a model."""
        return self.model_epochs.get(model, self.epochs)

    def settings(self) -> dict[str, Any]:
        """Return every setting by the name of its option, the arguments of `build_model` in place of `network`.

        A batch that is computed at once has no micro-batch.
        """
        settings, typed = asdict(self), self.as_typed()
        network = settings.pop("network")
        if not self.micro_batch:
            del settings["micro_batch"]
        return {**{name: settings[name] for name in settings if name not in typed}, **typed, **network}


@dataclass(frozen=True)
class Choice:
    """An option that was chosen for the data and the machine, because it was left open."""

    name: str
    """Name of the option."""
    value: Any
    """The value chosen."""
    why: str
    """The reason, in words."""

    @property
    def sentence(self) -> str:
        """The choice for people.

        >>> Choice("batch_size", 16, "on a GPU").sentence
        'batch size 16 (on a GPU)'
        """
        return f"{self.name.replace('_', ' ')} {plain(self.value)} ({self.why})"
