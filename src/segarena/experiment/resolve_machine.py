"""Close the options that are due to the machine: the device, the number format, and how images are loaded."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Literal, NamedTuple

import torch

from segarena.config import Choice, ProtocolOptions, defaults, to_command
from segarena.config.defaults import ComputeFacts
from segarena.config.devices import device_type
from segarena.cores import count_cores, count_processors, measure_load
from segarena.errors import ConfigError, RunError
from segarena.experiment.choices import Choices
from segarena.experiment.executors.choose import check_jobs, jobs_of
from segarena.launched import local_processes
from segarena.records.config import Config
from segarena.records.run import Environment
from segarena.reuse.recorded import recorded_choices
from segarena.runs import comparison_of
from segarena.training.devices import check_precision, fastest_precision
from segarena.training.machine import choose_device, threads_variable


class Loading(NamedTuple):
    """How a training uses the machine's processor.

    Args:
        crops: Whether training crops are computed each on the CPU, or those of a batch together on the device.
        workers: Processes that load images; 0 for none but the main one.
        threads: Threads that PyTorch computes with on a CPU.
    """

    crops: Literal["each", "batch"]
    workers: int
    threads: int


def close_device(options: ProtocolOptions, choices: Choices) -> tuple[str, str]:
    """Return the device that is there, and the number format of the forward pass on it.

    Args:
        options: The options as typed.
        choices: Receives the choice of each that is open; of a folder that is resumed it has the device.

    Raises:
        ConfigError: The device is not there, or does not have the number format.
        RunError: A folder is resumed that was started on a GPU, and there is none.
    """
    found = _find_device(options, choices.recorded.get("device"))
    device = choices.close("device", options.device, defaults.device(found))
    precision = choices.close("precision", options.precision, defaults.precision(fastest_precision(device)))
    check_precision(device, precision)
    return device, precision


def close_loading(options: ProtocolOptions, device: str, choices: Choices) -> Loading:
    """Return how training crops are computed, and by how many processes and threads.

    Args:
        options: The options as typed.
        device: Where the network is computed.
        choices: Receives the choice of each that is open.

    Raises:
        ConfigError: The device cannot compute the crops of a batch.
    """
    on_gpu = device_type(device) == "cuda"
    crops = _close_crops(options, device, choices)
    in_threads = crops == "batch"  # what is typed has no effect then, and the choice is printed
    workers = defaults.workers(count_cores() // _sharing(options), on_gpu, in_threads=in_threads)
    return Loading(
        crops,
        choices.close("workers", None if in_threads else options.workers, workers),
        options.threads or choices.close("threads", None, defaults.threads(_compute_facts(options, on_gpu))),
    )


def check_device_is_there(options: ProtocolOptions) -> None:
    """Raise an error if the device, the number format on it or a GPU for each of --jobs is not there.

    It is called before any data is read.

    Args:
        options: The options as typed.
    """
    device = _find_device(options, recorded_choices(options.resume).get("device"))
    check_jobs(options, device)
    if options.precision != "auto":
        check_precision(device, options.precision)


def _find_device(options: ProtocolOptions, recorded: Choice | None) -> str:
    """The device that is there; of a folder that is resumed, the one that it was started on."""
    device = options.device if recorded is None else str(recorded.value)
    try:
        return choose_device(device)
    except ConfigError as error:
        if options.resume is None:
            raise
        again = to_command(replace(options, device="cpu", precision="auto", resume=None))
        remedy = f"Resume it where there is a GPU, or start again in a new folder: {again} --out NEW_FOLDER"
        if device_type(device) == "cuda" and torch.cuda.is_available():
            remedy = "Resume it on another GPU: add --device cuda"
        raise RunError(
            f"was started on {device}, and {error.what}; the costs of its models are to be of one kind of device",
            where=options.resume,
            remedy=remedy,
        ) from None


def _close_crops(options: ProtocolOptions, device: str, choices: Choices) -> Literal["each", "batch"]:
    """How training crops are computed. On a CPU that is no choice.

    A run of a version that had no choice is resumed as it was started.
    """
    if options.crops == "batch" and device_type(device) == "mps":
        raise ConfigError(
            "crops are computed together in float64, which Apple's GPU does not have",
            where="--crops batch",
            remedy="Leave out --crops",
        )
    if options.crops != "auto":
        return options.crops
    if device_type(device) != "cuda":
        return "each"
    default = defaults.crops(bool(options.rotation or options.elastic), options.channels == "rgb")
    for path in _runs_to_resume(options, Config.file):
        with suppress(RunError):  # a damaged file is reported where the run is resumed
            default = Config.read(path).protocol.crops, "as in the run that is resumed"
            break
    return choices.close("crops", None, default)


def _compute_facts(options: ProtocolOptions, on_gpu: bool) -> ComputeFacts:
    """What the number of threads depends on. The load is measured where it can change the number."""
    usual, set_by, recorded = torch.get_num_threads(), threads_variable(), _recorded_threads(options)
    is_open = usual > 1 and set_by is None and recorded is None and not on_gpu
    load = measure_load() if is_open else 0.0
    return ComputeFacts(usual, set_by, count_processors(), count_cores(), load, recorded, _sharing(options))


def _sharing(options: ProtocolOptions) -> int:
    """How many processes of this machine train at a time: several networks, or one together."""
    return jobs_of(options) * local_processes()


def _recorded_threads(options: ProtocolOptions) -> int | None:
    """The threads of the run, or of one run of the comparison, that is resumed: all of them use as many."""
    for path in _runs_to_resume(options, Environment.file):
        with suppress(RunError):  # a damaged file is reported where the run is resumed
            return Environment.read(path).threads
    return None


def _runs_to_resume(options: ProtocolOptions, file: str) -> Iterator[Path]:
    """The folder that is resumed, or those of the runs in it, if they have a file.

    Of a comparison, a run on all images is none of them: it was trained later, perhaps elsewhere.
    """
    if options.resume and options.out is not None:
        for pattern in ("", "*/", "*/*/"):
            for path in sorted(options.out.glob(f"{pattern}{file}")):
                if path.parent == options.out or comparison_of(path.parent) is None:
                    yield path.parent
