"""From the options of a training to its network: what of --encoder, --output-stride and --weights concerns it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, TypeVar

import torch

from segarena.config import ModelName, ProtocolOptions
from segarena.errors import ConfigError
from segarena.experiment.progress import Reporter
from segarena.formats import listing
from segarena.models import SegmentationModel, build_model, find_encoder, find_model
from segarena.models.weights import NAMED, check_weights
from segarena.seeding import derive_seed

Options = TypeVar("Options", bound=ProtocolOptions)

#: The options that a network may have no use for, and what they are then.
_NOTHING = {"encoder": None, "output_stride": None, "weights": "none"}


def build(options: ProtocolOptions, model: ModelName, num_classes: int, seed: int) -> SegmentationModel:
    """Build the untrained network; its random weights depend on the seed alone. Raises ConfigError, WeightsError."""
    torch.manual_seed(derive_seed("weights", seed))
    return build_model(model, num_classes, **arguments(options, model))


def check_possible(options: ProtocolOptions, models: Sequence[ModelName]) -> None:
    """Refuse what cannot be whatever the data is, before it is read.

    Raises ConfigError for a network that cannot be, an option that concerns none of the models and weights that nobody
    has published, WeightsError for a file that is not there.
    """
    for name, nothing in _NOTHING.items():
        value = getattr(options, name)
        if value not in (None, nothing) and all(arguments(options, model)[name] != value for model in models):
            raise ConfigError(
                f"{value} is nothing that {', '.join(models)} can be built with in the {options.track} track",
                where="--" + name.replace("_", "-"),
                remedy="Leave it out, or choose other models",
            )
    standing: dict[str, list[str]] = {}
    for model in models:
        own = arguments(options, model)
        with torch.device("meta"):
            encoder = build_model(model, num_classes=2, **{**own, "weights": None}).settings["encoder"]
        if encoder is not None:
            check_weights(own["weights"], encoder, model if options.track == "paper" else None)
            standing.setdefault(encoder, []).append(model)
    if options.weights not in (None, *NAMED) and len(standing) > 1:
        places = "; ".join(f"{listing(on)} on {encoder}" for encoder, on in standing.items())
        raise ConfigError(
            f"no file has the weights of several encoders ({places})",
            where="--weights",
            remedy="Choose models that stand on one encoder, or use --weights imagenet",
        )


def leave_out(options: Options, models: Sequence[ModelName]) -> Options:
    """Take from the options what concerns none of the models, so that no file tells of what was not used."""
    own = [arguments(options, model) for model in models]
    unused: dict[str, Any] = {
        name: nothing for name, nothing in _NOTHING.items() if all(each[name] is None for each in own)
    }
    if any(find_encoder(model, options.track, each["encoder"]) for model, each in zip(models, own, strict=True)):
        unused.pop("weights", None)
    return replace(options, **unused)


def check_architectures(
    options: ProtocolOptions, models: Sequence[ModelName], num_classes: int, reporter: Reporter
) -> None:
    """Build each network once before the first is trained, so that one that cannot be is not found out hours later.

    Says what each is built on where they differ, and what of a file is used. Raises ConfigError, WeightsError.
    """
    if options.weights in ("imagenet", "coco"):
        name = {"imagenet": "ImageNet", "coco": "COCO"}[options.weights]
        reporter.say(f"  {name} weights: torchvision downloads them the first time")
    starts = set()
    for model in models:
        with torch.device("meta" if options.weights == "none" else "cpu"):
            network = build(options, model, num_classes, seed=0)
        starts.add(network.initial_weights)
        if options.track == "paper":
            reporter.say(f"  {model}: {_describe(network)}")
    if options.track == "encoder" and options.weights not in NAMED:
        reporter.say(f"  each starts from {listing(sorted(starts))}")


def arguments(options: ProtocolOptions, model: ModelName) -> dict[str, Any]:
    """Return the keyword arguments of `build_model`; an option that the architecture does not have is left out."""
    kind = find_model(model, options.track)
    encoder, stride = options.encoder, options.output_stride
    if options.track == "paper" and encoder not in kind.paper_encoders:
        encoder = None
    has_encoder = find_encoder(model, options.track, encoder) is not None
    return {
        "track": options.track,
        "encoder": encoder,
        "weights": options.weights if has_encoder and options.weights != "none" else None,
        "output_stride": stride if stride in kind.output_strides else None,
    }


def _describe(model: SegmentationModel) -> str:
    settings = model.settings
    if settings["encoder"] is None:
        return f"no encoder; from {model.initial_weights}"
    trained, evaluated = settings["output_stride"], settings.get("eval_output_stride")
    stride = f"{trained}, evaluated at {evaluated}" if evaluated not in (None, trained) else f"{trained}"
    return f"on {settings['encoder']}, output stride {stride}; from {model.initial_weights}"
