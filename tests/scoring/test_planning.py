"""What would show a difference: the predicted power is that of repeated draws, and more data never lowers it."""

import numpy as np
import pytest
from count_tables import draw_counts
from scipy.stats import t as student

from segarena.scoring.count_table import arrange
from segarena.scoring.linearization import Ratios, difference_variances
from segarena.scoring.planning import Components, components, plan, power
from segarena.scoring.statistics import analyse

#: Components, the number of images, and that of seeds. In the last case the networks' interval is the wider one:
#: few images and many seeds, which err on different images.
DRAWN = {
    "one seed": (Components(images=0.008, seeds=0.0, both=0.0), 30, 1),
    "three seeds": (Components(images=0.008, seeds=0.0005, both=0.002), 30, 3),
    "few images and many seeds": (Components(images=0.0, seeds=0.0, both=0.02), 5, 10),
}


@pytest.mark.parametrize("case", DRAWN)
def test_power_is_the_share_of_draws_in_which_the_difference_is_clear(case: str) -> None:
    """Means of normal parts with the components' variances."""
    parts, units, seeds = DRAWN[case]
    rng, draws, difference = np.random.default_rng(0), 4000, 0.05
    images = rng.normal(0, parts.images**0.5, (draws, 1, units))
    training = rng.normal(0, parts.seeds**0.5, (draws, seeds, 1))
    both = rng.normal(0, parts.both**0.5, (draws, seeds, units))
    values = difference + images + training + both
    by_image, by_seed = values.mean(axis=1), values.mean(axis=2)
    widths = student.ppf(0.975, units - 1) ** 2 * by_image.var(axis=1, ddof=1) / units
    if seeds > 1:
        noise = (values - by_image[:, None] - by_seed[..., None] + values.mean(axis=(1, 2), keepdims=True)).var(
            axis=(1, 2)
        )
        alone = np.maximum(0, by_image.var(axis=1, ddof=1) / units - noise * seeds / (seeds - 1) / units / seeds)
        # both models together have 2 (S - 1) degrees of freedom: half of the variance from each
        spread = by_seed.var(axis=1, ddof=1) / seeds / 2
        spread += rng.chisquare(seeds - 1, draws) / (seeds - 1) * (parts.seeds + parts.both / units) / seeds / 2
        repeated = student.ppf(0.975, units - 1) ** 2 * alone + student.ppf(0.975, 2 * (seeds - 1)) ** 2 * spread
        widths = np.maximum(widths, repeated)
    shown = (values.mean(axis=(1, 2)) > np.sqrt(widths)).mean()
    assert power(parts, difference, units, seeds) == pytest.approx(shown, abs=0.04)


def test_the_components_give_back_the_measured_variances() -> None:
    counts = arrange(draw_counts(seeds=3))
    a, b = (Ratios(counts.tp[name], counts.union[name]) for name in counts.tp)
    found = difference_variances(a, b, None)
    parts = components(found, 3)
    n = found.units
    assert (parts.images + parts.both / 3) / n == pytest.approx(float(found.images[0]))
    assert parts.seeds / 3 + parts.both / (3 * n) == pytest.approx(float(found.seeds[0]))


def test_more_data_and_larger_differences_raise_the_power() -> None:
    parts = Components(0.02, 0.0002, 0.01)
    for seeds in (2, 3, 5):
        assert power(parts, 0.02, 50, seeds) < power(parts, 0.02, 400, seeds)
        assert power(parts, 0.02, 50, seeds) < power(parts, 0.04, 50, seeds)
    assert power(parts, 0.02, 400, 2) < power(parts, 0.02, 400, 5)


def test_the_plan_reaches_its_power() -> None:
    parts = Components(0.02, 0.0, 0.0)
    found = plan(parts, 0.02, 20, 1)
    assert found.images_low is not None
    assert found.images_high is not None
    assert found.seeds is None
    assert 0.6 <= power(parts, 0.02, found.images_low, 1) < 0.7
    assert 0.9 <= power(parts, 0.02, found.images_high, 1) < 0.93
    assert plan(Components(0.02, 0.0, 0.0), 0.0001, 20, 1).images_low is None
    enough = plan(Components(0.002, 0.0002, 0.001), 0.02, 100, 2).seeds
    assert enough is not None
    assert power(Components(0.002, 0.0002, 0.001), 0.02, 100, enough) >= 0.8


def test_the_plan_advises_more_than_there_is() -> None:
    parts = Components(0.001, 0.000002, 0.0005)
    assert power(parts, 0.02, 123, 2) > 0.9
    found = plan(parts, 0.02, 123, 2)
    assert (found.images_low, found.images_high, found.seeds) == (123, 123, 3)
    parts = Components(0.02, 0.0, 0.0)
    units = next(n for n in range(5, 1000) if power(parts, 0.02, n, 1) >= 0.7)
    found = plan(parts, 0.02, units, 1)
    assert found.images_low == units
    assert found.images_high is not None
    assert found.images_high > units
    assert plan(Components(0.02, 0.0, 0.0), 0.02, 250_001, 1).images_high == 250_001
    assert plan(Components(2000.0, 0.0, 0.0), 0.02, 250_001, 1).images_low is None
    assert plan(Components(0.02, 0.0, 0.0), 0.02, 100, 20).seeds is None


def test_only_an_open_question_has_a_plan() -> None:
    assert analyse(draw_counts()).plan is not None
    assert analyse(draw_counts(models={"unet": 3.0, "fcn": 0.0}, seeds=3)).plan is None
    assert analyse(draw_counts(folds=4)).plan is None
    assert analyse(draw_counts(seeds={"unet": 2, "fcn": 3})).plan is None
