"""Strides that become dilation, and back. Chen et al. 2017 (arXiv:1706.05587), 3.1."""

from __future__ import annotations

from torch import nn

from segarena.models.encoders.patches import PatchConv2d, PatchMaxPool2d


def find_strided(stage: nn.Module) -> set[str]:
    """Return the names of the layers of a stage that halve the resolution."""
    return {name for name, layer in stage.named_modules() if getattr(layer, "stride", 1) in (2, (2, 2))}


def dilate_stage(stage: nn.Module, strided: set[str], *, removed: bool, dilation: int) -> int:
    """Give a stage its strides or, with `removed`, dilation instead of them.

    `strided` are the layers that `find_strided` found in the stage as it was built, `dilation` is that of the stage
    before. Returns the dilation that this stage ends with.
    """
    for name, layer in stage.named_modules():
        if not isinstance(layer, (nn.Conv2d, PatchMaxPool2d)):
            continue
        if name in strided:
            layer.stride = (1, 1) if removed else (2, 2)
        if layer.kernel_size != (1, 1):
            set_dilation(layer, dilation)
            dilation *= 2 if removed and name in strided else 1
    return dilation


def set_dilation(layer: nn.Conv2d | PatchMaxPool2d, dilation: int) -> None:
    """Set the distance of a layer's taps, and the padding that keeps the size of what it gives."""
    layer.dilation = (dilation, dilation)
    if not isinstance(layer, (PatchConv2d, PatchMaxPool2d)):
        reach = dilation * (layer.kernel_size[0] // 2)
        layer.padding = (reach, reach)
