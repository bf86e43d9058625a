"""Lists of splits that come with data: what an entry means, what two of them mean, and when a list is passed over."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from layout_zoo import touch
from segarena.data.layout.layout import Layout, find_pairs
from segarena.errors import DataError


def write_data(root: Path, names: str = "a b c d") -> Path:
    """images/NAME.jpg and masks/NAME_mask.png for each of the names."""
    touch(root, *(f"images/{name}.jpg" for name in names.split()))
    return touch(root, *(f"masks/{name}_mask.png" for name in names.split()))


def write_lists(root: Path, lists: dict[str, str]) -> Path:
    for name, content in lists.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(content, encoding="utf-8")
    return root


def splits(layout: Layout) -> dict[str, str | None]:
    return {sample.name: sample.split for sample in layout.samples}


DIVIDED = {"a": "train", "b": "train", "c": "val", "d": "test"}


@pytest.mark.parametrize(
    "lists",
    [
        {"train.txt": "a\nb\n", "val.txt": "c\n", "test.txt": "d"},
        {"train.txt": "\ufeffa\r\n\r\n# a comment\r\nb\r\n", "valid.txt": "c\r\n", "test.txt": "d\r\n"},
        {"train.txt": "a.jpg\nb.jpg", "val.txt": "c.jpg", "test.txt": "d.jpg"},
        {"train_ids.txt": "a\nb", "val_ids.txt": "c", "test_ids.txt": "d"},
        {"train.txt": "images/a.jpg\n./images/b.jpg", "val.txt": "masks/c_mask.png", "test.txt": "images\\d.jpg"},
        {"train.txt": "/home/x/data/images/a.jpg\n/y/b.jpg", "val.txt": "/z/images/c.jpg", "test.txt": "d"},
        {
            "train.txt": "images/a.jpg masks/a_mask.png\nimages/b.jpg,masks/b_mask.png",
            "val.txt": "/old/c.jpg\t/old/c_mask.png",
            "test.txt": "d.jpg /elsewhere/unknown.png",
        },
        {"train.csv": "image,mask\na.jpg,a_mask.png\nb.jpg,b_mask.png", "val.csv": "filename\nc", "test.csv": "d"},
        {"splits/train.txt": "a\nb", "splits/val.txt": "c", "splits/test.txt": "d"},
        {
            "ImageSets/Segmentation/train.txt": "a\nb",
            "ImageSets/Segmentation/val.txt": "c\n",
            "ImageSets/Segmentation/trainval.txt": "a\nb\nc",
            "ImageSets/Segmentation/test.txt": "d",
            "ImageSets/Main/train.txt": "a -1\nd 1",
        },
        {"split.yaml": "train: [a, b]\nval: [c]\ntest:\n- d\n"},
        {"my_splits.yml": "seed: 3\nsplits: {train: [a, b], validation: [c], test: [d]}\n"[8:]},
        {
            "train_val_test.json": json.dumps(
                {"train": ["a", "b"], "val": ["c.jpg"], "test": [{"image": "images/d.jpg"}]}
            )
        },
        {"train.json": '["a", "b"]', "val.txt": "c"} | {"test.txt": "d", "train.txt": "a\nb"},
        {"split.json": json.dumps({"a": "train", "b": "train", "c": "val", "d": "test"})},
        {"train.txt": "a\nb", "val.txt": "c", "test.txt": "d", "split.yaml": "{train: [b, a], val: [c], test: [d]}"},
        {"train.txt": "a\na\nb", "val.txt": "c", "test.txt": "d", "classes.yaml": "classes: []", "notes.txt": "x"},
    ],
)
def test_lists_give_the_splits(lists: dict[str, str], tmp_path: Path) -> None:
    layout = find_pairs(write_lists(write_data(tmp_path), lists))
    assert splits(layout) == DIVIDED
    assert layout.conflicts == layout.unlisted == ()
    assert "split by" in layout.sentence
    assert "2 train, 1 val, 1 test" in layout.sentence


@pytest.mark.parametrize(
    ("names", "listed"),
    [
        ("001_image 002_image 010_image", "[1, 10]"),
        ("001_image 002_image 010_image", "[001, 010]"),
        ("1 2 10", '["01", 10]'),
        ("s3_1_x s3_2_x s3_10_x", "[1, 10]"),
    ],
)
def test_a_number_means_the_one_image_of_that_number_and_012_is_twelve(names: str, listed: str, tmp_path: Path) -> None:
    # YAML 1.1 would read the number 010 as eight.
    layout = find_pairs(write_lists(write_data(tmp_path, names), {"split.yaml": f"train: {listed}\ntest: [2]\n"}))
    assert sorted(splits(layout).values(), key=str) == ["test", "train", "train"]
    assert [name for name, split in splits(layout).items() if split == "test"] == [names.split()[1]]


def test_an_image_in_two_splits_stays_in_test_and_leaks_nowhere(tmp_path: Path) -> None:
    lists = {"train.txt": "a\nb\nc\nd", "val.txt": "b\nc", "test.txt": "c"}
    layout = find_pairs(write_lists(write_data(tmp_path), lists))
    assert splits(layout) == {"a": "train", "d": "train", "b": "val", "c": "test"}
    kept = "it stays in val and is kept out of train", "it stays in test and is kept out of the others"
    assert layout.conflicts == (
        f"train.txt, val.txt and test.txt: images/b.jpg is named in train and in val; {kept[0]}",
        f"train.txt, val.txt and test.txt: images/c.jpg is named in train, in val and in test; {kept[1]}",
    )


def test_images_that_the_lists_leave_out_are_left_out_and_named(tmp_path: Path) -> None:
    layout = find_pairs(write_lists(write_data(tmp_path), {"train.txt": "a", "test.txt": "d"}))
    assert splits(layout) == {"a": "train", "d": "test"}
    assert layout.unlisted == (tmp_path / "images/b.jpg", tmp_path / "images/c.jpg")
    assert "2 images that it does not name are left out" in layout.sentence


def test_what_a_list_of_test_images_alone_leaves_trains(tmp_path: Path) -> None:
    layout = find_pairs(write_lists(write_data(tmp_path), {"test.txt": "d"}))
    assert splits(layout) == {"a": "train", "b": "train", "c": "train", "d": "test"}


def test_voc_lists_stand_for_the_whole_set(tmp_path: Path) -> None:
    touch(tmp_path, *(f"JPEGImages/{name}.jpg" for name in ("1", "2", "3", "4", "boxes-only")))
    touch(tmp_path, *(f"Segmentation{kind}/{name}.png" for kind in ("Class", "Object") for name in ("1", "2", "3")))
    lists = {"trainval.txt": "1\n2\n", "val.txt": "3", "test.txt": "4"}
    layout = find_pairs(write_lists(tmp_path, {f"ImageSets/Segmentation/{name}": text for name, text in lists.items()}))
    assert splits(layout) == {"1": "train", "2": "train", "3": "val"}
    assert layout.images_without_mask == (tmp_path / "JPEGImages/4.jpg",)


def test_trainval_stands_in_where_neither_part_has_a_list(tmp_path: Path) -> None:
    layout = find_pairs(write_lists(write_data(tmp_path), {"trainval.txt": "a\nb\nc", "test.txt": "d"}))
    assert splits(layout) == {"a": "train", "b": "train", "c": "train", "d": "test"}


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("train.txt", "epoch 1 loss 0.3\nepoch 2 loss 0.2"),
        ("train.txt", "17\n18"),
        ("train.txt", "\n\n"),
        ("data.yaml", "train: images/train\nval: images/val\nnames: [x]"),
        ("split.yaml", "train: [a\n"),
        ("split.yaml", "train: [[a, b], [c]]"),
        ("train.json", '{"images": [{"file_name": "a.jpg"}], "annotations": []}'),
        ("splits_final.json", '[{"train": ["a"], "val": ["b"]}]'),
        ("split.json", '"' + "[" * 5000),
    ],
)
def test_a_file_that_is_no_list_of_these_images_is_passed_over(name: str, content: str, tmp_path: Path) -> None:
    layout = find_pairs(write_lists(write_data(tmp_path), {name: content}))
    assert splits(layout) == dict.fromkeys("abcd")
    assert layout.sentence.startswith("images in images/, masks in masks/")
    assert ("passed over" in layout.sentence) == (content[0] in "e1")


def test_bytes_that_are_no_text_are_passed_over_and_utf_16_is_read(tmp_path: Path) -> None:
    write_data(tmp_path)
    (tmp_path / "train.txt").write_bytes(b"\xc3\x28\xa0\xa1")
    assert splits(find_pairs(tmp_path)) == dict.fromkeys("abcd")
    (tmp_path / "train.txt").write_bytes("a\r\nb\r\n".encode("utf-16"))
    assert splits(find_pairs(tmp_path)) == {"a": "train", "b": "train"}


def test_folders_for_splits_win_over_lists(tmp_path: Path) -> None:
    touch(tmp_path, *(f"{split}/{kind}/{split}.png" for split in ("train", "test") for kind in ("images", "masks")))
    layout = find_pairs(write_lists(tmp_path, {"train.txt": "test", "test.txt": "train"}))
    assert splits(layout) == {"train": "train", "test": "test"}


@pytest.mark.parametrize(
    ("names", "lists", "parts"),
    [
        ("a b", {"train.txt": "a\nzebra\nyak"}, ["train.txt", "'zebra' and 1 more", "for train", "correct the list"]),
        ("a b", {"split.yaml": "train: [a]\ntest: [zebra, b]"}, ["split.yaml", "'zebra'", "for test"]),
        ("x/1 y/1 x/2", {"train.txt": "2\n1"}, ["train.txt", "'1'", "could be 1.jpg", "file names"]),
        ("a b", {"train.txt": "a.jpg b_mask.png"}, ["train.txt", "a.jpg and b_mask.png", "goes with another image"]),
        ("a b", {"train.txt": "a", "split.yaml": "train: [b]"}, ["train.txt and split.yaml both divide", "Move"]),
    ],
)
def test_a_list_that_fits_in_part_is_an_error_that_names_it(
    names: str, lists: dict[str, str], parts: list[str], tmp_path: Path
) -> None:
    with pytest.raises(DataError) as raised:
        find_pairs(write_lists(write_data(tmp_path, names), lists))
    for part in parts:
        assert part in str(raised.value)
