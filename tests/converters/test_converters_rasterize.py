"""Shapes and run lengths on a mask: a pixel belongs to the shape that contains its centre."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib.path import Path as Outline
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from annotated import show
from segarena.annotations.annotations import Malformed
from segarena.annotations.rasterize import (
    ColumnRuns,
    Ellipse,
    Patch,
    Polygons,
    Shape,
    check_counts,
    decode_runs,
    decompress_counts,
    rectangle,
)


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


def test_shapes_are_cut_off_at_the_edges_of_the_image() -> None:
    assert painted(rectangle(0, 0, 8, 6)) == ["1" * 8] * 6
    assert painted(rectangle(-50, -50, 80, 60)) == ["1" * 8] * 6
    for shape in (rectangle(8, 0, 20, 6), rectangle(-9, 0, 0, 6), rectangle(0, 6, 8, 9), Ellipse(-20, 3, 2, 2)):
        assert painted(shape) == ["........"] * 6


def test_adjacent_polygons_share_no_pixel_and_leave_no_gap() -> None:
    corners = [(0.0, 0.0), (8.0, 0.0), (8.0, 6.0), (0.0, 6.0)]
    middle = (3.37, 2.81)
    total = np.zeros((6, 8), dtype=np.int64)
    for first, second in zip(corners, corners[1:] + corners[:1], strict=True):
        mask = np.zeros((6, 8), dtype=np.uint8)
        polygon(first, second, middle).paint(mask, 1)
        total += mask
    assert (total == 1).all()


def test_a_triangle_with_an_edge_through_centres() -> None:
    assert painted(polygon((0, 0), (6, 0), (0, 6)), 6, 6) == [
        "11111.",
        "1111..",
        "111...",
        "11....",
        "1.....",
        "......",
    ]


def test_a_place_enclosed_twice_is_outside_but_outlines_add_up() -> None:
    ring = polygon((0, 0), (6, 0), (6, 6), (0, 6), (0, 0), (2, 2), (2, 4), (4, 4), (4, 2), (2, 2))
    assert painted(ring, 6, 6) == ["111111", "111111", "11..11", "11..11", "111111", "111111"]
    parts = Polygons(polygon((0, 0), (4, 0), (4, 2), (0, 2)).outlines * 2)
    assert painted(parts, 3, 5) == ["1111.", "1111.", "....."]


def test_a_rectangle_turns_clockwise_around_its_centre() -> None:
    assert painted(rectangle(1, 2, 7, 4, degrees=90), 6, 8) == ["...11..."] * 6
    falling = painted(rectangle(0, 3.3, 8, 4.7, degrees=45), 8, 8)
    assert falling[2].index("1") < falling[5].index("1")


def test_a_circle_and_ellipses() -> None:
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
def test_a_patch_is_cut_off_at_the_edges(top: int, left: int, expected: list[str]) -> None:
    assert painted(Patch(np.array([[True, True], [False, True]]), top, left), 4, 5) == expected


@given(st.lists(st.tuples(*[st.floats(-3, 13, width=32)] * 2), min_size=3, max_size=9))
@settings(max_examples=150, deadline=None)
def test_any_polygon_contains_the_same_centres_as_point_by_point(corners: list[tuple[float, float]]) -> None:
    mask = np.zeros((9, 10), dtype=np.uint8)
    polygon(*corners).paint(mask, 1)
    expected = [[contains(corners, x + 0.5, y + 0.5) for x in range(10)] for y in range(9)]
    np.testing.assert_array_equal(mask == 1, expected)


def contains(corners: list[tuple[float, float]], x: float, y: float) -> bool:
    """Even-odd rule, one point at a time: the number of edges to its left is odd."""
    inside = False
    for (x0, y0), (x1, y1) in zip(corners, corners[1:] + corners[:1], strict=True):
        if (y0 <= y) != (y1 <= y) and x0 + (y - y0) / (y1 - y0) * (x1 - x0) <= x:
            inside = not inside
    return inside


def test_a_star_equals_matplotlibs_and_has_the_area_of_a_fine_drawing() -> None:
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


# Run lengths


@pytest.mark.parametrize(
    ("text", "counts"),
    [
        ("", []),
        ("23", [2, 3]),
        ("231N", [2, 3, 1, 1]),  # the fourth is 1 - 3 = -2 = 11110: 30 + 48 = "N"
        ("`0", [16]),  # 16 would look negative in five bits, so a zero follows
        ("T3", [100]),  # 100 = 00011 00100
        ("PPP1", [1 << 15]),
        ("1000", [1, 0, 0, 0]),
        ("5151", [5, 1, 5, 2]),
        ("510OO", [5, 1, 0, 0, -1]),
    ],
)
def test_a_compressed_rle_is_read(text: str, counts: list[int]) -> None:
    assert decompress_counts(text) == counts


@pytest.mark.parametrize("text", ["T", "2 3", "23é", "23!", "P" * 40])
def test_text_that_is_no_compressed_rle_is_malformed(text: str) -> None:
    with pytest.raises(Malformed):
        decompress_counts(text)


@pytest.mark.parametrize(
    "counts", [[6], [5, 5], [-1, 7], [2.0, 4], [True, 5], ["6"], [], [3, 10**30], [None], [[6]], [0, 2**62, 2**62]]
)
def test_lengths_that_do_not_fill_the_mask_are_malformed(counts: list[object]) -> None:
    with pytest.raises(Malformed):
        check_counts(counts, 1, 7)


def test_coco_runs_down_the_columns_and_cvat_along_the_rows() -> None:
    counts = check_counts([1, 2, 3], 2, 3)
    assert painted(ColumnRuns(counts), 2, 3) == [".1.", "1.."]
    assert decode_runs(counts, 2, 3).tolist() == [[False, True, True], [False, False, False]]


def test_the_disc_of_cvats_documentation_is_round() -> None:
    lengths = [3, 5, 7, 7, 5, 9, 3, 11, 2, 11, 2, 12, 1, 12, 1, 26, 1, 12, 1, 12, 2, 11, 3, 9, 5, 7, 7, 5, 3]
    region = decode_runs(check_counts(lengths, 15, 13), 15, 13)
    assert region.sum() == 149
    assert region[:, 6].all()
    assert not region[[0, 0, -1, -1], [0, -1, 0, -1]].any()


@given(st.lists(st.integers(0, 3000), min_size=1, max_size=40))
@settings(max_examples=200, deadline=None)
def test_any_lengths_are_read_back_from_their_compressed_form(counts: list[int]) -> None:
    assert decompress_counts(compress(counts)) == counts


@given(st.integers(1, 9), st.integers(1, 9), st.randoms(use_true_random=False))
@settings(max_examples=100, deadline=None)
def test_any_mask_is_read_back_from_its_runs(height: int, width: int, random: object) -> None:
    pixels = np.array([[random.random() < 0.5 for _ in range(width)] for _ in range(height)])  # type: ignore[attr-defined]
    mask = np.zeros((height, width), dtype=np.uint8)
    text = compress(run_lengths(pixels.T.ravel().tolist()))
    ColumnRuns(check_counts(decompress_counts(text), height, width)).paint(mask, 1)
    np.testing.assert_array_equal(mask == 1, pixels)


def run_lengths(pixels: list[bool]) -> list[int]:
    counts, value = [0], False
    for pixel in pixels:
        if pixel != value:
            counts.append(0)
            value = pixel
        counts[-1] += 1
    return counts


def compress(counts: list[int]) -> str:
    """COCO's rleToString, step by step: five bits at a time until only the sign is left."""
    text = ""
    for place, count in enumerate(counts):
        rest = count - counts[place - 2] if place > 2 else count
        more = True
        while more:
            group, rest = rest & 31, rest >> 5
            more = rest != (-1 if group & 16 else 0)
            text += chr(group + (32 if more else 0) + 48)
    return text
