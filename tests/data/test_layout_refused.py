"""Layouts that are refused: the error names what was seen and what to do, and its remedy works."""

from __future__ import annotations

import re
import shlex
from contextlib import suppress
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from broken_folders import close, lock
from layout_zoo import found, touch, write_lists, write_mask, write_photograph
from segarena.annotations.annotations import Annotations
from segarena.annotations.image_index import walk
from segarena.annotations.peek import Peek
from segarena.annotations.write import write_annotations
from segarena.classes import name_classes
from segarena.data.layout.layout import find_pairs
from segarena.data.layout.new_images import find_new_images
from segarena.data.splitting.splits import read_splits
from segarena.errors import DataError, RunError
from segarena.scenes.synthetic import SyntheticSource, write_scenes
from support import refuses

DRIVE = ", ".join(
    f"train/{folder}/{n}{ending}"
    for folder, ending in (("images", "_training.tif"), ("1st_manual", "_manual1.gif"), ("mask", "_training_mask.gif"))
    for n in (1, 2)
)


@pytest.mark.parametrize(
    ("names", "where", "value", "remedy"),
    [
        (".hidden.png", "", "empty", "--images DIR --masks DIR"),
        ("data.zip, more.tar", "", ".tar, .zip", "Unpack"),
        ("old/images/a.jpg, old/masks/a.png", "", "old/", ""),
        ("labels/1.png, labels/2.png", "", "labels/", "--images DIR"),
        ("images/a.jpg", "", "images/a.jpg", "masks/"),
        ("images/a.jpg, labels/a.txt", "", "labels/ has .txt", "masks/"),
        ("images/a.jpg, annotations/instances.json", "", "annotations/ has .json files", "masks/"),
        ("images/a.jpg, SegmentationObject/a.png", "", "skipped: SegmentationObject/", "--masks DIR"),
        ("images/a.jpg, masks/b.png", "", "images/a.jpg, the masks e.g. masks/b.png", "a_mask.png for a.jpg"),
        ("images/a.jpg, images/a.png, masks/a.png", "images", "a.jpg and a.png", "rename"),
        ("images/a.jpg, masks/a.tif, masks/a.png", "masks", "a.png and a.tif", "rename"),
        ("images/ab.jpg, masks/AB_Mask.png, masks/Ab_mask.png", "masks", "AB_Mask.png and Ab_mask.png", "rename"),
        (
            "images/a.jpg, masks/a_gt.png, masks/a_mask.png",
            "images/a.jpg",
            "a_mask.png",
            "--masks '*_gt.png' or --masks '*_mask.png', or keep",
        ),
        (
            "images/a.jpg, masks/x/a_gt.png, masks/y/a_mask.png",
            "images/a.jpg",
            "a_mask.png",
            "--masks masks/x or --masks masks/y",
        ),
        ("images/a.jpg, images/a_image.jpg, masks/a_mask.png", "masks/a_mask.png", "a_image.jpg", ""),
        (
            "images/a.jpg, masks/car/a.png, masks/road/a.png",
            "masks/road/a.png",
            "masks/car/a.png",
            "--masks masks/car or --masks masks/road",
        ),
        (
            "images/train/1.jpg, images/val/1.jpg, masks/1.png",
            "images/val/1.jpg",
            "images/train/1.jpg",
            "--images images/train",
        ),
        ("x/a (1).png, x/a (1)_mask.png, y/b.png, y/b_mask.png, y/b_mask_1.png", "y/b_mask_1.png", "b_mask.png", ""),
        ("a.jpg, a_mask.png, a_mask_1.png", "a_mask_1.png", "a_mask.png", "Merge"),
        ("a.jpg, a_mask.png, a_gt.png", "", "*_mask", "--masks '*_gt.png' or --masks '*_mask.png', or move"),
        ("s/images/1.png, s/masks/x.png, s/masks/y.png, t/images/2.png, t/masks/z.png", "", "s/", "--from instances"),
        ("s/images/s.png, s/masks/1.png, s/masks/2.png, t/images/t.png, t/masks/3.png", "", "s/", "--from instances"),
    ],
)
def test_a_folder_without_clear_pairs_is_refused(
    names: str, where: str, value: str, remedy: str, tmp_path: Path
) -> None:
    touch(tmp_path, names)
    with refuses(where=tmp_path / where, value=value) as caught:
        find_pairs(tmp_path)
    assert remedy in caught.value.remedy


