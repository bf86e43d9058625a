"""Reliability, expected calibration error and log-likelihood, against their formulas pixel by pixel."""

from __future__ import annotations

import math

import numpy as np
import pytest
from numpy.typing import NDArray

from segarena.scoring.calibration import BINS, MOST_PIXELS, ConfidenceCounts, count_confidence, grid_lines


def drawn(seed: int, pixels: int = 900) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
    """True classes, some of them void, and probabilities (pixels, 4)."""
    rng = np.random.default_rng(seed)
    logits = rng.normal(size=(pixels, 4)) * 2
    probabilities = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    truth = np.array([rng.choice(4, p=row) for row in probabilities], np.uint8)
    truth[rng.random(pixels) < 0.1] = 255
    return truth, probabilities.astype(np.float32)


def counts_of(truth: NDArray[np.uint8], probabilities: NDArray[np.float32]) -> ConfidenceCounts:
    label = probabilities.argmax(axis=1).astype(np.uint8)
    place = np.where(truth == 255, 0, truth)
    surprise = -np.log(np.take_along_axis(probabilities, place[:, None].astype(int), axis=1)[:, 0])
    return count_confidence(truth, label, probabilities.max(axis=1), surprise, 4)


@pytest.mark.parametrize("seed", range(3))
def test_ece_and_nll_are_those_of_their_formulas(seed: int) -> None:
    truth, probabilities = drawn(seed)
    counts = counts_of(truth, probabilities)
    known, rows = truth[truth != 255], probabilities[truth != 255].astype(np.float64)
    label, sure = rows.argmax(axis=1), rows.max(axis=1)

    def ece(chosen: NDArray[np.bool_]) -> float:
        total = 0.0
        for number in range(BINS):
            inside = chosen & (sure > number / BINS) & (sure <= (number + 1) / BINS)
            if inside.any():
                gap = abs((label == known)[inside].mean() - sure[inside].mean())
                total += inside.sum() / chosen.sum() * gap
        return total

    assert counts.ece == pytest.approx(ece(np.ones(len(known), bool)), abs=1e-9)
    assert counts.class_ece == pytest.approx([ece(label == index) for index in range(4)], abs=1e-9)
    assert counts.nll == pytest.approx(-np.log(rows[np.arange(len(rows)), known]).mean(), rel=1e-6)
    assert counts.pixels.sum() == len(known)


def test_calibrated_probabilities_have_a_small_error() -> None:
    truth, probabilities = drawn(3, 20_000)
    sharper = probabilities**3 / (probabilities**3).sum(axis=1, keepdims=True)
    assert counts_of(truth, probabilities).ece < 0.02
    assert counts_of(truth, sharper.astype(np.float32)).ece > 0.1


def test_certain_pixels_are_in_the_last_bin_and_void_in_none() -> None:
    truth, label = np.array([0, 1, 255], np.uint8), np.zeros(3, np.uint8)
    counts = count_confidence(truth, label, np.ones(3, np.float32), np.array([0, 5, 9], np.float32), 2)
    assert counts.pixels[0, -1] == counts.pixels.sum() == 2
    assert counts.correct[0, -1] == 1
    assert (counts.ece, counts.nll) == (0.5, 2.5)


def test_no_pixel_has_no_error() -> None:
    assert math.isnan(ConfidenceCounts.zero(3).ece)
    assert math.isnan(ConfidenceCounts.zero(3).nll)


def test_counts_of_images_add_up() -> None:
    one, other = (counts_of(*drawn(seed)) for seed in (0, 1))
    total = one + other
    assert (total.pixels == one.pixels + other.pixels).all()
    assert total.nll * total.pixels.sum() == pytest.approx(one.nll * one.pixels.sum() + other.nll * other.pixels.sum())


@pytest.mark.parametrize("size", [(1, 1), (7, 300_000), (1, 30_000), (257, 256), (2000, 3001)])
def test_the_grid_has_pixels_and_not_too_many(size: tuple[int, int]) -> None:
    pixels = np.prod([len(range(length)[lines]) for length, lines in zip(size, grid_lines(*size), strict=True)])
    assert 1 <= pixels <= 2 * MOST_PIXELS
