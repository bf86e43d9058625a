"""docs/data.md: each encoding has its picture, and text and pictures are what the code gives today."""

from __future__ import annotations

import importlib
import re
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from PIL import Image

DOCS = Path(__file__).parents[1] / "docs"
PICTURES = DOCS / "images" / "data"
PAGE = (DOCS / "data.md").read_text()
NAMES = re.findall(r"^<!-- generated: ([\w-]+) -->$", PAGE, flags=re.MULTILINE)


class Generator:
    """`docs/build_data_page.py` and its ways to save masks, each read once."""

    def __init__(self, module: ModuleType) -> None:
        self.module = module
        self.ways: dict[str, Any] = {way.name: way for way in module.MASK_FILES}
        self.read = cache(lambda name: module.read_back(self.ways[name]))

    def draw(self, name: str) -> Any:
        with self.module.page_theme():
            return self.module.draw_row(self.ways[name], self.read(name))


@pytest.fixture(scope="module")
def generator() -> Iterator[Generator]:
    sys.path.insert(0, str(DOCS))
    yield Generator(importlib.import_module("build_data_page"))
    sys.path.remove(str(DOCS))


def without_counts(text: str) -> str:
    """Without the number of values that smoothing and JPEG make, which depends on the version of Pillow."""
    return re.sub(r"[\d,]+ (?=grey levels|other colours)", "", text)


def test_every_encoding_has_one_picture_on_the_page(generator: Generator) -> None:
    assert list(generator.ways) == NAMES
    assert re.findall(r"\(images/data/([\w-]+)\.png\)", PAGE) == NAMES
    assert sorted(path.name for path in PICTURES.iterdir()) == sorted(f"{name}.png" for name in NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_the_text_of_the_page_is_up_to_date(generator: Generator, name: str) -> None:
    section = generator.module.describe(generator.ways[name], generator.read(name).encoding)
    written = generator.module.insert(PAGE, {name: section})
    assert without_counts(written) == without_counts(PAGE), "run `make docs`"


@pytest.mark.parametrize(("name", "brightest"), [("zero-one", 1), ("numbers", 4), ("sixteen-bit", 1)])
def test_masks_described_as_black_are_drawn_black(generator: Generator, name: str, brightest: int) -> None:
    assert "is black all over" in generator.ways[name].looks
    assert generator.read(name).viewed.max() == brightest


def test_a_figure_has_the_encoding_the_classes_and_the_values(generator: Generator) -> None:
    texts = [text.get_text() for text in generator.draw("void").texts]
    assert "encoding: index masks: 0 = class_0, 1 = class_1, 2 = class_2, 3 = class_3, 4 = class_4; void: 255" in texts
    assert {"class_0", "class_4", "void", "6 values in this file", "PNG, 8-bit grey"} <= set(texts)
    square = generator.read("void").values[19:24, 30:35]
    numbers = [text for text in texts if text.isdigit()]
    assert numbers[:25] == [str(value) for value in square.ravel()]


def test_the_stored_picture_is_up_to_date(generator: Generator) -> None:
    drawn = generator.module.render(generator.draw("declared")).convert("RGB")
    with Image.open(PICTURES / "declared.png") as stored:
        difference = np.abs(np.asarray(stored.convert("RGB"), dtype=float) - np.asarray(drawn))
    assert difference.mean() < 3, "run `make docs`"


def test_the_pictures_are_small() -> None:
    sizes = [path.stat().st_size for path in PICTURES.iterdir()]
    assert max(sizes) < 60_000
    assert sum(sizes) < 700_000
