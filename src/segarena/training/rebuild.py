"""The network of a run, built again from what the run recorded."""

from __future__ import annotations

from pathlib import Path

from segarena.config.own_models import find_builder
from segarena.config.training import is_own
from segarena.errors import ConfigError, RunError
from segarena.models import SegmentationModel, build_model
from segarena.models.own import build_own
from segarena.records.config import Config


def rebuild(config: Config, folder: Path) -> SegmentationModel:
    """Build the untrained network of a run; a user's module by the function that the call was given.

    Args:
        config: The run's settings.
        folder: Its folder, for messages.

    Raises:
        RunError: The record does not describe a network; or the network is a user's module, and its function was not
            given, or builds another module.
    """
    own = is_own(config.model)
    missing = [key for key in ("num_classes", *(() if own else ("name",))) if key not in config.architecture]
    if missing:
        raise _not_a_network(folder, f"has no key `architecture.{missing[0]}`")
    if not own:
        try:
            return build_model(**config.architecture)
        except ConfigError as error:
            raise _not_a_network(folder, f"describes a network that cannot be built: {error.what}") from error
    builder, built_by = find_builder(config.model), config.architecture.get("built_by")
    if builder is None:
        raise RunError(
            f"has the model {config.model}, a module of a Python program ({built_by}), whose code is not in the run",
            where=folder,
            remedy="Use it in Python, with the function that builds it: "
            f"segarena.load({str(folder)!r}, build=build).predict(image); evaluate and predict take build=build too",
        )
    channels = config.architecture.get("in_channels", 3)
    model = build_own(config.model, config.architecture["num_classes"], builder, in_channels=channels)
    if model.settings["tensors"] != config.architecture.get("tensors"):
        raise RunError(
            f"has the weights of another module: the tensors of {config.model} have other names, shapes or types",
            where=folder,
            remedy=f"Give the function that it was trained with ({built_by})",
        )
    return model


def _not_a_network(folder: Path, what: str) -> RunError:
    return RunError(what, where=folder / Config.file, remedy="Train again in a new folder")
