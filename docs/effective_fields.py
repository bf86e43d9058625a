"""The effective receptive fields of docs/models.md: the gradient of the central logits of random networks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import matplotlib
import torch
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from receptive_field import effective_side, find_global_branches, measure_gradient
from torch import Tensor, nn
from torch.nn import functional

from segarena.models import SegmentationModel, build_model
from segarena.reporting.style import ARCHITECTURES

SEED = 0
#: Side of the image of noise. U-Net's field is by far the smallest, and its network the most expensive per pixel.
SIDE = 512
SIDES = {("paper", "unet"): 256}
TRACK_TITLES = {"paper": "paper track", "encoder": "encoder track, ResNet-18"}
#: The lowest colour, around an image that is smaller than the panel.
BACKGROUND = matplotlib.colormaps["cividis"](0.0)


def build_random(name: str, track: str, **options: Any) -> SegmentationModel:
    """Build a network with random weights that has a gradient, and whose BatchNorm normalises.

    FCN's score layers get He initialisation, like all others, as the paper's zeros would make the gradient zero.
    BatchNorm gets the statistics of noise: with its initial ones, each residual block would double the variance.
    """
    torch.manual_seed(SEED)
    model = build_model(name, 21, track=track, **options)
    for key, parameter in model.named_parameters():
        if key.startswith("score") and key.endswith(".weight"):
            nn.init.kaiming_normal_(parameter, nonlinearity="linear")
    norms = [module for module in model.modules() if isinstance(module, nn.BatchNorm2d)]
    for norm in norms:
        norm.momentum = 1.0
    if norms:
        with torch.no_grad():
            model.train()(torch.randn(2, 3, 128, 128))
    return model.eval()


def measure_effective(name: str, track: str, **options: Any) -> dict[bool, Tensor]:
    """Measure the gradient (H, W) with (True) and without (False) branches that pool over the whole image, if any."""
    model = build_random(name, track, **options)
    side = SIDES.get((track, name), SIDE)
    image = torch.randn(1, 3, side, side)
    cases = (True, False) if find_global_branches(model) else (True,)
    return {case: measure_gradient(model, image, global_branches=case) for case in cases}


def draw_effective(fields: Mapping[tuple[str, str], Tensor], extents: Mapping[tuple[str, str], int | None]) -> Figure:
    """Draw heat maps of the gradients, a row per track, with the squares of the table.

    Args:
        fields: The gradients (H, W) by (track, name).
        extents: Sides of the receptive fields in pixels, None where it is the image.
    """
    columns = max(sum(track == other for other, _ in fields) for track in TRACK_TITLES)
    figure = Figure(figsize=(8.6, 4.4), layout="constrained")
    axes = figure.subplots(len(TRACK_TITLES), columns)
    norm = LogNorm(1e-4, 1)
    for row, (track, title) in enumerate(TRACK_TITLES.items()):
        for column, name in enumerate(name for other, name in fields if other == track):
            field, panel = fields[track, name], axes[row, column]
            side, extent = effective_side(field), extents[track, name]
            # Averages of 8 x 8 pixels: the grid of the kernels would cause moiré at this size.
            means = functional.avg_pool2d(field[None, None], 8)[0, 0]
            half = field.shape[0] / 2
            panel.set_facecolor(BACKGROUND)
            picture = panel.imshow(
                (means / means.max()).numpy().clip(1e-4), norm=norm, cmap="cividis", extent=(-half, half, -half, half)
            )
            for length, dashes in ((side, "-"), (extent, (0, (4, 3)))):
                if length is not None:
                    corner = (-length / 2, -length / 2)
                    panel.add_patch(Rectangle(corner, length, length, fill=False, edgecolor="white", lw=1.2, ls=dashes))
            panel.set_xlim(-SIDE / 2, SIDE / 2)
            panel.set_ylim(-SIDE / 2, SIDE / 2)
            panel.set_xticks([])
            panel.set_yticks([])
            panel.set_title(f"{ARCHITECTURES[name].label}: {side} px", fontsize=9.5)
            if column == 0:
                panel.set_ylabel(title)
    bar = figure.colorbar(picture, ax=axes, shrink=0.6, aspect=25)
    bar.set_label("gradient, relative to its largest")
    bar.outline.set_visible(False)
    return figure
