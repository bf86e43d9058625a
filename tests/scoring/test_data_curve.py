"""Gains of a model from more training images: their sign, their interval and what is shown."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from segarena.scoring.data_curve import find_class_gains, find_gain
from segarena.scoring.statistics import analyse

IMAGES, PIXELS = 30, 1000


def table(rates: dict[str, dict[str, tuple[float, float]]], seeds: int = 1) -> pd.DataFrame:
    """Counts of parts of the data: of each class the mean and the spread of the share of pixels that are right."""
    rng = np.random.default_rng(0)
    rows = []
    for model, classes in rates.items():
        for seed in range(seeds):
            for image in range(IMAGES):
                for class_index, (name, (mean, spread)) in enumerate(classes.items()):
                    right = int(np.clip(rng.normal(mean, spread), 0, 1) * PIXELS)
                    rows.append((model, seed, f"i{image}", class_index, name, right, 0, PIXELS - right))
    columns = ["model", "seed", "image", "class_index", "class", "tp", "fp", "fn"]
    return pd.DataFrame(rows, columns=columns)


def test_a_gain_is_what_more_images_add() -> None:
    rising = analyse(table({"0.5": {"a": (0.6, 0.02)}, "1": {"a": (0.7, 0.02)}}))
    gain = find_gain(rising, 0.5, 1.0)
    assert gain.difference == pytest.approx(0.1, abs=0.02)
    assert gain.low is not None
    assert gain.high is not None
    assert 0 < gain.low < gain.difference < gain.high
    assert (gain.trend, gain.has_repeated) == ("rises", False)
    falling = find_gain(analyse(table({"0.5": {"a": (0.7, 0.02)}, "1": {"a": (0.6, 0.02)}})), 0.5, 1.0)
    assert falling.trend == "falls"
    assert falling.difference == pytest.approx(-0.1, abs=0.02)
    assert falling.low is not None
    assert falling.high is not None
    assert falling.low < falling.difference < falling.high < 0


def test_no_gain_is_flat_where_it_is_known_and_unclear_where_not() -> None:
    known = analyse(table({"0.5": {"a": (0.6, 0.005)}, "1": {"a": (0.6, 0.005)}}))
    assert find_gain(known, 0.5, 1.0).trend == "flat"
    noisy = analyse(table({"0.5": {"a": (0.6, 0.2)}, "1": {"a": (0.6, 0.2)}}))
    assert find_gain(noisy, 0.5, 1.0).trend == "unclear"


def test_several_seeds_give_an_interval_for_repeated_training() -> None:
    found = find_gain(analyse(table({"0.5": {"a": (0.6, 0.02)}, "1": {"a": (0.7, 0.02)}}, seeds=3)), 0.5, 1.0)
    assert found.has_repeated


def test_few_images_give_no_interval() -> None:
    few = table({"0.5": {"a": (0.6, 0.02)}, "1": {"a": (0.7, 0.02)}})
    gain = find_gain(analyse(few[few["image"].isin([f"i{number}" for number in range(4)])]), 0.5, 1.0)
    assert (gain.low, gain.high, gain.trend) == (None, None, "too_few")


def test_a_class_is_clear_at_the_level_of_all_classes() -> None:
    """Of many classes without a gain some would be below 0.05 by chance; one that doubles stays clear."""
    same = {f"c{number}": (0.5, 0.1) for number in range(40)}
    found = find_class_gains(
        analyse(table({"0.5": {"real": (0.3, 0.05), **same}, "1": {"real": (0.6, 0.05), **same}})), 0.5, 1.0
    )
    assert len(found) == 41
    assert {name for name, gain in found.items() if gain.trend in ("rises", "falls")} == {"real"}
    unadjusted = [
        name
        for name, gain in found.items()
        if name != "real" and gain.low is not None and gain.high is not None and (gain.low > 0 or gain.high < 0)
    ]
    assert unadjusted  # the adjustment has something to do here
