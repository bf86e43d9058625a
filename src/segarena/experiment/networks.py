"""From the options of a training to its network: which of --encoder, --output-stride and --weights it uses."""

from __future__ import annotations

import math
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import torch
from torch import nn

from segarena.config import Protocol, ProtocolOptions
from segarena.config.network_costs import KNOWN, SIDE, NetworkCost
from segarena.config.own_models import Builder, find_builder
from segarena.config.training import is_own
from segarena.errors import ConfigError
from segarena.experiment.progress import Reporter
from segarena.formats import join_words, listing
from segarena.models import ENCODERS, TRACKS, SegmentationModel, build_encoder, build_model, find_encoder, find_model
from segarena.models.own import OwnNetwork, build_own, try_own
from segarena.models.shapes import shapes_only
from segarena.models.weights import NAMED, check_weights
from segarena.records.config import Config
from segarena.reuse.recorded import anchor
from segarena.seeding import derive_seed
from segarena.training.costs import count_activations, count_flops, logit_stride
from segarena.training.evaluation import padded_size
from segarena.training.optimization import encoder_batchnorm


def check_networks(options: ProtocolOptions) -> None:
    """Refuse networks that cannot be built whatever the data is, before the data is read.

    Args:
        options: The options as typed.

    Raises:
        ConfigError: A network cannot be built, no model uses an option, or such weights were never published.
        WeightsError: There is no such file of weights.
    """
    models, given = options.model_names, typed_arguments(options)
    own = [model for model in models if is_own(model)]
    for name, value in given.items():
        if value != "none" and all(name not in used_arguments(options.track, given, model) for model in models):
            verb = "does" if len(models) == 1 else "do"
            what = {"encoder": f"{value}", "output_stride": f"output stride {value}", "weights": f"weights {value}"}
            raise ConfigError(
                f"{join_words(models)} {verb} not support {what[name]} in the {options.track} track",
                where="--" + name.replace("_", "-"),
                remedy="Leave it out, or choose other models",
            )
    _check_freezing(options, given)
    models_of: dict[str, list[str]] = {}
    for model in models:
        if model in own:
            continue
        encoder = _build_shape(options.track, given, model).settings["encoder"]
        if encoder is not None:
            check_weights(given.get("weights"), encoder, model if options.track == "paper" else None)
            models_of.setdefault(encoder, []).append(model)
    if given.get("weights", "none") not in NAMED and len(models_of) > 1:
        places = "; ".join(f"{join_words(names)} on {encoder}" for encoder, names in models_of.items())
        raise ConfigError(
            f"one file cannot have the weights of several encoders ({places})",
            where="--weights",
            remedy="Choose models with the same encoder, or use --weights imagenet",
        )


def _check_freezing(options: ProtocolOptions, given: dict[str, Any]) -> None:
    """Raise ConfigError if --freeze-batchnorm has an effect on no model."""
    if not options.freeze_batchnorm:
        return
    shapes = [_build_shape(options.track, given, model) for model in options.model_names if not is_own(model)]
    if not shapes or any(encoder_batchnorm(shape) for shape in shapes):
        return
    if options.track == "paper":
        others = [name for name in TRACKS["paper"] if encoder_batchnorm(_build_shape("paper", {}, name))]
        what = f"{join_words(options.model_names)}, as published, {'have' if len(shapes) > 1 else 'has'}"
        remedy = f"choose from the models {', '.join(others)}"
    else:
        others = [name for name in ENCODERS if _has_batchnorm(name)]
        what, remedy = f"{shapes[0].settings['encoder']} has", f"choose an encoder that has it: {', '.join(others)}"
    raise ConfigError(
        f"{what} no BatchNorm with pretrained statistics",
        where="--freeze-batchnorm",
        remedy=f"Leave it out, or {remedy}",
    )


def _has_batchnorm(encoder: str) -> bool:
    with shapes_only():
        return any(isinstance(layer, nn.modules.batchnorm._BatchNorm) for layer in build_encoder(encoder).modules())


