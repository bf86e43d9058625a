"""Splits by lists that come with data, and by the names of the images: what an entry refers to, which list is used."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from layout_zoo import splits, touch, write_lists
from segarena.data.layout.layout import find_pairs
from support import refuses

SPLIT = {"a": "train", "b": "train", "c": "val", "d": "test"}


def write_data(root: Path, names: str = "a b c d", lists: dict[str, str] | None = None) -> Path:
    """Write images/NAME.jpg and masks/NAME_mask.png for each of the names, and lists by their paths."""
    touch(root, *(f"images/{name}.jpg" for name in names.split()))
    touch(root, *(f"masks/{name}_mask.png" for name in names.split()))
    return write_lists(root, lists or {})


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
            "test.txt": "d.jpg /elsewhere/d_mask.png",
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
        {"my_splits.yml": "splits: {train: [a, b], validation: [c], test: [d]}\n"},
        {"train_val_test.json": '{"train": ["a", "b"], "val": ["c.jpg"], "test": [{"image": "images/d.jpg"}]}'},
        {"train.json": '["a", "b"]', "val.txt": "c", "test.txt": "d", "train.txt": "a\nb"},
        {"split.json": json.dumps(SPLIT)},
        {"train.txt": "a\nb", "val.txt": "c", "test.txt": "d", "split.yaml": "{train: [b, a], val: [c], test: [d]}"},
        {"train.txt": "a\na\nb", "val.txt": "c", "test.txt": "d", "classes.yaml": "classes: []", "notes.txt": "x"},
    ],
)
def test_lists_give_the_splits(lists: dict[str, str], tmp_path: Path) -> None:
    layout = find_pairs(write_data(tmp_path, lists=lists))
    assert splits(layout) == SPLIT
    assert layout.conflicts == layout.unlisted == ()
    assert "split by" in layout.sentence
    assert "2 train, 1 val, 1 test" in layout.sentence


TABLES = {
    "other columns": {
        "train.csv": "id,coverage,class\na.jpg,0.2,1\nb.jpg,0.7,0",
        "val.csv": "id,class\nc,1",
        "test.csv": "d",
    },
    "pandas' index": {
        "train.csv": ",filename\n0,a.jpg\n1,b.jpg",
        "val.csv": ",filename\n0,c.jpg",
        "test.csv": ",x\n0,d.jpg",
    },
    "the name in the last column": {
        "train.csv": "class;name\n1;a\n2;b",
        "val.csv": "class;name\n2;c",
        "test.csv": "k;name\n1;d",
    },
    "a column for the split": {"metadata.csv": "image,split\na,train\nb,train\nc,valid\nd,test"},
    "a column for the split in front": {"meta.csv": "set,class,file\ntrain,1,a\ntrain,2,b\nval,1,c.jpg\ntest,2,d"},
    "tabs": {"split.tsv": "id\tsplit\na\ttrain\nb\ttrain\nc\tval\nd\ttest"},
    "one JSON file each": {"train.json": '["a", "b"]', "val.json": '["c"]', "test.json": '["d"]'},
}


@pytest.mark.parametrize("lists", TABLES.values(), ids=TABLES)
def test_tables_give_the_splits_by_the_column_of_names(lists: dict[str, str], tmp_path: Path) -> None:
    layout = find_pairs(write_data(tmp_path, lists=lists))
    assert splits(layout) == SPLIT


@pytest.mark.parametrize("header", ["class,id", "class,ImageId", "class,file_number"])
def test_numbers_in_a_table_are_names_in_the_column_that_has_most(header: str, tmp_path: Path) -> None:
    lists = {"train.csv": f"{header}\n1,0\n2,1\n1,2\n2,3", "test.csv": f"{header}\n1,4\n2,5"}
    layout = find_pairs(write_data(tmp_path, "0 1 2 3 4 5", lists))
    assert splits(layout) == dict.fromkeys("0123", "train") | dict.fromkeys("45", "test")


def test_rows_of_tables_without_an_image_here_are_no_error(tmp_path: Path) -> None:
    lists = {"train.csv": "image,age\na,1\nb,2\nx.jpg,3", "test.csv": "image,age\nd,1\ny,2\nz,3"}
    assert splits(find_pairs(write_data(tmp_path, lists=lists))) == {"a": "train", "b": "train", "d": "test"}


def test_an_index_in_a_table_is_no_name_of_an_image(tmp_path: Path) -> None:
    # Row 0 of val.csv is not the image 0.
    lists = {"train.csv": ",filename\n0,s0.png\n1,s1.png", "val.csv": ",filename\n0,s2.png"}
    assert splits(find_pairs(write_data(tmp_path, "s0 s1 s2", lists))) == {"s0": "train", "s1": "train", "s2": "val"}


@pytest.mark.parametrize(
    "text",
    [
        "id,coverage,class\na,0.2,1\nzebra,0.3,2\nyak,0.1,1",  # of more images than are here
        "ImageId,EncodedPixels\na.jpg,1 3 10 5\nzebra.jpg,4 4",
        "x,y,area\n1,2,3\n4,5,6",
    ],
)
def test_a_table_of_facts_about_images_is_passed_over(text: str, tmp_path: Path) -> None:
    layout = find_pairs(write_data(tmp_path, lists={"train.csv": text}))
    assert splits(layout) == dict.fromkeys("abcd")
    assert "train.csv ignored" in layout.sentence


@pytest.mark.parametrize(
    ("names", "listed"),
    [
        ("001_image 002_image 010_image", "[1, 10]"),
        ("001_image 002_image 010_image", "[001, 010]"),
        ("1 2 10", '["01", 10]'),
        ("s3_1_x s3_2_x s3_10_x", "[1, 10]"),
    ],
)
def test_a_number_stands_for_the_image_with_it(names: str, listed: str, tmp_path: Path) -> None:
    # YAML 1.1 would read the number 010 as eight.
    layout = find_pairs(write_data(tmp_path, names, {"split.yaml": f"train: {listed}\ntest: [2]\n"}))
    assert splits(layout) == dict(zip(sorted(names.split()), ("train",) * 3, strict=True)) | {names.split()[1]: "test"}


def test_an_image_in_two_splits_is_kept_in_the_later_one_only(tmp_path: Path) -> None:
    layout = find_pairs(write_data(tmp_path, lists={"train.txt": "a\nb\nc\nd", "val.txt": "b\nc", "test.txt": "c"}))
    assert splits(layout) == {"a": "train", "d": "train", "b": "val", "c": "test"}
    lists = "train.txt, val.txt and test.txt"
    assert [conflict.image.name for conflict in layout.conflicts] == ["b.jpg", "c.jpg"]
    assert tuple(conflict.sentence for conflict in layout.conflicts) == (
        f"{lists}: images/b.jpg is listed for train and val; it is kept in val only",
        f"{lists}: images/c.jpg is listed for train, val and test; it is kept in test only",
    )


def test_unlisted_images_are_left_out_and_named(tmp_path: Path) -> None:
    layout = find_pairs(write_data(tmp_path, lists={"train.txt": "a", "test.txt": "d"}))
    assert splits(layout) == {"a": "train", "d": "test"}
    assert layout.unlisted == (tmp_path / "images/b.jpg", tmp_path / "images/c.jpg")
    assert "2 unlisted images" in layout.sentence


@pytest.mark.parametrize(
    "lists",
    [
        {"test.txt": "d"},  # the others are for training
        {"trainval.txt": "a\nb\nc", "test.txt": "d"},
        {"split.json": '{"train": ["a", "b", "c"], "val": [], "test": ["d"]}'},
    ],
)
def test_lists_without_a_list_for_each_split_are_used(lists: dict[str, str], tmp_path: Path) -> None:
    layout = find_pairs(write_data(tmp_path, lists=lists))
    assert splits(layout) == {"a": "train", "b": "train", "c": "train", "d": "test"}


def test_images_without_masks_outside_of_vocs_lists_are_not_reported(tmp_path: Path) -> None:
    touch(tmp_path, *(f"JPEGImages/{name}.jpg" for name in ("1", "2", "3", "4", "boxes-only")))
    touch(tmp_path, *(f"Segmentation{kind}/{name}.png" for kind in ("Class", "Object") for name in ("1", "2", "3")))
    lists = {"trainval.txt": "1\n2\n", "val.txt": "3", "test.txt": "4"}
    layout = find_pairs(write_lists(tmp_path, {f"ImageSets/Segmentation/{name}": text for name, text in lists.items()}))
    assert splits(layout) == {"1": "train", "2": "train", "3": "val"}
    assert layout.images_without_mask == (tmp_path / "JPEGImages/4.jpg",)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("train.txt", b"epoch 1 loss 0.3\nepoch 2 loss 0.2"),
        ("train.txt", b"17\n18"),
        ("train.txt", b"epoch 1 a\nepoch 2 b"),
        ("train.txt", b"\n\n"),
        ("train.txt", b"\xc3\x28\xa0\xa1"),
        ("data.yaml", b"train: images/train\nval: images/val\nnames: [x]"),
        ("split.yaml", b"train: [a\n"),
        ("split.yaml", b"train: [[a, b], [c]]"),
        ("train.json", b'{"images": [{"file_name": "a.jpg"}], "annotations": []}'),
        ("splits_final.json", b'[["a"], ["b"]]'),
        ("split.json", b'"' + b"[" * 5000),
    ],
)
def test_a_file_that_is_no_list_of_these_images_is_ignored(name: str, content: bytes, tmp_path: Path) -> None:
    (write_data(tmp_path) / name).write_bytes(content)
    layout = find_pairs(tmp_path)
    assert splits(layout) == dict.fromkeys("abcd")
    ignored = "; train.txt ignored, as no entry is an image" if content[:1] in b"e1" else ""
    assert layout.sentence == f"images in images/, masks in masks/{ignored}"


def test_a_file_of_folds_is_named_and_not_used(tmp_path: Path) -> None:
    """nnU-Net's splits_final.json: which of the folds is meant is not known."""
    folds = [{"train": ["a", "b", "c"], "val": ["d"]}, {"train": ["a", "b", "d"], "val": ["c"]}]
    layout = find_pairs(write_data(tmp_path, lists={"splits_final.json": json.dumps(folds)}))
    assert splits(layout) == dict.fromkeys("abcd")
    assert layout.sentence.endswith("; splits_final.json not used: it has 2 folds")


