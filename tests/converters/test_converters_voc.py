"""VOC's layout and folders of instance masks."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from annotated import check_refusal, convert, write_bowl, write_image, write_mask, write_voc
from segarena.converters.instances import read_instances
from segarena.converters.voc import VOC_NAMES, read_voc, voc_classes, voc_color
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


VOC_STEMS = ("2007_000032", "2007_000039", "2008_000063")


def test_lists_give_the_splits_and_255_is_void(tmp_path: Path) -> None:
    lists = {
        "train": "2007_000032",
        "val": "2007_000039",
        "trainval": "2007_000032 2007_000039",
        "test": "2008_000001",
    }
    root = write_voc(tmp_path / "in/VOCdevkit/VOC2012", *VOC_STEMS, rows=ROWS, lists=lists)
    write_image(root / "JPEGImages" / "2008_000001.jpg")  # most images of VOC have no mask
    masks = convert(read_voc, tmp_path / "in", tmp_path / "out")
    assert masks == {"train/2007_000032": ROWS, "val/2007_000039": ROWS}
    assert FolderSource(tmp_path / "out").classes.names == VOC_NAMES
    assert read_voc(tmp_path / "in").notes == (
        "test.txt: none of its 1 image has a mask: left out",
        "1 mask in no list: left out (2008_000063.png)",
    )


@pytest.mark.parametrize(("lists", "names"), [({}, {"a", "b"}), ({"default": "b"}, {"b"})])
def test_all_pairs_are_used_unless_a_list_says_which(lists: dict[str, str], names: set[str], tmp_path: Path) -> None:
    root = write_voc(tmp_path / "in", "a", "b", rows=NUMBERED, lists=lists)
    assert convert(read_voc, root, tmp_path / "out") == dict.fromkeys(names, NUMBERED)


def test_indices_above_vocs_become_numbered_classes(tmp_path: Path) -> None:
    root = write_voc(tmp_path / "in", *VOC_STEMS, rows=ROWS)
    for stem in VOC_STEMS:
        labels = np.array([[0, 21, 40, 255, 255]] * 3, dtype=np.uint8)
        Image.fromarray(labels).save(root / "SegmentationClass" / f"{stem}.png")
    assert convert(read_voc, root, tmp_path / "out") == dict.fromkeys(VOC_STEMS, [".12xx"] * 3)
    assert FolderSource(tmp_path / "out").classes.names == ("class_0", "class_21", "class_40")


NUMBERED = ["..11x", "..11x", "2222x"]
LABELMAP = "# label:color_rgb:parts:actions\nbackground:0,0,0::\nweed:128,0,0::\nleaf / 葉:9,9,9:stem,tip:\n"


@pytest.mark.parametrize(
    ("file", "content", "names"),
    [
        (None, "", ("class_0", "class_1", "class_2")),
        ("class_names.txt", "_background_\nweed\ncrop\n", ("background", "weed", "crop")),
        ("labels.txt", "__ignore__\n_background_\nweed\ncrop\n", ("background", "weed", "crop")),
        ("classes.txt", "weed\ncrop\n", ("background", "weed", "crop")),
        ("classes.txt", "soil\r\nweed\r\ncrop\r\n", ("soil", "weed", "crop")),
        ("labelmap.txt", "# label:color_rgb:parts:actions\nsoil:::\nweed:::\ncrop:::\n", ("soil", "weed", "crop")),
        ("labelmap.txt", LABELMAP, ("background", "weed", "leaf / 葉")),
    ],
)
def test_home_made_classes_have_the_names_of_a_file_or_numbers(
    file: str | None, content: str, names: tuple[str, ...], tmp_path: Path
) -> None:
    """In a folder VOCdevkit/VOC2007, too, and with images that are numbered as VOC's."""
    root = write_voc(tmp_path / "in/VOCdevkit/VOC2007", "000001", "000002", rows=NUMBERED)
    if file is not None:
        (root / file).write_text(content, encoding="utf-8")
    masks = convert(read_voc, tmp_path / "in", tmp_path / "out")
    assert masks == dict.fromkeys(("000001", "000002"), NUMBERED)
    assert FolderSource(tmp_path / "out").classes.names == names
    assert any("named by their numbers" in note for note in read_voc(root).notes) == (file is None)


def test_all_of_vocs_classes_with_void_are_vocs(tmp_path: Path) -> None:
    root = write_voc(tmp_path / "in", "000001", rows=["." * 22])
    labels = np.array([[*range(21), 255]], dtype=np.uint8)
    Image.fromarray(labels).save(root / "SegmentationClass/000001.png")
    assert read_voc(root).classes.names == VOC_NAMES


