"""Which image goes with which mask, for each layout that is understood and each that is not."""

from __future__ import annotations

import unicodedata
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from layout_zoo import NAMES, ZOO, Animal, found, touch, write_clutter, write_mask, write_photograph
from segarena.data.layout.layout import find_pairs
from segarena.errors import DataError
from support import SHARED, needs_real_data

DATA = SHARED / "data"


@pytest.mark.parametrize("clutter", [False, True], ids=["alone", "among other things"])
@pytest.mark.parametrize("animal", ZOO, ids=lambda animal: animal.title)
def test_each_layout_is_read_pair_by_pair(animal: Animal, clutter: bool, tmp_path: Path) -> None:
    expected = animal.write(tmp_path)
    if clutter:
        write_clutter(tmp_path)
    layout = find_pairs(tmp_path)
    assert sorted(found(layout, tmp_path), key=str) == expected
    assert layout.images_without_mask == layout.masks_without_image == ()
    assert layout.pairing
    assert len({sample.name for sample in layout.samples}) == len(NAMES)


@pytest.mark.parametrize(
    ("names", "sentence", "pairing"),
    [
        (["images/a.jpg", "masks/a.png"], "images in images/, masks in masks/", "a mask has its image's stem"),
        (
            ["images/train/a.jpg", "masks/train/a.png", "images/val/b.jpg", "masks/val/b.png"],
            "train: images in images/train/, masks in masks/train/; val: images in images/val/, masks in masks/val/",
            "a mask has its image's stem",
        ),
        (
            ["x/images/a.jpg", "x/masks/a_gt.png", "y/images/b.jpg", "y/masks/b_gt.png"],
            "images in */images/, masks in */masks/",
            'a mask has its image\'s stem, but for the ending "gt" of masks',
        ),
        (
            ["1/image.jpg", "1/mask.png", "2/image.jpg", "2/mask.png"],
            "images and masks together in */",
            'a mask has its image\'s stem, but for the ending "image" of images and the ending "mask" of masks',
        ),
    ],
)
def test_the_layout_and_the_rule_are_said_in_words(
    names: list[str], sentence: str, pairing: str, tmp_path: Path
) -> None:
    layout = find_pairs(touch(tmp_path, *names))
    assert (layout.sentence, layout.pairing) == (sentence, pairing)


def test_samples_have_stems_for_names_or_what_tells_them_apart(tmp_path: Path) -> None:
    touch(tmp_path / "stems", "images/b.jpg", "masks/b.png", "images/a.jpg", "masks/a.png")
    touch(tmp_path / "splits", "train/images/0.jpg", "train/masks/0.png", "val/images/0.jpg", "val/masks/0.png")
    touch(tmp_path / "folders", "s1/image.jpg", "s1/mask.png", "s2/image.jpg", "s2/mask.png")
    touch(tmp_path / "groups", *(f"{kind}/{g}/{n}.png" for kind in ("images", "masks") for g in "xy" for n in (1, 2)))
    names = {p.name: [sample.name for sample in find_pairs(p).samples] for p in tmp_path.iterdir()}
    assert names == {
        "stems": ["a", "b"],
        "splits": ["train/0", "val/0"],
        "folders": ["s1", "s2"],
        "groups": ["x/1", "x/2", "y/1", "y/2"],
    }


def test_short_words_for_splits_count_beside_a_word_for_images_or_masks(tmp_path: Path) -> None:
    touch(tmp_path, "imagesTr/a_0000.png", "imagesTr/b_0000.png", "labelsTr/a.png", "labelsTr/b.png", "imagesTs/c.png")
    layout = find_pairs(tmp_path)
    assert [(sample.name, sample.split) for sample in layout.samples] == [("a_0000", "train"), ("b_0000", "train")]
    assert layout.images_without_mask == (tmp_path / "imagesTs/c.png",)


def test_a_split_without_masks_is_listed_and_does_not_stop_the_others(tmp_path: Path) -> None:
    layout = find_pairs(touch(tmp_path, "train/1.jpg", "train_masks/1.png", "test/2.jpg"))
    assert [sample.name for sample in layout.samples] == ["1"]
    assert layout.images_without_mask == (tmp_path / "test/2.jpg",)


def test_hidden_files_thumbnail_caches_and_texts_are_passed_over(tmp_path: Path) -> None:
    touch(tmp_path, "images/a.jpg", "masks/a.png", "masks/readme.txt", "masks/Thumbs.db", ".git/x.png", "notes.txt")
    touch(tmp_path, "images/._a.jpg", "images/.DS_Store", ".images/a.jpg", "masks/desktop.ini", "__MACOSX/masks/a.png")
    layout = find_pairs(tmp_path)
    assert found(layout, tmp_path) == [(None, "images/a.jpg", "masks/a.png")]
    assert layout.images_without_mask == layout.masks_without_image == ()


def test_a_folder_of_boxes_in_xml_is_no_candidate_for_masks(tmp_path: Path) -> None:
    touch(tmp_path, "JPEGImages/a.jpg", "SegmentationClass/a.png", "Annotations/a.xml", "SegmentationObject/a.png")
    assert found(find_pairs(tmp_path), tmp_path) == [(None, "JPEGImages/a.jpg", "SegmentationClass/a.png")]


