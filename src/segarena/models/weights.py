"""Pretrained weights: downloaded by torchvision, or from a file. No pickle is ever executed."""

from __future__ import annotations

import contextlib
import http.client
import io
import pickle
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import safetensors.torch
import torch
from torch import Tensor, nn
from torchvision.models import get_model_weights

from segarena.errors import ConfigError, WeightsError
from segarena.models.stem import adapt_stem

READABLE = "Name a state dict of torchvision's network (.pth or .safetensors), or use --weights none"
OTHERWISE = "Use --weights none to start from random weights, or --weights FILE to read them from a file"

#: What `weights` can be other than a file.
NAMED = ("none", "imagenet", "coco")
#: The models and encoders that torchvision publishes as trained on COCO (with the 21 classes of VOC).
COCO = {"fcn": ("resnet50", "resnet101"), "deeplabv3": ("resnet50", "resnet101")}
#: Where torchvision's heads end: the layers with one output a class.
SCORES = ("classifier.4.", "aux_classifier.4.")


@dataclass(frozen=True)
class Weights:
    """A state dict under torchvision's names, apart: `encoder` (its image classifier), and `heads`.

    `heads` has the rest of a whole torchvision segmentation network (`classifier.*`, `aux_classifier.*`), or nothing.
    `source` names them in messages.
    """

    source: object
    encoder: dict[str, Tensor]
    heads: dict[str, Tensor] = field(default_factory=dict)


def read_weights(weights: str | Path | None, encoder: str, model: str | None = None) -> Weights | None:
    """Read the weights that `weights` names for torchvision's network `encoder`.

    None or "none": nothing to load. "imagenet": torchvision's IMAGENET1K_V1, downloaded once, then read from
    torch.hub's cache. "coco": torchvision's whole segmentation network `model` on that encoder. Else a file:
    .safetensors, or a state dict saved by torch.save, of an image classifier or of a whole torchvision segmentation
    network (`backbone.*`, `classifier.*`, `aux_classifier.*`).
    Raises WeightsError where they cannot be downloaded or read, ConfigError where "coco" has nothing for the model.
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
    """Refuse what `read_weights` would refuse, without a download and without reading a file.

    Raises WeightsError where `weights` names a file that is not there, ConfigError where it is neither a name nor a
    path, and where "coco" has nothing.
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


def describe_start(weights: Weights | None, *, whole: bool) -> str:
    """What a model began as, in words; `whole`: its heads were filled too, where there are some."""
    if weights is None:
        return "random weights"
    name = weights.source.name if isinstance(weights.source, Path) else str(weights.source)
    return f"{name} (its encoder only)" if weights.heads and not whole else name


def load_encoder(encoder: nn.Module, weights: Weights | None) -> None:
    """Fill `encoder` (an Encoder) in place; None leaves it as it is. Classifier layers are left unused.

    Where the encoder's first convolution takes other than three channels, one for RGB is adapted to it by `adapt_stem`.
    Where the encoder has a convolution in the place of a fully connected layer, that layer is read as the convolution
    it is (Long et al. 2015, 3.1). Raises WeightsError where the weights do not fit.
    """
    if weights is None:
        return
    unused: Any = encoder.unused
    stem = str(encoder.stem)
    state = {key: value for key, value in weights.encoder.items() if not key.startswith(unused)}
    wanted = encoder.state_dict()
    if stem in state and state[stem].ndim == 4 and state[stem].shape[1] == 3:
        state[stem] = adapt_stem(state[stem], wanted[stem].shape[1])
    for key in state.keys() & wanted.keys():
        if state[key].ndim == 2 and wanted[key].ndim == 4 and state[key].numel() == wanted[key].numel():
            state[key] = state[key].view_as(wanted[key])
    _check_fit(state, wanted, f"the encoder {encoder.name}", weights.source)
    encoder.load_state_dict(state, strict=False)


