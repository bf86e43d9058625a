"""The gallery: error maps to the pixel, colours that no class has, legends of what is shown."""

import base64
import io
import shutil
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from segarena.classes.colors import DEFAULT_COLORS, difference, lightness
from segarena.errors import RunError
from segarena.reporting.comparison import read_comparison
from segarena.reporting.gallery import LONGEST_SIDE, Example, draw_gallery, labels_picture, read_example
from segarena.reporting.label_pictures import APART, STRIPE, VOID, WRONG, color_labels, error_map, wrong_color
from segarena.reporting.page import render_page, save_figures
from segarena.reporting.style import theme
from segarena.scenes.scenery import CLASSES
from support import refuses

TRUTH = np.array([[0, 1, 255], [1, 1, 255]], dtype=np.uint8)
GUESS = np.array([[0, 0, 1], [1, 0, 0]], dtype=np.uint8)


def test_error_map_marks_exactly_the_wrong_pixels() -> None:
    image = np.full((2, 3, 3), 100, dtype=np.uint8)
    wrong = (error_map(image, TRUTH, GUESS, WRONG[1]) == WRONG[1]).all(axis=-1)
    np.testing.assert_array_equal(wrong, [[False, True, False], [False, True, False]])


def test_error_maps_show_correct_pixels_pale_grey_and_void_striped() -> None:
    image = np.random.default_rng(0).integers(0, 256, (16, 16, 3), dtype=np.uint8)
    labels = np.zeros((16, 16), dtype=np.uint8)
    shown = error_map(image, labels, labels, WRONG[0])
    assert (shown == shown[..., :1]).all()
    assert shown.min() >= 128
    striped = error_map(image, np.full_like(labels, 255), labels, WRONG[0])
    assert {tuple(color) for color in striped.reshape(-1, 3)} == {VOID, STRIPE}


@pytest.mark.parametrize(
    "colors",
    [
        DEFAULT_COLORS[:20],
        CLASSES.colors,
        [(196, 12, 64)],
        [(200, 0, 60), (210, 0, 150), (0, 0, 0)],
        DEFAULT_COLORS[:80],
        WRONG,
    ],
    ids=["defaults", "scenes", "the same", "nearly the same", "80", "all of them"],
)
def test_the_colour_of_wrong_pixels_is_that_of_no_class(colors: Sequence[tuple[int, int, int]]) -> None:
    chosen = wrong_color(colors)
    assert min(difference(chosen, color) for color in colors) > (APART if len(colors) < 80 else 9)
    assert lightness(chosen) < 0.6, "it stands out on pale grey"


def test_the_legends_have_what_is_shown(make_comparison: Callable[..., Path]) -> None:
    """Classes that are in none of the pictures are left out, and void where there is none."""
    folder = make_comparison(models=["fcn"], classes=("sky", "road", "tree", "car"), undefined=[3], images=1)
    comparison = read_comparison(folder)
    examples = [read_example(comparison, name) for name in comparison.record.gallery]
    without = replace(examples[0], truth=np.where(examples[0].truth == 255, 0, examples[0].truth))

    def texts(*shown: Example) -> list[str]:
        with theme():
            return [text.get_text() for text in draw_gallery(comparison, list(shown)).legends[0].get_texts()]

    assert texts(*examples) == ["sky", "road", "tree", "wrong", "void, not scored"]
    assert texts(without) == ["sky", "road", "tree", "wrong"]
    figures = save_figures(comparison, examples)

    def section(*shown: Example) -> str:
        page = render_page(comparison, list(shown), figures)
        return page[page.index('<section id="gallery"') :].split("</section>")[0]

    assert "void, not scored" in section(*examples)
    assert ">tree</li>" in section(*examples)
    assert ">car</li>" not in section(*examples)
    assert "void, not scored" not in section(without)


@pytest.mark.parametrize("number", [2, 60])
def test_the_figure_has_room_for_its_legend(number: int, make_comparison: Callable[..., Path]) -> None:
    names = [f"class number {index}" for index in range(number)]
    comparison = read_comparison(make_comparison(models=["fcn"], classes=names, images=1))
    examples = [read_example(comparison, name) for name in comparison.record.gallery]
    examples[0].truth[:60, ::2] = np.arange(60)[:, None] % number  # every class
    with theme():
        figure = draw_gallery(comparison, examples)
        figure.draw_without_rendering()
        legend, pictures = figure.legends[0].get_window_extent(), figure.axes[0].get_window_extent()
    assert legend.y0 >= 0
    assert legend.y1 <= pictures.y0
    assert pictures.width > 0.9 * figure.bbox.width


def test_accuracy_leaves_void_out() -> None:
    example = Example("x", np.zeros((2, 3, 3), dtype=np.uint8), TRUTH, {"unet": GUESS})
    assert example.accuracy("unet") == 0.5
    nothing = Example("x", example.image, np.full_like(TRUTH, 255), {"unet": GUESS})
    assert np.isnan(nothing.accuracy("unet"))


def test_a_missing_or_resized_mask_of_the_gallery_is_an_error(street: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(street, tmp_path / "copy"))
    comparison = read_comparison(folder)
    name = comparison.record.gallery[0]
    mask = folder / "gallery" / name / "unet.png"
    Image.fromarray(TRUTH).save(mask)
    with refuses(RunError, where=mask, value="90 x 120"):
        read_example(comparison, name)
    mask.unlink()
    with refuses(RunError, where=mask, value="missing"):
        read_example(comparison, name)


@pytest.mark.parametrize("side", [40, 300, 900])
def test_pictures_of_labels_have_no_mixed_colours(side: int) -> None:
    labels = (np.arange(side)[:, None] // 7 + np.arange(side) // 5).astype(np.uint8) % 3
    labels[:9] = 255
    colors = [(200, 0, 0), (201, 0, 0), (0, 0, 9)]
    picture = labels_picture(color_labels(labels, colors), "a mask")
    with Image.open(io.BytesIO(base64.b64decode(picture.address.split(",")[1]))) as image:
        shown = np.asarray(image.convert("RGB"))
    assert shown.shape == (picture.height, picture.width, 3)
    assert max(shown.shape) <= LONGEST_SIDE
    assert {tuple(int(c) for c in color) for color in shown.reshape(-1, 3)} <= {*colors, VOID, STRIPE}
