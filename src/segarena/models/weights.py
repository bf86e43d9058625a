"""Pretrained weights of an encoder: downloaded by torchvision, or from a file. No pickle is ever executed."""

from __future__ import annotations

import contextlib
import http.client
import io
import pickle
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import safetensors.torch
import torch
from torch import Tensor, nn
from torchvision.models import get_model_weights

from segarena.errors import WeightsError

OTHERWISE = "Use --weights none to start from random weights, or --weights FILE to read them from a file"

#: What torchvision's classifiers have beyond the encoder, and it may therefore leave unused.
UNUSED = ("fc.", "classifier.", "features.18.")


def load_weights(encoder: nn.Module, weights: str | Path | None, *, name: str, stem: str) -> None:
    """Fill `encoder`, the torchvision network `name`, in place.

    `weights` is None or "none" (leave it as it is), "imagenet" (torchvision's IMAGENET1K_V1 for every encoder: one
    training recipe, so that encoders can be compared; downloaded once, then read from torch.hub's cache), or a
    file: .safetensors, or a state dict saved by torch.save.
    Classifier layers are left unused. Where the encoder's first convolution (parameter `stem`) takes other than three
    channels, one for RGB is adapted to it by `adapt_stem`.
    Raises WeightsError where the weights cannot be downloaded or read, or do not fit.
    """
    if weights is None or weights == "none":
        return
    source: object
    if weights == "imagenet":
        source, state = "torchvision's ImageNet weights", _download(name)
    else:
        source, state = Path(weights), _read(Path(weights))
    state = {key: value for key, value in state.items() if not key.startswith(UNUSED)}
    wanted = encoder.state_dict()
    if stem in state and state[stem].ndim == 4 and state[stem].shape[1] == 3:
        state[stem] = adapt_stem(state[stem], wanted[stem].shape[1])
    _check_fit(state, wanted, name, source)
    encoder.load_state_dict(state, strict=False)


def adapt_stem(weight: Tensor, in_channels: int) -> Tensor:
    """Turn an RGB convolution (out, 3, k, k) into one over `in_channels`: (out, in_channels, k, k).

    Up to two channels each get the mean of the three filters; more than three keep the RGB filters on the first three
    and get the mean on the others. All are scaled by 3 / in_channels: a scene that looks the same in all
    channels gives the response that the RGB network gave.
    """
    if in_channels == 3:
        return weight
    mean = weight.mean(dim=1, keepdim=True)
    if in_channels < 3:
        filters = mean.repeat(1, in_channels, 1, 1)
    else:
        filters = torch.cat([weight, mean.repeat(1, in_channels - 3, 1, 1)], dim=1)
    return filters * (3 / in_channels)


def _download(name: str) -> dict[str, Tensor]:
    weights = get_model_weights(name).IMAGENET1K_V1
    try:
        # torch.hub announces a download on stdout, which belongs to the command.
        with contextlib.redirect_stdout(io.StringIO()):
            state: dict[str, Tensor] = weights.get_state_dict(
                progress=False, check_hash=True, weights_only=True, map_location="cpu"
            )
    except (OSError, http.client.HTTPException, RuntimeError, ValueError, pickle.UnpicklingError, EOFError) as error:
        raise WeightsError(
            f"the ImageNet weights cannot be had ({error})", where=weights.url, remedy=OTHERWISE
        ) from error
    return state


def _read(path: Path) -> dict[str, Tensor]:
    remedy = "Name a state dict of torchvision's network (.pth or .safetensors), or use --weights none"
    if not path.is_file():
        raise WeightsError("is not a file", where=path, remedy=f"{remedy} or --weights imagenet")
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
        raise WeightsError(f"cannot be read as weights ({reason})", where=path, remedy=remedy) from error
    named = isinstance(state, Mapping) and all(isinstance(key, str) for key in state)
    if not named or not all(isinstance(value, Tensor) for value in state.values()):
        raise WeightsError("holds no state dict (names and tensors)", where=path, remedy=remedy)
    return dict(state)


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
            f"does not fit the encoder {name}: it {', '.join(faults)}",
            where=source,
            remedy="Choose the encoder that the file was saved from, or another file",
        )
