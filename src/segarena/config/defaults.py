"""The rules for options that are left open: one function for each option.

Each returns the value and the reason for it; those of the caches, which change no result, only the value. The first
line of its docstring is what --help shows as the default.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from segarena.config.network_costs import DEFAULT_ENCODERS
from segarena.formats import rough_duration
from segarena.units import GIB

#: Trainings of each architecture with which a verdict is about architectures, and the seconds that they may take.
SEVERAL_SEEDS, SEEDS_WITHIN = 3, 3600.0
#: The batch size at which the default learning rates hold.
REFERENCE_BATCH = 8
#: The largest batch size that --batch-size auto chooses.
LARGEST_BATCH = 32


@dataclass(frozen=True)
class DataFacts:
    """What the rules depend on: the data.

    Args:
        num_train: Number of training images; with folds, of the fold that has the fewest.
        height: Median height of the training images, in pixels.
        width: Median width of the training images, in pixels.
        built_in: Whether the data are the built-in scenes.
        channels: Channels of the images.
    """

    num_train: int
    height: int
    width: int
    built_in: bool
    channels: int = 3

    @classmethod
    def of(cls, sizes: Sequence[tuple[int, ...]], num_train: int, *, built_in: bool) -> DataFacts:
        """Return the facts of training images with these (height, width), in pixels."""
        height, width = (statistics.median(size[axis] for size in sizes) for axis in (0, 1))
        return cls(num_train, int(height), int(width), built_in)


@dataclass(frozen=True)
class ComputeFacts:
    """What the rule for the number of threads depends on: the machine.

    Args:
        usual: Threads that PyTorch computes with if nothing is set.
        set_by: The environment variable that sets this number; None where none does.
        processors: Number of processors that the process may run on.
        cores: The same, limited to the CPU time that its container is given.
        load: How many of the processors other programs use.
        recorded: Threads of the run that is resumed; None for a new one.
        jobs: Processes that train at a time, and share the threads.
    """

    usual: int
    set_by: str | None
    processors: int
    cores: int
    load: float
    recorded: int | None = None
    jobs: int = 1


def device(found: str) -> tuple[str, str]:
    """Auto, the GPU if there is one."""
    return found, f"{'no' if found == 'cpu' else 'a'} GPU was found"


def precision(fastest: str) -> tuple[str, str]:
    """Auto, bf16 where it is native; else fp16 on a GPU that is made for it, and fp32 elsewhere."""
    return fastest, f"bf16 is {'native' if fastest == 'bf16' else 'not native'} on this device"


def encoder(on_gpu: bool) -> tuple[str, str]:
    """Resnet50 on a GPU, resnet18 on a CPU; with --track paper that of the paper."""
    return DEFAULT_ENCODERS["cuda" if on_gpu else "cpu"], _place(on_gpu)


def weights(facts: DataFacts) -> tuple[str, str]:
    """Imagenet; none for the built-in scenes."""
    if facts.built_in:
        return "none", "the built-in scenes train from scratch"
    return "imagenet", "torchvision's, downloaded once"


def batch_size(facts: DataFacts, size: int, on_gpu: bool) -> tuple[int, str]:
    """16; 8 for sizes above 128 on a CPU and 512 on a GPU; at most a quarter of the training images."""
    # Small crops leave a CPU idle between many small steps; large ones need much memory on a GPU.
    usual = 16 if size <= (512 if on_gpu else 128) else 8
    quarter = max(2, facts.num_train // 4)  # so that an epoch has four steps or more
    if quarter < usual:
        return min(quarter, facts.num_train), "a quarter of the training images"
    return min(usual, facts.num_train), _place(on_gpu)


def auto_batch_size(facts: DataFacts) -> tuple[int, str]:
    """The largest power of two up to 32 and up to a quarter of the training images, before the memory is measured.

    With the same number of epochs, no batch size above 32 was best in Masters and Luschi 2018 (arXiv:1804.07612), and
    an epoch is to have four steps or more. Halves of a power of two are parts of equal size.
    """
    most = min(LARGEST_BATCH, max(2, facts.num_train // 4))
    return 1 << (most.bit_length() - 1), "the largest that auto takes for this data"


def epochs(facts: DataFacts, on_gpu: bool) -> tuple[int, str]:
    """Enough for 64000 crops on a GPU and 8000 on a CPU, from 10 to 300 on a GPU and 60 on a CPU.

    Architectures differ in how fast they learn: on CamVid with a MobileNetV2, 4000 crops left U-Net 18 points of
    validation mIoU behind FCN, 8000 crops 6 points (docs/recipes.md).
    """
    crops, most = (64_000, 300) if on_gpu else (8_000, 60)
    value = min(most, max(10, math.ceil(crops / facts.num_train)))
    return value, f"about {crops} crops {_place(on_gpu)}, between 10 and {most} epochs"


def patience(epochs: int) -> tuple[int, str]:
    """A third of the epochs, at least 5."""
    return max(5, math.ceil(epochs / 3)), "a third of the epochs, at least 5"


def seeds(predicted: float | None, available: float | None, folds: int | None) -> tuple[int, str]:
    """3 if all of it takes an hour or less by the prediction, or fits into --budget; else 1, as with --folds.

    Args:
        predicted: Seconds of the whole command with `SEVERAL_SEEDS`; None where the trainings are too short to predict.
        available: Seconds that are left of the budget; None without one.
        folds: Number of folds, which are trainings of each architecture too; None without cross-validation.
    """
    if predicted is None:
        return 1, f"the trainings are short; with {SEVERAL_SEEDS} the verdict is about the architectures"
    time = f"{SEVERAL_SEEDS} seeds take at most about {rough_duration(predicted)}"
    if folds is not None:
        return 1, f"the {folds} folds are trainings too; {time}"
    if predicted <= (SEEDS_WITHIN if available is None else available):
        within = "in all" if available is None else "with the usual number of epochs, within the budget"
        return SEVERAL_SEEDS, f"at most about {rough_duration(predicted)} {within}"
    return 1, time if available is None else f"{time}, above the budget"


def learning_rate(optimizer: str, batch_size: int, pretrained: bool, track: str) -> tuple[float, str]:
    """1e-3 for adamw and 1e-2 for sgd at batch size 8; 3 times that from scratch, a tenth with --track paper.

    The rate of AdamW is scaled with the square root of the batch size (Malladi et al. 2022, arXiv:2205.10287), that of
    SGD with the batch size (Goyal et al. 2017, 2.1, arXiv:1706.02677).

    From scratch there are no pretrained features to lose, and few steps to learn in: on version 1 of the built-in
    scenes, 20 epochs, U-Net went from 50 to 57% mIoU and DeepLabv3 from 36 to 37%. In the paper track the rate does
    not depend on the weights: VGG-16 and U-Net have no BatchNorm, which the other networks need for such rates, and
    all networks of a comparison have the same rate.
    """
    relative = batch_size / REFERENCE_BATCH
    rate = 1e-3 * math.sqrt(relative) if optimizer == "adamw" else 1e-2 * relative
    if track == "paper":
        rate /= 10
    elif not pretrained:
        rate *= 3
    return float(f"{rate:.3g}"), f"{optimizer} from {_start(pretrained)} at batch size {batch_size}"


def decoder_factor(pretrained: bool, track: str) -> tuple[float, str]:
    """3; 1 from scratch with --track encoder.

    U-Net as published has no encoder, so this is the factor of all its layers, whatever the others start from. On
    version 1 of the built-in scenes, 5 epochs, it reached 37.5% test mIoU with factor 3 and 34.6% with factor 1.
    """
    if track == "paper":
        return 3.0, "in the paper track, whatever the weights"
    return (3.0 if pretrained else 1.0), f"the encoder starts from {_start(pretrained)}"


def clip_norm(optimizer: str, track: str) -> tuple[float, str]:
    """1; 5 for sgd and with --track paper.

    The steps of AdamW hardly depend on the size of the gradients, so a norm that most batches exceed only keeps single
    ones from counting more than others. On small crops and in short trainings all four architectures gain by it
    (docs/recipes.md). With SGD it would also reduce the learning rate. In the paper track it was not measured.
    """
    if optimizer == "adamw" and track == "encoder":
        return 1.0, "adamw"
    return 5.0, optimizer if track == "encoder" else "in the paper track"


def loss(track: str) -> tuple[Literal["ce", "ce+dice"], str]:
    """Ce+dice; ce with --track paper, as published.

    Measured gains are in docs/recipes.md: cross-entropy alone leaves rare classes at zero in short trainings.
    """
    return ("ce", "as published") if track == "paper" else ("ce+dice", "rare classes count as much as frequent ones")


def scale_jitter(track: str) -> tuple[float, str]:
    """1.25; 2 with --track paper.

    Papers train for 30,000 steps and more with factors of 0.5 to 2. In the trainings of this tool, of some hundred to
    some thousand steps, a factor of 1.25 gained for all four architectures (docs/recipes.md).
    """
    return (2.0, "about as published") if track == "paper" else (1.25, "for trainings of at most some thousand steps")


def workers(cores: int, on_gpu: bool, *, in_threads: bool = False) -> tuple[int, str]:
    """On a GPU the processor cores but two, at most 16; 0 on a CPU and with --crops batch."""
    if in_threads:
        return 0, "with --crops batch, threads load the images"
    return (min(16, max(1, cores - 2)) if on_gpu else 0), _place(on_gpu)


def crops(warps: bool, is_rgb: bool = True) -> tuple[Literal["each", "batch"], str]:
    """Auto, batch on a GPU; each on a CPU, with --rotation or --elastic, and for other channels than RGB."""
    if not is_rgb:
        return "each", "images that are not RGB are cropped one by one"
    return ("each", "with --rotation or --elastic") if warps else ("batch", _place(on_gpu=True))


def cache_gib(free: int | None) -> float:
    """Half of the free memory; 4 where that is unknown."""
    return 4.0 if free is None else round(free / 2 / GIB, 1)


def disk_cache_gib(free: int | None) -> float:
    """Half of the free disk space, at most 50."""
    return 0.0 if free is None else min(50.0, round(free / 2 / GIB, 1))


def threads(facts: ComputeFacts) -> tuple[int, str]:
    """As many as PyTorch chooses; fewer if a container may use fewer cores, or while other programs use them.

    At least half of them: the other programs may end long before the training does, and until then the system shares
    the cores between all. With --jobs, the trainings share them; with torchrun, the processes of one training.
    """
    if facts.recorded is not None:
        return facts.recorded, "as in the run that is resumed"
    if facts.set_by is not None:
        return facts.usual, f"set by {facts.set_by}"
    most = min(facts.usual, facts.cores)
    free = math.floor(facts.processors - facts.load + 0.5)
    value = max(1, most // 2, min(most, free))
    if facts.jobs > 1:
        return max(1, value // facts.jobs), f"{value} shared by {facts.jobs} trainings at a time"
    if value < most:
        return value, f"other programs use {facts.load:.1f} of {facts.processors} cores"
    if most < facts.usual:
        return most, f"of {facts.processors} cores, this container may use {facts.cores}"
    return most, "PyTorch's own number here"


def _place(on_gpu: bool) -> str:
    return "on a GPU" if on_gpu else "on a CPU"


def _start(pretrained: bool) -> str:
    return "pretrained weights" if pretrained else "scratch"
