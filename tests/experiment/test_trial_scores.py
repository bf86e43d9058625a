"""Which trial is chosen, from made counts: a lead has to be worth it."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import pandas as pd
import pytest

from segarena.config.tuning import LEAST_STEPS, count_weights, learning_rates, trial_epochs
from segarena.experiment.trial_scores import ScoredTrial, choose, explain, find_lead
from segarena.records.tuning import Trial


def scored(number: int, right: Sequence[int], *, diverged: bool = False, empty: bool = False) -> ScoredTrial:
    """A trial on images of 1000 pixels, half of each of two classes, of which `right` in each class are correct."""
    rows = [
        (f"image{image}", name, hits, 500 - hits, 500 - hits) for image, hits in enumerate(right) for name in ("a", "b")
    ]
    table = pd.DataFrame(rows, columns=["image", "class", "tp", "fp", "fn"])
    miou = sum(right) / (1000 * len(right) - sum(right))
    trial = Trial(
        number=number,
        learning_rate=10.0**-number,
        class_weights="none",
        miou=None if diverged or empty else miou,
        diverged=diverged,
        seconds=1.0,
    )
    return ScoredTrial(trial, None if diverged else table)


STEADY = [300, 310, 290, 300]


@pytest.mark.parametrize(
    ("others", "chosen"),
    [
        ([STEADY], 1),  # a tie
        ([[n + 8 for n in STEADY]], 1),  # ahead on every image, by 1.4 points
        ([[n + 40 for n in STEADY]], 2),  # by 7.5 points
        ([[n + 40 for n in STEADY], [n + 80 for n in STEADY]], 3),
        ([[n + 80 for n in STEADY], [n + 80 for n in STEADY]], 2),  # of two that are equal the first
        ([[500, 310, 250, 240]], 1),  # ahead by 4.5 points, all of them on one of four images
        ([[n - 100 for n in STEADY]], 1),
    ],
)
def test_the_default_stays_unless_a_lead_is_worth_it(others: list[list[int]], chosen: int) -> None:
    trials = [scored(number, right) for number, right in enumerate([STEADY, *others], start=1)]
    found = choose(trials)
    assert found.trial.number == chosen
    text = explain(trials[0], found, len(trials))
    assert ("default" in text and "clearly" in text) is (chosen == 1)


def test_the_lead_and_its_error_are_those_of_the_images_or_their_groups() -> None:
    one, other = scored(1, [400, 420, 300, 320]), scored(2, [300, 300, 300, 300])
    lead = find_lead(one, other)
    assert lead.miou == pytest.approx((one.trial.miou or 0) - (other.trial.miou or 0))
    # both classes are alike, so the parts of an image are those of one class
    common = ((one.trial.miou or 0) + (other.trial.miou or 0)) / 2
    parts = np.zeros(4)
    for right, sign in (([400, 420, 300, 320], 1), ([300] * 4, -1)):
        hits, union = np.array(right, float), 1000 - np.array(right, float)
        parts += sign * (hits - common * union) / union.sum()
    assert lead.error == pytest.approx(math.sqrt(4 / 3 * ((parts - parts.mean()) ** 2).sum()))
    groups = {"image0": "film", "image1": "film", "image2": "other", "image3": "other"}
    assert find_lead(one, other, groups).error > lead.error  # two units that differ more than their images
    assert find_lead(one, other, dict.fromkeys(groups, "film")).error == 0


def test_a_trial_that_diverged_is_the_lowest() -> None:
    bad, good = scored(1, STEADY, diverged=True), scored(2, [10, 10, 10, 10])
    assert choose([bad, good]) is good
    assert "NaN" in explain(bad, good, 2)
    assert choose([good, bad]) is good
    assert choose([bad, scored(2, STEADY, diverged=True)]) is bad
    nothing = [scored(number, STEADY, empty=True) for number in (1, 2)]
    assert choose(nothing) is nothing[0]
    assert "no true pixel" in explain(nothing[0], nothing[0], 2)


def test_what_is_tried() -> None:
    assert learning_rates(1e-3, 6) == [1e-3, 3.16e-4, 3.16e-3, 1e-4, 1e-2, 3.16e-5]
    assert learning_rates(0.00424, 1) == [0.00424]
    assert [count_weights(trials, "none") for trials in (2, 3, 4, 8, 15)] == [0, 0, 1, 2, 3]
    assert count_weights(8, "median") == 0


@pytest.mark.parametrize(
    ("epochs", "steps", "expected"), [(60, 100, 6), (61, 100, 7), (40, 5, 10), (4, 5, 4), (0, 5, 0)]
)
def test_how_long_a_trial_is(epochs: int, steps: int, expected: int) -> None:
    assert trial_epochs(epochs, steps) == expected
    assert trial_epochs(epochs, steps) * steps >= min(LEAST_STEPS, epochs * steps)
