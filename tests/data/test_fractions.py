"""Parts of the training images for the learning curve: nested, stratified, groups whole, the same whatever is asked."""

from __future__ import annotations

import re
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from segarena.data.source import Sample
from segarena.data.splitting.fractions import take_fraction
from segarena.errors import ConfigError
from support import refuses


def named(number: int) -> list[Sample]:
    return [Sample(f"image{place:04}", None, None, None) for place in range(number)]


@st.composite
def grouped_pixels(draw):
    sizes = draw(st.lists(st.integers(1, 4), min_size=3, max_size=12))
    groups = [f"g{group}" for group, size in enumerate(sizes) for _ in range(size)]
    rows = draw(
        st.lists(st.lists(st.integers(0, 50), min_size=3, max_size=3), min_size=len(groups), max_size=len(groups))
    )
    return groups, np.array(rows)


@given(grouped_pixels(), st.lists(st.floats(0.3, 1), min_size=2, max_size=3))
@settings(max_examples=60)
def test_a_smaller_part_is_in_every_larger_one_and_groups_are_whole(data, fractions) -> None:
    groups, pixels = data
    train = range(len(groups))
    parts = []
    for fraction in sorted(fractions):
        try:
            parts.append(set(take_fraction(named(len(groups)), train, pixels, fraction, groups)))
        except ConfigError:  # the first group is one image
            continue
    for smaller, larger in pairwise(parts):
        assert smaller <= larger
    for part in parts:
        inside = {groups[index] for index in part}
        assert part == {index for index in train if groups[index] in inside}


@pytest.mark.parametrize(("fraction", "number"), [(0.1, 4), (0.25, 10), (0.5, 20), (0.99, 40), (1.0, 40)])
def test_the_number_is_the_nearest(fraction: float, number: int) -> None:
    pixels = np.ones((40, 1), dtype=np.int64)
    assert len(take_fraction(named(40), range(40), pixels, fraction)) == number


def test_the_number_is_the_nearest_that_whole_groups_give() -> None:
    groups = [f"g{group}" for group, size in enumerate((1, 7, 2, 12, 3, 5, 1, 9)) for _ in range(size)]
    number, pixels = len(groups), np.ones((len(groups), 1), dtype=np.int64)
    fractions = np.linspace(0.1, 1, 91)
    found = [len(take_fraction(named(number), range(number), pixels, share, groups)) for share in fractions]
    assert len(set(found)) > 3
    nearest = [min(set(found), key=lambda images: abs(images - share * number)) for share in fractions]
    assert found == nearest


def test_each_part_has_its_share_of_the_pixels_of_each_class() -> None:
    """Also of a class in few images, and of one with most of its pixels in some; random parts are further off."""
    rng = np.random.default_rng(0)
    everywhere = rng.integers(100, 200, 200)
    rare = np.where(rng.random(200) < 0.1, rng.integers(1, 100, 200), 0)
    skewed = (1000 * rng.pareto(2, 200)).astype(int)
    pixels = np.stack([everywhere, rare, skewed], axis=1)

    def off(chosen, fraction: float) -> float:
        return float(np.abs(pixels[list(chosen)].sum(axis=0) / pixels.sum(axis=0) - fraction).max())

    for fraction in (0.25, 0.5, 0.75):
        chosen = take_fraction(named(200), range(200), pixels, fraction)
        at_random = [off(rng.permutation(200)[: len(chosen)], fraction) for _ in range(101)]
        assert off(chosen, fraction) < 0.4 * np.median(at_random)


def test_the_choice_depends_on_names_and_not_on_places() -> None:
    """Training indices of a split are not 0 to n - 1, and other images may be in between."""
    rng = np.random.default_rng(1)
    pixels = rng.integers(0, 100, (30, 4))
    chosen = take_fraction(named(30), range(30), pixels, 0.4)
    spread = [sample for one in named(30) for sample in (Sample(f"val{one.name}", None, None, None), one)]
    again = take_fraction(spread, range(1, 60, 2), pixels, 0.4)
    assert {spread[index].name for index in again} == {named(30)[index].name for index in chosen}


def test_one_image_is_too_few() -> None:
    pixels = np.ones((20, 2), dtype=np.int64)
    with refuses(ConfigError, where="data fraction 0.05", value="20 training images") as caught:
        take_fraction(named(20), range(20), pixels, 0.05)
    least = float(re.findall(r"at least ([\d.]+)", caught.value.remedy)[0])
    assert len(take_fraction(named(20), range(20), pixels, least)) == 2


@pytest.mark.parametrize("others", [1, 10, 300])
def test_the_advised_fraction_trains_where_the_first_group_is_one_image(others: int) -> None:
    advised = []
    for place in range(3):  # the groups are shuffled
        sizes = [1 if group == place else others for group in range(3)]
        groups = [f"g{group}" for group, size in enumerate(sizes) for _ in range(size)]
        data = named(len(groups)), range(len(groups)), np.ones((len(groups), 1), np.int64)
        try:
            take_fraction(*data, 0.001, groups)
        except ConfigError as error:
            advised += re.findall(r"at least ([\d.]+)", error.remedy)
            assert len(take_fraction(*data, float(advised[-1]), groups)) >= 2
    assert advised
