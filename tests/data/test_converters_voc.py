"""VOC's layout and folders of instance masks."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from annotated import convert, write_bowl, write_image, write_mask, write_voc
from segarena.data.converters.instances import read_instances
from segarena.data.converters.voc import VOC_NAMES, read_voc, voc_classes, voc_color
from segarena.data.folder import FolderSource

ROWS = ["..11x", "..11x", "5555x"]


def test_colours_are_those_of_vocs_development_kit() -> None:
    assert [voc_color(index) for index in (0, 1, 2, 15, 20, 255)] == [
        (0, 0, 0),
        (128, 0, 0),
        (0, 128, 0),
        (192, 128, 128),
        (0, 64, 128),
        (224, 224, 192),
    ]
    table = voc_classes("test")
    assert table.names == VOC_NAMES
    assert table.num_classes == 21


def test_lists_give_the_splits_and_255_is_void(tmp_path: Path) -> None:
    lists = {"train": "032", "val": "039", "trainval": "032 039", "test": "2008_000001"}
    root = write_voc(tmp_path / "in/VOCdevkit/VOC2012", "032", "039", "063", rows=ROWS, lists=lists)
    write_image(root / "JPEGImages" / "2008_000001.jpg")  # most images of VOC have no mask
    assert convert(read_voc, tmp_path / "in", tmp_path / "out") == {"train/032": ROWS, "val/039": ROWS}
    assert FolderSource(tmp_path / "out").classes.names == VOC_NAMES
    assert read_voc(tmp_path / "in").notes == (
        "test.txt: none of its 1 image has a mask: left out",
        "1 mask in no list: left out",
    )


@pytest.mark.parametrize(("lists", "names"), [({}, {"a", "b"}), ({"default": "b"}, {"b"})])
def test_all_pairs_are_used_unless_a_list_says_which(lists: dict[str, str], names: set[str], tmp_path: Path) -> None:
    root = write_voc(tmp_path / "in", "a", "b", rows=ROWS, lists=lists)
    assert convert(read_voc, root, tmp_path / "out") == dict.fromkeys(names, ROWS)


def test_indices_above_vocs_become_numbered_classes(tmp_path: Path) -> None:
    root = write_voc(tmp_path / "in", "a", rows=ROWS)
    Image.fromarray(np.array([[0, 21, 40, 255, 255]] * 3, dtype=np.uint8)).save(root / "SegmentationClass" / "a.png")
    assert convert(read_voc, root, tmp_path / "out") == {"a": [".12xx"] * 3}
    assert FolderSource(tmp_path / "out").classes.names == ("class_0", "class_21", "class_40")


def test_names_in_a_file_are_used_in_place_of_vocs(tmp_path: Path) -> None:
    root = write_voc(tmp_path / "in", "a", rows=["..11x"] * 3)
    (root / "class_names.txt").write_text("_background_\nweed\n")
    convert(read_voc, root, tmp_path / "out")
    assert FolderSource(tmp_path / "out").classes.names == ("background", "weed")


# Instance masks


def test_instance_masks_of_an_image_become_one_class(tmp_path: Path) -> None:
    write_bowl(tmp_path / "in/stage1_train", "abc", one=["1...", "1..."], two=["..1.", "...."])
    write_bowl(tmp_path / "in/stage1_train", "def", one=["...1", "...1"])
    write_bowl(tmp_path / "in/stage1_test", "xyz")
    masks = convert(read_instances, tmp_path / "in", tmp_path / "out")
    assert masks == {"abc": ["1.1.", "1..."], "def": ["...1", "...1"]}
    assert FolderSource(tmp_path / "out").classes.names == ("background", "foreground")
    assert read_instances(tmp_path / "in").notes == ("1 image without masks: left out",)


def test_folders_within_masks_are_classes(tmp_path: Path) -> None:
    write_bowl(tmp_path / "in", "abc", cell__1=["11..", "11.."], nucleus__1=["1...", "...."], cell__2=["...1", "...1"])
    write_bowl(tmp_path / "in", "def", nucleus__9=["...1", "...1"])
    masks = convert(read_instances, tmp_path / "in", tmp_path / "out")
    assert masks == {"abc": ["21.1", "11.1"], "def": ["...2", "...2"]}
    assert FolderSource(tmp_path / "out").classes.names == ("background", "cell", "nucleus")


def test_images_may_share_a_folder_if_each_has_a_folder_of_masks(tmp_path: Path) -> None:
    for split, name in (("train", "a"), ("train", "b"), ("val", "c")):
        write_image(tmp_path / "in" / split / "images" / f"{name}.png", size=(4, 2))
        write_mask(tmp_path / "in" / split / "masks" / name / "0.png", ["1...", "1..."])
    masks = convert(read_instances, tmp_path / "in", tmp_path / "out")
    assert masks == {key: ["1...", "1..."] for key in ("train/a", "train/b", "val/c")}


def test_each_class_may_have_a_folder_of_masks(tmp_path: Path) -> None:
    for name in ("a", "b"):
        write_image(tmp_path / "in/images" / f"{name}.png", size=(4, 2))
        write_mask(tmp_path / "in/masks/cell" / f"{name}.png", ["11..", "11.."])
    for name in ("b", "c"):
        write_mask(tmp_path / "in/masks/nucleus" / f"{name}.png", ["1...", "...."])
    masks = convert(read_instances, tmp_path / "in", tmp_path / "out")
    assert masks == {"a": ["11..", "11.."], "b": ["21..", "11.."]}
    assert read_instances(tmp_path / "in").notes == ("1 mask without an image: left out",)


@pytest.mark.parametrize("high", [1, 255])
def test_an_instance_is_above_half_of_the_highest_value(high: int, tmp_path: Path) -> None:
    write_bowl(tmp_path / "in", "abc", one=["....", "...."])
    soft = np.array([[0, high // 4, high, high], [0, high // 3, high, high]], dtype=np.uint8)
    Image.fromarray(soft).save(tmp_path / "in/abc/masks/one.png")
    assert convert(read_instances, tmp_path / "in", tmp_path / "out") == {"abc": ["..11", "..11"]}
