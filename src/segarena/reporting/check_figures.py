"""check.png: images with their labels drawn over them, a legend, the classes' frequencies, the images' sizes."""

from __future__ import annotations

import re
from base64 import b64encode
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from matplotlib.artist import Artist
from matplotlib.backend_bases import RendererBase
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from numpy.typing import NDArray
from PIL import Image

from segarena import formats
from segarena.classes import ClassTable
from segarena.files import write_bytes
from segarena.reporting.check_charts import ROWS, chart_rows, draw_ceilings, draw_frequencies, draw_sizes, has_ceilings
from segarena.reporting.figure_files import write_rows, write_svg
from segarena.reporting.fonts import class_label, shorten_to, text_width
from segarena.reporting.label_maps import encode_photo
from segarena.reporting.overlay import draw_overlay
from segarena.reporting.png import encode_png
from segarena.reporting.style import MUTED, legend_columns, theme, to_unit
from segarena.scoring.ceilings import Ceiling

#: The most image tiles on the sheet.
TILES = 12

_DPI = 150  # of a sheet of 1500 pixels: photographs on it are as large as on a screen
_WIDTH, _MARGIN, _GAP = 10.0, 0.35, 0.12  # inches, as all that follows
_FACT_WIDTH, _FACT_POINTS, _FACT_ROWS = _WIDTH - 2 * _MARGIN, 9.5, 4
_LEGEND_POINTS = 8.5
_COLUMNS, _CAPTION, _LEGEND_ROW, _FACT, _CLASS_ROW = 4, 0.2, 0.2, 0.22, 0.22
_TITLE, _LEGEND_GAP, _CHART_HEAD, _CHART_FOOT, _SIZES, _CEILINGS = 0.62, 0.25, 0.4, 0.5, (2.7, 1.7), (2.7, 1.5)


@dataclass(frozen=True)
class Tile:
    """An image of the sheet with its labels.

    Args:
        name: The image's name.
        part: Its split.
        image: RGB, (H, W, 3), 0..255.
        labels: Class indices, (H, W); 255 is void.
    """

    name: str
    part: str
    image: NDArray[np.uint8]
    labels: NDArray[np.uint8]


@dataclass(frozen=True)
class DataSheet:
    """The content of the sheet.

    Args:
        title: The name of the data.
        facts: Lines below the title.
        classes: Names and colours.
        tiles: Images to show, TILES at most.
        pixels: For each split, the number of pixels of each class, (num_classes,).
        images: The number of masks that have the class, (num_classes,).
        void: The share of void among all pixels, 0..1.
        sizes: Height and width of each image.
        ceilings: The resolution ceiling at several working sizes and strides.
    """

    title: str
    facts: tuple[str, ...]
    classes: ClassTable
    tiles: tuple[Tile, ...]
    pixels: dict[str, NDArray[np.int64]]
    images: NDArray[np.int64]
    void: float
    sizes: list[tuple[int, int]]
    ceilings: tuple[Ceiling, ...] = ()


def save_sheet(sheet: DataSheet, path: Path) -> None:
    """Draw the sheet and write it as PNG, as SVG, and the numbers of its charts as CSV.

    Args:
        sheet: The content.
        path: The PNG; the others are beside it.

    Raises:
        RunError: A file cannot be written.
    """
    with theme([*sheet.classes.names, sheet.title, *sheet.facts, *(tile.name for tile in sheet.tiles)]):
        figure = draw_sheet(sheet)
        canvas = FigureCanvasAgg(figure)
        canvas.draw()  # type: ignore[no-untyped-call]
        drawn = np.asarray(canvas.buffer_rgba())  # type: ignore[no-untyped-call]
        height, width = drawn.shape[:2]
        picture = Image.frombuffer("RGBA", (width, height), drawn, "raw", "RGBA", 0, 1).convert("RGB")
        write_bytes(path, encode_png(np.asarray(picture), _DPI))
        write_svg(figure, path.with_suffix(""))
    write_rows(path.with_suffix(""), chart_rows(sheet.classes, sheet.pixels, sheet.images, sheet.sizes, sheet.ceilings))