@pytest.mark.parametrize("place", ["annotations", "annotations/masks"])
def test_lists_beside_the_masks_are_read(place: str, tmp_path: Path) -> None:
    """Oxford-IIIT Pet: annotations/trainval.txt, test.txt and trimaps/, with numbers behind the names."""
    touch(tmp_path, *(f"images/{name}.jpg" for name in "abcd"))
    touch(tmp_path, *(f"annotations/masks/{name}.png" for name in "abcd"))
    lists = {"trainval.txt": "a 1 1 1\nb 2 1 2", "test.txt": "c 1 2 1\nd 3 1 1"}
    layout = find_pairs(write_lists(tmp_path, {f"{place}/{name}": text for name, text in lists.items()}))
    assert splits(layout) == {"a": "train", "b": "train", "c": "test", "d": "test"}


def test_lists_in_cp1252_are_read(tmp_path: Path) -> None:
    """As an old Windows editor saves them: ignored, the images of the test would be used for training."""
    touch(tmp_path, *(f"images/Fläche{number}.jpg" for number in range(4)))
    touch(tmp_path, *(f"masks/Fläche{number}.png" for number in range(4)))
    for name, numbers in (("train", "01"), ("test", "23")):
        (tmp_path / f"{name}.txt").write_bytes("\r\n".join(f"Fläche{number}" for number in numbers).encode("cp1252"))
    assert splits(find_pairs(tmp_path)) == {
        **dict.fromkeys(("Fläche0", "Fläche1"), "train"),
        **dict.fromkeys(("Fläche2", "Fläche3"), "test"),
    }


