"""Draw a network as a graph of tensors: the height of a block is the resolution, its width the channels."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Circle, Patch, Rectangle

from segarena.reporting.style import INK, MUTED, ModelStyle

Role = Literal["image", "encoder", "decoder", "scores", "training", "operation"]
Shape = tuple[int, int, int]  # channels, height, width

#: Inches. A block of 512 x 512 has the height `_TALL`, others in proportion to the square root of theirs.
_TALL, _WIDE, _TEXT = 1.15, 0.042, 0.125
_ENCODER = "#aab4be"


@dataclass(frozen=True)
class Block:
    """A tensor at a position of the grid (`column`, and `row` downwards); without a shape, an operation such as "+"."""

    key: str
    label: str
    column: float
    row: float
    role: Role
    shape: Shape | None = None

    @property
    def width(self) -> float:
        """Inches, in proportion to the cube root of the channels, so that 3 and 4096 fit in one figure."""
        return 0.22 if self.shape is None else _WIDE * self.shape[0] ** (1 / 3)

    @property
    def height(self) -> float:
        """Inches."""
        return 0.22 if self.shape is None else _TALL * (self.shape[1] / 512) ** 0.5


@dataclass(frozen=True)
class Link:
    """An arrow between two blocks.

    `route` has h and v for its horizontal and vertical parts, in their order. `enter` shifts the end, and `leave` the
    start, along the block's height: 1 is the top, -1 the bottom.
    """

    start: str
    end: str
    label: str = ""
    route: Literal["h", "v", "hv", "vh", "hvh"] = "h"
    skip: bool = False
    enter: float = 0.0
    leave: float = 0.0


def draw_path(
    blocks: Sequence[Block], links: Iterable[Link], style: ModelStyle, *, row: float = 1.0, column: float = 0.78
) -> Figure:
    """Draw blocks on a grid of `column` x `row` inches, with names and shapes, and arrows between them."""
    places = {block.key: (block.column * column, -block.row * row) for block in blocks}
    boxes = {block.key: block for block in blocks}
    left = min(x for x, _ in places.values()) - 0.5
    right = max(x for x, _ in places.values()) + 0.5
    top = max(places[b.key][1] + b.height / 2 for b in blocks) + 0.15
    bottom = min(places[b.key][1] - b.height / 2 - 3 * _TEXT for b in blocks) - 0.4
    figure = Figure(figsize=(right - left, top - bottom))
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set_xlim(left, right)
    axes.set_ylim(bottom, top)
    axes.set_axis_off()
    for link in links:
        _draw_link(axes, link, boxes, places)
    for block in blocks:
        _draw_block(axes, block, places[block.key], style)
    _add_legend(axes, {block.role for block in blocks}, style)
    return figure


def _draw_block(axes: Axes, block: Block, place: tuple[float, float], style: ModelStyle) -> None:
    x, y = place
    if block.shape is None:
        axes.add_patch(Circle(place, block.width / 2, facecolor="white", edgecolor=style.color, lw=1.2, zorder=3))
        axes.text(x, y, block.label, ha="center", va="center_baseline", fontsize=9, color=INK, zorder=4)
        return
    look = _look(block.role, style)
    axes.add_patch(Rectangle((x - block.width / 2, y - block.height / 2), block.width, block.height, zorder=3, **look))
    channels, height, width = block.shape
    lines = ((block.label, INK, "bold"), (f"{channels:,}", INK, "normal"), (f"{height} × {width}", MUTED, "normal"))
    under = y - block.height / 2 - 0.05
    for number, (text, color, weight) in enumerate(lines):
        axes.text(
            *(x, under - number * _TEXT, text),
            **{"ha": "center", "va": "top", "fontsize": 7.5, "color": color, "weight": weight, "zorder": 5},
            bbox={"facecolor": "white", "edgecolor": "none", "pad": 0.6},
        )


def _look(role: Role, style: ModelStyle) -> dict[str, object]:
    looks: dict[Role, dict[str, object]] = {
        "image": {"facecolor": "white", "edgecolor": INK, "lw": 1.0},
        "encoder": {"facecolor": _ENCODER, "edgecolor": INK, "lw": 0.6},
        "decoder": {"facecolor": style.tint, "edgecolor": INK, "lw": 0.6},
        "scores": {"facecolor": style.color, "edgecolor": INK, "lw": 0.6},
        "training": {"facecolor": "white", "edgecolor": style.color, "lw": 1.0, "ls": (0, (2, 1.5)), "hatch": "////"},
    }
    return looks[role]


def _draw_link(axes: Axes, link: Link, boxes: dict[str, Block], places: dict[str, tuple[float, float]]) -> None:
    start, end = boxes[link.start], boxes[link.end]
    (x0, y0), (x1, y1) = places[link.start], places[link.end]
    out = y0 + link.leave * start.height / 2
    into = y1 + link.enter * end.height / 2
    right, left = x0 + start.width / 2 + 0.02, x1 - end.width / 2 - 0.03
    down = y1 < y0
    text_below = 0.0 if start.shape is None else 3 * _TEXT + 0.06
    edge = y0 - start.height / 2 - text_below if down else y0 + start.height / 2 + 0.02
    target = (
        y1 + end.height / 2 + 0.03 if down else y1 - end.height / 2 - (0 if end.shape is None else text_below) - 0.03
    )
    middle = left - 0.26
    # Arrows that enter a block from above and leave it upwards do not overlap.
    aside = 0.0 if end.shape is None else 0.2 * (end if link.route == "hv" else start).width
    points = {
        "h": [(right, out), (left, out)],
        "v": [(x0, edge), (x0, target)],
        "hv": [(right, out), (x1 - aside, out), (x1 - aside, target)],
        "vh": [(x0 + aside, edge), (x0 + aside, into), (left, into)],
        "hvh": [(right, out), (middle, out), (middle, into), (left, into)],
    }[link.route]
    look = {"color": MUTED, "lw": 1.0, "ls": (0, (4, 2)) if link.skip else "-", "zorder": 2}
    axes.plot(*zip(*points, strict=True), solid_joinstyle="round", **look)
    axes.annotate(
        "",
        xy=points[-1],
        xytext=points[-2],
        arrowprops={"arrowstyle": "-|>", "color": MUTED, "lw": 0, "mutation_scale": 9, "shrinkA": 0, "shrinkB": 0},
        zorder=2,
    )
    if link.label:
        above = link.route != "vh"
        (ax, ay), (bx, by) = points[:2] if above else points[-2:]
        axes.text(
            *((ax + bx) / 2, (ay + by) / 2 + (0.04 if above else -0.05), link.label),
            **{"ha": "center", "va": "bottom" if above else "top", "fontsize": 7, "color": MUTED, "zorder": 5},
        )


def _add_legend(axes: Axes, roles: set[Role], style: ModelStyle) -> None:
    names: dict[Role, str] = {
        "encoder": "encoder",
        "decoder": "decoder",
        "scores": "scores, a channel per class",
        "training": "in training only",
    }
    handles = [Patch(**_look(role, style), label=name) for role, name in names.items() if role in roles]  # type: ignore[arg-type]
    axes.legend(
        handles=handles, loc="lower left", ncols=len(handles), fontsize=7.5, handlelength=1.2, borderaxespad=0.4
    )
