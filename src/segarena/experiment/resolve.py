"""Close every option that was left open, and keep the reason for each choice."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal, TypeVar

import torch

from segarena.config import (
    Choice,
    CompareOptions,
    DataFacts,
    Protocol,
    ProtocolOptions,
    TrainOptions,
    defaults,
    to_command,
)
from segarena.config.defaults import ComputeFacts
from segarena.config.devices import device_type
from segarena.config.resolution import STRIDES
from segarena.config.training import is_own
from segarena.cores import count_cores, count_processors, measure_load
from segarena.errors import ConfigError, RunError
from segarena.experiment.executors.choose import check_jobs, jobs_of
from segarena.experiment.networks import has_encoder, is_dilated, network_costs, typed_arguments
from segarena.experiment.resolution import Survey, Workload, choose, no_limit
from segarena.launched import local_processes
from segarena.loading.sizes import crop_size, working_size
from segarena.records.config import Config
from segarena.records.run import Environment
from segarena.records.tuning import ClassWeights
from segarena.reuse.recorded import recorded_choices
from segarena.runs import comparison_of
from segarena.training.devices import check_precision, fastest_precision
from segarena.training.machine import choose_device, threads_variable

Value = TypeVar("Value")


class _Choices:
    """The choices made so far."""

    def __init__(self, recorded: Mapping[str, Choice]) -> None:
        self.recorded = recorded
        self.made: list[Choice] = []

    def close(self, name: str, typed: Value | None, default: tuple[Value, str]) -> Value:
        """Return the option as typed; if it is open, return the value of its rule and keep the reason."""
        if typed is not None and typed != "auto":
            return typed
        choice = self.recorded.get(name) or Choice(name, *default)
        self.made.append(choice)
        value: Value = choice.value
        return value

    def recall(self, name: str) -> Any:
        """Return what was chosen for an option once the models had been measured; None as long as they are not."""
        choice = self.recorded.get(name)
        if choice is None:
            return None
        self.made.append(choice)
        return choice.value


def resolve(
    options: ProtocolOptions,
    facts: DataFacts,
    recorded: Mapping[str, Choice] | None = None,
    survey: Survey = no_limit,
    limit: Callable[[Workload], float] | None = None,
) -> tuple[Protocol, tuple[Choice, ...]]:
    """Close the options by the rules of `segarena.config.defaults`, for this data and this machine.

    Args:
        options: The options as typed.
        facts: The data, as far as the rules depend on it.
        recorded: The choices of the folder that is resumed, by name; they are not made again.
        survey: Returns the resolution ceilings of grids. It is called only if the size or the stride is open.
        limit: Returns the operations that training each model once may take; None for the limit of the device.

    Returns:
        The protocol, and a choice for each option that was open and that the models use.

    Raises:
        ConfigError: The device is not there, or does not have the number format.
        RunError: A folder is resumed that was started on a GPU, and there is none.
    """
    choices = _Choices(recorded or {})
    close = choices.close
    found = _find_device(options, choices.recorded.get("device"))
    on_gpu = device_type(found) == "cuda"
    device = close("device", options.device, defaults.device(found))
    precision = close("precision", options.precision, defaults.precision(fastest_precision(device)))
    check_precision(device, precision)
    network = _close_network(options, facts, on_gpu, choices)
    size, stride = _close_resolution(options, facts, network, "cuda" if on_gpu else "cpu", choices, survey, limit)
    if stride is not None:
        network["output_stride"] = stride
    batch_size = _close_batch_size(options, facts, size, on_gpu, choices)
    micro_batch = options.micro_batch or choices.recall("micro_batch") or 0
    epochs = close("epochs", options.epochs, defaults.epochs(facts, on_gpu))
    model_epochs = choices.recall("model_epochs") or {}
    if isinstance(options, CompareOptions) and options.seeds is None:
        choices.recall("seeds")
    patience = epochs if options.holds_out_none else close("patience", options.patience, defaults.patience(epochs))
    pretrained = network.get("weights", "none") != "none"
    if options.freeze_batchnorm and not pretrained and not all(map(is_own, options.model_names)):
        raise ConfigError(
            "random weights have no statistics of images to keep",
            where="--freeze-batchnorm",
            remedy="Leave it out, or name pretrained weights with --weights",
        )
    rate = defaults.learning_rate(options.optimizer, batch_size, pretrained, options.track)
    crops = _close_crops(options, device, choices)
    in_threads = crops == "batch"  # what is typed has no effect then, and the choice is printed
    workers = defaults.workers(count_cores() // _sharing(options), on_gpu, in_threads=in_threads)
    protocol = Protocol(
        track=options.track,
        network=network,
        size=size,
        crop=crop_size(facts.height, facts.width, size),
        input_size=working_size(facts.height, facts.width, size),
        epochs=epochs,
        patience=patience,
        batch_size=batch_size,
        micro_batch=micro_batch if micro_batch < batch_size else 0,
        optimizer=options.optimizer,
        schedule=options.schedule,
        learning_rate=close("learning_rate", options.learning_rate, rate),
        decoder_factor=close(
            "decoder_factor", options.decoder_factor, defaults.decoder_factor(pretrained, options.track)
        ),
        weight_decay=options.weight_decay,
        clip_norm=close("clip_norm", options.clip_norm, defaults.clip_norm(options.optimizer, options.track)),
        loss=close("loss", options.loss, defaults.loss(options.track)),
        class_weights=_class_weights(options, choices),
        label_smoothing=options.label_smoothing,
        hard_pixels=options.hard_pixels,
        ema_decay=options.ema_decay,
        freeze_batchnorm=options.freeze_batchnorm,
        crop_foreground=options.crop_foreground,
        scale_jitter=options.scale_jitter,
        rotation=options.rotation,
        elastic=options.elastic,
        device=device,
        precision=precision,
        crops=crops,
        workers=close("workers", None if in_threads else options.workers, workers),
        threads=options.threads or close("threads", None, defaults.threads(_compute_facts(options, on_gpu))),
        cache_gib="auto" if options.cache_gib is None else options.cache_gib,
        equal=options.equal if isinstance(options, CompareOptions) else "epochs",
        model_epochs=model_epochs,
        tune=options.tune,
        data_fraction=options.data_fraction if isinstance(options, TrainOptions) else 1.0,
    )
    return protocol, tuple(choices.made)


def _close_batch_size(options: ProtocolOptions, facts: DataFacts, size: int, on_gpu: bool, choices: _Choices) -> int:
    """The images of a training step, at most all training images."""
    is_auto = options.batch_size == "auto"
    usual = defaults.auto_batch_size(facts) if is_auto else defaults.batch_size(facts, size, on_gpu)
    typed = options.batch_size if isinstance(options.batch_size, int) else None
    batch_size = choices.close("batch_size", typed, usual)
    if batch_size > facts.num_train:
        return choices.close("batch_size", None, (facts.num_train, "there are no more training images"))
    return batch_size


def _class_weights(options: ProtocolOptions, choices: _Choices) -> ClassWeights:
    """The class weights as typed, or those that trials chose in the folder that is resumed or repeated."""
    if options.class_weights != "none":
        return options.class_weights
    chosen: ClassWeights | None = choices.recall("class_weights")
    return chosen or "none"


def _compute_facts(options: ProtocolOptions, on_gpu: bool) -> ComputeFacts:
    """What the number of threads depends on. The load is measured where it can change the number."""
    usual, set_by, recorded = torch.get_num_threads(), threads_variable(), _recorded_threads(options)
    is_open = usual > 1 and set_by is None and recorded is None and not on_gpu
    load = measure_load() if is_open else 0.0
    return ComputeFacts(usual, set_by, count_processors(), count_cores(), load, recorded, _sharing(options))


def _sharing(options: ProtocolOptions) -> int:
    """How many processes of this machine train at a time: several networks, or one together."""
    return jobs_of(options) * local_processes()


def _close_crops(options: ProtocolOptions, device: str, choices: _Choices) -> Literal["each", "batch"]:
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


def _runs_to_resume(options: ProtocolOptions, file: str) -> Iterator[Path]:
    """The folder that is resumed, or those of the runs in it, if they have a file."""
    if options.resume and options.out is not None:
        for pattern in ("", "*/", "*/*/"):
            yield from (path.parent for path in sorted(options.out.glob(f"{pattern}{file}")))


def _recorded_threads(options: ProtocolOptions) -> int | None:
    """The threads of the run, or of one run of the comparison, that is resumed: all of them use as many."""
    for path in _runs_to_resume(options, Environment.file):
        if comparison_of(path) is not None:  # trained later, perhaps elsewhere
            continue
        with suppress(RunError):  # a damaged file is reported where the run is resumed
            return Environment.read(path).threads
    return None


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


def _close_resolution(
    options: ProtocolOptions,
    facts: DataFacts,
    network: Mapping[str, Any],
    device: str,
    choices: _Choices,
    survey: Survey,
    limit: Callable[[Workload], float] | None,
) -> tuple[int, int | None]:
    """The working size, and the output stride; None where it is left to the architectures."""
    typed = {"size": options.size, "output_stride": options.output_stride}
    recorded = {name: choices.recorded[name].value for name in typed if name in choices.recorded}
    size, stride = (typed[name] or recorded.get(name) for name in typed)
    dilated = [model for model in options.model_names if is_dilated(model, options.track)]
    earlier = options.resume or getattr(options, "like", None)
    is_open = bool(dilated) and stride is None and not _was_trained(earlier, dilated)
    why = ""
    if size is None or is_open:
        costs = {
            one: network_costs(options.track, {**network, "output_stride": one}, options.model_names)
            for one in (STRIDES if is_open else (stride,))
        }
        workload = Workload(facts, costs, device, size)
        found = choose(workload, survey, None if limit is None else limit(workload))
        size, stride, why = found.chosen.size, found.chosen.output_stride, found.why
    size = choices.close("size", options.size, (size, why))
    if is_open or (dilated and "output_stride" in recorded):
        reason = "chosen with the size" if options.size is None and "size" not in recorded else why
        stride = choices.close("output_stride", options.output_stride, (stride, reason))
    return size, stride


def _was_trained(folder: Path | None, models: Sequence[str]) -> bool:
    """Whether a folder that is resumed, or whose settings are used, has a run of one of the models."""
    if folder is None:
        return False
    paths = [path for pattern in ("", "*/", "*/*/") for path in folder.glob(f"{pattern}{Config.file}")]
    return any(Config.read(path.parent).model in models for path in paths)


def _close_network(options: ProtocolOptions, facts: DataFacts, on_gpu: bool, choices: _Choices) -> dict[str, Any]:
    """The arguments of `build_model` that at least one of the models uses."""
    arguments = typed_arguments(options)
    has_encoders = any(has_encoder(model, options.track) for model in options.model_names)
    if options.track == "encoder" and has_encoders:
        arguments["encoder"] = choices.close("encoder", options.encoder, defaults.encoder(on_gpu))
    if has_encoders:
        arguments["weights"] = choices.close("weights", options.weights, defaults.weights(facts))
    else:
        arguments.pop("weights", None)
    if facts.channels != 3:
        arguments["in_channels"] = facts.channels
    return arguments
