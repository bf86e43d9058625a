"""Write the pictures of docs/data.md and their alternative texts: `make docs`.

Masks of some built-in scenes are saved in each common way, segarena reads the folder like any other, and the result is
drawn. The text between the pictures is written by hand.
"""

from __future__ import annotations

import io
from functools import partial
from pathlib import Path

import numpy as np
from mask_figure import draw_row
from mask_files import MaskFile, read_back
from mask_ways import MASK_FILES
from matplotlib.figure import Figure
from page_theme import page_theme
from PIL import Image
from sections import insert

from segarena.data.encoding.mask_encoding import MaskEncoding
from segarena.files import write_text, write_with
from segarena.reporting.style import DPI

PAGE = Path(__file__).parent / "data.md"
IMAGES = PAGE.parent / "images" / "data"

_EXACT = 80  # of the 256 colours that a palette can have


def main() -> None:
    sections = {}
    for way in MASK_FILES:
        reading = read_back(way)
        sections[way.name] = describe(way, reading.encoding)
        with page_theme():
            picture = render(draw_row(way, reading))
        write_with(IMAGES / f"{way.name}.png", partial(picture.save, format="PNG", optimize=True))
    write_text(PAGE, insert(PAGE.read_text(), sections))


def describe(way: MaskFile, encoding: MaskEncoding) -> str:
    """The picture as Markdown, in words for those who do not see it, and the classes.yaml where there is one."""
    words = f"The mask file {way.looks}; segarena reads it as: {encoding.sentence}."
    picture = f"![{words}](images/data/{way.name}.png)\n"
    return f"{picture}\n```yaml\n{way.classes_yaml}```\n" if way.classes_yaml else picture


def render(figure: Figure) -> Image.Image:
    """The figure in few colours: a third of the bytes. The most frequent ones, those of classes, are kept exactly."""
    stream = io.BytesIO()
    figure.savefig(stream, format="png", dpi=DPI)
    full = Image.open(stream).convert("RGB")
    few = full.quantize(256 - _EXACT, method=Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE)
    pixels, places = np.asarray(full), np.array(few) + np.uint8(_EXACT)
    palette = np.zeros((_EXACT, 3), dtype=np.uint8)
    frequent = sorted(full.getcolors(full.width * full.height) or [], reverse=True)[:_EXACT]
    for place, (_, color) in enumerate(frequent):
        palette[place] = color
        places[(pixels == color).all(axis=-1)] = place
    picture = Image.fromarray(places)
    picture.putpalette([*palette.ravel().tolist(), *(few.getpalette() or [])])
    return picture


if __name__ == "__main__":
    main()
