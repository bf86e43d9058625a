"""Which executor runs the trainings of a command, and whether the machine or the cluster has what they need."""

from __future__ import annotations

import os
import pickle
from collections.abc import Mapping, Sequence
from pathlib import Path

import torch

from segarena.config import CompareOptions, Protocol, ProtocolOptions
from segarena.config.devices import device_index, device_type
from segarena.config.own_models import find_builder
from segarena.config.training import is_own
from segarena.data.source import Sample
from segarena.errors import ConfigError
from segarena.experiment.executors import ray_cluster
from segarena.experiment.executors.processes import Processes
from segarena.experiment.executors.ray_tasks import Ray
from segarena.experiment.executors.remote import describe_place
from segarena.experiment.executors.serial import Serial
from segarena.experiment.executors.slurm import Slurm, check_slurm
from segarena.experiment.executors.task import Executor
from segarena.formats import plural

#: Trainings at a time in a queue of which nothing is known.
MANY = 1000
#: The environment variable by which a process sees some of the GPUs only; the first of them is its "cuda".
VISIBLE = "CUDA_VISIBLE_DEVICES"


def jobs_of(options: ProtocolOptions) -> int:
    """Return how many trainings run at a time on this machine, and share it.

    Args:
        options: The options; `train` has one at a time.
    """
    return (options.jobs or 1) if isinstance(options, CompareOptions) and not cluster_of(options) else 1


def cluster_of(options: ProtocolOptions) -> str | None:
    """Return the cluster on which the trainings run, "ray" or "slurm"; None for this machine."""
    executor = options.executor if isinstance(options, CompareOptions) else None
    return None if executor == "local" else executor


def count_at_a_time(options: ProtocolOptions, protocol: Protocol) -> int:
    """Return how many trainings run at a time, if there are as many.

    Args:
        options: The options as typed.
        protocol: The options closed.
    """
    cluster = cluster_of(options)
    if cluster is None:
        return jobs_of(options)
    most = options.jobs if isinstance(options, CompareOptions) else None
    if cluster == "slurm":
        return most or MANY
    ray_cluster.connect()
    places = max(1, ray_cluster.count_places(ray_cluster.needs(protocol.device, protocol.threads)))
    return places if most is None else min(places, most)


def choose_executor(
    options: ProtocolOptions,
    protocol: Protocol,
    trainings: int,
    folder: Path,
    samples: Sequence[Sample],
    minutes: float | None = None,
) -> tuple[Executor, int]:
    """Return the executor of the trainings, and how many it runs at a time.

    Args:
        options: The options as typed.
        protocol: The options closed.
        trainings: How many there are.
        folder: The folder of the results.
        samples: The images of the data with their masks.
        minutes: The time limit of a training in a queue; None for the usual one.

    Raises:
        ConfigError: A cluster cannot be used.
    """
    jobs, device = min(count_at_a_time(options, protocol), max(1, trainings)), protocol.device
    cluster = cluster_of(options)
    if cluster is None or not trainings or not isinstance(options, CompareOptions):
        if jobs == 1:
            return Serial(), 1
        gpus = _visible_gpus() if device_type(device) == "cuda" else ()
        return Processes(jobs, gpu_environments(device, jobs, gpus)), jobs
    need = ray_cluster.needs(device, protocol.threads)
    place = describe_place(folder, samples)
    if cluster == "ray":
        return Ray(place, need, options.jobs), jobs
    return Slurm(folder, place, need, options.slurm, options.jobs, minutes), jobs


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
    jobs, cluster = jobs_of(options), cluster_of(options)
    if cluster is not None and isinstance(options, CompareOptions):
        _check_cluster(options, device, cluster)
    elif jobs == 1:
        return
    elif device_type(device) != "cpu":
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
                where=f"--jobs {jobs}" if cluster is None else f"--executor {cluster}",
                remedy="Define it at the top of a module of its own and import it from there, or leave the option out",
            )


def _check_cluster(options: CompareOptions, device: str, cluster: str) -> None:
    """Raise ConfigError if the cluster is not there, or cannot run these trainings."""
    where = f"--executor {cluster}"
    if device_type(device) not in ("cpu", "cuda") or device_index(device) is not None:
        raise ConfigError(
            f"the cluster chooses the GPU of each training, and the device is {device}",
            where=where,
            remedy="Use --device cuda, or --device cpu",
        )
    if cluster == "ray":
        ray_cluster.connect()
        return
    if own := [model for model in options.model_names if is_own(model)]:
        raise ConfigError(
            f"{own[0]} is a module of a Python program, and the job that reports is a command line",
            where=where,
            remedy="Use the executor local or ray",
        )
    check_slurm(options.slurm)


def _visible_gpus() -> list[str]:
    """The GPUs that this process sees, as the environment variable has them."""
    number = torch.cuda.device_count()
    named = os.environ.get(VISIBLE, "").split(",")
    return [name.strip() for name in named[:number]] if named != [""] else [str(index) for index in range(number)]
