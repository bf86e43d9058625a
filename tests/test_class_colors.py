"""The colours of classes without declared ones: distinct, also for colour-blind readers; none near a declared one."""

from __future__ import annotations

import numpy as np
import pytest
from class_colors import choose_colors as choose_again
from class_colors import differences, seen_colors

from segarena.classes import DEFAULT_COLORS, IGNORE_INDEX, ClassTable, name_classes
from segarena.classes.colors import difference, lightness


def smallest(colors: list[tuple[int, int, int]]) -> list[float]:
    """The smallest difference between two of the colours, for each kind of vision."""
    seen = seen_colors(colors)
    apart = differences(seen, seen) + 1000 * np.eye(len(colors))
    return [float(one.min()) for one in apart]


@pytest.mark.parametrize(("number", "normal", "colour_blind"), [(6, 14, 8), (12, 12, 6), (20, 9, 6), (255, 2, 1.5)])
def test_default_colours_differ_in_every_vision(number: int, normal: float, colour_blind: float) -> None:
    """2 is just visible side by side; 5 is distinct in a legend."""
    smallest_normal, *others = smallest(list(DEFAULT_COLORS[:number]))
    assert smallest_normal > normal
    assert min(others) > colour_blind


def test_the_documented_way_gives_the_first_default_colours() -> None:
    assert choose_again(30) == list(DEFAULT_COLORS[:30])


def test_every_class_has_its_own_colour_which_depends_on_its_index() -> None:
    many, few = (name_classes(range(n), [f"c{i}" for i in range(n)]).colors for n in (IGNORE_INDEX, 5))
    assert len(set(many)) == IGNORE_INDEX
    assert many[:5] == few == DEFAULT_COLORS[:5]


def test_light_grey_is_for_the_class_without_tint() -> None:
    table = name_classes([0, 1, 2], ["pet", "person", "background"])
    assert table.colors == (DEFAULT_COLORS[2], DEFAULT_COLORS[1], DEFAULT_COLORS[0])


def test_declared_colours_are_kept_and_others_keep_away_from_them() -> None:
    blue = tuple(channel + 2 for channel in DEFAULT_COLORS[1])
    content = [{"name": "a", "value": 0}, {"name": "b", "value": 1}, {"name": "c", "value": 2, "color": list(blue)}]
    colors = ClassTable.from_dict({"classes": content}, where="").colors
    assert colors[2] == blue
    assert min(difference(colors[i], colors[j]) for i, j in ((0, 1), (0, 2), (1, 2))) > 9


def test_differences_are_those_of_the_published_space() -> None:
    pairs = [((255, 255, 255), (0, 0, 0)), ((68, 119, 170), (238, 102, 119)), ((1, 2, 3), (4, 5, 6))]
    for one, other in pairs:
        assert difference(one, other) == pytest.approx(differences(*map(seen_colors, ([one], [other])))[0, 0, 0])
    assert (lightness((0, 0, 0)), lightness((255, 255, 255))) == (0, pytest.approx(1))
