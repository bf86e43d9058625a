"""How an architecture and a figure look: one name, one colour and one marker for each, everywhere."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import matplotlib
from matplotlib import font_manager
from matplotlib.colors import to_rgb

#: Pixels per inch of the saved figures: sharp on a screen of double density, and in print.
DPI = 200

INK, MUTED, RULE, BAND = "#1d2329", "#5b6570", "#d9dde1", "#f4f5f6"


@dataclass(frozen=True)
class ModelStyle:
    """The name a reader sees, the colour (hex), and the matplotlib marker that says the same without colour."""

    label: str
    color: str
    marker: str

    @property
    def tint(self) -> tuple[float, float, float]:
        """The colour thinned with white, opaque: for areas, so that the marker stays the loudest."""
        red, green, blue = (0.3 * channel + 0.7 for channel in to_rgb(self.color))
        return red, green, blue


# Colours of Okabe and Ito (jfly.uni-koeln.de/color) and, for the last two, Paul Tol; contrast at least 3:1 on white.
ARCHITECTURES = {
    "fcn": ModelStyle("FCN", "#D55E00", "s"),
    "unet": ModelStyle("U-Net", "#0072B2", "o"),
    "pspnet": ModelStyle("PSPNet", "#009E73", "^"),
    "deeplabv3": ModelStyle("DeepLabv3", "#CC79A7", "D"),
    "fcn8s": ModelStyle("FCN-8s", "#C78A00", "X"),
    "fcn16s": ModelStyle("FCN-16s", "#882255", "v"),
    "fcn32s": ModelStyle("FCN-32s", "#332288", "P"),
}
# What a model of any other name gets, in this order.
_FURTHER = (("#4D4D4D", "<"), ("#2AA3DB", ">"), ("#999933", "*"))


def model_styles(models: Sequence[str]) -> dict[str, ModelStyle]:
    """The style of each model, in the given order.

    The architectures look the same in every report; the styles of other names depend on the set of
    names alone, not on who won.
    """
    further = sorted(set(models) - set(ARCHITECTURES))
    other = {name: ModelStyle(name, *_FURTHER[i % len(_FURTHER)]) for i, name in enumerate(further)}
    return {name: ARCHITECTURES.get(name) or other[name] for name in models}


@contextmanager
def theme() -> Iterator[None]:
    """The look of every figure, for drawing and for saving; the caller's matplotlib settings come back after."""
    settings: dict[Any, Any] = {
        # seaborn's "whitegrid", written out: importing seaborn costs a second that `check` need not wait for
        "axes.axisbelow": True,
        "axes.grid": True,
        "patch.edgecolor": "white",
        "patch.force_edgecolor": True,
        "xtick.bottom": False,
        "ytick.left": False,
        "font.family": _fonts(),
        "font.size": 10,
        "axes.labelsize": 10,
        "axes.titlesize": 10.5,
        "axes.titleweight": "bold",
        "axes.titlelocation": "left",
        "xtick.labelsize": 9.5,
        "ytick.labelsize": 9.5,
        "legend.fontsize": 9.5,
        "legend.frameon": False,
        "text.color": INK,
        "axes.labelcolor": MUTED,
        "axes.edgecolor": RULE,
        "xtick.color": MUTED,
        "ytick.color": MUTED,
        "grid.color": RULE,
        "grid.linewidth": 0.7,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "lines.solid_capstyle": "round",
        "hatch.linewidth": 0.6,
        "text.parse_math": False,  # a class may be called "$5"
        "savefig.dpi": DPI,
    }
    with matplotlib.rc_context(settings):
        yield


def _fonts() -> list[str]:
    # Only installed ones: matplotlib complains about each family that it does not find.
    installed = {entry.name for entry in font_manager.fontManager.ttflist}
    wanted = (
        "Helvetica Neue",
        "Arial",
        "Liberation Sans",
        "DejaVu Sans",
        "Noto Sans CJK JP",
        "Hiragino Sans",
        "SimHei",
    )
    return [name for name in wanted if name in installed]
