"""Which image trains, which chooses the epoch, which tests: the data's own split, or a new one."""

from fractions import Fraction
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from segarena.data.source import Sample
from segarena.data.splitting.splits import PARTS, split_samples
from support import refuses

SHARES = st.sampled_from([0.5, 0.6, 0.7, 0.75, 0.8, 0.85, 0.9, 0.99])
TEST_SHARES = st.sampled_from([0.0, 0.1, 0.2, 0.3])
NAMES = st.lists(st.text(max_size=6), min_size=4, max_size=40, unique=True)


def samples(**counts):
    """So many samples of each split; `rest` are those in no split."""
    return [
        Sample(f"{split}{number}", None if split == "rest" else split, Path("i"), Path("m"))
        for split, count in counts.items()
        for number in range(count)
    ]


def named(names):
    return [Sample(name, None, None, None) for name in names]


def split_names(given_samples, groups=None, **options):
    """The names, or with groups the groups, in each part."""
    splits = split_samples(given_samples, where="data", groups=groups, **options)
    names = groups if groups is not None else [sample.name for sample in given_samples]
    return {part: {names[i] for i in splits.indices(part)} for part in PARTS}


def random_classes(draw, count, classes=4):
    rows = draw(st.lists(st.integers(0, 2**classes - 1), min_size=count, max_size=count))
    return np.array([[row >> c & 1 for c in range(classes)] for row in rows], dtype=bool)


@st.composite
def grouped_data(draw, max_size=6):
    """Samples with their groups and the classes in them."""
    sizes = draw(st.lists(st.integers(1, max_size), min_size=4, max_size=12))
    groups = [f"g{group}" for group, size in enumerate(sizes) for _ in range(size)]
    return named([f"{group}_{i:03}" for i, group in enumerate(groups)]), groups, random_classes(draw, len(groups))


@pytest.mark.parametrize(("share", "val"), [(0.5, 20), (0.75, 10), (0.8, 8), (0.9, 4), (0.999, 1)])
def test_the_share_is_the_users(share, val):
    expected = {"train": 40 - val, "val": val, "test": 0}
    assert split_samples(samples(rest=40), share=share, where="data").counts == expected


def test_shares_are_decimal_numbers():
    """1 - 0.8 is 0.19999999999999996 in binary: of ten images, one would validate."""
    for tenths in range(5, 10):
        counts = split_samples(samples(rest=1000), where="d", share=tenths / 10).counts
        assert Fraction(counts["val"], 1000) == 1 - Fraction(tenths, 10)


@settings(deadline=None, max_examples=60)
@given(NAMES, SHARES, TEST_SHARES, st.integers(0, 9), st.data())
def test_shares_of_images_are_met_within_one_image(names, share, test_share, seed, data):
    options = {"share": share, "seed": seed, "test_share": test_share}
    class_images = random_classes(data.draw, len(names), classes=5)
    counts = split_samples(named(names), where="data", class_images=class_images, **options).counts
    assert sum(counts.values()) == len(names)
    assert abs(counts["test"] - test_share * len(names)) < 1
    assert abs(counts["val"] - (1 - share) * (len(names) - counts["test"])) < 1
    assert counts["train"] >= 2
    assert counts["val"] >= 1


@settings(deadline=None, max_examples=60)
@given(grouped_data(), SHARES, TEST_SHARES, st.booleans(), st.integers(0, 9))
def test_no_image_and_no_group_is_in_two_parts(data, share, test_share, is_stratified, seed):
    given_samples, groups, class_images = data
    options = {"share": share, "test_share": test_share, "seed": seed, "groups": groups}
    splits = split_samples(given_samples, where="d", class_images=class_images if is_stratified else None, **options)
    assert sorted(splits.train + splits.val + splits.test) == list(range(len(groups)))
    parts = [{groups[i] for i in splits.indices(part)} for part in PARTS]
    assert sum(map(len, parts)) == len(set(groups))
    assert len(splits.train) >= 2
    assert splits.val
    assert bool(splits.test) == (test_share > 0)


@settings(deadline=None, max_examples=60)
@given(grouped_data(), SHARES, st.integers(0, 9))
def test_shares_of_groups_are_met_within_one_group(data, share, seed):
    given_samples, groups, class_images = data
    sizes = [groups.count(group) for group in set(groups)]
    options = {"groups": groups, "share": share, "seed": seed, "where": "d"}
    val, stratified = (
        split_samples(given_samples, class_images=classes, **options).counts["val"] for classes in (None, class_images)
    )
    target = (1 - share) * len(groups)
    assert abs(val - target) <= max(sizes) / 2 + 1e-9 or val == min(sizes)
    assert abs(stratified - target) <= max(sizes) + 1e-9


