"""Regions of confident errors, and those that all networks agree on, against scipy's connected components."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import ndimage

from segarena.scoring.calibration import grid_lines
from segarena.scoring.disagreement import CONFIDENT, SMALLEST, Region, find_agreement, find_confident_errors

EIGHT = np.ones((3, 3))


def drawn(seed: int) -> tuple[NDArray[np.uint8], list[NDArray[np.uint8]], list[NDArray[np.float32]]]:
    """A truth, and the predictions and confidences of two networks, which often agree."""
    rng = np.random.default_rng(seed)
    cells = rng.integers(0, 3, (2, 6, 7), dtype=np.uint8)
    truth, common = (np.kron(part, np.ones((6, 5), np.uint8)) for part in cells)
    truth[rng.random(truth.shape) < 0.05] = 255
    predictions = [np.where(rng.random(truth.shape) < 0.9, common, 0).astype(np.uint8) for _ in range(2)]
    confidences = [rng.uniform(0.3, 1, truth.shape).astype(np.float32) ** 0.3 for _ in range(2)]
    return truth, predictions, confidences


@pytest.mark.parametrize("seed", range(4))
def test_confident_errors_are_regions_of_one_predicted_class(seed: int) -> None:
    truth, [prediction, _], [confidence, _] = drawn(seed)
    found = find_confident_errors(truth, prediction, confidence)
    expected = np.full(truth.shape, 255, np.uint8)
    for label in range(3):
        wrong = (prediction == label) & (truth != label) & (truth != 255) & (confidence >= CONFIDENT)
        numbers, _ = ndimage.label(wrong, EIGHT)
        large = np.bincount(numbers.ravel()) >= SMALLEST
        expected[wrong & large[numbers]] = label
    labels, sure = found.paint(truth.size)
    assert (labels.reshape(truth.shape) == expected).all()
    here = expected != 255
    assert here.any()
    assert sure.reshape(truth.shape)[here].mean() / 255 == pytest.approx(confidence[here].mean(), abs=0.003)
    assert (np.diff(found.starts) > 0).all()


@pytest.mark.parametrize("seed", range(4))
def test_agreement_is_where_both_networks_predict_the_same_wrong_class(seed: int) -> None:
    truth, predictions, confidences = drawn(seed)
    errors = [find_confident_errors(truth, *pair) for pair in zip(predictions, confidences, strict=True)]
    regions = find_agreement(errors, truth)
    painted = [one.paint(truth.size)[0].reshape(truth.shape) for one in errors]
    expected = []
    for true in range(3):
        for predicted in range(3):
            both = (truth == true) & (painted[0] == predicted) & (painted[1] == predicted)
            numbers, count = ndimage.label(both, EIGHT)
            for number, place in zip(range(1, count + 1), ndimage.find_objects(numbers), strict=True):
                inside = np.pad(numbers == number, 1)
                depth = ndimage.distance_transform_cdt(inside, metric="chessboard").max()
                area = int(inside.sum())
                box = (place[1].start, place[0].start, place[1].stop, place[0].stop)
                if area >= SMALLEST:
                    expected.append((area, int(depth), true, predicted, box))
    assert sorted((r.pixels, r.thickness, r.true, r.predicted, r.box) for r in regions) == sorted(expected)
    assert [r.score for r in regions] == sorted((r.score for r in regions), reverse=True)
    assert all(r.inside.sum() == r.pixels for r in regions)


def test_a_mislabelled_region_is_found_with_its_confidence() -> None:
    truth, prediction = np.zeros((20, 30), np.uint8), np.zeros((20, 30), np.uint8)
    prediction[4:10, 5:15] = 2
    sure = [np.full(truth.shape, value, np.float32) for value in (0.9, 0.7)]
    errors = [find_confident_errors(truth, prediction, one) for one in sure]
    [region] = find_agreement(errors, truth)
    assert region == Region(60, 3, region.confidence, 0, 2, (5, 4, 15, 10))
    assert region.confidence == pytest.approx(0.8, abs=0.003)


@pytest.mark.parametrize("case", ["unsure", "void", "other class", "small"])
def test_nothing_is_found_where_the_networks_do_not_agree(case: str) -> None:
    truth = np.full((20, 30), 255 if case == "void" else 0, np.uint8)
    first = np.zeros_like(truth)
    first[4:10, 5 : 7 if case == "small" else 15] = 2
    second = np.where((first == 2) & (case == "other class"), 1, first).astype(np.uint8)
    sure = np.full(truth.shape, 0.49 if case == "unsure" else 0.9, np.float32)
    assert not find_agreement([find_confident_errors(truth, one, sure) for one in (first, second)], truth)


def test_between_the_pixels_of_the_grid_the_nearest_confidence_counts() -> None:
    truth, prediction = np.zeros((400, 500), np.uint8), np.ones((400, 500), np.uint8)
    rows, columns = grid_lines(400, 500)
    assert rows.step == 4
    every = np.zeros((400, 500), np.float32)
    every[:203, 250:] = 1
    grid = every[rows, columns]
    found, _ = find_confident_errors(truth, prediction, grid).paint(truth.size)
    near_rows, near_columns = (_nearest_lines(length, lines) for length, lines in ((400, rows), (500, columns)))
    expected = grid[np.ix_(near_rows, near_columns)] == 1
    is_tie = (np.arange(400) % 4 == 0)[:, None] | (np.arange(500) % 4 == 0)  # as near to the line before as to the next
    assert ((found.reshape(truth.shape) == 1) == expected)[~is_tie].all()


def _nearest_lines(length: int, lines: slice) -> NDArray[np.intp]:
    """The number of the line of the grid that is nearest to each place."""
    places = np.arange(length)
    nearest: NDArray[np.intp] = np.abs(places[:, None] - places[lines]).argmin(axis=1)
    return nearest
