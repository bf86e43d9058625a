"""Recall by the size of objects, against scipy's connected components."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import ndimage

from segarena.scoring.objects import SIZES, count_objects


def by_scipy(truth: NDArray[np.uint8], prediction: NDArray[np.uint8], classes: int) -> NDArray[np.int64]:
    """Each class by itself, each object by its own mask."""
    counts = np.zeros((classes, len(SIZES), 4), np.int64)
    for label in range(classes):
        numbers, objects = ndimage.label(truth == label, structure=np.ones((3, 3)))
        for number in range(1, objects + 1):
            inside = numbers == number
            area, correct = int(inside.sum()), int((prediction[inside] == label).sum())
            size = max(place for place, low in enumerate(SIZES) if low <= area)
            counts[label, size] += (1, 2 * correct >= area, area, correct)
    return counts


@pytest.mark.parametrize("seed", range(8))
def test_counts_are_those_of_connected_components_of_scipy(seed: int) -> None:
    rng = np.random.default_rng(seed)
    coarse = rng.integers(0, 3, (rng.integers(1, 30), rng.integers(1, 30)), dtype=np.uint8)
    truth = np.kron(coarse, np.ones((1 + seed % 3, 1 + seed % 2), np.uint8))
    truth[rng.random(truth.shape) < 0.1] = 255
    prediction = np.where(rng.random(truth.shape) < 0.6, truth, rng.integers(0, 3, truth.shape)).astype(np.uint8)
    prediction[prediction == 255] = 0
    assert (count_objects(truth, prediction, 3) == by_scipy(truth, prediction, 3)).all()


def test_pixels_that_touch_at_a_corner_are_one_object() -> None:
    """A thin diagonal line is one object; with 4-connectivity it would be twelve, of one pixel each."""
    truth = np.eye(12, dtype=np.uint8)
    counts = count_objects(truth, np.ones_like(truth), 2)
    assert counts[1].tolist() == [[0, 0, 0, 0], [1, 1, 12, 12], [0, 0, 0, 0], [0, 0, 0, 0], [0, 0, 0, 0]]


def test_an_object_is_found_from_half_of_its_pixels_on() -> None:
    truth = np.zeros((9, 20), np.uint8)
    truth[2:4, 2:7] = 1  # 10 pixels
    truth[6:8, 2:7] = 1
    prediction = np.zeros_like(truth)
    prediction[2, 2:7] = 1  # 5 of 10
    prediction[6, 2:6] = 1  # 4 of 10
    assert count_objects(truth, prediction, 2)[1, 1].tolist() == [2, 1, 20, 9]


def test_void_is_no_object_and_an_empty_mask_has_none() -> None:
    void = np.full((5, 7), 255, np.uint8)
    assert not count_objects(void, np.zeros_like(void), 2).any()