@pytest.mark.parametrize(
    ("masks", "taken"),
    [
        (["masks/a.png", "masks_color/a.png"], "masks/a.png"),
        (
            ["gt/a_gtFine_labelIds.png", "gt/a_gtFine_color.png", "gt/a_gtFine_instanceIds.png"],
            "gt/a_gtFine_labelIds.png",
        ),
        (["a_mask.png", "a_mask_rgb.png"], "a_mask.png"),
    ],
)
def test_coloured_copies_of_masks_are_not_taken_for_the_masks(masks: list[str], taken: str, tmp_path: Path) -> None:
    image = "a.jpg" if masks[0].startswith("a") else "images/a.jpg"
    assert found(find_pairs(touch(tmp_path, image, *masks)), tmp_path) == [(None, image, taken)]


def test_a_plan_of_a_building_in_docs_does_not_stand_for_the_images(tmp_path: Path) -> None:
    touch(tmp_path, *(f"{folder}/{n}.png" for folder in ("train", "trainannot") for n in range(4)), "docs/images/1.png")
    layout = find_pairs(tmp_path)
    assert found(layout, tmp_path) == [("train", f"train/{n}.png", f"trainannot/{n}.png") for n in range(4)]


def test_content_chooses_the_photographs_where_two_folders_could_be_the_images(tmp_path: Path) -> None:
    for number in range(3):
        write_photograph(tmp_path / "camera" / f"{number}.png", number)
        write_mask(tmp_path / "edges" / f"{number}.png", number)
        write_mask(tmp_path / "masks" / f"{number}.png", number)
    assert {sample.image.parent.name for sample in find_pairs(tmp_path).samples if sample.image} == {"camera"}


@pytest.mark.parametrize("bits", [10, 12, 16])
def test_images_of_a_camera_with_few_bits_are_no_masks_of_few_greys(bits: int, tmp_path: Path) -> None:
    shade = np.linspace(0, 2**bits - 1, 24 * 18).reshape(18, 24).astype(np.uint16)
    for number in range(3):
        for folder in ("lossless", "jpeg"):
            (tmp_path / folder / "a").mkdir(parents=True, exist_ok=True)
            Image.fromarray(np.roll(shade, number)).save(tmp_path / folder / "a" / f"{number}.png")
        write_mask(tmp_path / "lossless" / "b" / f"{number}.png", number)
        write_mask(tmp_path / "jpeg" / "b" / f"{number}.jpg", number)
    pairs = found(find_pairs(tmp_path / "lossless"), tmp_path / "lossless")
    assert pairs == [(None, f"a/{number}.png", f"b/{number}.png") for number in range(3)]
    with pytest.raises(DataError, match="no masks that can be told from them"):
        find_pairs(tmp_path / "jpeg")  # and never the images for the masks of their masks


def test_masks_of_numbers_that_no_image_has_are_masks_by_their_content(tmp_path: Path) -> None:
    for number in range(3):
        write_photograph(tmp_path / "a" / f"{number}.png", number)
        write_mask(tmp_path / "b" / f"{number}.tif", number)
        with Image.open(tmp_path / "b" / f"{number}.tif") as mask:
            values = np.asarray(mask).astype(np.float32)
        Image.fromarray(values).save(tmp_path / "b" / f"{number}.tif")
    assert len(find_pairs(tmp_path).samples) == 3


def test_composed_and_decomposed_forms_of_a_name_are_the_same_name(tmp_path: Path) -> None:
    for name, folder, form in (("Köln", "images", "NFC"), ("Köln", "masks", "NFD")):
        touch(tmp_path, f"{folder}/{unicodedata.normalize(form, name)}.png")  # type: ignore[arg-type]
    assert len(find_pairs(tmp_path).samples) == 1


@needs_real_data
@pytest.mark.parametrize(
    ("name", "masks", "count"),
    [("camvid", None, 701), ("isbi", None, 30), ("epfl-roads", None, 100), ("cwfid", "annotations", 60)],
)
def test_real_data_sets_are_read_as_their_authors_laid_them_out(name: str, masks: str | None, count: int) -> None:
    layout = find_pairs(DATA / name, masks=Path(masks) if masks else None)
    assert len(layout.samples) == count
    assert layout.images_without_mask == layout.masks_without_image == ()
    for sample in layout.samples:
        assert sample.image
        assert sample.mask
        assert sample.image.stem.removesuffix("_image") == sample.mask.stem.removesuffix("_annotation")


@needs_real_data
def test_crop_and_weed_with_two_mask_folders_asks_which_one() -> None:
    with pytest.raises(DataError, match="annotations/ and masks/ could both be.*--masks annotations or --masks masks"):
        find_pairs(DATA / "cwfid")


@needs_real_data
@pytest.mark.parametrize("masks", ["annotations", "masks"])
def test_crop_and_weed_is_split_as_its_list_says_and_image_28_does_not_leak(masks: str) -> None:
    layout = find_pairs(DATA / "cwfid", masks=Path(masks))
    splits = {sample.name: sample.split for sample in layout.samples}
    assert (list(splits.values()).count("train"), list(splits.values()).count("test")) == (39, 21)
    assert splits["028_image"] == "test"
    assert len(layout.conflicts) == 1
    for part in ("train_test_split.yaml", "images/028_image.jpg", "train", "test"):
        assert part in layout.conflicts[0]
    assert "train_test_split.yaml" in layout.sentence
