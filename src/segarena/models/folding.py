"""Copies of a network for inference: weights in half precision, on a GPU BatchNorm folded into the convolutions."""

from __future__ import annotations

import copy
from typing import Any, TypeVar

import torch
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_weights

from segarena.models.base import SegmentationModel
from segarena.models.layers import FixedUpsampling

_CONVOLUTIONS = (nn.Conv2d, nn.ConvTranspose2d)
#: Side of the image that shows which BatchNorm follows which convolution, in pixels.
SIDE = 64

Network = TypeVar("Network", bound=nn.Module)


def inference_copy(model: Network, dtype: torch.dtype | None = None) -> Network:
    """Copy a network for inference under autocast.

    On a GPU the time of one image is mostly that to launch its operations. In eval mode a BatchNorm multiplies and adds
    constants, which the convolution before it does as well, and weights in the type of autocast need no conversion for
    each image. Labels are those of the network up to rounding. Fixed upsamplings, which compute in float32, keep their
    weights: bf16 would round those of FCN-16s and -32s. A user's own module is copied as it is.

    Args:
        model: A trained network, on any device; it stays as it is.
        dtype: The type that autocast converts weights to; None where it is off.

    Returns:
        The copy, in eval mode.
    """
    result = copy.deepcopy(model).eval()
    if isinstance(result, SegmentationModel) and type(result).__module__ != "segarena.models.own":
        _fold(result, _pairs(result))
    if dtype is not None:
        for module in result.modules():
            if isinstance(module, (*_CONVOLUTIONS, nn.Linear)) and not isinstance(module, FixedUpsampling):
                module.to(dtype)
    return result


def half_weights_copy(model: Network, dtype: torch.dtype) -> Network:
    """Copy a network for inference under autocast, with the weights of convolutions as autocast would convert them.

    It converts them for each image, which on a CPU takes 5 to 10% of the time of a small one. The logits are those of
    the network, to the bit. All else is shared with the network, so that the copy needs half of the memory of the
    weights. A user's own module, which may turn autocast off, is returned as it is.

    Args:
        model: A trained network on a CPU; it stays as it is, and must not be trained as long as the copy is used.
        dtype: The type that autocast converts to.

    Returns:
        The copy, in the same mode.
    """
    if not isinstance(model, SegmentationModel) or type(model).__module__ == "segarena.models.own":
        return model
    kept = {id(tensor): tensor for tensor in (*model.parameters(), *model.buffers())}
    result = copy.deepcopy(model, kept)
    for module in result.modules():
        if type(module) in (*_CONVOLUTIONS, nn.Linear):  # others, e.g. fixed upsamplings, may compute in float32
            for name, tensor in list(module.named_parameters(recurse=False)):
                setattr(module, name, nn.Parameter(tensor.detach().to(dtype), requires_grad=False))
    return result


def _pairs(model: SegmentationModel) -> list[tuple[nn.Module, str]]:
    """Each convolution whose output one BatchNorm reads and nothing else, with the name of that BatchNorm."""
    made: dict[int, nn.Module] = {}
    kept: list[Tensor] = []  # so that no id is used again
    readers: dict[int, list[str]] = {}
    calls: dict[nn.Module, int] = {}
    names = {module: name for name, module in model.named_modules()}

    def note(module: nn.Module, inputs: Any, output: Any) -> None:
        calls[module] = calls.get(module, 0) + 1
        for value in inputs:
            readers.setdefault(id(value), []).append(names[module])
        kept.extend((*inputs, output))
        if isinstance(module, _CONVOLUTIONS):
            made[id(output)] = module

    hooks = [module.register_forward_hook(note) for module in model.modules() if next(module.children(), None) is None]
    weight = next(model.parameters())
    with torch.no_grad():
        model(torch.zeros(1, model.settings["in_channels"], SIDE, SIDE, device=weight.device, dtype=weight.dtype))
    for hook in hooks:
        hook.remove()
    found = []
    for key, conv in made.items():
        following = readers.get(key, [])
        norm = model.get_submodule(following[0]) if len(following) == 1 else None
        is_apart = names[conv].startswith(tuple(f"{part}." for part in model.weights_used_apart))
        if isinstance(norm, nn.BatchNorm2d) and calls[conv] == calls[norm] == 1 and not is_apart:
            found.append((conv, following[0]))
    return found


def _fold(model: nn.Module, pairs: list[tuple[nn.Module, str]]) -> None:
    for conv, name in pairs:
        norm: Any = model.get_submodule(name)
        parts: Any = conv
        parts.weight, parts.bias = fuse_conv_bn_weights(
            *(parts.weight, parts.bias, norm.running_mean, norm.running_var, norm.eps, norm.weight, norm.bias),
            transpose=isinstance(conv, nn.ConvTranspose2d),
        )
        model.set_submodule(name, nn.Identity())
