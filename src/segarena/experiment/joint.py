"""One training in several processes: which options it can have, and how process 0 gives it to the others."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from segarena.config import Protocol, TrainOptions
from segarena.config.devices import device_index, device_type
from segarena.config.own_models import Builder, find_builder
from segarena.config.training import is_own
from segarena.errors import ConfigError
from segarena.experiment.plan import Training
from segarena.formats import plural
from segarena.launched import Launch
from segarena.records.config import Config
from segarena.reuse.complete import complete
from segarena.reuse.recorded import find_recorded
from segarena.training.distributed.ranks import ALONE, Ranks

if TYPE_CHECKING:
    from segarena.training.distributed.connect import Processes


@dataclass(frozen=True)
class JointTraining:
    """What a process needs for its part of a training.

    Args:
        training: The training, without the decoded images: each process decodes them for itself.
        data: A number of the data, for those that have decoded it already.
        builder: The builder of a user's module; None for segarena's own models.
    """

    training: Training
    data: int
    builder: Builder | None


#: The processes that this one leads.
_led: list[Processes] = []


def check_joint(options: TrainOptions, launch: Launch) -> None:
    """Check that a training can be computed by several processes, as far as the options show.

    Args:
        options: The options as typed.
        launch: The place of this process.

    Raises:
        ConfigError: It cannot.
    """
    if launch.number == 1:
        return
    if options.budget is not None:
        raise ConfigError(
            "the epochs for a budget are chosen by the speed of one process, not of several",
            where="--budget",
            remedy="Give --epochs, or train without torchrun",
        )
    if options.tune:
        raise ConfigError(
            "the trials of --tune are computed by one process",
            where="--tune",
            remedy="Run them without torchrun, and give the learning rate that they choose as --learning-rate",
        )
    if options.batch_size == "auto":
        raise ConfigError(
            "the largest batch of several processes is not measured",
            where="--batch-size auto",
            remedy="Give the number of images of all processes together, e.g. --batch-size 32",
        )
    if device_index(options.device) is not None:
        raise ConfigError(
            "each process has a GPU of its own",
            where=f"--device {options.device}",
            remedy="Use --device cuda; CUDA_VISIBLE_DEVICES chooses the GPUs",
        )


def check_joint_protocol(protocol: Protocol, launch: Launch, gpus: int) -> None:
    """Check that each process has an image of a batch and a GPU.

    Args:
        protocol: The settings.
        launch: The place of this process.
        gpus: GPUs of this machine.

    Raises:
        ConfigError: It has not, or the GPU is one that only one process can use.
    """
    kind = device_type(protocol.device)
    if protocol.batch_size < launch.number:
        raise ConfigError(
            f"{plural(launch.number, 'process')} have no image each in a batch of {protocol.batch_size}",
            where="--batch-size",
            remedy=f"Give --batch-size {launch.number} or more, or start fewer processes",
        )
    if kind == "mps" or (kind == "cuda" and launch.local_number > gpus):
        there = "one GPU" if kind == "mps" else plural(gpus, "GPU")
        raise ConfigError(
            f"{launch.local_number} processes need as many GPUs, and this machine has {there}",
            where="--nproc-per-node",
            remedy=f"Give torchrun --nproc-per-node {1 if kind == 'mps' else gpus}, or use --device cpu",
        )


def continued(options: TrainOptions, folder: Path) -> TrainOptions:
    """Return the options with which a command resumes what it began before its processes were restarted.

    Args:
        options: The options as typed.
        folder: The folder that it wrote.

    Raises:
        SegarenaError: The folder cannot be resumed.
    """
    if options.resume is not None:
        return options
    if find_recorded(TrainOptions, folder) is None:  # nothing was trained yet
        return replace(options, out=folder, resume=folder)
    shown = {"quiet": options.quiet, "verbose": options.verbose}
    return complete(TrainOptions, resume=folder, **shown)


@contextmanager
def leading(processes: Processes) -> Iterator[None]:
    """In the block, the trainings of this process are computed by the others too."""
    _led.append(processes)
    try:
        yield
    finally:
        _led.pop()


def ranks_of(training: Training) -> Ranks:
    """Return the processes that compute a training: this one, or those that it leads, which begin with it now.

    Args:
        training: A training that begins.
    """
    if not _led or _led[-1].launch.number == 1:
        return ALONE
    processes, images = _led[-1], training.split.images
    light = copy.copy(images)
    light.kept, light.stores = {}, {}
    builder = find_builder(training.model) if is_own(training.model) else None
    sent = replace(training, split=replace(training.split, images=light))
    return processes.send(JointTraining(sent, id(images), builder), training.protocol.device)


def describe_other_processes(training: Training, ranks: Ranks) -> str:
    """Return in words that a run is resumed with another number of processes; "" where it is not.

    Args:
        training: The training.
        ranks: The processes of now.
    """
    path = training.folder / Config.file
    before = Config.read(training.folder).processes if path.exists() else ranks.number
    if before == ranks.number:
        return ""
    protocol = training.protocol
    others = "; BatchNorm sees other parts of a batch" if protocol.micro_batch else ""
    others += "; the hardest pixels are chosen from other slices of a batch" if protocol.hard_pixels < 1 else ""
    return (
        f"resumed with {plural(ranks.number, 'process')}, before with {before}: the images, the order and"
        f" the rates are the same, sums are rounded otherwise{others}"
    )


def naming_lost() -> AbstractContextManager[None]:
    """Return the context in which a lost connection becomes an error that names the process."""
    return _led[-1].naming_lost() if _led else nullcontext()
