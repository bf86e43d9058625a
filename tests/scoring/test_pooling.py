"""Folds put together are scored as one set of images."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from segarena.records.metrics import Metrics
from segarena.scoring.pooling import pool
from segarena.scoring.scores import Scores, score, to_metrics


def metrics(scores: Scores) -> Metrics:
    return to_metrics(scores, "abc"[: len(scores.confusion)], split="test")


@settings(deadline=None, max_examples=60)
@given(st.lists(st.integers(1, 6), min_size=1, max_size=5), st.integers(0, 10_000), st.sampled_from([None, 0, 2]))
def test_parts_together_have_the_scores_of_all_their_images_at_once(sizes, seed, background):
    random = np.random.default_rng(seed)
    confusions = random.integers(0, 50, (sum(sizes), 3, 3)) * random.integers(0, 2, (sum(sizes), 3, 1))
    confusions[random.random(sum(sizes)) < 0.2] = 0  # images that are all void
    parts = [metrics(score(part, background=background)) for part in np.split(confusions, np.cumsum(sizes)[:-1])]
    together = metrics(pool(parts, background=background))
    at_once = metrics(score(confusions, background=background))
    assert together.mean_image_iou == pytest.approx(at_once.mean_image_iou)
    assert replace(together, mean_image_iou=None) == replace(at_once, mean_image_iou=None)


def test_a_small_part_does_not_count_as_much_as_a_large_one():
    large, small = (np.array([[[n, 0], [0, n]]]) for n in (90, 0))
    small[0] = [[0, 10], [10, 0]]
    parts = [metrics(score(part)) for part in (large, small)]
    assert pool(parts).miou == pytest.approx(90 / 110)
    assert np.mean([part.miou for part in parts]) == 0.5


def test_a_class_that_only_one_part_has_counts_in_the_pooled_scores():
    only_predicted, with_truth, neither = [[8, 2], [0, 0]], [[5, 0], [0, 5]], [[9, 0], [0, 0]]
    parts = [metrics(score(np.array([part]))) for part in (only_predicted, with_truth, neither)]
    assert [part.miou for part in parts] == pytest.approx([0.8, 1, 1])
    assert [part.false_classes for part in parts] == [("b",), (), ()]
    assert pool(parts).per_class.iou == pytest.approx([22 / 24, 5 / 7])
    assert metrics(pool([parts[0], parts[2]])).false_classes == ("b",)
    assert pool([parts[0], parts[2]]).miou == pytest.approx(17 / 19)


@pytest.mark.parametrize("sizes", [(), (2, 3)])
def test_parts_of_other_classes_or_none_at_all_are_refused(sizes):
    parts = [metrics(score(np.ones((1, n, n), dtype=np.int64))) for n in sizes]
    with pytest.raises(ValueError, match="same classes"):
        pool(parts)