def draw_sheet(sheet: DataSheet) -> Figure:
    """Draw, from top to bottom: title and facts, tiles with their legend, class frequencies beside image sizes."""
    width = (_WIDTH - 2 * _MARGIN - (_COLUMNS - 1) * _GAP) / _COLUMNS
    tile = (width, width * _tile_aspect(sheet.tiles))
    legend = _legend(sheet)
    columns = legend_columns(legend, _WIDTH - 2 * _MARGIN, len(legend), _LEGEND_POINTS)
    rows = min(ROWS, sheet.classes.num_classes)
    below_head = _MARGIN + _TITLE + _FACT * len(_fact_lines(sheet))
    below_tiles = below_head + -(-len(sheet.tiles) // _COLUMNS) * (tile[1] + _CAPTION + _GAP)
    below_legend = below_tiles + _LEGEND_ROW * -(-len(legend) // columns) + _LEGEND_GAP
    right = _SIZES[1] + (_CHART_FOOT + _CHART_HEAD + _CEILINGS[1] if has_ceilings(sheet.ceilings) else 0)
    charts = max(right, _CLASS_ROW * rows)
    height = below_legend + _CHART_HEAD + charts + _CHART_FOOT + _MARGIN / 2
    figure = Figure(figsize=(_WIDTH, height), dpi=_DPI, facecolor="white")
    _write_head(figure, sheet, height)
    _place_tiles(figure, sheet, height - below_head, tile)
    figure.legend(
        handles=legend,
        loc="upper left",
        bbox_to_anchor=(_MARGIN / _WIDTH, 1 - below_tiles / height),
        ncols=columns,
        handlelength=1.1,
        handleheight=1.0,
        columnspacing=1.4,
        borderpad=0,
        borderaxespad=0,
        fontsize=_LEGEND_POINTS,
    )

    def place(
        left: float, chart_width: float, chart_height: float, above: float = 0.0
    ) -> tuple[float, float, float, float]:
        bottom = height - below_legend - above - _CHART_HEAD - chart_height
        return left / _WIDTH, bottom / height, chart_width / _WIDTH, chart_height / height

    frequencies = figure.add_axes(place(1.75, 3.1, max(1.0, _CLASS_ROW * rows)))
    draw_frequencies(frequencies, sheet.classes, sheet.pixels, sheet.images, sheet.void)
    draw_sizes(figure.add_axes(place(_WIDTH - _MARGIN - _SIZES[0], *_SIZES)), sheet.sizes)
    if has_ceilings(sheet.ceilings):
        below = _SIZES[1] + _CHART_HEAD + _CHART_FOOT
        draw_ceilings(figure.add_axes(place(_WIDTH - _MARGIN - _CEILINGS[0], *_CEILINGS, below)), sheet.ceilings)
    return figure


def fit_pair(
    image: NDArray[np.uint8], labels: NDArray[np.uint8], width: int, height: int
) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Resize an image and its labels to the largest size within a frame, keeping their aspect.

    Args:
        image: RGB, (H, W, 3).
        labels: Class indices, (H, W).
        width: Of the frame, in pixels.
        height: Of the frame, in pixels.

    Returns:
        The image, interpolated, and the labels, of which the nearest one is taken: (h, w, 3) and (h, w).
    """
    scale = min(width / image.shape[1], height / image.shape[0])
    size = (max(1, round(scale * image.shape[1])), max(1, round(scale * image.shape[0])))
    smooth = Image.Resampling.LANCZOS if scale < 1 else Image.Resampling.BICUBIC
    small = Image.fromarray(image).resize(size, smooth, reducing_gap=3.0)
    return np.asarray(small), np.asarray(Image.fromarray(labels).resize(size, Image.Resampling.NEAREST))


def _write_head(figure: Figure, sheet: DataSheet, height: float) -> None:
    x = _MARGIN / _WIDTH
    title = _fit(sheet.title, 16, 0.85 * _FACT_WIDTH)  # bold letters are wider
    figure.text(x, 1 - _MARGIN / height, title, fontsize=16, weight="bold", va="top")
    for row, line in enumerate(_fact_lines(sheet)):
        y = 1 - (_MARGIN + 0.38 + _FACT * row) / height
        figure.text(x, y, line, fontsize=_FACT_POINTS, color=MUTED, va="top")


def _fact_lines(sheet: DataSheet) -> list[str]:
    return [line for fact in sheet.facts for line in _wrap(fact)]


def _wrap(fact: str) -> list[str]:
    """A fact on up to `_FACT_ROWS` lines; what is longer is cut."""
    lines = [""]
    for word in re.split(r"(?<!=) (?!=)", " ".join(fact.split())):  # "10 = bicyclist" stays together
        longer = f"{lines[-1]} {word}".strip()
        if lines[-1] and len(lines) < _FACT_ROWS and _inches(longer, _FACT_POINTS) > _FACT_WIDTH:
            lines.append(word)
        else:
            lines[-1] = longer
    return [_fit(line, _FACT_POINTS, _FACT_WIDTH) for line in lines]


def _place_tiles(figure: Figure, sheet: DataSheet, top: float, tile: tuple[float, float]) -> None:
    canvas = (round(tile[0] * _DPI), round(tile[1] * _DPI))
    for number, shown in enumerate(sheet.tiles):
        row, column = divmod(number, _COLUMNS)
        left = _MARGIN + column * (tile[0] + _GAP)
        bottom = top - row * (tile[1] + _CAPTION + _GAP) - tile[1]
        image, labels = fit_pair(shown.image, shown.labels, *canvas)
        picture = draw_overlay(image, labels, sheet.classes)
        aside = (canvas[0] - picture.shape[1]) // 2, (canvas[1] - picture.shape[0]) // 2
        figure.add_artist(_Picture(picture, round(left * _DPI) + aside[0], round(bottom * _DPI) + aside[1]))
        end = f"  ·  {shown.part}"
        caption = _fit(shown.name, 7.5, tile[0] - _inches(end, 7.5)) + end
        place = left / _WIDTH, (bottom - 0.05) / figure.get_figheight()
        figure.text(*place, caption, fontsize=7.5, color=MUTED, va="top")


def _fit(text: str, points: float, inches: float) -> str:
    """The text, cut to a width."""
    return shorten_to(text, round(points * _DPI / 72), inches * _DPI)


def _inches(text: str, points: float) -> float:
    return text_width(text, round(points * _DPI / 72)) / _DPI


class _Picture(Artist):
    """RGB (H, W, 3), pixel for pixel: `figimage` resamples, which takes longer, and could blur the outlines.

    In an SVG it is a JPEG: with the PNGs that matplotlib writes, the file has four times the bytes, and takes three
    times as long to write.
    """

    def __init__(self, picture: NDArray[np.uint8], left: int, bottom: int) -> None:
        super().__init__()
        self.picture, self.place = picture, (left, bottom)

    def draw(self, renderer: RendererBase) -> None:
        """Copy the pixels to the canvas, `left` and `bottom` pixels from its corner."""
        height, width = self.picture.shape[:2]
        if (svg := getattr(renderer, "writer", None)) is not None:
            left, bottom, wide, high = (72 * pixels / _DPI for pixels in (*self.place, width, height))  # points
            _, page = renderer.get_canvas_width_height()  # its y counts from below
            place = {"x": left, "y": page - bottom - high, "width": wide, "height": high}
            content = b64encode(encode_photo(self.picture)).decode()
            names = {name: f"{number:.3f}" for name, number in place.items()}
            svg.element("image", attrib={"xlink:href": f"data:image/jpeg;base64,{content}"}, **names)
            return
        opaque = np.full((height, width, 1), 255, dtype=np.uint8)
        renderer.draw_image(renderer.new_gc(), *self.place, np.dstack([self.picture, opaque])[::-1])


def _tile_aspect(tiles: tuple[Tile, ...]) -> float:
    """Height divided by width of a tile: the median of the images', limited to 0.5..1.25."""
    aspects = [tile.image.shape[0] / tile.image.shape[1] for tile in tiles]
    return float(np.clip(np.median(aspects), 0.5, 1.25)) if aspects else 1.0


def _legend(sheet: DataSheet) -> list[Patch]:
    classes = sheet.classes
    names = [formats.shorten(class_label(name, index)) for index, name in enumerate(classes.names[: 2 * ROWS])]
    patches = [_patch(name, to_unit(color)) for name, color in zip(names, classes.colors, strict=False)]
    if classes.untinted < len(patches):
        patches[classes.untinted] = _patch(f"{names[classes.untinted]} (not tinted)", "white")
    if classes.num_classes > len(patches):
        patches.append(Patch(alpha=0, label=f"and {classes.num_classes - len(patches)} more"))
    if sheet.void:
        patches.append(_patch("void, not scored", "white", hatch="/////"))
    return patches


def _patch(label: str, color: tuple[float, float, float] | str, hatch: str | None = None) -> Patch:
    return Patch(label=label, facecolor=color, hatch=hatch, edgecolor="#888888", lw=0.4)
