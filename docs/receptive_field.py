"""Receptive fields of a network: all pixels that a logit can depend on, and the effective field by its gradient."""

from __future__ import annotations

import copy
from typing import Any

import torch
from torch import Tensor, nn

from segarena.models.base import SegmentationModel
from segarena.models.deeplabv3 import ASPP
from segarena.models.encoders.patches import PatchConv2d, PatchMaxPool2d
from segarena.models.pspnet import PyramidPooling

#: The coarsest stride of all networks: the grid of every network repeats after this number of pixels.
_PERIOD = 32
#: Layers that compute each pixel of the output from the same pixel of the input.
_POINTWISE = (nn.BatchNorm2d, nn.ReLU, nn.ReLU6, nn.Dropout, nn.Dropout2d, nn.Identity)


def measure_extent(
    model: SegmentationModel, side: int, *, at: str | None = None, global_branches: bool = True
) -> tuple[tuple[int, int], tuple[int, int]]:
    """Measure the receptive fields of the logits, in eval mode: the extent of their gradient in the image.

    The gradient is that of `keep_connections`, a linear copy with the same connections, in which nothing cancels and no
    ReLU or maximum blocks a path. The extent depends on the logit's position on the coarse grids: 32 neighbouring
    logits are tested, in the middle of an image of `side` x 32 pixels and of one of 32 x `side` pixels.

    Args:
        model: The network, possibly on the meta device.
        side: Length of the image in pixels, a multiple of 32 and larger than the field.
        at: Name of a module, such as FCN's "score_fr": measures the central value of its output instead.
        global_branches: Include branches that pool over the whole image (PSPNet's pyramid, ASPP's image-level pooling);
            with them the field is the image.

    Returns:
        (smallest, largest) number of rows, and (smallest, largest) number of columns, in pixels.

    Raises:
        ValueError: The side is not a multiple of 32, or smaller than the field.
        TypeError: The network has layers that are not supported, such as attention or squeeze-and-excitation.
    """
    if side % _PERIOD:
        raise ValueError(f"a side of {side} pixels is not a multiple of {_PERIOD}")
    connections = keep_connections(model)
    if not global_branches:
        cut_global_branches(connections)
    whole = bool(global_branches and find_global_branches(model))
    return _reach(connections, side, -2, at, whole), _reach(connections, side, -1, at, whole)


