"""Folds put together are scored as one set of images."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from segarena.scoring.pooling import pool
from segarena.scoring.scores import score, to_dict

NAMES = ["a", "b", "c"]


@settings(deadline=None, max_examples=60)
@given(st.lists(st.integers(1, 6), min_size=1, max_size=5), st.integers(0, 10_000), st.sampled_from([None, 0, 2]))
def test_parts_together_have_the_scores_of_all_their_images_at_once(sizes, seed, background):
    random = np.random.default_rng(seed)
    confusions = random.integers(0, 50, (sum(sizes), 3, 3)) * random.integers(0, 2, (sum(sizes), 3, 1))
    confusions[random.random(sum(sizes)) < 0.2] = 0  # images that are all void
    parts = [to_dict(score(part, background=background), NAMES) for part in np.split(confusions, np.cumsum(sizes)[:-1])]
    together = to_dict(pool(parts, background=background), NAMES)
    at_once = to_dict(score(confusions, background=background), NAMES)
    assert together.pop("mean_image_iou") == pytest.approx(at_once.pop("mean_image_iou"), nan_ok=True)
    assert together == at_once


def test_a_small_part_does_not_count_as_much_as_a_large_one():
    large, small = (np.array([[[n, 0], [0, n]]]) for n in (90, 0))
    small[0] = [[0, 10], [10, 0]]
    parts = [to_dict(score(part), ["a", "b"]) for part in (large, small)]
    assert pool(parts).miou == pytest.approx(90 / 110)
    assert np.mean([part["miou"] for part in parts]) == 0.5


@pytest.mark.parametrize("sizes", [(), (2, 3)])
def test_parts_of_other_classes_or_none_at_all_are_refused(sizes):
    parts = [to_dict(score(np.ones((1, n, n), dtype=np.int64)), [str(i) for i in range(n)]) for n in sizes]
    with pytest.raises(ValueError, match="same classes"):
        pool(parts)