def test_a_long_film_does_not_become_the_validation_split():
    groups = ["long"] * 200 + ["short"] * 50
    for seed in range(20):
        assert split_names(named(map(str, range(250))), groups, seed=seed)["val"] == {"short"}


def unmet(parts, rows):
    """Classes of two units or more that train or val lacks, and of three that test lacks, where there is a test."""
    counts = rows.sum(axis=0)
    present = {part: rows[[own == part for own in parts]].any(axis=0) for part in set(parts)}
    both = sum(int((~present[part] & (counts >= 2)).sum()) for part in ("train", "val"))
    return both, int((~present["test"] & (counts >= 3)).sum()) if "test" in present else 0


@settings(deadline=None, max_examples=80)
@given(grouped_data(max_size=2), st.booleans(), SHARES, TEST_SHARES)
def test_no_exchange_brings_classes_to_more_parts(data, is_grouped, share, test_share):
    """Of two images, or of two groups of one size; and no fewer needs are met than without classes."""
    given_samples, groups, class_images = data
    names = groups if is_grouped else [sample.name for sample in given_samples]
    units = sorted(set(names))
    rows = np.array([class_images[[name == unit for name in names]].any(axis=0) for unit in units])
    found, plain = (
        split_names(given_samples, names, share=share, test_share=test_share, class_images=classes)
        for classes in (class_images, None)
    )
    parts, before = ([next(p for p in PARTS if u in split[p]) for u in units] for split in (found, plain))
    assert unmet(parts, rows) <= unmet(before, rows)
    for one, other in combinations(range(len(units)), 2):
        if parts[one] != parts[other] and names.count(units[one]) == names.count(units[other]):
            swapped = list(parts)
            swapped[one], swapped[other] = parts[other], parts[one]
            assert unmet(swapped, rows) >= unmet(parts, rows)


def test_every_class_is_in_every_part_if_there_are_enough_images():
    for seed in range(10):
        random = np.random.default_rng(seed)
        rows = random.random((100, 20)) < random.uniform(0.02, 0.3, 20)
        parts = split_names(samples(rest=100), class_images=rows, test_share=0.2, seed=seed)
        part_of = {name: part for part, names in parts.items() for name in names}
        assert unmet([part_of[f"rest{i}"] for i in range(100)], rows) == (0, 0)


def test_where_not_all_classes_fit_as_many_as_possible_do():
    """Twelve classes in two images each; two validate. No two images can hold them all."""
    class_images = np.zeros((24, 12), dtype=bool)
    for c in range(12):
        class_images[[2 * c, 2 * c + 1], c] = True
    class_images[0, :7] = True  # one image has seven of them
    val = split_samples(samples(rest=24), where="d", share=0.92, class_images=class_images).val
    assert len(val) == 2
    assert class_images[list(val)].any(axis=0).sum() == 8


def test_nothing_moves_if_no_class_is_missing():
    class_images = np.ones((50, 3), dtype=bool)
    assert split_names(samples(rest=50), class_images=class_images) == split_names(samples(rest=50))


def test_one_rare_class_exchanges_one_pair_of_images():
    plain = split_samples(samples(rest=50), where="d")
    class_images = np.zeros((50, 1), dtype=bool)
    class_images[list(plain.train[:2])] = True
    stratified = split_samples(samples(rest=50), where="d", class_images=class_images)
    assert len(set(stratified.val) - set(plain.val)) == len(set(plain.val) - set(stratified.val)) == 1
    assert set(stratified.val) & set(plain.train[:2])


def test_the_datas_own_splits_win():
    given_samples = samples(train=6, val=5, test=4)
    own = {part: {f"{part}{n}" for n in range(count)} for part, count in (("train", 6), ("val", 5), ("test", 4))}
    options = {"groups": ["g"] * 15, "class_images": np.eye(15, dtype=bool), "test_share": 0.5, "share": 0.5}
    splits = split_samples(given_samples, where="d", **options)
    assert {part: {given_samples[i].name for i in splits.indices(part)} for part in PARTS} == own


def test_val_is_taken_from_train_and_test_stays_whole():
    parts = split_names(samples(train=10, test=7), test_share=0.3)
    assert parts["test"] == {f"test{n}" for n in range(7)}
    assert len(parts["val"]) == 2
    assert parts["train"] | parts["val"] == {f"train{n}" for n in range(10)}


def test_images_in_no_split_train_if_the_data_have_val():
    parts = split_names(samples(val=2, rest=5))
    assert parts == {"train": {f"rest{n}" for n in range(5)}, "val": {"val0", "val1"}, "test": set()}


