"""Which image trains, which chooses the epoch, which tests: the data's own division first, else a fixed deal."""

from fractions import Fraction
from itertools import product
from pathlib import Path

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from segarena.data.source import Sample
from segarena.data.splitting.groups import natural_key
from segarena.data.splitting.splits import split_samples
from segarena.errors import DataError

PARTS = ("train", "val", "test")
SHARES = st.sampled_from([0.5, 0.6, 0.7, 0.75, 0.8, 0.85, 0.9, 0.99])
NAMES = st.lists(st.text(max_size=6), min_size=4, max_size=40, unique=True)


def samples(**counts):
    """So many samples of each split; `rest` are the ones that the data leaves undivided."""
    return [
        Sample(f"{split}{number}", None if split == "rest" else split, Path("i"), Path("m"))
        for split, count in counts.items()
        for number in range(count)
    ]


def named(names):
    return [Sample(name, None, None, None) for name in names]


def split_names(given_samples, **options):
    splits = split_samples(given_samples, where="data", **options)
    return {part: {given_samples[i].name for i in splits.indices(part)} for part in PARTS}


def split_units(given_samples, groups=None, **options):
    """The names, or the groups, in each part."""
    splits = split_samples(given_samples, where="data", groups=groups, **options)
    unit = groups if groups is not None else [sample.name for sample in given_samples]
    return {part: {unit[i] for i in splits.indices(part)} for part in PARTS}


@st.composite
def grouped_data(draw, max_units=12, max_size=6, classes=4):
    """Samples with their groups and the classes in them."""
    sizes = draw(st.lists(st.integers(1, max_size), min_size=4, max_size=max_units))
    groups = [f"g{group}" for group, size in enumerate(sizes) for _ in range(size)]
    rows = draw(st.lists(st.integers(0, 2**classes - 1), min_size=len(groups), max_size=len(groups)))
    class_images = np.array([[row >> c & 1 for c in range(classes)] for row in rows], dtype=bool)
    return named([f"{group}_{i:03}" for i, group in enumerate(groups)]), groups, class_images


def test_undivided_images_are_split_80_to_20_within_one_sample():
    for count in range(3, 60):
        counts = split_samples(samples(rest=count), where="data").counts
        assert counts["train"] + counts["val"] == count
        assert counts["test"] == 0
        assert abs(counts["val"] - 0.2 * count) < 1
        assert counts["val"] >= 1


def test_data_without_a_part_to_train_on_are_not_asked_for_more_images():
    with pytest.raises(DataError, match=r"12 labelled images give 0 for training.*All of them are in val or test"):
        split_samples(samples(val=5, test=7), where="data")


@pytest.mark.parametrize(("share", "val"), [(0.5, 20), (0.75, 10), (0.9, 4), (0.999, 1)])
def test_the_share_is_the_users(share, val):
    assert split_samples(samples(rest=40), share=share, where="data").counts == {
        "train": 40 - val,
        "val": val,
        "test": 0,
    }


@settings(deadline=None, max_examples=40)
@given(NAMES, SHARES, st.sampled_from([0.0, 0.1, 0.2, 0.3]), st.integers(0, 9), st.data())
def test_shares_of_images_are_met_within_one_image_whatever_the_classes(names, share, test_share, seed, data):
    rows = data.draw(st.lists(st.integers(0, 31), min_size=len(names), max_size=len(names)))
    class_images = np.array([[row >> c & 1 for c in range(5)] for row in rows], dtype=bool)
    counts = split_samples(
        named(names), where="data", share=share, seed=seed, test_share=test_share, class_images=class_images
    ).counts
    assert sum(counts.values()) == len(names)
    assert abs(counts["test"] - test_share * len(names)) < 1
    assert abs(counts["val"] - (1 - share) * (len(names) - counts["test"])) < 1
    assert counts["train"] >= 2
    assert counts["val"] >= 1


