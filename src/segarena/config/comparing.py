"""The options of `compare`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal, get_args

import tyro

from segarena.config import defaults
from segarena.config.checks import NUMBERED, OPTIONAL, Flag, check_at_least, check_share, default
from segarena.config.training import TRACK_MODELS, ModelName, ProtocolOptions
from segarena.errors import ConfigError


@dataclass(frozen=True, kw_only=True)
class CompareOptions(ProtocolOptions):
    """Train, test and compare the architectures on one folder of images and masks."""

    runs: Annotated[tyro.conf.Positional[tuple[Path, ...]], OPTIONAL] = ()
    """Finished runs, or comparisons of which all runs are taken, to be compared; nothing is trained. They must have the
    same protocol, data and split. DATA is then the first of them, or the folder to which the data was moved."""
    vary: Annotated[tuple[str, ...], OPTIONAL] = ()
    """Settings in which such runs may differ, e.g. loss: each value is compared as a model of its own."""
    models: Annotated[
        tuple[ModelName, ...] | None, default("fcn unet pspnet deeplabv3; with --track paper fcn8s in place of fcn")
    ] = None
    """Which architectures. fcn8s, fcn16s and fcn32s are in the paper track only.
    With --track paper, fcn is torchvision's dilated FCN."""
    seeds: Annotated[int | None, NUMBERED, default(defaults.seeds)] = None
    """Trainings per architecture, with seeds 0, 1, ... With one, the variation between trainings is not measured."""
    data_fractions: Annotated[tuple[float, ...], OPTIONAL] = ()
    """Train each model on these shares of the training images too, e.g. 0.25 0.5 1, and show whether more labelled
    images are likely to help, and for which classes. Each share has about the same classes, is contained in the larger
    ones, and is trained for as many steps as all images; validation and test images are the same."""
    equal: Literal["epochs", "time"] = "epochs"
    """What the models share: the number of epochs, or the training time, in which a faster model has more epochs."""
    jobs: Annotated[int | None, NUMBERED, default("1; on a cluster as many as it has room for")] = None
    """Trainings at a time, each in a process of its own. On a CPU they share the threads; on GPUs each has a GPU.
    With the same --threads, which are those of each training, the results are the same as one after the other."""
    executor: Annotated[
        Literal["local", "ray", "slurm"] | None, default("local; in a folder that is resumed, as before")
    ] = None
    """Where the trainings run: on this machine, on the Ray cluster of RAY_ADDRESS or of this machine, or in the queue
    of SLURM. All machines of a cluster have the folders of the data and the results at the same path."""
    slurm: Annotated[tuple[str, ...], OPTIONAL] = ()
    """With --executor slurm, options of sbatch for each training, e.g. partition=gpu time=4:00:00 account=lab."""
    dry_run: Flag = False
    """Measure the models and show the plan: each training, the time, memory and disk space, and the time with more
    workers. Nothing is trained, and nothing is left in the folder."""
    json: Annotated[Path | None, OPTIONAL] = None
    """With --dry-run, file to write the plan to, as JSON; it must not exist."""

    @property
    def model_names(self) -> tuple[ModelName, ...]:
        """The architectures named, or those of the track."""
        return TRACK_MODELS.get(self.track, ()) if self.models is None else self.models

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.model_names:
            raise ConfigError(
                "no model is named", where="--models", remedy=f"Choose from {', '.join(get_args(ModelName))}"
            )
        if len(set(self.model_names)) < len(self.model_names):
            raise ConfigError("a model is named twice", where="--models", remedy="Name each model once")
        check_at_least("seeds", self.seeds, 1)
        check_at_least("jobs", self.jobs, 1)
        for fraction in self.data_fractions:
            check_share("data_fractions", fraction, least=1.0)
        if len({f"{fraction:g}" for fraction in self.data_fractions}) < len(self.data_fractions):
            raise ConfigError("a share is named twice", where="--data-fractions", remedy="Name each share once")
        if self.slurm and self.executor != "slurm":
            raise ConfigError("it is for jobs of SLURM", where="--slurm", remedy="Add --executor slurm")
        if self.json is not None and not self.dry_run:
            raise ConfigError("the plan is written by --dry-run", where="--json", remedy="Add --dry-run")