def test_lists_in_utf_16_are_read(tmp_path: Path) -> None:
    (write_data(tmp_path) / "train.txt").write_bytes("a\r\nb\r\n".encode("utf-16"))
    assert splits(find_pairs(tmp_path)) == {"a": "train", "b": "train"}


@pytest.mark.parametrize(
    ("names", "lists", "where", "value"),
    [
        ("a b", {"train.txt": "a\nzebra\nyak"}, "train.txt", "'zebra' and 1 more for train"),
        ("a b", {"split.yaml": "train: [a]\ntest: [zebra, b]"}, "split.yaml", "'zebra' for test"),
        ("x/1 y/1 x/2", {"train.txt": "2\n1"}, "train.txt", "y/1.jpg"),
        ("1 2 3 4", {"train.csv": "x,y\n1,2\n2,1", "val.csv": "x,y\n3,4\n4,3"}, "train.csv", "columns x and y"),
        ("a b", {"train.txt": "a.jpg b_mask.png"}, "train.txt", "b_mask.png"),
        ("a b", {"train.txt": "a", "split.yaml": "train: [b]"}, "", "train.txt and split.yaml"),
    ],
)
def test_a_list_that_fits_in_part_is_refused(
    names: str, lists: dict[str, str], where: str, value: str, tmp_path: Path
) -> None:
    with refuses(where=tmp_path / where, value=value):
        find_pairs(write_data(tmp_path, names, lists))


