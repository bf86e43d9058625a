"""Shapes on a mask: a pixel belongs to the shape that holds its centre, whatever the shape and wherever it lies."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib.path import Path as Outline
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from annotated import draw, show
from segarena.data.converters.rasterize import Ellipse, Patch, Polygons, Shape, rectangle


def painted(shape: Shape, height: int = 6, width: int = 8) -> list[str]:
    mask = np.zeros((height, width), dtype=np.uint8)
    shape.paint(mask, 1)
    return show(mask)


def polygon(*corners: tuple[float, float]) -> Polygons:
    return Polygons((np.array(corners, dtype=np.float64),))


def test_a_rectangle_covers_its_pixels_and_no_row_or_column_more() -> None:
    """Pillow's polygon paints 4 x 4 pixels here."""
    expected = ["........", "..111...", "..111...", "..111...", "........", "........"]
    assert painted(rectangle(2, 1, 5, 4)) == expected
    assert painted(rectangle(5, 4, 2, 1)) == expected
    assert painted(rectangle(1.51, 0.6, 5.49, 4.4)) == expected
    picture = Image.new("L", (8, 6))
    ImageDraw.Draw(picture).polygon([(2, 1), (5, 1), (5, 4), (2, 4)], fill=1)
    assert np.asarray(picture).sum() == 16


def test_a_shape_as_large_as_the_image_covers_it_all_and_one_outside_nothing() -> None:
    assert painted(rectangle(0, 0, 8, 6)) == ["1" * 8] * 6
    assert painted(rectangle(-50, -50, 80, 60)) == ["1" * 8] * 6
    for shape in (rectangle(8, 0, 20, 6), rectangle(-9, 0, 0, 6), rectangle(0, 6, 8, 9), Ellipse(-20, 3, 2, 2)):
        assert painted(shape) == ["........"] * 6


def test_neighbours_share_no_pixel_and_leave_no_gap() -> None:
    corners = [(0.0, 0.0), (8.0, 0.0), (8.0, 6.0), (0.0, 6.0)]
    middle = (3.37, 2.81)
    total = np.zeros((6, 8), dtype=np.int64)
    for first, second in zip(corners, corners[1:] + corners[:1], strict=True):
        mask = np.zeros((6, 8), dtype=np.uint8)
        polygon(first, second, middle).paint(mask, 1)
        total += mask
    assert (total == 1).all()


def test_a_triangle_by_hand_whose_long_side_runs_through_centres() -> None:
    assert painted(polygon((0, 0), (6, 0), (0, 6))) == [
        "11111...",
        "1111....",
        "111.....",
        "11......",
        "1.......",
        "........",
    ]


def test_what_an_outline_runs_around_twice_is_outside_and_parts_of_an_object_add_up() -> None:
    ring = polygon((0, 0), (6, 0), (6, 6), (0, 6), (0, 0), (2, 2), (2, 4), (4, 4), (4, 2), (2, 2))
    assert painted(ring, 6, 6) == ["111111", "111111", "11..11", "11..11", "111111", "111111"]
    parts = Polygons(tuple(np.array(corners, dtype=np.float64) for corners in ([(0, 0), (4, 0), (4, 2), (0, 2)],) * 2))
    assert painted(parts, 3, 5) == ["1111.", "1111.", "....."]


def test_a_rectangle_turns_clockwise_around_its_middle() -> None:
    assert painted(rectangle(1, 2, 7, 4, degrees=90), 6, 8) == ["...11..."] * 6
    falling = painted(rectangle(0, 3.3, 8, 4.7, degrees=45), 8, 8)
    assert falling[2].index("1") < falling[5].index("1")


def test_a_circle_and_an_ellipse_by_hand() -> None:
    assert painted(Ellipse(3, 3, 2, 2), 6, 6) == ["......", "..11..", ".1111.", ".1111.", "..11..", "......"]
    assert painted(Ellipse(4, 3, 3.9, 0.9)) == ["........", "........", ".111111.", ".111111.", "........", "........"]
    assert painted(Ellipse(4, 3, 3.9, 0.9, degrees=90)) == ["...11..."] * 6
    assert painted(Ellipse(4, 3, 0, 0)) == ["........"] * 6


@pytest.mark.parametrize(
    ("top", "left", "expected"),
    [
        (1, 1, [".....", ".11..", "..1..", "....."]),
        (-1, 0, [".1...", ".....", ".....", "....."]),
        (0, -1, ["1....", "1....", ".....", "....."]),
        (3, 4, [".....", ".....", ".....", "....1"]),
        (9, 9, ["....."] * 4),
        (-5, -5, ["....."] * 4),
    ],
)
def test_a_patch_is_cut_at_the_edges(top: int, left: int, expected: list[str]) -> None:
    region = np.array([[True, True], [False, True]])
    assert painted(Patch(region, top, left), 4, 5) == expected


@given(st.lists(st.tuples(*[st.floats(-3, 13, width=32)] * 2), min_size=3, max_size=9))
@settings(max_examples=150, deadline=None)
def test_any_polygon_holds_the_centres_that_counting_crossings_finds(corners: list[tuple[float, float]]) -> None:
    mask = np.zeros((9, 10), dtype=np.uint8)
    polygon(*corners).paint(mask, 1)
    expected = [[holds(corners, x + 0.5, y + 0.5) for x in range(10)] for y in range(9)]
    np.testing.assert_array_equal(mask == 1, expected)


def holds(corners: list[tuple[float, float]], x: float, y: float) -> bool:
    """Even-odd, one point at a time: the number of edges to its left is odd."""
    inside = False
    for (x0, y0), (x1, y1) in zip(corners, corners[1:] + corners[:1], strict=True):
        if (y0 <= y) != (y1 <= y) and x0 + (y - y0) / (y1 - y0) * (x1 - x0) <= x:
            inside = not inside
    return inside


def test_a_star_agrees_with_matplotlib_and_a_finely_drawn_one() -> None:
    angles = np.arange(14) * np.pi / 7
    radius = np.where(np.arange(14) % 2, 9.3, 21.7)
    corners = np.stack([25.2 + radius * np.cos(angles), 24.6 + radius * np.sin(angles)], axis=1)
    mask = np.zeros((50, 52), dtype=np.uint8)
    Polygons((corners,)).paint(mask, 1)
    centres = np.stack(np.meshgrid(np.arange(52) + 0.5, np.arange(50) + 0.5), axis=-1).reshape(-1, 2)
    np.testing.assert_array_equal(mask == 1, Outline(corners).contains_points(centres).reshape(50, 52))
    assert abs(int(mask.sum()) - fine_area(corners)) < 10


def fine_area(corners: NDArray[np.float64]) -> float:
    picture = Image.new("L", (52 * 40, 50 * 40))
    ImageDraw.Draw(picture).polygon([(x * 40, y * 40) for x, y in corners], fill=1)
    return float(np.asarray(picture).sum()) / 1600


def test_drawn_rows_come_back() -> None:
    rows = [".12x", "x..3"]
    assert show(draw(rows)) == rows
