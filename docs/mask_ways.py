"""The ways to save masks that docs/data.md shows."""

from __future__ import annotations

import numpy as np
from mask_files import BUILDING, LAND, WATER, WAY, WOOD, Bytes, MaskFile, Painter
from PIL import Image, ImageFilter

from segarena.classes import IGNORE_INDEX

Color = tuple[int, ...]

#: Colours of Okabe and Ito (jfly.uni-koeln.de/color), distinct for colour-blind readers.
_SAFE: dict[int, Color] = {
    LAND: (240, 228, 66),
    WATER: (0, 114, 178),
    BUILDING: (213, 94, 0),
    WOOD: (0, 158, 115),
    WAY: (0, 0, 0),
}
#: Colours that drawing programs offer first.
_PURE: dict[int, Color] = {
    LAND: (0, 0, 0),
    WATER: (0, 0, 255),
    BUILDING: (255, 0, 0),
    WOOD: (255, 255, 0),
    WAY: (0, 255, 255),
}
_VOID: Color = (255, 255, 255)
_NAMES = {LAND: "land", WATER: "water", BUILDING: "house", WOOD: "forest", WAY: "road"}
_DECLARED = (
    "classes:\n"
    + "".join(f"  - {{name: {_NAMES[label]}, value: {list(color)}}}\n" for label, color in _SAFE.items())
    + f"ignore: [{list(_VOID)}]\n"
)


def _numbers(*values: int, bits: int = 8) -> Painter:
    """A number for each label; void keeps 255."""
    table = np.full(256, IGNORE_INDEX, dtype=f"uint{bits}")
    table[: len(values)] = values
    return lambda labels: Image.fromarray(table[labels])


def _colors(colors: dict[int, Color], void: Color = (0, 0, 0)) -> Painter:
    """A colour, RGB or RGBA, for each label."""
    table = np.zeros((256, len(colors[WATER])), dtype=np.uint8)
    table[IGNORE_INDEX, : len(void)] = void
    for label, color in colors.items():
        table[label] = color
    return lambda labels: Image.fromarray(table[labels])


def _water(labels: Bytes) -> Image.Image:
    """255 for water, 0 for all else."""
    return Image.fromarray(np.where(labels == WATER, 255, 0).astype(np.uint8))


def _one_bit(labels: Bytes) -> Image.Image:
    return _water(labels).convert("1")


def _soft(labels: Bytes) -> Image.Image:
    return _water(labels).filter(ImageFilter.GaussianBlur(0.7))


def _paletted(labels: Bytes) -> Image.Image:
    picture = Image.fromarray(labels)
    picture.putpalette([channel for label in sorted(_SAFE) for channel in _SAFE[label]])
    return picture


_WHITE, _BLACK, _COLORED = "shows the water white on black", "is black all over", "shows each class in its colour"
_ARTEFACTS = "with artefacts of compression along the edges"
_GREY = "PNG, 8-bit grey"

#: In the order of the page.
MASK_FILES: tuple[MaskFile, ...] = (
    MaskFile("two-level", _WHITE, _GREY, _water),
    MaskFile("one-bit", _WHITE, "PNG, 1 bit", _one_bit),
    MaskFile("zero-one", _BLACK, _GREY, _numbers(0, 1, 0, 0, 0)),
    MaskFile("soft", f"{_WHITE}, with soft edges", _GREY, _soft),
    MaskFile(
        name="jpeg",
        looks=f"{_WHITE}, {_ARTEFACTS}",
        format="JPEG, grey",
        paint=_water,
        ending=".jpg",
        options={"quality": 60},
        scale=4,
        corner=(78, 127),
    ),
    MaskFile("numbers", _BLACK, _GREY, _numbers(0, 1, 2, 3, 4)),
    MaskFile("gapped", "is nearly black all over", _GREY, _numbers(7, 11, 21, 26, 33)),
    MaskFile("void", "is black but for white shores and boats", _GREY, _numbers(0, 1, 2, 3, 4), with_void=True),
    MaskFile("greys", "shows each class in a grey of its own", _GREY, _numbers(0, 64, 128, 192, 255)),
    MaskFile("sixteen-bit", _BLACK, "PNG, 16-bit grey", _numbers(100, 200, 300, 400, 500, bits=16)),
    MaskFile("palette", "shows each class in a colour of the palette", "PNG, 8 bits with a palette", _paletted),
    MaskFile("rgb", _COLORED, "PNG, RGB", _colors(_PURE)),
    MaskFile(
        name="rgb-jpeg",
        looks=f"{_COLORED}, {_ARTEFACTS}",
        format="JPEG, RGB",
        paint=_colors({label: _PURE[label] for label in (LAND, WATER, WOOD)}),  # thin and small ones would be lost
        ending=".jpg",
        options={"quality": 75},
        scale=4,
        corner=(72, 112),
        cells=16,
    ),
    MaskFile(
        name="rgba",
        looks="shows each class in its colour, and the rest transparent",
        format="PNG, RGBA",
        paint=_colors({label: (*color, 0 if label == LAND else 255) for label, color in _PURE.items()}),
    ),
    MaskFile(
        name="declared",
        looks=f"{_COLORED}, boats and shores white",
        format="PNG, RGB",
        paint=_colors(_SAFE, _VOID),
        with_void=True,
        classes_yaml=_DECLARED,
    ),
)
