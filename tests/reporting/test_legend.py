"""The legend of an overlay: only what is there, beside the picture and never over it, in any size and script."""

from __future__ import annotations

import numpy as np
import pytest

from segarena.classes import name_classes
from segarena.reporting.fonts import displayable
from segarena.reporting.legend import add_legend, list_classes

NAMES = ["soil", *(f"class number {i} of a long list" for i in range(1, 80))]
EIGHTY = name_classes(range(80), NAMES)


def test_only_present_classes_are_listed_with_their_shares() -> None:
    labels = np.zeros((10, 10), dtype=np.uint8)
    labels[:3], labels[8], labels[9] = 7, 255, 7
    labels[9, 9] = 3
    entries = list_classes(labels, EIGHTY)
    assert [(entry.name, entry.remark) for entry in entries] == [
        ("soil", "50.0% (not tinted)"),
        (NAMES[7], "39.0%"),
        (NAMES[3], "1.0%"),
        ("void", "10.0%"),
    ]
    assert [entry.color for entry in entries] == [None, EIGHTY.colors[7], EIGHTY.colors[3], None]
    assert not any(entry.is_striped for entry in list_classes(labels[:8], EIGHTY))


@pytest.mark.parametrize(
    "shape", [(1, 1), (64, 64), (64, 2000), (2000, 64), (360, 480), (480, 360), (3000, 4000), (200, 8000)]
)
@pytest.mark.parametrize("number", [2, 80])
def test_the_picture_stays_as_it_is_and_the_legend_is_outside(shape: tuple[int, int], number: int) -> None:
    labels = (np.arange(shape[0] * shape[1]) % number).astype(np.uint8).reshape(shape)
    picture = np.full((*shape, 3), 77, dtype=np.uint8)
    result = np.asarray(add_legend(picture, labels, EIGHTY))
    height, width = shape
    np.testing.assert_array_equal(result[:height, :width], picture)
    below, beside = result[height:, :width], result[:, width:]
    strip = beside if beside.size else below
    assert strip.min() < 60, "there is text"
    assert (strip[:, -3:] == 255).all(), "nothing is cut off"
    assert result.shape[0] <= max(1.6 * height, height + 200)


def ink(image: np.ndarray) -> int:
    """The height of the text in the strip below."""
    return int((image.min(axis=(1, 2)) < 120).sum())


def test_text_grows_with_the_picture() -> None:
    def strip(side: int) -> np.ndarray:
        picture = np.full((side, side, 3), 255, dtype=np.uint8)
        return np.asarray(add_legend(picture, np.zeros((side, side), dtype=np.uint8), EIGHTY))

    assert ink(strip(300)) == ink(strip(600)) >= 9
    assert ink(strip(6000)) > 5 * ink(strip(600))


@pytest.mark.usefixtures("only_dejavu")
def test_names_that_no_font_can_write_are_replaced_by_the_index() -> None:
    table = name_classes(range(5), ["道路", "дорога", "Straße 🫨", "طريق", "道路 A"])
    labels = np.arange(5, dtype=np.uint8).repeat(100).reshape(20, 25)
    assert {entry.name for entry in list_classes(labels, table)} == {"class 0", "дорога", "Straße", "طريق", "class 4"}
    assert add_legend(np.zeros((20, 25, 3), dtype=np.uint8), labels, table).width > 25


@pytest.mark.parametrize("name", ["", "  ", "a\u0000b", "x" * 500, "🫨"])
def test_any_name_is_drawn(name: str) -> None:
    table = name_classes((0, 1), ["a", name])
    labels = np.ones((30, 30), dtype=np.uint8)
    assert add_legend(np.zeros((30, 30, 3), dtype=np.uint8), labels, table).width < 400
    assert "\n" not in displayable(name)
