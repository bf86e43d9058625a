"""How figures look: one label, one colour and one marker for each architecture, and one theme."""

from __future__ import annotations

import textwrap
import warnings
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import matplotlib
from matplotlib import font_manager
from matplotlib.artist import Artist
from matplotlib.colors import to_rgb

from segarena.reporting.fonts import add_fonts, text_width

#: Pixels per inch of the saved figures: sharp on a screen of double density, and in print.
DPI = 200
#: Inches around a figure that is saved.
PAD = 0.05

#: Colours of text, of labels beside it, of lines, and of areas behind bars.
INK, MUTED, RULE, BAND = "#1d2329", "#5b6570", "#d9dde1", "#f4f5f6"

#: Characters of a line of a model's name in a figure, and lines at most.
_LINE, _LINES = 28, 3
#: Points of the text of a legend, and ems of a column beside it: the handle, its distance, the gap to the next column.
LEGEND_POINTS, _BESIDE = 9.5, 4.8


@dataclass(frozen=True)
class ModelStyle:
    """How a model looks in every figure and table.

    Args:
        label: The name to write.
        color: The colour, as "#rrggbb".
        marker: matplotlib's marker, which identifies the model without colour.
    """

    label: str
    color: str
    marker: str

    @property
    def tint(self) -> tuple[float, float, float]:
        """The colour mixed with white, 0..1, for areas: the marker stays more visible than its bar."""
        red, green, blue = (0.3 * channel + 0.7 for channel in to_rgb(self.color))
        return red, green, blue

    @property
    def lines(self) -> str:
        """The label on up to three lines, for figures: compared runs differ at the end of their names."""
        return "\n".join(self.wrap(_LINE, _LINES))

    def wrap(self, length: int, most: int) -> list[str]:
        """Return the label in lines; what is beyond the last one is an ellipsis.

        Args:
            length: Characters of a line.
            most: The most lines.

        >>> ModelStyle("U-Net, learning rate 0.001", "#000000", "o").wrap(16, 3)
        ['U-Net, learning', 'rate 0.001']
        """
        return textwrap.wrap(self.label, length, max_lines=most, placeholder="…")


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
# For models of other names, in this order; of more models than colours, those of one colour have different markers.
_COLORS = ("#4D4D4D", "#2AA3DB", "#999933", "#AA4499", "#117733", "#CC3311", "#6699CC", "#8C564B")
_MARKERS = ("<", ">", "*", "p", "h", "d", "8", "H")


def model_styles(models: Sequence[str]) -> dict[str, ModelStyle]:
    """Return the style of each model, in the given order.

    An architecture looks the same in every report. The style of another name depends on the set of names, not on their
    order.
    """
    further = sorted(set(models) - set(ARCHITECTURES))
    other = {name: _further_style(name, place) for place, name in enumerate(further)}
    return {name: ARCHITECTURES.get(name) or other[name] for name in models}


def _further_style(name: str, place: int) -> ModelStyle:
    number = len(_COLORS)
    return ModelStyle(_label(name), _COLORS[place % number], _MARKERS[(place + place // number) % number])


def legend_columns(handles: Iterable[Artist], inches: float, most: int, points: float = LEGEND_POINTS) -> int:
    """Return how many columns of a legend fit beside each other: what is beyond a figure is not drawn.

    Args:
        handles: What the legend has, with their labels.
        inches: The width of the figure.
        most: The most columns.
        points: The size of the text.
    """
    lines = [line for handle in handles for line in str(handle.get_label()).splitlines()]
    widest = max(text_width(line, 100) for line in lines) / 100 * points
    return max(1, min(most, int(72 * inches / (widest + _BESIDE * points))))


def label_of(model: str) -> str:
    """Return what a model is called where it stands alone: its label does not depend on the other models."""
    return model_styles([model])[model].label


def _label(name: str) -> str:
    """What a model of another name is called; in a comparison of runs the name has the settings that differ.

    >>> _label("unet@ce+dice,learning_rate=0.001")
    'U-Net, ce+dice, learning rate 0.001'
    """
    model, _, settings = name.partition("@")
    label = ARCHITECTURES[model].label if model in ARCHITECTURES else model
    parts = settings.replace("=", " ").replace("_", " ").split(",") if settings else []
    return ", ".join([label, *parts])


def to_unit(color: tuple[int, int, int]) -> tuple[float, float, float]:
    """A colour of 0..255 as matplotlib takes it, 0..1."""
    return color[0] / 255, color[1] / 255, color[2] / 255


@contextmanager
def theme(texts: Iterable[str] = ()) -> Iterator[None]:
    """Set the look of every figure drawn or saved in the block; restore the caller's matplotlib settings after it.

    Args:
        texts: Names that will be written. Fonts that have their characters are used, whatever the fonts are called.
    """
    # Matplotlib's copy of seaborn's theme: importing seaborn would add a second to `segarena check`.
    whitegrid = Path(matplotlib.get_data_path(), "stylelib", "seaborn-v0_8-whitegrid.mplstyle")
    settings = {
        **matplotlib.rc_params_from_file(whitegrid, use_default_template=False),
        **_OWN,
        "font.family": add_fonts(_fonts(), texts),
    }
    with matplotlib.rc_context(settings), warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing from font")
        yield


#: What differs from seaborn's theme, or is not in matplotlib's copy of it.
_OWN: dict[Any, Any] = {
    "patch.edgecolor": "white",
    "patch.force_edgecolor": True,
    "xtick.bottom": False,
    "ytick.left": False,
    "axes.linewidth": 0.8,
    "xtick.major.size": 3.5,
    "xtick.minor.size": 2.0,
    "ytick.major.size": 3.5,
    "ytick.minor.size": 2.0,
    "font.size": 10,
    "axes.labelsize": 10,
    "axes.titlesize": 10.5,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "xtick.labelsize": 9.5,
    "ytick.labelsize": 9.5,
    "legend.fontsize": LEGEND_POINTS,
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
    "hatch.linewidth": 0.6,
    "text.parse_math": False,  # a class may be called "$5"
    "savefig.dpi": DPI,
    "svg.hashsalt": "segarena",  # the same figure is the same file
}

# The first for Latin, Greek and Cyrillic, the others for further scripts, as they come with Linux, macOS and Windows.
_FONTS = (
    "Helvetica Neue",
    "Arial",
    "Liberation Sans",
    "DejaVu Sans",
    "Noto Sans CJK JP",
    "Noto Sans CJK SC",
    "Noto Sans CJK KR",
    "WenQuanYi Zen Hei",
    "Droid Sans Fallback",
    "PingFang SC",
    "Hiragino Sans",
    "Apple SD Gothic Neo",
    "Arial Unicode MS",
    "Microsoft YaHei",
    "SimHei",
    "Yu Gothic",
    "Malgun Gothic",
    "Nirmala UI",
    "Leelawadee UI",
    "Noto Sans Arabic",
    "Noto Sans Hebrew",
    "Noto Sans Devanagari",
    "Noto Sans Bengali",
    "Noto Sans Tamil",
    "Noto Sans Thai",
    "Lohit Devanagari",
    "Loma",
)


def _fonts() -> list[str]:
    """The installed ones of `_FONTS`: matplotlib warns of each family that it does not find."""
    installed = {entry.name for entry in font_manager.fontManager.ttflist}
    return [name for name in _FONTS if name in installed]