def typed_arguments(options: ProtocolOptions) -> dict[str, Any]:
    """Return the arguments of `build_model` that were typed."""
    weights = anchor("weights", options.weights)
    arguments = {"encoder": options.encoder, "weights": weights, "output_stride": options.output_stride}
    return {name: value for name, value in arguments.items() if value is not None}


def used_arguments(track: str, arguments: dict[str, Any], model: str) -> dict[str, Any]:
    """Return those of the arguments of `build_model` that a model uses.

    Args:
        track: encoder or paper.
        arguments: By their names; all of those that were typed.
        model: The name of the model.
    """
    if is_own(model):  # its function builds it; the channels are those of the images that it is tried with
        return {name: value for name, value in arguments.items() if name == "in_channels"}
    kind = find_model(model, track)
    used = dict(arguments)
    if track == "paper" and used.get("encoder") not in kind.paper_encoders:
        used.pop("encoder", None)
    if not has_encoder(model, track):
        used.pop("weights", None)
    if used.get("output_stride") not in kind.output_strides:
        used.pop("output_stride", None)
    return used


def has_encoder(model: str, track: str) -> bool:
    """Whether the architecture has an encoder; U-Net as published has none."""
    return not is_own(model) and find_encoder(model, track, None) is not None


def drop_unused_options(protocol: Protocol, model: str) -> Protocol:
    """Return the protocol of one model: without the arguments of `build_model` that it does not use.

    Of models that share the training time, each has its own epochs, and its patience is the same share of them.
    """
    own = replace(protocol, network=used_arguments(protocol.track, protocol.network, model))
    if not protocol.model_epochs:
        return own
    epochs = protocol.epochs_of(model)
    patience = math.ceil(protocol.patience * epochs / protocol.epochs)
    return replace(own, epochs=epochs, patience=patience, model_epochs={})


def build(protocol: Protocol, model: str, num_classes: int, seed: int) -> SegmentationModel:
    """Build the untrained network; its random weights depend on the seed alone.

    Args:
        protocol: The settings; its network has the arguments of `build_model`.
        model: The name of the model.
        num_classes: Number of classes.
        seed: The seed of the training.

    Raises:
        ConfigError: The network cannot be built.
        WeightsError: Its weights cannot be downloaded or read, or do not fit.
    """
    torch.manual_seed(derive_seed("weights", seed))
    if is_own(model):
        return build_own(model, num_classes, _builder(model), in_channels=_in_channels(protocol))
    arguments = used_arguments(protocol.track, protocol.network, model)
    return build_model(model, num_classes, track=protocol.track, **arguments)


def can_build(folder: Path) -> bool:
    """Whether the network of a training can be built here: not a user's module whose function was not given.

    Args:
        folder: The folder of the training.
    """
    model = Config.read(folder).model
    return not is_own(model) or find_builder(model) is not None


def _in_channels(protocol: Protocol) -> int:
    """The channels of the images."""
    return int(protocol.network.get("in_channels", 3))


def try_networks(protocol: Protocol, models: Sequence[str], num_classes: int, reporter: Reporter) -> None:
    """Build each network once, so that one that cannot be built is found before another has been trained for hours.

    Args:
        protocol: The settings.
        models: The names of the models.
        num_classes: Number of classes.
        reporter: Receives the encoder and the initial weights of each, if they differ between the networks.

    Raises:
        ConfigError: A network cannot be built.
        WeightsError: Its weights cannot be downloaded or read, or do not fit.
    """
    weights = protocol.network.get("weights", "none")
    if weights in ("imagenet", "coco"):
        name = {"imagenet": "ImageNet", "coco": "COCO"}[str(weights)]
        reporter.say(f"  {name} weights: torchvision downloads them the first time")
    starts = set()
    for model in models:
        if is_own(model):
            _try_own(protocol, model, num_classes, reporter)
            continue
        with shapes_only() if weights == "none" else nullcontext():
            network = build(protocol, model, num_classes, seed=0)
        starts.add(network.initial_weights)
        if protocol.track == "paper":
            reporter.say(f"  {model}: {_describe(network)}")
    if protocol.track == "encoder" and weights not in NAMED:
        reporter.say(f"  each starts from {listing(sorted(starts))}")