# The names of the images


@pytest.mark.parametrize(
    ("names", "expected", "counts"),
    [
        ("testA_1 testB_1 train_1 train_2", ["test", "test", "train", "train"], "(2 train, 2 test)"),
        ("01_test 02_test 21_training 22_training", ["test", "test", "train", "train"], "(2 train, 2 test)"),
        ("Test-a Train-a TrainB Val-a", ["test", "train", "train", "val"], "(2 train, 1 val, 1 test)"),
        ("train1_image train2_image validation1_image", ["train", "train", "val"], "(2 train, 1 val)"),
    ],
)
def test_names_give_the_splits_if_each_has_one(tmp_path: Path, names: str, expected: list[str], counts: str) -> None:
    layout = find_pairs(write_data(tmp_path, names))
    assert splits(layout) == dict(zip(names.split(), expected, strict=True))
    assert f"split by the names of the images {counts}" in layout.sentence


@pytest.mark.parametrize(
    "names",
    [
        "test_1 test_2 test_3",  # a word without a meaning here
        "train_1 train_2 train_3",
        "train_1 train_2 test_1 beach",
        "val_1 test_1 test_2",
        "station_train_1 station_test_2 a_train_b",
        "trainer_1 tested_1 trainer_2",
    ],
)
def test_names_give_no_splits_if_only_some_have_one(tmp_path: Path, names: str) -> None:
    layout = find_pairs(write_data(tmp_path, names))
    assert set(splits(layout).values()) == {None}
    assert "split" not in layout.sentence


# Precedence


def test_folders_win_over_lists_and_names(tmp_path: Path) -> None:
    for split, name in (("train", "test_1"), ("train", "train_1"), ("val", "train_2")):
        touch(tmp_path, f"{split}/images/{name}.jpg, {split}/masks/{name}.png")
    write_lists(tmp_path, {"train.txt": "train_2", "val.txt": "train_1\ntest_1"})
    layout = find_pairs(tmp_path)
    assert splits(layout) == {"test_1": "train", "train_1": "train", "train_2": "val"}
    assert "train.txt and val.txt not used: the folders differ in the split of 3 images" in layout.sentence
    write_lists(tmp_path, {"train.txt": "train_1\ntest_1", "val.txt": "train_2"})
    assert "not used" not in find_pairs(tmp_path).sentence
    (tmp_path / "train.txt").unlink()
    write_lists(tmp_path, {"val.txt": "train_2"})
    assert "not used" not in find_pairs(tmp_path).sentence


def test_lists_win_over_names_unless_they_are_ignored(tmp_path: Path) -> None:
    write_data(tmp_path, "train_1 train_2 test_1", {"train.txt": "train_1\ntest_1", "val.txt": "train_2"})
    assert splits(find_pairs(tmp_path)) == {"train_1": "train", "test_1": "train", "train_2": "val"}
    layout = find_pairs(write_lists(tmp_path, {"train.txt": "epoch 1 loss 0.3", "val.txt": ""}))
    assert splits(layout) == {"train_1": "train", "train_2": "train", "test_1": "test"}
    assert "train.txt ignored" in layout.sentence


def test_lists_that_folders_contradict_are_named_as_they_are(tmp_path: Path) -> None:
    touch(tmp_path, *(f"{split}/{kind}/{split}.png" for split in ("train", "val") for kind in ("images", "masks")))
    write_lists(tmp_path, {"train (1).txt": "val", "val (1).txt": "train"})
    sentence = find_pairs(tmp_path).sentence
    assert "train (1).txt and val (1).txt not used: the folders differ in the split of 2 images" in sentence
