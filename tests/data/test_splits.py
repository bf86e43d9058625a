"""Which image trains, which chooses the epoch, which tests: the data's own division first, else a fixed deal."""

import random
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from segarena.data.source import Sample
from segarena.data.splits import split_samples
from segarena.errors import DataError


def samples(**counts):
    """So many samples of each split; `rest` are the ones that the data leaves undivided."""
    return [
        Sample(f"{split}{number}", None if split == "rest" else split, Path("i"), Path("m"))
        for split, count in counts.items()
        for number in range(count)
    ]


def split_names(given_samples, **options):
    splits = split_samples(given_samples, where="data", **options)
    return {name: {given_samples[i].name for i in splits.indices(name)} for name in ("train", "val", "test")}


def test_undivided_images_are_split_80_to_20_within_one_sample():
    for count in range(3, 120):
        counts = split_samples(samples(rest=count), where="data").counts
        assert counts["train"] + counts["val"] == count
        assert counts["test"] == 0
        assert abs(counts["val"] - 0.2 * count) < 1
        assert counts["val"] >= 1


@pytest.mark.parametrize(("share", "val"), [(0.5, 20), (0.75, 10), (0.9, 4), (0.999, 1)])
def test_the_share_is_the_users(share, val):
    assert split_samples(samples(rest=40), share=share, where="data").counts == {
        "train": 40 - val,
        "val": val,
        "test": 0,
    }


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


def test_the_datas_own_splits_win():
    given_samples = samples(train=6, val=5, test=4)
    assert split_names(given_samples, share=0.5) == {
        "train": {f"train{n}" for n in range(6)},
        "val": {f"val{n}" for n in range(5)},
        "test": {f"test{n}" for n in range(4)},
    }


def test_without_a_val_folder_it_is_taken_from_train_and_test_stays_whole():
    parts = split_names(samples(train=10, test=7))
    assert parts["test"] == {f"test{n}" for n in range(7)}
    assert len(parts["val"]) == 2
    assert parts["train"] | parts["val"] == {f"train{n}" for n in range(10)}


def test_a_val_folder_leaves_the_undivided_images_to_training():
    parts = split_names(samples(val=2, rest=5))
    assert parts["train"] == {f"rest{n}" for n in range(5)}
    assert parts["val"] == {"val0", "val1"}


def test_the_order_of_listing_does_not_matter():
    given_samples = samples(rest=50)
    expected = split_names(given_samples)
    for seed in range(5):
        shuffled = random.Random(seed).sample(given_samples, 50)
        assert split_names(shuffled) == expected


def test_the_same_names_give_the_same_split_on_every_machine():
    splits = split_samples(samples(rest=20), where="data")
    assert splits.val == (3, 5, 6, 17)
    assert splits.train == tuple(n for n in range(20) if n not in splits.val)


def test_another_seed_gives_another_split():
    assert split_names(samples(rest=50), seed=1) != split_names(samples(rest=50), seed=2)


def test_neighbours_in_the_listing_are_dealt_apart():
    """Frames of one film lie next to each other; the last fifth of the listing would be one scene."""
    val = split_samples(samples(rest=500), where="data").val
    assert all(10 <= sum(1 for i in val if i // 100 == block) <= 30 for block in range(5))


def test_more_images_in_val_keep_the_ones_that_were_there():
    few = split_names(samples(rest=50), share=0.9)["val"]
    assert few < split_names(samples(rest=50), share=0.6)["val"]


@pytest.mark.parametrize("counts", [{}, {"rest": 2}, {"train": 1, "val": 3}, {"val": 3, "test": 2}, {"test": 9}])
def test_too_few_images_are_an_error_with_the_counts_and_the_place(counts):
    with pytest.raises(DataError, match="at least 2 and 1 are needed") as caught:
        split_samples(samples(**counts), where="my/folder")
    assert str(caught.value).startswith(f"my/folder: {sum(counts.values())} labelled images give")


def test_three_images_are_enough():
    assert split_samples(samples(rest=3), where="data").counts == {"train": 2, "val": 1, "test": 0}


def test_test_is_scored_where_there_is_one_else_val():
    assert split_samples(samples(train=3, val=1, test=1), where="data").scored == "test"
    assert split_samples(samples(train=3, val=1), where="data").scored == "val"