def test_a_labelmap_without_colours_has_those_of_vocs_palette(tmp_path: Path) -> None:
    """As Datumaro writes it, with masks in colours."""
    root = write_voc(tmp_path / "in", "a", rows=["...."])
    colors = np.array([[voc_color(index) for index in (0, 1, 2, 255)]], dtype=np.uint8)
    Image.fromarray(colors).save(root / "SegmentationClass/a.png")
    (root / "labelmap.txt").write_text("background:::\nweed:::\ncrop:::\n")
    assert convert(read_voc, root, tmp_path / "out") == {"a": [".12x"]}


@pytest.mark.parametrize("kind", ["RGB", "palette"])
def test_masks_in_the_colours_of_a_labelmap(kind: str, tmp_path: Path) -> None:
    """CVAT's "Segmentation mask 1.1": the colours decide, whatever the index in the palette."""
    colors = np.array([[9, 9, 9], [0, 0, 0], [128, 0, 0], [224, 224, 192]], dtype=np.uint8)
    indices = np.array([[0, 1, 2, 3], [0, 0, 1, 1]], dtype=np.uint8)
    root = write_voc(tmp_path / "in", "a", rows=["....", "...."])
    mask = Image.fromarray(indices if kind == "palette" else colors[indices])
    if kind == "palette":
        mask.putpalette(colors.ravel().tolist())
    mask.save(root / "SegmentationClass/a.png")
    (root / "labelmap.txt").write_text(LABELMAP, encoding="utf-8")
    assert convert(read_voc, root, tmp_path / "out") == {"a": ["2.1x", "22.."]}
    classes = FolderSource(tmp_path / "out").classes
    assert classes.names == ("background", "weed", "leaf / 葉")
    assert classes.colors[2] == (9, 9, 9)


def test_a_colour_of_two_classes_is_refused_where_a_mask_has_it(tmp_path: Path) -> None:
    """The last one of them was taken without a word."""
    root = write_voc(tmp_path / "in", "a", rows=[".."])
    (root / "labelmap.txt").write_text("background:0,0,0\ncat:1,2,3\ndog:1,2,3\ntree:4,5,6\n")
    Image.fromarray(np.array([[[0, 0, 0], [4, 5, 6]]], dtype=np.uint8)).save(root / "SegmentationClass/a.png")
    assert convert(read_voc, root, tmp_path / "first") == {"a": [".3"]}
    Image.fromarray(np.array([[[0, 0, 0], [1, 2, 3]]], dtype=np.uint8)).save(root / "SegmentationClass/a.png")
    check_refusal(read_voc, root, "SegmentationClass/a.png | 1,2,3 | 'cat' and 'dog'")


@pytest.mark.parametrize("color", ["1,2", "a,b,c", "1,2,256", "-1,2,3"])
def test_a_labelmap_with_something_else_than_a_colour_is_refused(color: str, tmp_path: Path) -> None:
    root = write_voc(tmp_path / "in", "a", rows=[".1"])
    (root / "labelmap.txt").write_text(f"background:0,0,0\ncat:{color}\n")
    check_refusal(read_voc, root, f"labelmap.txt | cat:{color} | entry 2")


# Instance masks


def test_instance_masks_of_an_image_become_one_class(tmp_path: Path) -> None:
    write_bowl(tmp_path / "in/stage1_train", "abc", one=["1...", "1..."], two=["..1.", "...."])
    write_bowl(tmp_path / "in/stage1_train", "def", one=["...1", "...1"])
    write_bowl(tmp_path / "in/stage1_test", "xyz")
    masks = convert(read_instances, tmp_path / "in", tmp_path / "out")
    assert masks == {"abc": ["1.1.", "1..."], "def": ["...1", "...1"]}
    assert FolderSource(tmp_path / "out").classes.names == ("background", "foreground")
    [note] = read_instances(tmp_path / "in").notes
    assert note == "1 image without masks: left out (stage1_test/xyz/images/xyz.png)"


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
    assert read_instances(tmp_path / "in").notes == ("1 mask without an image: left out (masks/nucleus/c.png)",)


@pytest.mark.parametrize("high", [1, 255])
def test_an_instance_is_above_half_of_the_highest_value(high: int, tmp_path: Path) -> None:
    write_bowl(tmp_path / "in", "abc", one=["....", "...."])
    soft = np.array([[0, high // 4, high, high], [0, high // 3, high, high]], dtype=np.uint8)
    Image.fromarray(soft).save(tmp_path / "in/abc/masks/one.png")
    assert convert(read_instances, tmp_path / "in", tmp_path / "out") == {"abc": ["..11", "..11"]}
