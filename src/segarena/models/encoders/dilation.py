"""Replace strides by dilation, and back. Chen et al. 2017, 3.1 (arXiv:1706.05587)."""

from __future__ import annotations

from torch import nn

from segarena.models.encoders.patches import PatchConv2d, PatchMaxPool2d


def find_strided(stage: nn.Module) -> set[str]:
    """Return the names of the layers of a stage that halve the resolution."""
    return {name for name, layer in stage.named_modules() if getattr(layer, "stride", 1) in (2, (2, 2))}


def dilate_stage(stage: nn.Module, strided: set[str], *, removed: bool, dilation: int) -> int:
    """Set the strides and dilations of a stage, in place; no weight changes.

    Args:
        stage: The layers of a stage.
        strided: Names of its layers with a stride, which `find_strided` returned for the stage as it was built.
        removed: Remove their strides and double the dilation of the layers after them; else restore the strides.
        dilation: Dilation at the end of the stage before.

    Returns:
        Dilation at the end of this stage.
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
    """Set the dilation of a layer in place, and the padding that keeps the size of its output.

    Args:
        layer: A convolution or pooling. `PatchConv2d` and `PatchMaxPool2d` compute their padding themselves.
        dilation: Distance between two taps, in pixels of the feature map.
    """
    layer.dilation = (dilation, dilation)
    if not isinstance(layer, (PatchConv2d, PatchMaxPool2d)):
        reach = dilation * (layer.kernel_size[0] // 2)
        layer.padding = (reach, reach)
