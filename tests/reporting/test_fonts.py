"""Class names in any script: drawn with a font that has them, else numbered in figures and named on the page."""

from collections.abc import Iterator
from pathlib import Path

import matplotlib as mpl
import pytest
from fontTools.fontBuilder import FontBuilder
from fontTools.pens.ttGlyphPen import TTGlyphPen
from matplotlib import font_manager
from matplotlib.figure import Figure

from segarena.reporting import fonts
from segarena.reporting.figure_files import write_figure
from segarena.reporting.fonts import class_label
from segarena.reporting.style import theme
from support import build_page

FAMILY, POSTSCRIPT = "Rarely Heard Of Sans", "RarelyHeardOfSans"
#: Two letters of Gothic, which hardly a font has.
NAME = "\U00010330\U00010331"


@pytest.fixture
def another_font(tmp_path: Path, only_dejavu: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A font with NAME, whose family is in no list, is installed beside DejaVu Sans."""
    pen = TTGlyphPen(None)
    pen.moveTo((100, 0))
    for point in ((100, 700), (600, 700), (600, 0)):
        pen.lineTo(point)
    pen.closePath()
    glyphs = {".notdef": pen.glyph(), "box": pen.glyph()}
    builder = FontBuilder(1000)
    builder.setupGlyphOrder(list(glyphs))
    builder.setupCharacterMap({ord(sign): "box" for sign in NAME})
    builder.setupGlyf(glyphs)
    builder.setupHorizontalMetrics(dict.fromkeys(glyphs, (700, 100)))
    builder.setupHorizontalHeader(ascent=800, descent=-200)
    builder.setupNameTable({"familyName": FAMILY, "styleName": "Regular", "psName": POSTSCRIPT})
    builder.setupOS2(sTypoAscender=800, sTypoDescender=-200)
    builder.setupPost()
    path = str(tmp_path / "rare.ttf")
    builder.save(path)
    dejavu = list(fonts._files())[:1]
    monkeypatch.setattr(fonts, "_files", lambda: iter([*dejavu, path]))
    before = list(font_manager.fontManager.ttflist)
    font_manager.fontManager.addfont(path)
    fonts.find_font.cache_clear()
    yield path
    font_manager.fontManager.ttflist[:] = before


def test_a_font_of_any_family_is_used_where_it_has_the_letters(another_font: str, tmp_path: Path) -> None:
    assert class_label(NAME, 3) == NAME
    with theme():
        assert FAMILY not in mpl.rcParams["font.family"]
    with theme([NAME, "road"]):
        assert mpl.rcParams["font.family"][-1] == FAMILY
        figure = Figure(figsize=(2, 1))
        figure.text(0.1, 0.5, NAME)
        write_figure(figure, tmp_path / "name", [{"class": NAME}])
    drawn = (tmp_path / "name.svg").read_text()
    assert f"#{POSTSCRIPT}-" in drawn
    assert "LastResort" not in drawn
    assert (tmp_path / "name.csv").read_text(encoding="utf-8") == f"class\n{NAME}\n"


def test_letters_that_all_fonts_lack_are_a_number_in_figures(only_dejavu: None) -> None:
    assert class_label(NAME, 3) == "class 3"


def test_the_page_has_the_names_of_numbered_classes(only_dejavu: None, make_comparison) -> None:
    folder = make_comparison(models=("unet",), classes=("road", NAME), images=1, epochs=1)
    text = build_page(folder).read_text(encoding="utf-8")
    assert text.split('id="numbered"')[1].split("</ul>")[0].count("<li>") == 1
    assert f"<li>class 1: {NAME}</li>" in text
    assert 'id="numbered"' not in text.split("</section>")[0]
