"""VOC's layout and folders of instance masks."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from annotated import convert, write_image, write_mask
from segarena.classes import ClassTable
from segarena.data.converters.instances import read_instances
from segarena.data.converters.voc import VOC_NAMES, read_voc, voc_classes, voc_color
from segarena.data.folder import FolderSource

ROWS = ["..11x", "..11x", "5555x"]
PALETTE = [channel for index in range(256) for channel in voc_color(index)]


def voc(root: Path, *names: str, rows: list[str] = ROWS) -> Path:
    for name in names:
        write_image(root / "JPEGImages" / f"{name}.jpg", size=(len(rows[0]), len(rows)))
        write_mask(root / "SegmentationClass" / f"{name}.png", rows, PALETTE)
    return root


def write_list(root: Path, name: str, *stems: str) -> None:
    path = root / "ImageSets" / "Segmentation" / f"{name}.txt"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(f"{stem}\n" for stem in stems))


def test_vocs_colours_are_those_of_its_development_kit() -> None:
    assert [voc_color(index) for index in (0, 1, 2, 15, 20, 255)] == [
        (0, 0, 0),
        (128, 0, 0),
        (0, 128, 0),
        (192, 128, 128),
        (0, 64, 128),
        (224, 224, 192),
    ]
    table = voc_classes("test")
    assert isinstance(table, ClassTable)
    assert table.names == VOC_NAMES
    assert table.num_classes == 21


def test_lists_divide_and_masks_are_read_by_index_with_void(tmp_path: Path) -> None:
    root = voc(tmp_path / "in/VOCdevkit/VOC2012", "2007_000032", "2007_000039", "2007_000063")
    write_image(root / "JPEGImages" / "2008_000001.jpg")  # most images of VOC have no mask
    write_list(root, "train", "2007_000032")
    write_list(root, "val", "2007_000039")
    write_list(root, "trainval", "2007_000032", "2007_000039")
    write_list(root, "test", "2008_000001")
    masks = convert(read_voc, tmp_path / "in", tmp_path / "out")
    assert masks == {"train/2007_000032": ROWS, "val/2007_000039": ROWS}
    assert FolderSource(tmp_path / "out").classes.names == VOC_NAMES
    assert read_voc(tmp_path / "in").notes == (
        "test.txt: none of its 1 image has a mask: left out",
        "1 masks in no list: left out",
    )


def test_without_lists_all_pairs_count(tmp_path: Path) -> None:
    assert convert(read_voc, voc(tmp_path / "in", "a", "b"), tmp_path / "out") == {"a": ROWS, "b": ROWS}


def test_a_list_of_another_name_says_which_images_count(tmp_path: Path) -> None:
    root = voc(tmp_path / "in", "a", "b")
    write_list(root, "default", "b")
    assert set(convert(read_voc, root, tmp_path / "out")) == {"b"}


def test_indices_above_vocs_are_numbered_classes_closed_up(tmp_path: Path) -> None:
    root = voc(tmp_path / "in", "a")
    mask = np.array([[0, 21, 40, 255, 255]] * 3, dtype=np.uint8)
    Image.fromarray(mask).save(root / "SegmentationClass" / "a.png")
    assert convert(read_voc, root, tmp_path / "out") == {"a": [".12xx"] * 3}
    assert FolderSource(tmp_path / "out").classes.names == ("class_0", "class_21", "class_40")


def test_names_beside_the_masks_are_not_vocs(tmp_path: Path) -> None:
    root = voc(tmp_path / "in", "a", rows=["..11x"] * 3)
    (root / "class_names.txt").write_text("_background_\nweed\n")
    convert(read_voc, root, tmp_path / "out")
    assert FolderSource(tmp_path / "out").classes.names == ("background", "weed")


def bowl(root: Path, name: str, **masks: list[str]) -> None:
    """As in the Data Science Bowl 2018; a key `x__y` is a mask y in a folder x within masks/."""
    write_image(root / name / "images" / f"{name}.png", size=(4, 2))
    for key, rows in masks.items():
        write_mask(root / name / "masks" / (key.replace("__", "/") + ".png"), rows)


def test_instance_masks_of_an_image_become_one_class(tmp_path: Path) -> None:
    bowl(tmp_path / "in/stage1_train", "abc", one=["1...", "1..."], two=["..1.", "...."])
    bowl(tmp_path / "in/stage1_train", "def", one=["...1", "...1"])
    bowl(tmp_path / "in/stage1_test", "xyz")
    masks = convert(read_instances, tmp_path / "in", tmp_path / "out")
    assert masks == {"abc": ["1.1.", "1..."], "def": ["...1", "...1"]}
    assert FolderSource(tmp_path / "out").classes.names == ("background", "foreground")
    assert read_instances(tmp_path / "in").notes == ("1 image without masks: left out",)


def test_folders_within_masks_are_classes(tmp_path: Path) -> None:
    bowl(tmp_path / "in", "abc", cell__1=["11..", "11.."], nucleus__1=["1...", "...."], cell__2=["...1", "...1"])
    bowl(tmp_path / "in", "def", nucleus__9=["...1", "...1"])
    masks = convert(read_instances, tmp_path / "in", tmp_path / "out")
    assert masks == {"abc": ["21.1", "11.1"], "def": ["...2", "...2"]}
    assert FolderSource(tmp_path / "out").classes.names == ("background", "cell", "nucleus")


def test_images_together_and_a_folder_of_masks_for_each(tmp_path: Path) -> None:
    for split, name in (("train", "a"), ("train", "b"), ("val", "c")):
        write_image(tmp_path / "in" / split / "images" / f"{name}.png", size=(4, 2))
        write_mask(tmp_path / "in" / split / "masks" / name / "0.png", ["1...", "1..."])
    masks = convert(read_instances, tmp_path / "in", tmp_path / "out")
    assert masks == {f"{key}": ["1...", "1..."] for key in ("train/a", "train/b", "val/c")}


def test_a_folder_of_masks_for_each_class(tmp_path: Path) -> None:
    for name in ("a", "b"):
        write_image(tmp_path / "in/images" / f"{name}.png", size=(4, 2))
        write_mask(tmp_path / "in/masks/cell" / f"{name}.png", ["11..", "11.."])
    write_mask(tmp_path / "in/masks/nucleus/b.png", ["1...", "...."])
    write_mask(tmp_path / "in/masks/nucleus/c.png", ["1...", "...."])
    masks = convert(read_instances, tmp_path / "in", tmp_path / "out")
    assert masks == {"a": ["11..", "11.."], "b": ["21..", "11.."]}
    assert read_instances(tmp_path / "in").notes == ("1 masks without an image: left out",)


@pytest.mark.parametrize("high", [1, 255])
def test_an_instance_is_what_is_above_half_of_its_brightest_value(high: int, tmp_path: Path) -> None:
    bowl(tmp_path / "in", "abc")
    path = tmp_path / "in/abc/masks/one.png"
    path.parent.mkdir()
    soft = np.array([[0, high // 4, high, high], [0, high // 3, high, high]], dtype=np.uint8)
    Image.fromarray(soft).save(path)
    assert convert(read_instances, tmp_path / "in", tmp_path / "out") == {"abc": ["..11", "..11"]}
