"""From the options of a training to its network: what of --encoder, --output-stride and --weights concerns it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch

from segarena.commands.progress import console
from segarena.config import ModelName, ProtocolOptions
from segarena.errors import ConfigError
from segarena.models import SegmentationModel, build_model, find_encoder, find_model
from segarena.models.weights import check_weights
from segarena.seeding import derive_seed


def build(options: ProtocolOptions, model: ModelName, num_classes: int, seed: int) -> SegmentationModel:
    """Build the untrained network; its random weights depend on the seed alone. Raises ConfigError, WeightsError."""
    torch.manual_seed(derive_seed("weights", seed))
    return build_model(model, num_classes, **arguments(options, model))


def check_possible(options: ProtocolOptions, models: Sequence[ModelName]) -> None:
    """Refuse what cannot be whatever the data is, before it is read.

    Raises ConfigError for a network that cannot be, an option that concerns none of the models and weights that nobody
    has published, WeightsError for a file that is not there.
    """
    for name in ("encoder", "output_stride"):
        value = getattr(options, name)
        if value is not None and all(arguments(options, model)[name] != value for model in models):
            raise ConfigError(
                f"{value} is nothing that {', '.join(models)} can be built with in the {options.track} track",
                where="--" + name.replace("_", "-"),
                remedy="Leave it out, or choose other --models",
            )
    for model in models:
        own = arguments(options, model)
        with torch.device("meta"):
            encoder = build_model(model, num_classes=2, **{**own, "weights": None}).settings["encoder"]
        if encoder is not None:
            check_weights(own["weights"], encoder, model if options.track == "paper" else None)


def check_architectures(options: ProtocolOptions, models: Sequence[ModelName], num_classes: int) -> None:
    """Build each network once before the first is trained, so that one that cannot be is not found out hours later.

    Says which encoder each has where they differ. Raises ConfigError, WeightsError.
    """
    if options.weights == "imagenet":
        console.print("  ImageNet weights: torchvision downloads them the first time")
    for model in models:
        with torch.device("meta" if options.weights == "none" else "cpu"):
            settings = build(options, model, num_classes, seed=0).settings
        if options.track == "paper":
            console.print(f"  {model}: {_describe(settings, options.weights)}")


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


def _describe(settings: dict[str, Any], weights: str | None) -> str:
    if settings["encoder"] is None:
        return "no encoder, so no pretrained weights" if weights != "none" else "no encoder"
    return f"on {settings['encoder']}, output stride {settings['output_stride']}"