@pytest.mark.parametrize(
    ("names", "count"),
    [
        ("images/a.jpg, masks/a.png, labels/a.png", 2),
        ("images/a.jpg, img/a.jpg, masks/a.png", 2),
        (DRIVE, 2),
        (f"{DRIVE}, {DRIVE.replace('train', 'test')}", 2),
        ("train/1.png, trainannot/1.png, train_labels/1.png, val/2.png, valannot/2.png, val_labels/2.png", 2),
        ("images/a.jpg, images/b.jpg, labels/a.png, labels/b.png, x/images/c.jpg, x/labels/c.png", 2),
        ("images/a.jpg, masks/a.png, images/train/b.jpg, masks/train/b.png", 1),
        ("images/a.jpg, masks/a.png, images/raw/a.jpg", 1),
    ],
)
def test_of_two_choices_each_option_in_the_remedy_works(names: str, count: int, tmp_path: Path) -> None:
    touch(tmp_path, names)
    with refuses(where=tmp_path, value="could both be") as caught:
        find_pairs(tmp_path)
    choices = re.findall(r"--.*?(?= or |, |$)", caught.value.remedy)
    assert len(choices) == count
    results = []
    for choice in choices:
        words = shlex.split(choice)
        options = {name.removeprefix("--"): Path(value) for name, value in pairwise(words) if name.startswith("--")}
        results.append(found(find_pairs(tmp_path, **options), tmp_path))
    assert len({str(result) for result in results}) == count


@pytest.mark.parametrize(
    ("options", "where", "value", "remedy"),
    [
        ({"masks": "annotation"}, "", "images/, masks/", "--masks DIR"),
        ({"images": "photos"}, "", "no folder photos for --images", "--images DIR"),
        ({"masks": "masks/a.png"}, "masks/a.png", "is a file", "--masks DIR"),
        ({"masks": "texts"}, "texts", "no images", "--masks DIR"),
        ({"masks": "other"}, "", "other/z.png", "Rename each mask"),
        ({"images": "other"}, "", "other/z.png, the masks e.g. masks/a.png", "Rename each mask"),
        ({"images": "masks", "masks": "masks"}, "", "masks/a.png", "Rename each mask"),
    ],
)
def test_a_named_folder_that_cannot_be_used_is_refused(
    options: dict[str, str], where: str, value: str, remedy: str, tmp_path: Path
) -> None:
    touch(tmp_path, "images/a.jpg, masks/a.png, texts/a.txt, other/z.png")
    with refuses(where=Path(where) if where else tmp_path, value=value) as caught:
        find_pairs(tmp_path, **{key: Path(value) for key, value in options.items()})
    assert remedy in caught.value.remedy


def test_pairs_inside_and_outside_of_splits_are_refused(tmp_path: Path) -> None:
    touch(tmp_path, "images/1.png, masks/1.png, images/train/2.png, masks/train/2.png")
    with refuses(where=tmp_path, value="(images/train/2.png) and outside of them (images/1.png)"):
        find_pairs(tmp_path, images=Path("images"), masks=Path("masks"))


def test_a_missing_folder_an_empty_one_and_a_file_are_refused(tmp_path: Path) -> None:
    with refuses(where=tmp_path / "nowhere", value="does not exist"):
        find_pairs(tmp_path / "nowhere")
    with refuses(where=tmp_path, value="empty"):
        find_pairs(tmp_path)
    for name, remedy in (("x.zip", "Unpack"), ("x.png", "Name the folder")):
        with refuses(where=tmp_path / name, value="is a file") as caught:
            find_pairs(touch(tmp_path, name) / name)
        assert remedy in caught.value.remedy
    with refuses(where=tmp_path, value="no folder masks for --masks"):
        find_pairs(tmp_path, masks=Path("masks"))


def test_broken_links_to_folders_are_named_if_images_are_missing(tmp_path: Path) -> None:
    data = touch(tmp_path / "data", "masks/1.png")
    (data / "images").symlink_to(tmp_path / "gone")
    with refuses(where=data, value="broken links: images"):
        find_pairs(data)
    (data / "masks" / "1.png").rename(tmp_path / "1.png")
    with refuses(where=data, value="broken links: images"):
        find_pairs(data)