@settings(deadline=None)
@given(
    st.lists(st.tuples(st.text(max_size=5), st.sampled_from(["train", "val", "test", None])), unique_by=lambda e: e[0])
)
def test_every_image_has_exactly_one_part(entries):
    given_samples = [Sample(name, split, None, None) for name, split in entries]
    try:
        splits = split_samples(given_samples, where="data")
    except DataError:
        return
    assert sorted(splits.train + splits.val + splits.test) == list(range(len(entries)))
    assert len(splits.train) >= 2
    assert len(splits.val) >= 1


@settings(deadline=None, max_examples=40)
@given(grouped_data(), SHARES, st.sampled_from([0.0, 0.2]), st.booleans(), st.integers(0, 9))
def test_no_image_and_no_group_is_in_two_parts(data, share, test_share, stratified, seed):
    given_samples, groups, class_images = data
    options = {"share": share, "test_share": test_share, "seed": seed, "groups": groups}
    splits = split_samples(given_samples, where="d", class_images=class_images if stratified else None, **options)
    assert sorted(splits.train + splits.val + splits.test) == list(range(len(groups)))
    assert bool(splits.test) == (test_share > 0)
    parts = [{groups[i] for i in splits.indices(part)} for part in PARTS]
    assert sum(map(len, parts)) == len(set(groups))


@settings(deadline=None, max_examples=40)
@given(grouped_data(max_size=20), SHARES, st.integers(0, 9))
def test_groups_miss_the_share_by_at_most_half_of_the_largest_or_val_is_the_smallest(data, share, seed):
    given_samples, groups, _ = data
    sizes = [groups.count(group) for group in set(groups)]
    val = split_samples(given_samples, where="d", groups=groups, share=share, seed=seed).counts["val"]
    assert abs(val - (1 - share) * len(groups)) <= max(sizes) / 2 + 1e-9 or val == min(sizes)


def test_groups_leave_two_images_for_training_where_they_can():
    for seed in range(20):
        options = {"seed": seed, "share": 0.5, "test_share": 0.2}
        counts = split_samples(samples(rest=8), where="d", groups=list("abcddddd"), **options).counts
        assert counts["train"] >= 2


def test_a_long_film_does_not_become_the_validation_split():
    groups = ["long"] * 200 + ["short"] * 50
    for seed in range(20):
        assert split_units(named(map(str, range(250))), groups, seed=seed)["val"] == {"short"}


def _both_sides(units_of_class, val):
    return all(set(units) & val and set(units) - val for units in units_of_class if len(units) > 1)


def _classes(units, unit_of, class_images):
    """For each class, the units that have it."""
    return [
        {u for u in units if any(class_images[i, c] for i, own in enumerate(unit_of) if own == u)}
        for c in range(class_images.shape[1])
    ]


@settings(deadline=None, max_examples=40)
@given(st.integers(3, 8), st.integers(1, 10), st.sampled_from([0.5, 0.6, 0.7, 0.8]), st.randoms(use_true_random=False))
def test_rare_classes_reach_both_sides_wherever_an_allocation_of_these_shares_has_them_there(n, c, share, rng):
    class_images = np.array([[rng.random() < 0.3 for _ in range(c)] for _ in range(n)])
    splits = split_samples(samples(rest=n), where="d", share=share, class_images=class_images)
    classes = _classes(range(n), range(n), class_images)
    possible = any(
        sum(sides) == len(splits.val) and _both_sides(classes, {i for i in range(n) if sides[i]})
        for sides in product([0, 1], repeat=n)
    )
    assert _both_sides(classes, set(splits.val)) == possible


@settings(deadline=None, max_examples=50)
@given(grouped_data(max_units=7, max_size=4, classes=5), SHARES)
def test_classes_in_two_groups_reach_both_sides_wherever_any_allocation_of_the_groups_has_them_there(data, share):
    given_samples, groups, class_images = data
    units = sorted(set(groups))
    assume(len(units) < len(groups))  # groups of one image each are images, and keep the share
    classes = _classes(units, groups, class_images)
    found = split_units(given_samples, groups, share=share, class_images=class_images)
    subsets = [
        {u for u, side in zip(units, sides, strict=True) if side} for sides in product([0, 1], repeat=len(units))
    ]
    most = len(groups) - 2  # two images train
    possible = any(0 < sum(map(groups.count, val)) <= most and _both_sides(classes, val) for val in subsets)
    assert _both_sides(classes, found["val"]) == possible