def measure_gradient(model: SegmentationModel, image: Tensor, *, global_branches: bool = True) -> Tensor:
    """Measure the influence of each pixel on the central logits (Luo et al. 2016, section 3, arXiv:1701.04128).

    Args:
        model: The network; it is not changed.
        image: (N, C, H, W), float.
        global_branches: Include branches that pool over the whole image.

    Returns:
        (H, W) of sum 1: the magnitude of the gradient of the sum of the central pixel's logits, in eval mode, summed
        over images and channels.
    """
    model = copy.deepcopy(model).eval().requires_grad_(False)
    if not global_branches:
        cut_global_branches(model)
    image = image.clone().requires_grad_()
    logits = model(image).logits
    (gradient,) = torch.autograd.grad(logits[..., logits.shape[-2] // 2, logits.shape[-1] // 2].sum(), image)
    magnitude = gradient.abs().sum(dim=(0, 1))
    return magnitude / magnitude.sum()


def effective_side(gradient: Tensor, share: float = 0.95) -> int:
    """Compute the side of the smallest central square with a share of the gradient's magnitude.

    Args:
        gradient: (H, W), not negative.
        share: The share of the sum, between 0 and 1.

    Returns:
        The side in pixels, an odd number.
    """
    height, width = gradient.shape
    rows = (torch.arange(height) - height // 2).abs()
    columns = (torch.arange(width) - width // 2).abs()
    distance = torch.maximum(rows[:, None], columns[None, :])
    held = torch.bincount(distance.flatten(), weights=gradient.flatten().double()).cumsum(0)
    return 2 * int(torch.searchsorted(held, share * held[-1])) + 1


def find_global_branches(model: nn.Module) -> list[nn.Module]:
    """Return the modules that process the results of pooling over the whole image."""
    pyramids = [branch for m in model.modules() if isinstance(m, PyramidPooling) for branch in m.reduce]
    return pyramids + [module.image_level for module in model.modules() if isinstance(module, ASPP)]


def cut_global_branches(model: nn.Module) -> None:
    """Block the gradient of these branches; their outputs stay. Changes the model."""
    for branch in find_global_branches(model):
        branch.register_forward_hook(lambda module, inputs, output: output.detach())


def keep_connections(model: nn.Module) -> nn.Module:
    """Make a linear copy with one channel, in float64 and eval mode, that connects the same pixels as the model.

    Each convolution averages over its channels and its kernel, with the same kernel size, stride, padding and dilation;
    each maximum is replaced by an average, BatchNorm and ReLU by the identity. As no weight is negative, an input has a
    gradient exactly where a path connects it with the output.

    Args:
        model: The network; it is not changed.

    Raises:
        TypeError: The network has a layer that is not supported.
    """
    twin = copy.deepcopy(model).eval()
    _replace_layers(twin)
    return twin.double()


def _reach(connections: nn.Module, side: int, axis: int, at: str | None, whole: bool) -> tuple[int, int]:
    """Smallest and largest distance from first to last gradient along `axis`: -2 for rows, -1 for columns."""
    size = [_PERIOD, _PERIOD]
    size[axis] = side
    number = torch.arange(_PERIOD if at is None else 1)
    image = torch.zeros(len(number), 1, *size, dtype=torch.float64, requires_grad=True)
    outputs: list[Tensor] = []
    if at is not None:
        connections.get_submodule(at).register_forward_hook(lambda module, inputs, output: outputs.append(output))
    outputs.append(connections(image).logits)
    line = outputs[0].movedim(axis, 1)  # (32, length, 1, across)
    middle, across = line.shape[1] // 2, line.shape[-1] // 2
    # Image i tests logit i of the 32: one backward pass for all.
    positions = middle - _PERIOD // 2 + number if at is None else torch.tensor([middle])
    (gradient,) = torch.autograd.grad(line[number, positions, :, across].sum(), image)
    seen = gradient.movedim(axis, 1).flatten(2).any(dim=2)  # (32, side)
    if not whole and (seen[:, 0].any() or seen[:, -1].any()):
        raise ValueError(f"an image of {side} pixels is smaller than the receptive field")
    first, last = seen.int().argmax(dim=1), side - 1 - seen.flip(1).int().argmax(dim=1)
    length = last - first + 1
    return int(length.min()), int(length.max())


class _AverageOfChannels(nn.Module):
    def __init__(self, layer: nn.Conv2d | nn.ConvTranspose2d | nn.AvgPool2d) -> None:
        super().__init__()
        self.layer = layer
        if not isinstance(layer, nn.AvgPool2d):
            nn.init.constant_(layer.weight, 1 / (layer.kernel_size[0] * layer.kernel_size[1]))

    def forward(self, features: Tensor) -> Tensor:
        result: Tensor = self.layer(features.mean(dim=1, keepdim=True))
        return result


def _replace_layers(module: nn.Module) -> None:
    for name, child in list(module.named_children()):
        if isinstance(child, _POINTWISE):
            setattr(module, name, nn.Identity())
        elif isinstance(child, (nn.Conv2d, nn.ConvTranspose2d, nn.MaxPool2d, PatchMaxPool2d)):
            setattr(module, name, _AverageOfChannels(_one_channel(child)))
        elif next(child.children(), None) is None:
            raise TypeError(f"receptive fields through {type(child).__name__} are not supported")
        else:
            _replace_layers(child)


def _one_channel(
    layer: nn.Conv2d | nn.ConvTranspose2d | nn.MaxPool2d | PatchMaxPool2d,
) -> nn.Conv2d | nn.ConvTranspose2d | nn.AvgPool2d:
    size: Any = layer.kernel_size
    stride: Any = layer.stride
    padding: Any = getattr(layer, "padding", 0)
    if isinstance(layer, nn.MaxPool2d):
        return nn.AvgPool2d(size, stride, padding, layer.ceil_mode)
    if isinstance(layer, nn.ConvTranspose2d):
        return nn.ConvTranspose2d(1, 1, size, stride, padding, bias=False)
    kind = nn.Conv2d if type(layer) is nn.Conv2d else PatchConv2d
    dilation: Any = layer.dilation
    return kind(1, 1, size, stride, padding, dilation, bias=False)
