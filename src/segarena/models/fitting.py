"""Load pretrained weights with torchvision's names into a network, and refuse those that do not fit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from segarena.errors import WeightsError
from segarena.models.weights import Weights

#: Prefixes of the last layers of torchvision's heads, which have one output per class.
SCORES = ("classifier.4.", "aux_classifier.4.")


def load_encoder(encoder: nn.Module, weights: Weights | None) -> None:
    """Load weights into an encoder, in place. Classifier layers in the weights are ignored.

    A first convolution for RGB is adapted to another number of channels by `adapt_stem`. A fully connected layer is
    read as a convolution where the encoder has one in its place (Long et al. 2015, 3.1, arXiv:1411.4038).

    Args:
        encoder: An `Encoder` or `VGG16`.
        weights: The weights; None leaves the encoder as it is.

    Raises:
        WeightsError: The weights are of another network.
    """
    if weights is None:
        return
    unused: Any = encoder.unused
    stem = str(encoder.stem)
    state = {key: value for key, value in weights.encoder.items() if not key.startswith(unused)}
    wanted = encoder.state_dict()
    if stem in state and state[stem].ndim == 4 and state[stem].shape[1] == 3 and state[stem].is_floating_point():
        state[stem] = adapt_stem(state[stem], wanted[stem].shape[1])
    for key in state.keys() & wanted.keys():
        if state[key].ndim == 2 and wanted[key].ndim == 4 and state[key].numel() == wanted[key].numel():
            state[key] = state[key].view_as(wanted[key])
    _check_fit(state, wanted, f"the encoder {encoder.name}", weights.source)
    encoder.load_state_dict(state, strict=False)


def load_heads(model: nn.Module, weights: Weights | None, names: Mapping[str, str]) -> None:
    """Load the layers after the encoder from a whole torchvision network, in place.

    An auxiliary head is loaded where both have one. The last layer of a head keeps its initial weights where the number
    of classes differs.

    Args:
        model: The network.
        weights: The weights; None, or weights without heads, leave the model as it is.
        names: torchvision's prefixes of parameter names, and the model's. None leaves the model as it is.

    Raises:
        WeightsError: Another layer does not fit: the weights are of another architecture.
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
            del state[key], wanted[key]  # another number of classes
    _check_fit(state, wanted, type(model).__name__, weights.source)
    model.load_state_dict(state, strict=False)


def adapt_stem(weight: Tensor, in_channels: int) -> Tensor:
    """Adapt a convolution for RGB to another number of channels.

    One or two channels each get the mean of the three filters; with more than three, the first three keep the RGB
    filters and the others get the mean. All are scaled by 3 / in_channels, so that an image with equal channels has the
    response of a grey RGB image.

    Args:
        weight: (out, 3, k, k), the weight of the convolution.
        in_channels: Number of channels, 1 or more.

    Returns:
        (out, in_channels, k, k).

    >>> adapt_stem(torch.tensor([1.0, 2.0, 6.0]).view(1, 3, 1, 1), 1).item()
    9.0
    """
    if in_channels == 3:
        return weight
    mean = weight.mean(dim=1, keepdim=True)
    if in_channels < 3:
        filters = mean.repeat(1, in_channels, 1, 1)
    else:
        filters = torch.cat([weight, mean.repeat(1, in_channels - 3, 1, 1)], dim=1)
    return filters * (3 / in_channels)


def _check_fit(state: Mapping[str, Tensor], wanted: Mapping[str, Tensor], name: str, source: object) -> None:
    """Raise WeightsError where names, shapes or types differ or a number is not finite, with the first of each kind."""
    # Counters were added to BatchNorm after many files had been written; no forward pass reads them.
    missing = [key for key in wanted if key not in state and not key.endswith("num_batches_tracked")]
    unknown = [key for key in state if key not in wanted]
    of_values = [(key, _find_fault(state[key], wanted[key])) for key in wanted if key in state]
    faults = []
    if missing:
        faults.append(_count(missing, "missing"))
    if unknown:
        faults.append(_count(unknown, "unknown"))
    faults += [f"{key!r} {fault}" for key, fault in of_values if fault is not None][:1]
    if faults:
        raise WeightsError(
            f"does not fit {name}: {', '.join(faults)}",
            where=source,
            remedy="Choose the model and encoder that it was saved from, or another file with torchvision's names",
        )


def _find_fault(tensor: Tensor, wanted: Tensor) -> str | None:
    """Why a tensor cannot be loaded in the place of another one; None where it can."""
    if tensor.is_meta or tensor.layout != torch.strided:
        return "is not a dense tensor"
    if wanted.is_floating_point() and not tensor.is_floating_point():  # e.g. quantised: its scales are elsewhere
        return f"is of the type {str(tensor.dtype).removeprefix('torch.')}, not of floating-point numbers"
    if tensor.shape != wanted.shape:
        return f"has the shape {tuple(tensor.shape)}, not {tuple(wanted.shape)}"
    numbers = tensor.float()
    # A sum is not finite if one number is not, and needs a fraction of the time of looking at each; it may overflow.
    return None if numbers.sum().isfinite() or numbers.isfinite().all() else "has NaN or infinite numbers"


def _count(keys: Sequence[str], what: str) -> str:
    """How many tensors are missing or unknown, with the first.

    >>> _count(["conv.bias"], "missing"), _count(["conv.bias", "conv.weight"], "missing")
    ("the tensor 'conv.bias' is missing", "2 tensors are missing, e.g. 'conv.bias'")
    """
    return (
        f"the tensor {keys[0]!r} is {what}" if len(keys) == 1 else f"{len(keys):,} tensors are {what}, e.g. {keys[0]!r}"
    )
