"""How models look: colours and markers that differ, and a theme that leaves the caller's settings alone."""

import matplotlib
import pytest
from matplotlib.colors import to_rgb

from segarena.reporting.style import ARCHITECTURES, model_styles, theme


def luminance(color: str) -> float:
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in to_rgb(color)]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def test_architectures_differ_in_colour_and_in_marker() -> None:
    styles = model_styles([*ARCHITECTURES, "segnet", "linknet", "another"])
    colors, markers = ({getattr(style, what) for style in styles.values()} for what in ("color", "marker"))
    assert len(colors) == len(markers) == len(ARCHITECTURES) + 3


@pytest.mark.parametrize("name", [*ARCHITECTURES, "segnet"])
def test_colours_stand_out_on_white(name: str) -> None:
    # WCAG 2.2, 1.4.11: 3:1 for graphics, rounded as its readers do
    assert 1.05 / (luminance(model_styles([name])[name].color) + 0.05) > 2.95


def test_an_unknown_name_looks_the_same_wherever_it_is_ranked() -> None:
    assert model_styles(["zeta", "unet", "alpha"]) == model_styles(["alpha", "zeta", "unet"])
    assert list(model_styles(["zeta", "unet", "alpha"])) == ["zeta", "unet", "alpha"]


def test_the_theme_leaves_the_callers_settings_alone() -> None:
    before = dict(matplotlib.rcParams)
    with theme():
        assert matplotlib.rcParams["text.parse_math"] is False
    assert dict(matplotlib.rcParams) == before