def load_heads(model: nn.Module, weights: Weights | None, names: Mapping[str, str]) -> None:
    """Fill what stands on the encoder from a whole torchvision network; `names` maps its prefixes to the model's.

    An auxiliary head is filled where both have one. The last layer of a head stays random where it scores another
    number of classes. Raises WeightsError where any other layer does not fit: the file is of another architecture.
    """
    if weights is None or not weights.heads or not names:
        return

    def rename(key: str) -> str:
        prefix = next((prefix for prefix in names if key.startswith(prefix)), "")
        return names.get(prefix, "") + key.removeprefix(prefix)

    state = {rename(key): value for key, value in weights.heads.items()}
    wanted = {key: value for key, value in model.state_dict().items() if not key.startswith("encoder.")}
    for one, other in ((state, wanted), (wanted, state)):
        if not any(key.startswith("auxiliary_head.") for key in other):
            for key in [key for key in one if key.startswith("auxiliary_head.")]:
                del one[key]
    scores = [rename(key) for key in weights.heads if key.startswith(SCORES)]
    for key in set(scores) & state.keys() & wanted.keys():
        if state[key].shape[1:] == wanted[key].shape[1:] and state[key].shape != wanted[key].shape:
            del state[key], wanted[key]  # other classes
    _check_fit(state, wanted, type(model).__name__, weights.source)
    model.load_state_dict(state, strict=False)


def _download(name: str, version: str) -> dict[str, Tensor]:
    weights = get_model_weights(name)[version]
    try:
        # torch.hub announces a download on stdout, which belongs to the command.
        with contextlib.redirect_stdout(io.StringIO()):
            state: dict[str, Tensor] = weights.get_state_dict(
                progress=False, check_hash=True, weights_only=True, map_location="cpu"
            )
    except (OSError, http.client.HTTPException, RuntimeError, ValueError, pickle.UnpicklingError, EOFError) as error:
        raise WeightsError(
            f"the weights of {name} cannot be had ({error})", where=weights.url, remedy=OTHERWISE
        ) from error
    return state


def _read(path: Path) -> dict[str, Tensor]:
    state: Any
    try:
        if path.suffix == ".safetensors":
            state = safetensors.torch.load_file(path)
        else:
            state = torch.load(path, map_location="cpu", weights_only=True)
    # A damaged file can raise anything on the way.
    except Exception as error:
        # PyTorch's own message advises to load such a file unsafely.
        unsafe = isinstance(error, pickle.UnpicklingError)
        reason = "it is not a plain file of tensors" if unsafe else str(error).strip().partition("\n")[0]
        raise WeightsError(f"cannot be read as weights ({reason})", where=path, remedy=READABLE) from error
    named = isinstance(state, Mapping) and all(isinstance(key, str) for key in state)
    if not named or not all(isinstance(value, Tensor) for value in state.values()):
        raise WeightsError("holds no state dict (names and tensors)", where=path, remedy=READABLE)
    return dict(state)


def _split(state: dict[str, Tensor], source: object) -> Weights:
    """Tell an image classifier from a whole segmentation network, whose encoder is its `backbone`."""
    if not any(key.startswith("backbone.") for key in state):
        return Weights(source, state)
    encoder = {key.removeprefix("backbone."): v for key, v in state.items() if key.startswith("backbone.")}
    return Weights(source, encoder, {key: v for key, v in state.items() if not key.startswith("backbone.")})


def _check_fit(state: Mapping[str, Tensor], wanted: Mapping[str, Tensor], name: str, source: object) -> None:
    # Counters were added to BatchNorm after many files were written; no forward pass reads them.
    missing = [key for key in wanted if key not in state and not key.endswith("num_batches_tracked")]
    unknown = [key for key in state if key not in wanted]
    shapes = [key for key in wanted if key in state and state[key].shape != wanted[key].shape]
    faults = []
    if missing:
        faults.append(f"lacks {len(missing)} of its tensors, e.g. {missing[0]!r}")
    if unknown:
        faults.append(f"has {len(unknown)} that it does not know, e.g. {unknown[0]!r}")
    if shapes:
        key = shapes[0]
        faults.append(f"has {key!r} as {tuple(state[key].shape)}, not {tuple(wanted[key].shape)}")
    if faults:
        raise WeightsError(
            f"does not fit {name}: it {', '.join(faults)}",
            where=source,
            remedy="Choose the model and the encoder that the file was saved from, or another file",
        )