@pytest.mark.parametrize(
    ("share", "rows"),
    [
        (0.5, ["0000001", "0001000", "1000000", "0000010", "1111001"]),
        (0.7, ["0101000000", "1100100000", "0100101100", "0000011000", "0011100100"]),
        (0.8, ["011001", "001000", "000011", "101110", "011110", "110010"]),
        (0.8, ["0000100101", "0000010110", "0000000010", "0010000100", "0010110010", "0000001000", "0100100110"]),
    ],
)
def test_rare_classes_reach_both_sides_where_no_single_exchange_gets_nearer(share, rows):
    class_images = np.array([[bit == "1" for bit in row] for row in rows])
    val = split_samples(samples(rest=len(rows)), where="d", share=share, class_images=class_images).val
    assert _both_sides(_classes(range(len(rows)), range(len(rows)), class_images), set(val))


@settings(deadline=None, max_examples=40)
@given(grouped_data(max_units=7, max_size=5, classes=3), SHARES)
def test_groups_keep_to_the_share_where_the_classes_let_them(data, share):
    given_samples, groups, class_images = data
    units = sorted(set(groups))
    assume(len(units) < len(groups))
    classes = _classes(units, groups, class_images)
    target, slack = (1 - share) * len(groups), max(map(groups.count, units)) / 2 + 1e-9

    def miss(val):
        return abs(sum(groups.count(unit) for unit in val) - target)

    subsets = [
        {u for u, side in zip(units, sides, strict=True) if side} for sides in product([0, 1], repeat=len(units))
    ]
    most = len(groups) - 2  # two images train
    fitting = [val for val in subsets if 0 < sum(map(groups.count, val)) <= most and miss(val) <= slack]
    possible = any(_both_sides(classes, val) for val in fitting)
    val = split_units(given_samples, groups, share=share, class_images=class_images)["val"]
    assert not possible or miss(val) <= slack


@settings(deadline=None, max_examples=60)
@given(st.integers(5, 7), st.integers(2, 8), st.randoms(use_true_random=False))
def test_a_class_in_three_images_reaches_test_too_but_train_and_val_come_first(n, c, rng):
    class_images = np.array([[rng.random() < 0.35 for _ in range(c)] for _ in range(n)])
    splits = split_samples(samples(rest=n), where="d", class_images=class_images, share=0.6, test_share=0.25)
    sizes = [len(splits.train), len(splits.val), len(splits.test)]
    common = [np.flatnonzero(column) for column in class_images.T if column.sum() > 1]

    def is_complete(parts, fewest_for_test):
        wanted = [{0, 1} | ({2} if len(images) >= fewest_for_test else set()) for images in common]
        return all(part <= {parts[i] for i in images} for part, images in zip(wanted, common, strict=True))

    part_of = {i: p for p, part in enumerate(PARTS) for i in splits.indices(part)}
    found = [part_of[i] for i in range(n)]
    divisions = [parts for parts in product(range(3), repeat=n) if [parts.count(p) for p in range(3)] == sizes]
    for fewest_for_test in (3, n + 1):  # with test, and without
        assert is_complete(found, fewest_for_test) or not any(is_complete(d, fewest_for_test) for d in divisions)


def test_classes_never_leave_a_part_empty():
    """Two classes, each in two of three groups, want all three for train and val."""
    groups = list("aabbcc")
    class_images = np.array([[1, 0], [1, 0], [1, 1], [1, 1], [0, 1], [0, 1]], dtype=bool)
    for seed in range(10):
        splits = split_samples(
            samples(rest=6), where="d", groups=groups, class_images=class_images, test_share=0.3, seed=seed
        )
        assert splits.counts == {"train": 2, "val": 2, "test": 2}


