"""Run lengths: COCO's two spellings and CVAT's, from vectors worked out by hand and any mask there and back."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from annotated import show
from segarena.data.converters.rasterize import Malformed, Runs, check_counts, read_string, unroll


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
    assert read_string(text) == counts


@pytest.mark.parametrize("text", ["T", "2 3", "23é", "23!", "P" * 40])
def test_what_is_no_compressed_rle_is_malformed(text: str) -> None:
    with pytest.raises(Malformed):
        read_string(text)


@pytest.mark.parametrize(
    "counts", [[6], [5, 5], [-1, 7], [2.0, 4], [True, 5], ["6"], [], [3, 10**30], [None], [[6]], [0, 2**62, 2**62]]
)
def test_lengths_that_do_not_fill_the_mask_are_malformed(counts: list[object]) -> None:
    with pytest.raises(Malformed):
        check_counts(counts, 1, 7)


def test_coco_runs_down_the_columns_and_cvat_along_the_rows() -> None:
    counts = check_counts([1, 2, 3], 2, 3)
    mask = np.zeros((2, 3), dtype=np.uint8)
    Runs(counts).paint(mask, 1)
    assert show(mask) == [".1.", "1.."]
    assert unroll(counts, 2, 3).tolist() == [[False, True, True], [False, False, False]]


def test_the_disc_of_cvats_own_documentation_is_round() -> None:
    lengths = [3, 5, 7, 7, 5, 9, 3, 11, 2, 11, 2, 12, 1, 12, 1, 26, 1, 12, 1, 12, 2, 11, 3, 9, 5, 7, 7, 5, 3]
    region = unroll(check_counts(lengths, 15, 13), 15, 13)
    assert region.sum() == 149
    assert region[:, 6].all()
    assert not region[[0, 0, -1, -1], [0, -1, 0, -1]].any()


@given(st.lists(st.integers(0, 3000), min_size=1, max_size=40))
@settings(max_examples=200, deadline=None)
def test_any_lengths_come_back_from_their_compressed_form(counts: list[int]) -> None:
    assert read_string(compress(counts)) == counts


@given(st.integers(1, 9), st.integers(1, 9), st.randoms(use_true_random=False))
@settings(max_examples=100, deadline=None)
def test_any_mask_comes_back_from_its_runs(height: int, width: int, random: object) -> None:
    pixels = np.array([[random.random() < 0.5 for _ in range(width)] for _ in range(height)])  # type: ignore[attr-defined]
    mask = np.zeros((height, width), dtype=np.uint8)
    Runs(check_counts(read_string(compress(run_lengths(pixels.T.ravel().tolist()))), height, width)).paint(mask, 1)
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
