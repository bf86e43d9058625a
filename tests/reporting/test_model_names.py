"""Names of models in figures: those of compared runs are long and differ at their ends, and there may be many."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from matplotlib.figure import Figure

from segarena.reporting.class_figures import draw_class_iou
from segarena.reporting.comparison import Comparison, read_comparison
from segarena.reporting.curve_figure import draw_learning_curves
from segarena.reporting.gallery import draw_gallery, read_example
from segarena.reporting.score_figures import draw_accuracy_latency, draw_ranking
from segarena.reporting.sections import find_template
from segarena.reporting.style import ModelStyle, model_styles, theme

LONG = "unet@ce+dice,learning_rate=0.001,class_weights=sqrt-inverse,crop_foreground=0.25,optimizer=adamw"
VARIED = ("deeplabv3@learning_rate=0.001", "deeplabv3@learning_rate=0.0001", LONG, "unet@batch_size=16")
DRAW = (draw_ranking, draw_accuracy_latency, draw_learning_curves, draw_class_iou)


@pytest.fixture
def varied(street: Path) -> Comparison:
    """Four models with the names of compared runs."""
    comparison = read_comparison(street)
    styles = model_styles(VARIED)
    vars(comparison)["styles"] = dict(zip(comparison.names, styles.values(), strict=True))
    return comparison


def texts(figure: Figure) -> list[str]:
    return [text.get_text() for text in figure.findobj(lambda artist: hasattr(artist, "get_text")) if text.get_text()]


def assert_inside(figure: Figure) -> None:
    drawn, (width, height) = figure.get_tightbbox(), figure.get_size_inches()
    assert min(drawn.x0, drawn.y0) > -0.01
    assert drawn.x1 < width + 0.01
    assert drawn.y1 < height + 0.01


@pytest.mark.parametrize("draw", DRAW)
def test_all_models_are_named_inside_the_figure(varied: Comparison, draw) -> None:
    with theme():
        figure = draw(varied)
        figure.draw_without_rendering()
    assert_inside(figure)
    named = [text for text in texts(figure) if "learning" in text]
    assert len(set(named)) == 3, "two learning rates of one model are two names"


def test_the_heads_of_the_gallery_differ_and_are_inside(varied: Comparison) -> None:
    with theme():
        figure = draw_gallery(varied, [read_example(varied, varied.record.gallery[0])])
        figure.draw_without_rendering()
    assert_inside(figure)
    assert len({text for text in texts(figure) if "learning" in text}) == 3


def test_the_legend_of_a_narrow_gallery_is_inside(make_comparison: Callable[..., Path]) -> None:
    """Of one model, the colours of the left column were cut off."""
    names = [f"a rather long class name {index}" for index in range(6)]
    alone = read_comparison(make_comparison(models=("unet",), classes=names, images=1, epochs=1))
    with theme():
        figure = draw_gallery(alone, [read_example(alone, alone.record.gallery[0])])
        figure.draw_without_rendering()
    assert_inside(figure)


def test_many_models_differ_in_colour_or_marker() -> None:
    styles = model_styles([f"unet@batch_size={number}" for number in range(20)])
    assert len({(style.color, style.marker) for style in styles.values()}) == 20


def test_each_marker_of_the_figures_has_its_shape_in_the_page() -> None:
    marker = find_template("macros.html.j2").module.marker  # type: ignore[attr-defined]
    styles = model_styles(["fcn", "unet", "pspnet", "deeplabv3", "fcn8s", "fcn16s", "fcn32s", *map(str, range(8))])
    shapes = {style.marker: re.sub("fill=.*?>", "", marker(style)) for style in styles.values()}
    assert len(set(shapes.values())) == len(shapes) == 15


def test_a_name_is_cut_after_the_last_line() -> None:
    lines = ModelStyle("word " * 50, "#000000", "o").lines.splitlines()
    assert len(lines) == 3
    assert lines[-1].endswith("…")
