"""Batches of a part of the training images: as many steps as with all of them, each image as often as any other."""

from __future__ import annotations

from collections import Counter

import pytest

from segarena.loading.dataset import EpochBatches


def keys(batches: EpochBatches, epoch: int, first: int = 0) -> list[tuple[int, int]]:
    batches.epoch, batches.first = epoch, first
    return [key for batch in batches for key in batch]


@pytest.mark.parametrize(("length", "drawn"), [(10, 40), (30, 40), (7, 40), (39, 40)])
def test_each_image_is_drawn_as_often_as_any_other(length: int, drawn: int) -> None:
    """An epoch goes on where the one before ended. Passes are numbered, so that each draws other crops."""
    batches = EpochBatches(length, 8, seed=3, drawn=drawn)
    assert len(batches) == len(EpochBatches(drawn, 8, seed=3)) == 5
    every = [key for epoch in range(1, 8) for key in keys(batches, epoch)]
    assert len(every) == len(set(every)) == 7 * 40
    times = Counter(position for _, position in every)
    assert set(times) == set(range(length))
    assert max(times.values()) - min(times.values()) <= 1


def test_an_epoch_of_all_images_is_one_pass() -> None:
    batches = EpochBatches(11, 4, seed=0)
    assert {number for number, _ in keys(batches, 5)} == {5}
    assert len({position for _, position in keys(batches, 5)}) == 8
    assert keys(batches, 5) != [(5, position) for _, position in keys(batches, 6)]


def test_a_part_goes_on_at_any_step() -> None:
    batches = EpochBatches(6, 4, seed=1, drawn=20)
    assert keys(batches, 3)[8:] == keys(batches, 3, first=2)
