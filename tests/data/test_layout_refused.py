"""Links, locked folders, and every layout that is refused: the message names what it saw and what to do."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

from layout_zoo import found, refuse_to_list, touch, write_mask, write_photograph
from segarena.data.layout.layout import find_pairs
from segarena.errors import DataError


def test_links_to_folders_are_followed_once_and_loops_end(tmp_path: Path) -> None:
    touch(tmp_path, "store/m/1.png", "data/images/1.jpg", "data/real/readme.txt")
    data = tmp_path / "data"
    (data / "masks").symlink_to(tmp_path / "store/m")
    (data / "again").symlink_to(data / "images")
    (data / "real" / "up").symlink_to(data)
    (data / "real" / "out").symlink_to(tmp_path)
    (data / "itself").symlink_to(data / "itself")
    (data / "itself.png").symlink_to(data / "itself.png")
    assert found(find_pairs(data), data) == [(None, "images/1.jpg", "masks/1.png")]


def test_a_link_that_leads_nowhere_is_kept_so_that_reading_it_says_so(tmp_path: Path) -> None:
    touch(tmp_path, "images/1.jpg", "images/2.jpg", "masks/1.png")
    (tmp_path / "masks/2.png").symlink_to(tmp_path / "gone.png")
    assert len(find_pairs(tmp_path).samples) == 2


def test_links_of_folders_that_lead_nowhere_are_told_where_something_is_missing(tmp_path: Path) -> None:
    data = touch(tmp_path / "data", "masks/1.png")
    (data / "images").symlink_to(tmp_path / "gone")
    with pytest.raises(
        DataError, match=r"no images that go with the masks in masks/; links to nothing: images\. .*--im"
    ):
        find_pairs(data)
    (data / "masks" / "1.png").rename(tmp_path / "1.png")
    with pytest.raises(DataError, match=r"has no images; it has .*links to nothing: images\."):
        find_pairs(data)


def test_masks_alone_are_not_called_images(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no images that go with the masks in labels/"):
        find_pairs(touch(tmp_path, "labels/1.png", "labels/2.png"))


def test_a_folder_that_must_not_be_listed_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    touch(tmp_path, "images/1.jpg", "masks/1.png")
    refuse_to_list(monkeypatch, "masks")
    with pytest.raises(DataError, match=r"masks: cannot be listed \(Permission denied\)\. Check the folder's perm"):
        find_pairs(tmp_path)


@pytest.mark.parametrize(
    ("names", "parts"),
    [
        ([], ["is empty", "images/"]),
        ([".hidden.png"], ["is empty", "images/"]),
        (["notes.txt"], ["no images", "images/"]),
        (["data.zip", "more.tar"], ["no images", ".tar, .zip", "not unpacked"]),
        (["images/a.jpg"], ["images/a.jpg", "no masks", "masks/"]),
        (["a.jpg", "b.jpg"], ["a.jpg", "no masks", "masks/"]),
        (["images/a.jpg", "labels/a.txt"], ["no masks", "labels/ holds .txt", "segarena convert"]),
        (["images/a.jpg", "annotations/instances.json"], ["no masks", "annotations/ holds .json", "segarena convert"]),
        (["images/a.jpg", "predictions/a.png"], ["no masks", "passed over: predictions/", "--masks DIR"]),
        (["images/a.jpg", "SegmentationObject/a.png"], ["no masks", "passed over: SegmentationObject/"]),
        (["images/a.jpg", "masks/b.png"], ["images/a.jpg", "masks/b.png", "Give each mask the file name"]),
        (["images/photo_1.jpg", "masks/photo_2.png"], ["photo_1.jpg", "photo_2.png", "Give each mask the file name"]),
        (["images/a.jpg", "images/a.png", "masks/a.png"], ["a.jpg", "a.png", "same stem", "rename"]),
        (["images/a.jpg", "masks/a.tif", "masks/a.png"], ["a.tif", "a.png", "same stem", "rename"]),
        (["images/a.jpg", "masks/a_gt.png", "masks/a_mask.png"], ["a.jpg", "a_gt.png", "a_mask.png", "Keep one"]),
        (["images/a.jpg", "images/a_image.jpg", "masks/a_mask.png"], ["a.jpg", "a_image.jpg", "Give each mask"]),
        (
            ["x/a (1).png", "x/a (1)_mask.png", "y/b.png", "y/b_mask.png", "y/b_mask_1.png"],
            ["b_mask_1.png", "second mask beside b_mask.png"],
        ),
        (
            [
                *(f"train/images/{n}_training.tif" for n in (1, 2)),
                *(f"train/1st_manual/{n}_manual1.gif" for n in (1, 2)),
                *(f"train/mask/{n}_training_mask.gif" for n in (1, 2)),
            ],
            ["train/1st_manual/ and train/mask/", "--masks train/1st_manual or --masks train/mask"],
        ),
        (["a.jpg", "a_mask.png", "a_mask_1.png"], ["a_mask_1.png", "second mask beside a_mask.png", "Merge"]),
        (["images/a.jpg", "masks/car/a.png", "masks/road/a.png"], ["masks/car/a.png", "same stem", "--masks DIR"]),
        (["images/Ab.jpg", "images/aB.jpg", "masks/ab.png"], ["Ab.jpg and aB.jpg", "upper and lower case", "rename"]),
        (
            ["images/ab.jpg", "masks/AB_Mask.png", "masks/Ab_mask.png"],
            ["AB_Mask.png and Ab_mask.png", "upper and lower case"],
        ),
        (["images/a.jpg", "masks/a.png", "labels/a.png"], ["labels/ and masks/", "--masks labels or --masks masks"]),
        (["images/a.jpg", "img/a.jpg", "masks/a.png"], ["images/ and img/", "--images images or --images img"]),
        (["a.jpg", "a_mask.png", "a_gt.png"], ["*_mask", "*_gt", "Move one of the two"]),
        (
            ["images/a.jpg", "masks/a.png", "images/train/b.jpg", "masks/train/b.png"],
            ["images/train/", "--images images --masks masks or --images images/train --masks masks/train"],
        ),
        (["old/images/a.jpg", "old/masks/a.png"], ["no images", "passed over: old/"]),
        (
            [
                "images/a.jpg",
                "images/b.jpg",
                "labels/a.png",
                "labels/b.png",
                "extra/images/c.jpg",
                "extra/labels/c.png",
            ],
            ["images/", "extra/images/", "--images extra/images --masks extra/labels"],
        ),
        (
            ["PNG/Original/1.png", "PNG/GT/1.png", "TIF/Original/1.tif", "TIF/GT/1.tif"],
            ["PNG/ and TIF/", "same images in two formats", "--images DIR"],
        ),
        (
            ["s1/images/1.png", "s1/masks/x.png", "s1/masks/y.png", "s2/images/2.png", "s2/masks/z.png"],
            ["s1/ holds one image and 2 masks", "--from instances"],
        ),
        (
            ["s1/images/s1.png", "s1/masks/m1.png", "s1/masks/m2.png", "s2/images/s2.png", "s2/masks/m3.png"],
            ["s1/ holds one image and 2 masks", "--from instances"],
        ),
        (["images/train/1.jpg", "images/val/1.jpg", "masks/1.png"], ["images/train/1.jpg", "same stem", "--images"]),
    ],
)
def test_a_folder_that_cannot_be_paired_is_named_with_a_remedy(
    tmp_path: Path, names: list[str], parts: list[str]
) -> None:
    touch(tmp_path, *names)
    with pytest.raises(DataError) as raised:
        find_pairs(tmp_path)
    assert str(tmp_path) in str(raised.value)
    for part in parts:
        assert part in str(raised.value)
    assert raised.value.remedy


@pytest.mark.parametrize(
    ("options", "parts"),
    [
        ({"masks": "annotation"}, ["--masks annotation names no folder", "images/", "masks/", "--masks DIR"]),
        ({"images": "photos"}, ["--images photos names no folder", "--images DIR"]),
        ({"masks": "masks/a.png"}, ["masks/a.png", "is a file", "--masks DIR"]),
        ({"masks": "texts"}, ["texts", "holds no images", "--masks DIR"]),
        ({"masks": "other"}, ["no image", "images/a.jpg", "other/z.png", "Give each mask"]),
        ({"images": "other"}, ["no image has a mask", "other/z.png", "masks/a.png"]),
        ({"images": "masks", "masks": "masks"}, ["no image has a mask", "masks/a.png"]),
    ],
)
def test_a_named_folder_that_cannot_be_used_is_named_with_a_remedy(
    options: dict[str, str], parts: list[str], tmp_path: Path
) -> None:
    touch(tmp_path, "images/a.jpg", "masks/a.png", "texts/a.txt", "other/z.png")
    with pytest.raises(DataError) as raised:
        find_pairs(tmp_path, **{key: Path(value) for key, value in options.items()})
    for part in parts:
        assert part in str(raised.value)


def test_names_that_say_nothing_are_refused_unless_the_content_is_plain(tmp_path: Path) -> None:
    for number in range(3):
        write_mask(tmp_path / "a" / f"{number}.png", number)
        write_mask(tmp_path / "b" / f"{number}.png", number)
    with pytest.raises(DataError, match=r"no masks that can be told from them.*--images DIR --masks DIR"):
        find_pairs(tmp_path)
    for number in range(3):
        write_photograph(tmp_path / "a" / f"{number}.png", number)
    with Image.open(tmp_path / "b" / "1.png") as mask:
        mask.crop((0, 0, 5, 5)).save(tmp_path / "b" / "1.png")
    with pytest.raises(DataError, match="no masks that can be told from them"):
        find_pairs(tmp_path)
    write_mask(tmp_path / "b" / "1.png")
    assert len(find_pairs(tmp_path).samples) == 3


def test_photographs_in_two_formats_are_not_images_with_masks(tmp_path: Path) -> None:
    for number in range(3):
        for suffix in ("jpg", "png"):
            write_photograph(tmp_path / f"{number}.{suffix}", number)
    with pytest.raises(DataError, match="no masks"):
        find_pairs(tmp_path)


def test_a_missing_folder_and_a_file_are_told_apart(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"nowhere: does not exist\. Check the path"):
        find_pairs(tmp_path / "nowhere")
    with pytest.raises(DataError, match=r"x\.zip: is a file, not a folder\. Lay it out"):
        find_pairs(touch(tmp_path, "x.zip") / "x.zip")