def test_where_not_all_classes_fit_more_do_than_without_asking():
    """Twelve classes in two images each; two validate. No two images can hold them all."""
    class_images = np.zeros((24, 12), dtype=bool)
    for c in range(12):
        class_images[[2 * c, 2 * c + 1], c] = True
    class_images[0, :7] = True  # one image has seven of them
    val = split_samples(samples(rest=24), where="d", share=0.92, class_images=class_images).val
    assert len(val) == 2
    assert class_images[list(val)].any(axis=0).sum() == 8


def test_stratification_moves_nothing_where_no_class_is_missing_from_a_side():
    class_images = np.ones((50, 3), dtype=bool)
    assert split_names(samples(rest=50), class_images=class_images) == split_names(samples(rest=50))


def test_stratification_of_one_rare_class_exchanges_one_pair_of_images():
    plain = split_samples(samples(rest=50), where="d")
    class_images = np.zeros((50, 1), dtype=bool)
    class_images[list(plain.train[:2])] = True
    stratified = split_samples(samples(rest=50), where="d", class_images=class_images)
    assert len(set(stratified.val) - set(plain.val)) == len(set(plain.val) - set(stratified.val)) == 1
    assert set(stratified.val) & set(plain.train[:2])


def test_the_datas_own_splits_win():
    given_samples = samples(train=6, val=5, test=4)
    own = {part: {f"{part}{n}" for n in range(count)} for part, count in (("train", 6), ("val", 5), ("test", 4))}
    everything = {"groups": ["g"] * 15, "class_images": np.eye(15, dtype=bool), "test_share": 0.5, "share": 0.5}
    assert split_names(given_samples, **everything) == own


def test_without_a_val_folder_it_is_taken_from_train_and_test_stays_whole():
    parts = split_names(samples(train=10, test=7), test_share=0.3)
    assert parts["test"] == {f"test{n}" for n in range(7)}
    assert len(parts["val"]) == 2
    assert parts["train"] | parts["val"] == {f"train{n}" for n in range(10)}


def test_a_val_folder_leaves_the_undivided_images_to_training():
    parts = split_names(samples(val=2, rest=5))
    assert parts["train"] == {f"rest{n}" for n in range(5)}
    assert parts["val"] == {"val0", "val1"}


def test_a_test_share_is_taken_from_what_has_no_split_and_the_rest_is_divided_by_the_share():
    assert split_samples(samples(rest=100), where="d", test_share=0.2).counts == {"train": 64, "val": 16, "test": 20}
    assert split_samples(samples(rest=40, val=9), where="d", test_share=0.25).counts == {
        "train": 30,
        "val": 9,
        "test": 10,
    }


@settings(deadline=None, max_examples=40)
@given(grouped_data(), st.booleans(), st.booleans(), st.sampled_from([0.0, 0.2]), st.randoms(use_true_random=False))
def test_the_order_of_listing_does_not_matter(data, is_grouped, is_stratified, test_share, rng):
    given_samples, groups, class_images = data
    order = rng.sample(range(len(groups)), len(groups))

    def split(listing):
        return split_names(
            [given_samples[i] for i in listing],
            groups=[groups[i] for i in listing] if is_grouped else None,
            class_images=class_images[listing] if is_stratified else None,
            test_share=test_share,
        )

    assert split(order) == split(list(range(len(groups))))


def test_the_same_names_give_the_same_split_on_every_machine():
    given_samples = samples(rest=20)
    assert split_samples(given_samples, where="data").val == (1, 5, 14, 17)
    groups = [f"g{n % 7}" for n in range(20)]
    class_images = np.zeros((20, 2), dtype=bool)
    class_images[[3, 4], 0] = class_images[[8, 9, 10], 1] = True
    splits = split_samples(given_samples, where="data", groups=groups, class_images=class_images, test_share=0.2)
    assert (splits.val, splits.test) == ((3, 10, 17), (1, 8, 15))


def test_another_seed_gives_another_split():
    assert split_names(samples(rest=50), seed=1) != split_names(samples(rest=50), seed=2)
    groups = [f"g{n // 5}" for n in range(50)]
    assert split_names(samples(rest=50), groups=groups, seed=1) != split_names(samples(rest=50), groups=groups, seed=2)


