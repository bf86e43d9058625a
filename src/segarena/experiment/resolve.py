"""Close every option that was left open, and keep the reason for each choice."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from segarena.config import Choice, CompareOptions, DataFacts, Protocol, ProtocolOptions, TrainOptions, defaults
from segarena.config.devices import device_type
from segarena.config.resolution import STRIDES
from segarena.config.training import is_own
from segarena.errors import ConfigError
from segarena.experiment.choices import Choices
from segarena.experiment.networks import has_encoder, is_dilated, network_costs, typed_arguments
from segarena.experiment.resolution import Survey, Workload, choose, no_limit
from segarena.experiment.resolve_machine import close_device, close_loading
from segarena.loading.sizes import crop_size, working_size
from segarena.records.config import Config
from segarena.records.tuning import ClassWeights


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
    choices = Choices(recorded or {})
    device, precision = close_device(options, choices)
    on_gpu = device_type(device) == "cuda"
    network = _close_network(options, facts, on_gpu, choices)
    size, stride = _close_resolution(options, facts, network, "cuda" if on_gpu else "cpu", choices, survey, limit)
    if stride is not None:
        network["output_stride"] = stride
    pretrained = network.get("weights", "none") != "none"
    _check_has_statistics(options, pretrained)
    close, track, optimizer = choices.close, options.track, options.optimizer
    batch_size, micro_batch = _close_batch(options, facts, size, on_gpu, choices)
    epochs, model_epochs, patience = _close_length(options, facts, on_gpu, choices)
    rate = defaults.learning_rate(optimizer, batch_size, pretrained, track)
    factor = defaults.decoder_factor(pretrained, track)
    learning_rate = close("learning_rate", options.learning_rate, rate)
    decoder_factor = close("decoder_factor", options.decoder_factor, factor)
    clip_norm = close("clip_norm", options.clip_norm, defaults.clip_norm(optimizer, track))
    loss = close("loss", options.loss, defaults.loss(track))
    class_weights = _close_class_weights(options, choices)
    loading = close_loading(options, device, choices)
    protocol = Protocol(
        **options.as_typed(),
        **loading._asdict(),
        track=track,
        network=network,
        size=size,
        crop=crop_size(facts.height, facts.width, size),
        input_size=working_size(facts.height, facts.width, size),
        epochs=epochs,
        patience=patience,
        batch_size=batch_size,
        micro_batch=micro_batch,
        optimizer=optimizer,
        schedule=options.schedule,
        learning_rate=learning_rate,
        decoder_factor=decoder_factor,
        weight_decay=options.weight_decay,
        clip_norm=clip_norm,
        loss=loss,
        class_weights=class_weights,
        crop_foreground=options.crop_foreground,
        scale_jitter=close("scale_jitter", options.scale_jitter, defaults.scale_jitter(track)),
        device=device,
        precision=precision,
        cache_gib="auto" if options.cache_gib is None else options.cache_gib,
        equal=options.equal if isinstance(options, CompareOptions) else "epochs",
        model_epochs=model_epochs,
        data_fraction=options.data_fraction if isinstance(options, TrainOptions) else 1.0,
    )
    return protocol, tuple(choices.made)


def _check_has_statistics(options: ProtocolOptions, pretrained: bool) -> None:
    """Raise ConfigError if BatchNorm is to keep statistics that random weights do not have."""
    if options.freeze_batchnorm and not pretrained and not all(map(is_own, options.model_names)):
        raise ConfigError(
            "random weights have no statistics of images to keep",
            where="--freeze-batchnorm",
            remedy="Leave it out, or name pretrained weights with --weights",
        )


def _close_batch(
    options: ProtocolOptions, facts: DataFacts, size: int, on_gpu: bool, choices: Choices
) -> tuple[int, int]:
    """The images of a training step, at most all training images; and how many are computed at a time, 0 for all."""
    is_auto = options.batch_size == "auto"
    usual = defaults.auto_batch_size(facts) if is_auto else defaults.batch_size(facts, size, on_gpu)
    typed = options.batch_size if isinstance(options.batch_size, int) else None
    batch_size = choices.close("batch_size", typed, usual)
    if batch_size > facts.num_train:
        batch_size = choices.limit("batch_size", facts.num_train, "there are no more training images")
    micro_batch = options.micro_batch or choices.recall("micro_batch") or 0
    return batch_size, micro_batch if micro_batch < batch_size else 0


def _close_length(
    options: ProtocolOptions, facts: DataFacts, on_gpu: bool, choices: Choices
) -> tuple[int, dict[str, int], int]:
    """The epochs, those of each model where the models share the time, and the patience."""
    epochs = choices.close("epochs", options.epochs, defaults.epochs(facts, on_gpu))
    model_epochs = choices.recall("model_epochs") or {}
    if isinstance(options, CompareOptions) and options.seeds is None:
        choices.recall("seeds")
    if options.holds_out_none:
        return epochs, model_epochs, epochs
    return epochs, model_epochs, choices.close("patience", options.patience, defaults.patience(epochs))


def _close_class_weights(options: ProtocolOptions, choices: Choices) -> ClassWeights:
    """The class weights as typed, or those that trials chose in the folder that is resumed or repeated."""
    if options.class_weights != "none":
        return options.class_weights
    chosen: ClassWeights | None = choices.recall("class_weights")
    return chosen or "none"


def _close_resolution(
    options: ProtocolOptions,
    facts: DataFacts,
    network: Mapping[str, Any],
    device: str,
    choices: Choices,
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


def _close_network(options: ProtocolOptions, facts: DataFacts, on_gpu: bool, choices: Choices) -> dict[str, Any]:
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
