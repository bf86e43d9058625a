"""Read pretrained weights: downloaded by torchvision, or from a file. No pickle is ever executed."""

from __future__ import annotations

import contextlib
import http.client
import io
import pickle
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlparse

import safetensors.torch
import torch
from torch import Tensor
from torchvision.models import get_model_weights

from segarena.errors import ConfigError, WeightsError

READABLE = "Name a state dict of torchvision's network (.pth or .safetensors), or use --weights none"
OTHERWISE = "Use --weights none for random initial weights, or --weights FILE to read them from a file"

#: What `weights` can be other than a file.
NAMED = ("none", "imagenet", "coco")
#: The models and encoders for which torchvision publishes weights trained on COCO (with the 21 classes of VOC).
COCO = {"fcn": ("resnet50", "resnet101"), "deeplabv3": ("resnet50", "resnet101")}


@dataclass(frozen=True)
class Weights:
    """A state dict with torchvision's names, split into the encoder and the rest."""

    source: object
    """Where the weights come from: a path, or a description."""
    encoder: dict[str, Tensor]
    """Tensors of torchvision's image classifier."""
    heads: dict[str, Tensor] = field(default_factory=dict)
    """The rest of a whole segmentation network (`classifier.*`, `aux_classifier.*`); empty for a classifier's file."""


def read_weights(weights: str | Path | None, encoder: str, model: str | None = None) -> Weights | None:
    """Read pretrained weights for an encoder, or for a whole network.

    Args:
        weights: None or "none" for none. "imagenet" for torchvision's IMAGENET1K_V1, downloaded once into the cache of
            torch.hub. "coco" for torchvision's whole segmentation network. Else a file: .safetensors, or a state dict
            saved by torch.save, of an image classifier or of a whole torchvision segmentation network (`backbone.*`,
            `classifier.*`, `aux_classifier.*`).
        encoder: torchvision's name of the encoder.
        model: Name of the architecture in the paper track, for "coco"; None for an encoder alone.

    Raises:
        WeightsError: The weights could not be downloaded or read.
        ConfigError: There are no COCO weights for the model.
    """
    if weights is None or weights == "none":
        return None
    check_weights(weights, encoder, model)
    if weights == "imagenet":
        return Weights("torchvision's ImageNet weights", _download(encoder, "IMAGENET1K_V1"))
    if weights == "coco":
        return _split(_download(f"{model}_{encoder}", "COCO_WITH_VOC_LABELS_V1"), "torchvision's COCO weights")
    return _split(_read(Path(weights)), Path(weights))


def check_weights(weights: str | Path | None, encoder: str, model: str | None = None) -> None:
    """Raise the errors of `read_weights` that are known without downloading or reading a file.

    Args:
        weights: As in `read_weights`.
        encoder: As in `read_weights`.
        model: As in `read_weights`.

    Raises:
        WeightsError: The file does not exist.
        ConfigError: `weights` is neither a name nor a path, or there are no COCO weights for the model.
    """
    if weights is not None and not isinstance(weights, (str, Path)):
        raise ConfigError(f"weights is {weights!r}", remedy="Give 'imagenet', 'coco', 'none' or a file")
    if weights == "coco" and encoder not in COCO.get(model or "", ()):
        raise ConfigError(
            f"torchvision has no COCO weights for {model or 'an encoder alone'} on {encoder}",
            remedy=f"It has them for {' and '.join(COCO)} on {' and '.join(COCO['fcn'])}, in the paper track",
        )
    if weights not in (None, *NAMED) and not Path(weights).is_file():
        raise WeightsError("is not a file", where=weights, remedy=f"{READABLE} or --weights imagenet")


def describe_initial_weights(weights: Weights | None, *, whole: bool) -> str:
    """Describe the initial weights of a model: "random weights", or where they come from.

    Args:
        weights: The weights that were loaded, if any.
        whole: Whether heads were loaded too, where the weights have some.
    """
    if weights is None:
        return "random weights"
    name = weights.source.name if isinstance(weights.source, Path) else str(weights.source)
    return f"{name} (its encoder only)" if weights.heads and not whole else name


def _download(name: str, version: str) -> dict[str, Tensor]:
    weights = get_model_weights(name)[version]
    cached = Path(torch.hub.get_dir()) / "checkpoints" / Path(urlparse(weights.url).path).name
    was_cached = cached.exists()
    try:
        # torch.hub announces a download on stdout, which is for the output of commands.
        with contextlib.redirect_stdout(io.StringIO()):
            state: dict[str, Tensor] = weights.get_state_dict(
                progress=False, check_hash=True, weights_only=True, map_location="cpu"
            )
    except (OSError, http.client.HTTPException, RuntimeError, ValueError, pickle.UnpicklingError, EOFError) as error:
        if was_cached:
            raise WeightsError(
                "cannot be read: damaged, or from an interrupted copy",
                where=cached,
                remedy="Delete this file, and it is downloaded again",
            ) from error
        raise WeightsError(
            f"the weights of {name} could not be downloaded ({error})", where=weights.url, remedy=OTHERWISE
        ) from error
    return state


def _read(path: Path) -> dict[str, Tensor]:
    state: Any
    try:
        if path.suffix == ".safetensors":
            state = safetensors.torch.load_file(path)
        else:
            state = torch.load(path, map_location="cpu", weights_only=True)
    # A damaged file can raise any kind of error.
    except Exception as error:
        # PyTorch's own message advises to load such a file unsafely.
        unsafe = isinstance(error, pickle.UnpicklingError)
        text = str(error).strip().partition("\n")[0] or type(error).__name__
        reason = "it is not a plain file of tensors" if unsafe else text
        raise WeightsError(f"cannot be read as weights ({reason})", where=path, remedy=READABLE) from error
    named = isinstance(state, Mapping) and all(isinstance(key, str) for key in state)
    if not named or not all(isinstance(value, Tensor) for value in state.values()):
        raise WeightsError("holds no state dict (names and tensors)", where=path, remedy=READABLE)
    return dict(state)


def _split(state: dict[str, Tensor], source: object) -> Weights:
    """Split a segmentation network into its encoder, `backbone`, and the rest; an image classifier is all encoder."""
    if not any(key.startswith("backbone.") for key in state):
        return Weights(source, state)
    encoder = {key.removeprefix("backbone."): v for key, v in state.items() if key.startswith("backbone.")}
    return Weights(source, encoder, {key: v for key, v in state.items() if not key.startswith("backbone.")})