def test_neighbours_in_the_listing_are_dealt_apart():
    """Frames of one film lie next to each other; the last fifth of the listing would be one scene."""
    val = split_samples(samples(rest=500), where="data").val
    assert all(15 <= sum(1 for i in val if i // 100 == block) <= 25 for block in range(5))


def test_validation_is_no_regular_comb():
    """Of tiles or cameras numbered in turn, every fifth image would always be the same place."""
    val = split_samples(samples(rest=500), where="data").val
    assert all(8 <= sum(1 for i in val if i % 5 == phase) <= 32 for phase in range(5))


@settings(deadline=None, max_examples=50)
@given(NAMES, SHARES, st.sampled_from([0.0, 0.1, 0.25]), st.integers(0, 9))
def test_a_file_added_at_the_end_moves_no_other(names, share, test_share, seed):
    ordered = sorted(names, key=natural_key)
    options = {"share": share, "test_share": test_share, "seed": seed}
    before = split_names(named(ordered[:-1]), **options) if len(names) > 4 else None
    assume(before is not None)
    after = split_names(named(ordered), **options)
    assert all(before[part] <= after[part] for part in PARTS)


def test_img_10_is_the_end_of_a_list_up_to_img_9():
    for count in range(4, 40):
        before, after = (split_names(named([f"img_{n}" for n in range(c)])) for c in (count, count + 1))
        assert before["train"] <= after["train"]
        assert before["val"] <= after["val"]


@settings(deadline=None, max_examples=40)
@given(st.integers(12, 40), st.randoms(use_true_random=False))
def test_a_file_added_at_the_end_moves_no_other_in_a_stratified_split_without_missing_classes(n, rng):
    class_images = np.array([[True, rng.random() < 0.7] for _ in range(n + 1)])
    plain = split_samples(samples(rest=n), where="d")
    assume(all(class_images[list(part), 1].any() for part in (plain.train, plain.val)))
    before = split_names(samples(rest=n), class_images=class_images[:n])
    after = split_names(samples(rest=n + 1), class_images=class_images)
    assert before["train"] <= after["train"]
    assert before["val"] <= after["val"]


def test_a_file_added_to_a_group_goes_where_the_group_is():
    groups = [f"g{n // 10}" for n in range(200)]
    before = split_units(samples(rest=200), groups)
    after = split_units(samples(rest=201), [*groups, "g19"])
    assert after == before


@pytest.mark.parametrize("counts", [{}, {"rest": 2}, {"train": 1, "val": 3}, {"val": 3, "test": 2}, {"test": 9}])
def test_too_few_images_are_an_error_with_the_counts_and_the_place(counts):
    with pytest.raises(DataError, match="at least 2 and 1 are needed") as caught:
        split_samples(samples(**counts), where="my/folder")
    assert str(caught.value).startswith(f"my/folder: {sum(counts.values())} labelled images give")


@pytest.mark.parametrize(("groups", "test_share"), [(["a"] * 9, 0.0), (["a"] * 5 + ["b"] * 4, 0.2)])
def test_too_few_groups_are_an_error_that_names_the_option(groups, test_share):
    with pytest.raises(DataError, match=r"cannot fill \d splits without dividing a group.*--group-by"):
        split_samples(samples(rest=9), where="d", groups=groups, test_share=test_share)


def test_three_images_are_enough():
    assert split_samples(samples(rest=3), where="data").counts == {"train": 2, "val": 1, "test": 0}
    assert split_samples(samples(rest=4), where="data", test_share=0.1).counts == {"train": 2, "val": 1, "test": 1}


def test_test_is_scored_where_there_is_one_else_val():
    assert split_samples(samples(train=3, val=1, test=1), where="data").scored == "test"
    assert split_samples(samples(train=3, val=1), where="data").scored == "val"


def test_shares_are_the_decimal_numbers_that_the_user_wrote():
    """1 - 0.8 is 0.19999999999999996 in binary: of ten images, one would validate."""
    for tenths in range(5, 10):
        counts = split_samples(samples(rest=1000), where="d", share=tenths / 10).counts
        assert Fraction(counts["val"], 1000) == 1 - Fraction(tenths, 10)
