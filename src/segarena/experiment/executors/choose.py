"""Which executor runs the trainings of a command, and whether the machine has what --jobs needs."""

from __future__ import annotations

import os
import pickle
from collections.abc import Mapping, Sequence

import torch

from segarena.config import CompareOptions, ProtocolOptions
from segarena.config.devices import device_index, device_type
from segarena.config.own_models import find_builder
from segarena.config.training import is_own
from segarena.errors import ConfigError
from segarena.experiment.executors.processes import Processes
from segarena.experiment.executors.serial import Serial
from segarena.experiment.executors.task import Executor
from segarena.formats import plural

#: The environment variable by which a process sees some of the GPUs only; the first of them is its "cuda".
VISIBLE = "CUDA_VISIBLE_DEVICES"


def jobs_of(options: ProtocolOptions) -> int:
    """Return how many trainings run at a time.

    Args:
        options: The options; `train` has one at a time.
    """
    return (options.jobs or 1) if isinstance(options, CompareOptions) else 1


def choose_executor(device: str, jobs: int) -> Executor:
    """Return the executor for a number of trainings at a time.

    Args:
        device: Where they compute.
        jobs: How many at a time.
    """
    if jobs == 1:
        return Serial()
    return Processes(jobs, gpu_environments(device, jobs, _visible_gpus() if device_type(device) == "cuda" else ()))


def gpu_environments(device: str, jobs: int, gpus: Sequence[str]) -> list[Mapping[str, str]]:
    """Return the environment variables with which each of the trainings at a time sees a GPU of its own.

    Args:
        device: Where they compute: "cuda", or another device, with which nothing is set.
        jobs: How many at a time.
        gpus: The GPUs that this process sees, as the variable has them.

    >>> gpu_environments("cuda", 2, ["0", "1", "2"])
    [{'CUDA_VISIBLE_DEVICES': '0'}, {'CUDA_VISIBLE_DEVICES': '1'}]
    >>> gpu_environments("cpu", 2, [])
    []
    """
    if device_type(device) != "cuda" or device_index(device) is not None:
        return []
    return [{VISIBLE: gpu} for gpu in gpus[:jobs]]


def check_jobs(options: ProtocolOptions, device: str) -> None:
    """Check that the trainings can run side by side.

    Args:
        options: The options as typed.
        device: Where they compute.

    Raises:
        ConfigError: There are fewer GPUs than trainings at a time, or a module cannot be built in another process.
    """
    jobs = jobs_of(options)
    if jobs == 1:
        return
    if device_type(device) != "cpu":
        is_any = device_type(device) == "cuda" and device_index(device) is None
        number = len(_visible_gpus()) if is_any else 1
        if jobs > number:
            raise ConfigError(
                f"each training needs a GPU of its own, and {plural(number, 'GPU')} can be used with --device {device}",
                where=f"--jobs {jobs}",
                remedy=f"Use --jobs {number}" + ("" if is_any else ", or --device cuda for all GPUs"),
            )
    for model in filter(is_own, options.model_names):
        builder = find_builder(model)
        try:
            is_importable = getattr(builder, "__module__", "") != "__main__" and bool(pickle.dumps(builder))
        except Exception:  # whatever its own methods raise
            is_importable = False
        if not is_importable:
            raise ConfigError(
                f"the function that builds {model} cannot be imported by another process",
                where=f"--jobs {jobs}",
                remedy="Define it at the top of a module of its own and import it from there, or leave out --jobs",
            )


def _visible_gpus() -> list[str]:
    """The GPUs that this process sees, as the environment variable has them."""
    number = torch.cuda.device_count()
    named = os.environ.get(VISIBLE, "").split(",")
    return [name.strip() for name in named[:number]] if named != [""] else [str(index) for index in range(number)]
