"""check.png: labels drawn over images, and a sheet for any data."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
from PIL import Image

from segarena.classes import ClassTable, name_classes
from segarena.reporting.check_charts import ROWS, frequency_order
from segarena.reporting.check_figures import DataSheet, Tile, draw_sheet, fit_pair, save_sheet
from segarena.reporting.style import theme


def make_sheet(
    classes: ClassTable,
    *,
    tiles: int = 2,
    shape: tuple[int, int] = (30, 40),
    parts: tuple[str, ...] = ("train", "val"),
    void: float = 0.0,
) -> DataSheet:
    random = np.random.default_rng(0)
    num_classes = classes.num_classes
    pairs = [
        (random.integers(0, 256, (*shape, 3), dtype=np.uint8), random.integers(0, num_classes, shape, dtype=np.uint8))
        for _ in range(tiles)
    ]
    return DataSheet(
        title="a folder",
        facts=("two images", "images in images/, masks in masks/"),
        classes=classes,
        tiles=tuple(Tile(f"image{number}", parts[0], *pair) for number, pair in enumerate(pairs)),
        pixels={part: random.integers(1, 10**6, num_classes) for part in parts},
        images=random.integers(1, 50, num_classes),
        void=void,
        sizes=[shape] * tiles,
    )


def texts(sheet: DataSheet) -> list[str]:
    with theme():
        figure = draw_sheet(sheet)
    found = [text.get_text() for text in figure.texts]
    for axes in figure.axes:
        found += [axes.get_title(loc="left"), axes.get_xlabel(), *(text.get_text() for text in axes.texts)]
        found += [label.get_text() for label in axes.get_yticklabels()]
    return found + [text.get_text() for legend in figure.legends for text in legend.get_texts()]


@pytest.mark.parametrize("shape", [(10, 10), (400, 100), (37, 611)])
def test_pairs_are_resized_to_their_tile_without_new_labels(shape: tuple[int, int]) -> None:
    labels = np.where(np.indices(shape).sum(axis=0) % 2, 3, 255).astype(np.uint8)
    image, small = fit_pair(np.zeros((*shape, 3), dtype=np.uint8), labels, 120, 80)
    assert image.shape[:2] == small.shape
    assert small.shape[0] == 80 or small.shape[1] == 120
    assert set(np.unique(small)) <= {3, 255}


def test_the_sheet_shows_classes_splits_sizes_and_void(tmp_path: Path) -> None:
    classes = name_classes((0, 255), ("background", "crack"), (7,))
    found = texts(make_sheet(classes, void=0.125))
    for words in ("a folder", "crack", "background (not tinted)", "void, not scored", "40 x 30\nall 2 images"):
        assert words in found
    assert any("void: 12.5% of all" in text for text in found)
    assert "void, not scored" not in texts(make_sheet(classes))
    assert "soil (not tinted)" in texts(make_sheet(name_classes((1, 0), ("plant", "soil"))))


@pytest.mark.usefixtures("only_dejavu")
def test_a_name_that_no_font_can_write_is_the_index_of_its_class() -> None:
    found = texts(make_sheet(name_classes((0, 1), ("道路", "дорога"))))
    assert found.count("class 0") + found.count("class 0 (not tinted)") == 2, "in the chart and in the legend"
    assert found.count("дорога") == 2


def test_no_text_leaves_the_sheet_or_its_tile() -> None:
    sheet = make_sheet(name_classes((0, 1), ("one", "two")), tiles=5)
    tiles = tuple(replace(tile, name="M_very_long_name_" * 9) for tile in sheet.tiles)
    with theme():
        figure = draw_sheet(replace(sheet, title="M" * 90, facts=("mask " * 80, "x"), tiles=tiles))
        figure.draw_without_rendering()
        boxes = [text.get_window_extent() for text in figure.texts]
    assert max(box.x1 for box in boxes) < figure.bbox.x1
    first, second = [box for box, text in zip(boxes, figure.texts, strict=True) if "·" in text.get_text()][:2]
    assert first.x1 < second.x0


def test_the_legend_of_wide_letters_is_on_the_sheet() -> None:
    """Columns were counted by characters: names of wide letters went beyond the sheet on the right."""
    sheet = make_sheet(name_classes(range(9), [f"{'W' * 22}{index}" for index in range(9)]))
    with theme():
        figure = draw_sheet(sheet)
        figure.draw_without_rendering()
        [legend] = figure.legends
        assert legend.get_window_extent().x1 < figure.bbox.x1


def test_long_facts_are_on_several_lines_and_complete() -> None:
    fact = "index masks: " + ", ".join(f"{value} = a class of number {value}" for value in range(20))
    shown = texts(replace(make_sheet(name_classes((0, 1), ("one", "two"))), facts=(fact, "the last")))
    lines = shown[1 : shown.index("the last")]
    assert len(lines) > 2
    assert " ".join(lines) == fact


def test_saving_writes_a_png_and_keeps_matplotlibs_settings(tmp_path: Path) -> None:
    before = dict(mpl.rcParams)
    save_sheet(make_sheet(name_classes((0, 1), ("one", "two"))), tmp_path / "new" / "check.png")
    assert dict(mpl.rcParams) == before
    with Image.open(tmp_path / "new" / "check.png") as picture:
        picture.load()
        assert picture.format == "PNG"
        assert picture.width == 1500


def test_the_sheet_is_also_a_drawing_with_its_numbers(tmp_path: Path) -> None:
    sheet = make_sheet(name_classes((0, 1), ("one", "two")))
    save_sheet(sheet, tmp_path / "check.png")
    table = pd.read_csv(tmp_path / "check.csv")
    classes = table[table["chart"] == "classes"]
    for part, pixels in sheet.pixels.items():
        assert classes.loc[classes["split"] == part, "pixels"].tolist() == pixels.tolist()
    sizes = table.loc[table["chart"] == "sizes", ["height", "width", "images"]]
    assert {(h, w): n for h, w, n in sizes.to_numpy().astype(int).tolist()} == Counter(sheet.sizes)
    root = ElementTree.parse(tmp_path / "check.svg").getroot()
    width, height = (float(root.get(side)[:-2]) for side in ("width", "height"))
    assert width == pytest.approx(720)  # points
    tiles = [one for one in root.iter("{http://www.w3.org/2000/svg}image") if float(one.get("width")) > 50]
    assert len(tiles) == len(sheet.tiles)
    for tile in tiles:
        assert 0 <= float(tile.get("x")) <= width - float(tile.get("width"))
        assert 0 <= float(tile.get("y")) <= height - float(tile.get("height"))


@pytest.mark.parametrize(
    "sheet",
    [
        make_sheet(name_classes(range(255), [f"class number {i} of a long list" for i in range(255)]), tiles=12),
        make_sheet(name_classes((0, 1), ("道路", "a\nb$c_d")), tiles=1, parts=("test",)),
        make_sheet(name_classes((0, 1), ("one", "two")), tiles=5, shape=(3, 700), parts=("train", "val", "test")),
        make_sheet(name_classes((0, 1), ("one", "two")), tiles=3, shape=(900, 4)),
    ],
    ids=["255-classes", "strange-names", "flat-images", "tall-images"],
)
def test_any_data_makes_a_sheet(sheet: DataSheet, tmp_path: Path) -> None:
    save_sheet(sheet, tmp_path / "check.png")
    with Image.open(tmp_path / "check.png") as picture:
        assert picture.height < 3500


def test_a_sheet_without_tiles_and_with_empty_classes_is_drawn(tmp_path: Path) -> None:
    sheet = make_sheet(name_classes((0, 1, 2), ("one", "two", "three")), tiles=0)
    sheet.pixels["val"][:] = 0
    sheet.pixels["train"][2] = 0
    sheet.sizes.append((10, 20))
    save_sheet(sheet, tmp_path / "check.png")
    assert (tmp_path / "check.png").exists()


def test_of_many_classes_the_most_frequent_and_the_rarest_are_shown() -> None:
    total = np.random.default_rng(0).permutation(100)
    order = frequency_order(total)
    assert len(order) == ROWS
    assert total[order].tolist() == [*range(99, 99 - ROWS // 2, -1), *range(ROWS // 2 - 1, -1, -1)]
    assert frequency_order(np.array([5, 9, 7])) == [1, 2, 0]
