"""Splits in the names of the files: followed where each name has one, and where nothing else divides the images."""

from __future__ import annotations

from pathlib import Path

import pytest

from layout_zoo import touch
from segarena.data.layout.layout import Layout, find_pairs


def lay_out(root: Path, names: str, mask: str = "{}_mask") -> Layout:
    """images/NAME.jpg and masks/NAME_mask.png for each of the names."""
    touch(root, *(f"images/{name}.jpg" for name in names.split()))
    return find_pairs(touch(root, *(f"masks/{mask.format(name)}.png" for name in names.split())))


def splits(layout: Layout) -> list[str | None]:
    return [sample.split for sample in sorted(layout.samples, key=lambda sample: sample.name)]


@pytest.mark.parametrize(
    ("names", "expected", "said"),
    [
        ("testA_1 testB_1 train_1 train_2", ["test", "test", "train", "train"], "(2 train, 2 test)"),
        ("01_test 02_test 21_training 22_training", ["test", "test", "train", "train"], "(2 train, 2 test)"),
        ("Train-a TrainB Val-a Test-a", ["test", "train", "train", "val"], "(2 train, 1 val, 1 test)"),
        ("train1_image train2_image validation1_image", ["train", "train", "val"], "(2 train, 1 val)"),
    ],
)
def test_names_that_all_tell_a_split_divide_the_images(
    tmp_path: Path, names: str, expected: list[str], said: str
) -> None:
    layout = lay_out(tmp_path, names)
    assert splits(layout) == expected
    assert f"split by the names of the images {said}" in layout.sentence


@pytest.mark.parametrize(
    "names",
    [
        "test_1 test_2 test_3",  # a word that means nothing here
        "train_1 train_2 train_3",
        "train_1 train_2 test_1 beach",
        "val_1 test_1 test_2",
        "station_train_1 station_test_2 a_train_b",
        "trainer_1 tested_1 trainer_2",
    ],
)
def test_names_of_which_only_some_tell_a_split_divide_nothing(tmp_path: Path, names: str) -> None:
    layout = lay_out(tmp_path, names)
    assert set(splits(layout)) == {None}
    assert "split" not in layout.sentence


def test_folders_and_lists_win_over_names(tmp_path: Path) -> None:
    lists = lay_out(tmp_path / "lists", "train_1 train_2 test_1")
    assert splits(lists) == ["test", "train", "train"]
    (tmp_path / "lists" / "train.txt").write_text("train_1\ntest_1")
    (tmp_path / "lists" / "val.txt").write_text("train_2")
    assert splits(find_pairs(tmp_path / "lists")) == ["train", "train", "val"]
    names = [f"{split}/{name}" for split, name in (("train", "test_1"), ("train", "train_1"), ("val", "train_2"))]
    touch(tmp_path / "folders", *(f"{name.replace('/', '/images/')}.jpg" for name in names))
    touch(tmp_path / "folders", *(f"{name.replace('/', '/masks/')}.png" for name in names))
    assert splits(find_pairs(tmp_path / "folders")) == ["train", "train", "val"]


def test_a_list_that_was_passed_over_is_still_told(tmp_path: Path) -> None:
    lay_out(tmp_path, "train_1 train_2 test_1")
    (tmp_path / "train.txt").write_text("epoch 1 loss 0.3")
    sentence = find_pairs(tmp_path).sentence
    assert "split by the names of the images (2 train, 1 test)" in sentence
    assert "train.txt passed over" in sentence