@pytest.mark.parametrize(
    ("given_counts", "test_share", "counts"),
    [
        ({"rest": 100}, 0.2, (64, 16, 20)),
        ({"rest": 40, "val": 9}, 0.25, (30, 9, 10)),
        ({"rest": 4}, 0.1, (2, 1, 1)),
        ({"rest": 3}, 0.0, (2, 1, 0)),
    ],
)
def test_a_test_share_comes_first_and_the_rest_is_divided(given_counts, test_share, counts):
    splits = split_samples(samples(**given_counts), where="d", test_share=test_share)
    assert tuple(splits.counts.values()) == counts


@settings(deadline=None, max_examples=40)
@given(grouped_data(), st.booleans(), st.booleans(), TEST_SHARES, st.randoms(use_true_random=False))
def test_the_order_of_listing_does_not_matter(data, is_grouped, is_stratified, test_share, rng):
    given_samples, groups, class_images = data

    def split(listing):
        splits = split_samples(
            [given_samples[i] for i in listing],
            where="d",
            groups=[groups[i] for i in listing] if is_grouped else None,
            class_images=class_images[listing] if is_stratified else None,
            test_share=test_share,
        )
        return [{listing[i] for i in splits.indices(part)} for part in PARTS]

    order = list(range(len(groups)))
    assert split(rng.sample(order, len(order))) == split(order)


def test_the_same_names_give_the_same_split_on_every_machine():
    given_samples = samples(rest=20)
    assert split_samples(given_samples, where="data").val == (0, 1, 3, 18)
    groups = [f"g{n % 7}" for n in range(20)]
    class_images = np.zeros((20, 2), dtype=bool)
    class_images[[3, 4], 0] = class_images[[8, 9, 10], 1] = True
    splits = split_samples(given_samples, where="data", groups=groups, class_images=class_images, test_share=0.2)
    assert (splits.val, splits.test) == ((3, 10, 17), (2, 9, 16))


def test_another_seed_gives_another_split():
    for groups in (None, [f"g{n // 5}" for n in range(50)]):
        one, other = (split_names(samples(rest=50), groups, seed=seed) for seed in (1, 2))
        assert one != other


def test_validation_images_are_spread_over_the_listing():
    """Frames of one film are neighbours, and of cameras numbered in turn every fifth image is of one place."""
    val = split_samples(samples(rest=500), where="data").val
    for fifth in range(5):
        assert 8 <= sum(1 for i in val if i // 100 == fifth) <= 32
        assert 8 <= sum(1 for i in val if i % 5 == fifth) <= 32


@settings(deadline=None, max_examples=60)
@given(NAMES, SHARES, TEST_SHARES, st.integers(0, 9), st.booleans(), st.data())
def test_an_added_image_moves_few_others(names, share, test_share, seed, is_stratified, data):
    """One into or out of val; with a test part, one into or out of test, and for each of them another one of val."""
    options = {"share": share, "test_share": test_share, "seed": seed}
    added, *others = data.draw(st.permutations([*names, "added"]))
    classes = (lambda count: {"class_images": np.ones((count, 2), dtype=bool)}) if is_stratified else lambda count: {}
    before = split_names(named(others), **options, **classes(len(others)))
    after = split_names(named([*others, added]), **options, **classes(len(others) + 1))
    moved = {name for part in PARTS for name in before[part] - after[part]}
    assert len(moved) <= (1 if test_share == 0 else 3)


def test_an_image_added_to_a_group_goes_where_the_group_is():
    groups = [f"g{n // 10}" for n in range(200)]
    assert split_names(samples(rest=201), [*groups, "g19"]) == split_names(samples(rest=200), groups)


@pytest.mark.parametrize(
    ("counts", "value"),
    [
        ({}, "0 labelled images for train and val"),
        ({"rest": 2}, "2 labelled images for train and val, at least 3"),
        ({"train": 1, "val": 3}, "1 labelled image for train, at least 2"),
        ({"val": 3, "test": 2}, "0 labelled images for train, at least 2"),
        ({"test": 9}, "0 labelled images for train and val"),
    ],
)
def test_too_few_images_are_an_error_with_the_counts(counts, value):
    with refuses(where="my/folder", value=value) as caught:
        split_samples(samples(**counts), where="my/folder")
    assert ("to train" in caught.value.remedy) == (not {"rest", "train"} & set(counts))


@pytest.mark.parametrize(("groups", "test_share"), [(["a"] * 9, 0.0), (["a"] * 5 + ["b"] * 4, 0.2)])
def test_too_few_groups_are_an_error_that_names_the_option(groups, test_share):
    with refuses(where="d", value=f"{len(set(groups))} group") as caught:
        split_samples(samples(rest=9), where="d", groups=groups, test_share=test_share)
    assert "--group-by" in caught.value.remedy


def test_test_is_scored_if_there_is_one_else_val():
    assert split_samples(samples(train=3, val=1, test=1), where="data").scored == "test"
    assert split_samples(samples(train=3, val=1), where="data").scored == "val"