def network_costs(track: str, arguments: dict[str, Any], models: Sequence[str]) -> list[NetworkCost]:
    """Return what each network costs, and the stride of its logits; no weights are read.

    Args:
        track: encoder or paper.
        arguments: The arguments of `build_model`, those that a model does not use included.
        models: The architectures.

    Raises:
        ConfigError: A network cannot be built.
    """
    return [
        _own_cost(model, arguments.get("in_channels", 3))
        if is_own(model)
        else _network_cost(track, model, *_shape_of(track, arguments, model))
        for model in models
    ]


def is_dilated(model: str, track: str) -> bool:
    """Whether the model's output stride is chosen: in the encoder track, where it can have several."""
    return track == "encoder" and not is_own(model) and len(find_model(model, track).output_strides) > 1


def _shape_of(track: str, arguments: dict[str, Any], model: str) -> tuple[Any, Any]:
    used = used_arguments(track, arguments, model)
    return used.get("encoder"), used.get("output_stride")


def _own_cost(model: str, channels: int) -> NetworkCost:
    """The cost of a user's module; none where it cannot process the image, which is reported where it is tried."""
    network = build_own(model, 2, _builder(model), in_channels=channels).eval()
    size = (SIDE, SIDE)
    try:
        return NetworkCost(logit_stride(network, size), count_flops(network, size), count_activations(network, size))
    except Exception:
        return NetworkCost(1, 0, 0)


@cache
def _network_cost(track: str, model: str, encoder: str | None, stride: int | None) -> NetworkCost:
    if track == "encoder" and (known := KNOWN.get(encoder or "", {}).get((model, stride))) is not None:
        return known
    network = _build_shape(track, {"encoder": encoder, "output_stride": stride}, model).eval()
    return NetworkCost(
        logit_stride(network), count_flops(network, (SIDE, SIDE)), count_activations(network, (SIDE, SIDE))
    )


def relative_cost(protocol: Protocol, model: str) -> float:
    """Return the FLOPs of one image of the usual size, with two classes: how the networks' times compare, roughly."""
    own = is_own(model)
    network = build(protocol, model, 2, seed=0) if own else _build_shape(protocol.track, protocol.network, model)
    return float(count_flops(network, padded_size(network, protocol.input_size)))


def _build_shape(track: str, arguments: dict[str, Any], model: str) -> SegmentationModel:
    """The network without memory for its weights, which are not read."""
    used = used_arguments(track, arguments, model)
    with shapes_only():
        return build_model(model, num_classes=2, track=track, **{**used, "weights": None})


def _builder(model: str) -> Builder:
    builder = find_builder(model)
    if builder is None:
        raise ConfigError(
            f"{model} is a module of a Python program, and its function was not given",
            where="--models",
            remedy=f"Give it in Python: models=[({model!r}, build)]",
        )
    return builder


def _try_own(protocol: Protocol, model: str, num_classes: int, reporter: Reporter) -> None:
    """Run a user's module as in training and in evaluation, and report what was understood of it."""
    torch.manual_seed(derive_seed("weights", 0))
    image = padded_size(OwnNetwork, protocol.input_size)
    channels = _in_channels(protocol)
    network = try_own(model, num_classes, _builder(model), protocol.crop, image, in_channels=channels)
    prefix = network.encoder_prefix
    rate = "no encoder, one learning rate" if prefix is None else f"encoder: {prefix.split('.')[1]}"
    stride = logit_stride(network.eval(), image)
    reporter.say(f"  {model}: {network.settings['built_by']}, logits at stride {stride}, {rate}")


def _describe(model: SegmentationModel) -> str:
    settings = model.settings
    if settings["encoder"] is None:
        return f"no encoder; from {model.initial_weights}"
    trained, evaluated = settings["output_stride"], settings.get("eval_output_stride")
    stride = f"{trained}, evaluated at {evaluated}" if evaluated not in (None, trained) else f"{trained}"
    return f"on {settings['encoder']}, output stride {stride}; from {model.initial_weights}"
