"""Boundary IoU, boundary F1 and accuracy by distance, against the authors' formulas and brute force."""

from __future__ import annotations

import math

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import ndimage

from segarena.scoring import boundaries
from segarena.scoring.boundaries import DISTANCES, count_boundaries, region_width, tolerance

Mask = NDArray[np.uint8]


def mask_to_boundary(mask: Mask, dilation_ratio: float = 0.02) -> Mask:
    """`mask_to_boundary` of Cheng et al.'s boundary-iou-api, with scipy in place of OpenCV.

    Their copyMakeBorder pads with one pixel of 0, and cv2.erode with a 3 x 3 kernel is repeated `dilation` times.
    """
    h, w = mask.shape
    img_diag = np.sqrt(h**2 + w**2)
    dilation = max(1, round(dilation_ratio * img_diag))
    new_mask = np.pad(mask, 1)
    new_mask_erode = ndimage.binary_erosion(new_mask, np.ones((3, 3)), iterations=dilation, border_value=1)
    return (mask - new_mask_erode[1 : h + 1, 1 : w + 1]).astype(np.uint8)


def drawn(seed: int) -> tuple[Mask, Mask]:
    """A truth with void and a prediction that is shifted and noisy; 0, 1 and 2 are the classes."""
    rng = np.random.default_rng(seed)
    cells = rng.integers(0, 3, (rng.integers(1, 8), rng.integers(1, 9)), dtype=np.uint8)
    truth = np.kron(cells, np.ones((5, 6), np.uint8))
    prediction = np.roll(truth, seed % 3, axis=1)
    noisy = rng.random(truth.shape) < 0.03
    prediction[noisy] = rng.integers(0, 3, int(noisy.sum()))
    truth[rng.random(truth.shape) < 0.02] = 255
    return truth, prediction


@pytest.mark.parametrize(("seed", "ratio"), [(0, 0.02), (1, 0.02), (2, 0.06), (3, 0.1), (4, 0.3), (5, 0.05)])
def test_boundary_iou_is_that_of_the_authors(seed: int, ratio: float, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(boundaries, "REGION", ratio)
    truth, prediction = drawn(seed)
    counts = count_boundaries(truth, prediction, 3).regions
    for label in range(3):
        true = mask_to_boundary((truth == label).astype(np.uint8), ratio)
        found = mask_to_boundary(((prediction == label) & (truth != 255)).astype(np.uint8), ratio)
        assert counts[label].tolist() == [(true & found).sum(), found.sum(), true.sum()]


def contour(labels: Mask, label: int) -> NDArray[np.bool_]:
    """Pixels of a class with one of 4 neighbours outside of it; beyond the image is no other class."""
    inside = labels == label
    return inside & ~ndimage.binary_erosion(inside, border_value=1)


@pytest.mark.parametrize(("seed", "share"), [(0, 0.0075), (1, 0.03), (2, 0.05), (3, 0.1), (4, 0.3), (5, 0.04)])
def test_contours_match_within_a_euclidean_distance(seed: int, share: float, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(boundaries, "TOLERANCE", share)
    truth, prediction = drawn(seed)
    counts = count_boundaries(truth, prediction, 3).contours
    reach = max(1.0, share * math.hypot(*truth.shape))
    inside = np.where(truth == 255, 255, prediction).astype(np.uint8)
    for label in range(3):
        found, true = (np.argwhere(contour(labels, label)) for labels in (inside, truth))
        near = np.hypot(*(found[:, None] - true[None]).transpose(2, 0, 1)) <= reach
        expected = [len(found), near.any(axis=1).sum(), len(true), near.any(axis=0).sum()]
        assert counts[label].tolist() == expected


@pytest.mark.parametrize("seed", range(6))
def test_accuracy_by_distance_is_that_of_a_distance_transform(seed: int) -> None:
    truth, prediction = drawn(seed)
    distance = np.full(truth.shape, 10**6)
    for label in np.unique(truth):
        if (truth == label).all():
            continue
        here = ndimage.distance_transform_cdt(truth == label, metric="chessboard")
        distance[truth == label] = here[truth == label]
    bands = count_boundaries(truth, prediction, 3).bands
    counted = truth != 255
    for band, (low, high) in enumerate(zip(DISTANCES, (*DISTANCES[1:], 10**7), strict=True)):
        inside = counted & (distance >= low) & (distance < high)
        assert bands[band].tolist() == [inside.sum(), (inside & (truth == prediction)).sum()]


def test_a_perfect_prediction_has_every_boundary() -> None:
    truth, _ = drawn(1)
    counts = count_boundaries(truth, np.where(truth == 255, 0, truth).astype(np.uint8), 3)
    assert (counts.regions == counts.regions[:, :1]).all()
    assert (counts.contours == counts.contours[:, :1]).all()
    assert counts.contours.all()
    assert (counts.bands[:, 0] == counts.bands[:, 1]).all()


def test_the_width_follows_the_diagonal_and_is_at_least_a_pixel() -> None:
    assert (region_width(3, 4), region_width(300, 400)) == (1, 10)
    assert (tolerance(3, 4), tolerance(300, 400)) == (1.0, 3.75)


def test_counts_of_images_add_up() -> None:
    one, other = (count_boundaries(*drawn(seed), 3) for seed in (0, 1))
    total = one + other
    assert (total.regions == one.regions + other.regions).all()
    assert (total.contours - other.contours == one.contours).all()
    assert total.bands.sum() == one.bands.sum() + other.bands.sum()