def test_a_folder_that_cannot_be_listed_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    touch(tmp_path, "images/1.jpg, masks/1.png")
    lock(monkeypatch, "masks")
    with refuses(where=tmp_path / "masks", value="Permission denied"):
        find_pairs(tmp_path)


def test_unnamed_folders_are_refused_unless_the_pixels_are_clear(tmp_path: Path) -> None:
    for number in range(3):
        write_mask(tmp_path / "a" / f"{number}.png", number)
        write_mask(tmp_path / "b" / f"{number}.png", number)
    with refuses(where=tmp_path, value="no masks") as caught:
        find_pairs(tmp_path)
    assert "--images DIR --masks DIR" in caught.value.remedy
    for number in range(3):
        write_photograph(tmp_path / "a" / f"{number}.png", number)
    with Image.open(tmp_path / "b" / "1.png") as mask:
        mask.crop((0, 0, 5, 5)).save(tmp_path / "b" / "1.png")
    with refuses(where=tmp_path, value="no masks"):
        find_pairs(tmp_path)
    write_mask(tmp_path / "b" / "1.png")
    assert len(find_pairs(tmp_path).samples) == 3


def test_photographs_in_two_formats_are_not_images_with_masks(tmp_path: Path) -> None:
    for number in range(3):
        for suffix in ("jpg", "png"):
            write_photograph(tmp_path / f"{number}.{suffix}", number)
    with refuses(where=tmp_path, value="no masks"):
        find_pairs(tmp_path)


FOLDERS = "images, masks, train, val, labels/test, masks_color, imagesTr, trainannot, a, x y, old, images/train".split(
    ", "
)
STEMS = "a, b, 1, 002, a_mask, b_mask, a_gt, img_1, a_1, train_1, test_2, a_overlay, c (1), mask, A, 木".split(", ")
FILES = st.tuples(st.sampled_from(FOLDERS), st.sampled_from(STEMS), st.sampled_from([".jpg", ".png", ".txt"]))
LISTS = st.dictionaries(
    st.sampled_from(["train.txt", "val.txt", "split.json", "splits/test.json"]),
    st.sampled_from(["", "a\nb", "1", '{"train": ["a"], "test": []}', '{"train": []}', "[]", '["b"]', '{"a": "val"}']),
)


@settings(max_examples=100, deadline=None)
@given(st.lists(FILES, max_size=6), LISTS)
def test_any_folder_is_read_or_refused(files: list[tuple[str, str, str]], lists: dict[str, str]) -> None:
    with TemporaryDirectory() as folder:
        touch(Path(folder), "images/a.jpg, masks/a.png", *(f"{place}/{stem}{ending}" for place, stem, ending in files))
        write_lists(Path(folder), lists)
        with suppress(DataError):
            layout = find_pairs(Path(folder))
            assert len({sample.name for sample in layout.samples}) == len(layout.samples)


def test_data_in_a_folder_that_is_closed_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    touch(tmp_path, "closed/data/images/a.jpg", "closed/data/masks/a.png", "data/images/a.jpg", "data/masks/a.png")
    data, closed = tmp_path / "data", tmp_path / "closed" / "data"
    close(monkeypatch, "closed")
    for options in ({}, {"images": closed / "images", "masks": closed / "masks"}, {"masks": closed / "masks"}):
        with refuses(value="Permission denied"):
            find_pairs(data if options else closed, **options)
    with refuses(where=closed / "images/a.jpg", value="Permission denied"):
        find_new_images([closed / "images/a.jpg"])
    with refuses(where=closed, value="Permission denied"):
        Peek(closed)
    with refuses(where=closed, value="Permission denied"):
        list(walk(closed, [".png"]))
    with refuses(where=closed / "s.json"):
        read_splits(closed / "s.json", [])


def test_folders_in_a_folder_that_is_closed_are_not_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "closed").mkdir()
    close(monkeypatch, "closed")
    folder = tmp_path / "closed" / "new"
    with refuses(RunError, where=folder, value="Permission denied"):
        write_scenes(folder, SyntheticSource(size=64))
    with refuses(RunError, where=folder, value="Permission denied"):
        write_annotations(folder, Annotations(name_classes([0, 1], ["a", "b"]), ()))
