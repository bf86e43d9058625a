"""Cross-validation: each image is tested once, by a model trained without it and its group."""

import random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from segarena.data.source import Sample
from segarena.data.splitting.splits import make_folds
from segarena.errors import ConfigError
from support import refuses


def samples(count, split=None):
    return [Sample(f"img_{n}", split, None, None) for n in range(count)]


@settings(deadline=None, max_examples=40)
@given(st.integers(2, 6), st.integers(6, 40), st.booleans(), st.randoms(use_true_random=False))
def test_each_image_is_tested_once_and_used_in_every_other_fold(k, count, stratified, rng):
    class_images = np.array([[rng.random() < 0.3 for _ in range(3)] for _ in range(count)]) if stratified else None
    folds = make_folds(samples(count), k, class_images=class_images)
    assert len(folds) == k
    assert sorted(i for fold in folds for i in fold.test) == list(range(count))
    assert max(len(fold.test) for fold in folds) - min(len(fold.test) for fold in folds) <= 1
    for fold in folds:
        assert sorted(fold.train + fold.val + fold.test) == list(range(count))
        assert len(fold.train) >= 2
        assert abs(len(fold.val) - 0.2 * (count - len(fold.test))) < 1


@settings(deadline=None, max_examples=40)
@given(st.lists(st.integers(1, 9), min_size=5, max_size=15), st.integers(2, 5), st.booleans(), st.integers(0, 5))
def test_no_group_is_in_two_parts_of_a_fold(sizes, k, stratified, seed):
    groups = [f"g{group}" for group, size in enumerate([*sizes, 3]) for _ in range(size)]
    rng = random.Random(seed)
    class_images = np.array([[rng.random() < 0.3 for _ in range(3)] for _ in groups]) if stratified else None
    folds = make_folds(samples(len(groups)), k, seed=seed, groups=groups, class_images=class_images)
    assert sorted(i for fold in folds for i in fold.test) == list(range(len(groups)))
    for fold in folds:
        parts = [{groups[i] for i in part} for part in (fold.train, fold.val, fold.test)]
        assert sum(map(len, parts)) == len(set(groups))
        assert all(parts)
    if not stratified:
        loads = [len(fold.test) for fold in folds]
        assert max(loads) - min(loads) <= max(map(groups.count, groups))


def test_a_class_is_in_as_many_folds_as_it_has_images():
    for seed in range(10):
        class_images = np.zeros((30, 3), dtype=bool)
        class_images[:5, 0] = class_images[5:8, 1] = class_images[8:10, 2] = True
        folds = make_folds(samples(30), 5, seed=seed, class_images=class_images)
        tested = np.array([class_images[list(fold.test)].any(axis=0) for fold in folds])
        assert tested.sum(axis=0).tolist() == [5, 3, 2]
        for fold in folds:
            left = class_images.copy()
            left[list(fold.test)] = False
            twice = left.sum(axis=0) >= 2
            assert class_images[list(fold.train)].any(axis=0)[twice].all()
            assert class_images[list(fold.val)].any(axis=0)[twice].all()


def test_a_class_of_two_images_is_tested_in_two_folds():
    """Each of two images per fold has a class of its own and one that it shares with a single other image."""
    class_images = np.zeros((8, 4), dtype=bool)
    for c in range(4):
        class_images[[c, 7 - c], c] = True
    for seed in range(10):
        folds = make_folds(samples(8), 2, seed=seed, class_images=class_images)
        assert all(class_images[list(fold.test)].any(axis=0).all() for fold in folds)


def test_validation_images_change_from_fold_to_fold():
    folds = make_folds(samples(60), 5)
    assert len(set().union(*(fold.val for fold in folds))) > 25


def test_the_order_of_listing_does_not_matter_and_the_seed_does():
    given_samples = samples(40)
    shuffled = random.Random(0).sample(given_samples, 40)

    def by_name(listing, **options):
        folds = make_folds(listing, 4, **options)
        return [[{listing[i].name for i in part} for part in (fold.train, fold.val, fold.test)] for fold in folds]

    assert by_name(given_samples) == by_name(shuffled)
    assert by_name(given_samples) != by_name(given_samples, seed=1)


def test_folds_take_every_image_whatever_its_own_split():
    own = samples(6, "train") + [Sample(f"other_{n}", "test", None, None) for n in range(4)]
    assert sorted(i for fold in make_folds(own, 5) for i in fold.test) == list(range(10))


def test_the_folds_are_the_same_on_every_machine():
    assert [fold.test for fold in make_folds(samples(10), 3)] == [(1, 3, 5, 6), (7, 8, 9), (0, 2, 4)]


@pytest.mark.parametrize("k", [-1, 0, 1])
def test_fewer_than_two_folds_are_an_error(k):
    with refuses(ConfigError, where="--folds", value=k):
        make_folds(samples(9), k)


@pytest.mark.parametrize(
    ("count", "k", "groups"),
    [
        (4, 5, None),
        (4, 2, None),  # outside a fold of two, one would train and one validate
        (9, 2, list("aaabbbccc")),
        (9, 5, list("aaabbbccc")),
        (6, 2, list("aaabbb")),
        (4, 3, list("abcc")),
        (0, 2, None),
    ],
)
def test_too_few_images_or_groups_are_an_error_with_the_counts(count, k, groups):
    counts = f"{count} labelled images" + (f" in {len(set(groups))} groups" if groups else "")
    with refuses(where="--folds", value=counts) as caught:
        make_folds(samples(count), k, groups=groups)
    assert ("fewer folds" in caught.value.remedy) == (k > 2)


def test_one_image_is_in_the_singular():
    with refuses(where="--folds", value="1 labelled image in 1 group is too few for 2 folds"):
        make_folds(samples(1), 2, groups=["a"])


@pytest.mark.parametrize(("count", "k", "groups"), [(6, 2, None), (5, 3, None), (4, 4, None), (6, 2, list("aabbcd"))])
def test_the_fewest_images_and_groups_that_are_enough(count, k, groups):
    for fold in make_folds(samples(count), k, groups=groups):
        assert len(fold.train) >= 2
        assert fold.val
        assert fold.test
