"""Which image belongs to which mask in each layout, and how samples are named."""

from __future__ import annotations

import unicodedata
from pathlib import Path

import pytest

from broken_folders import lock
from layout_zoo import (
    LAYOUTS,
    NAMES,
    LayoutCase,
    found,
    splits,
    touch,
    write_clutter,
    write_mask,
    write_photograph,
)
from segarena.data.layout.layout import find_pairs
from support import SHARED, needs_real_data, refuses

DATA = SHARED / "data"


@pytest.mark.parametrize("clutter", [False, True], ids=["alone", "among other things"])
@pytest.mark.parametrize("case", LAYOUTS, ids=lambda case: case.title)
def test_each_layout_is_read_pair_by_pair(case: LayoutCase, clutter: bool, tmp_path: Path) -> None:
    expected = case.write(tmp_path)
    if clutter:
        write_clutter(tmp_path)
    layout = find_pairs(tmp_path)
    assert sorted(found(layout, tmp_path), key=str) == expected
    assert layout.images_without_mask == layout.masks_without_image == ()
    assert layout.pairing
    assert len({sample.name for sample in layout.samples}) == len(NAMES)


@pytest.mark.parametrize(
    ("names", "sentence", "ends"),
    [
        ("images/a.jpg, masks/a.png", "images in images/, masks in masks/", []),
        (
            "images/train/a.jpg, masks/train/a.png, images/val/b.jpg, masks/val/b.png",
            "train: images in images/train/, masks in masks/train/; val: images in images/val/, masks in masks/val/",
            [],
        ),
        (
            "x/images/a.jpg, x/masks/a_gt.png, y/images/b.jpg, y/masks/b_gt.png",
            "images in */images/, masks in */masks/",
            ['"gt" of masks'],
        ),
        (
            "1/image.jpg, 1/mask.png, 2/image.jpg, 2/mask.png",
            "images and masks together in */",
            ['"image" of images', '"mask" of masks'],
        ),
    ],
)
def test_layout_and_pairing_are_described(names: str, sentence: str, ends: list[str], tmp_path: Path) -> None:
    layout = find_pairs(touch(tmp_path, names))
    assert layout.sentence == sentence
    assert all(end in layout.pairing for end in ends)
    assert ("apart from" in layout.pairing) == bool(ends)


@pytest.mark.parametrize(
    ("files", "names"),
    [
        ("images/b.jpg, masks/b.png, images/a.jpg, masks/a.png", ["a", "b"]),
        ("train/images/0.jpg, train/masks/0.png, val/images/0.jpg, val/masks/0.png", ["train/0", "val/0"]),
        ("s1/image.jpg, s1/mask.png, s2/image.jpg, s2/mask.png", ["s1", "s2"]),
        ("images/x/1.png, masks/x/1.png, images/x/2.png, masks/x/2.png", ["1", "2"]),
        ("images/x/1.png, masks/x/1.png, images/y/1.png, masks/y/1.png", ["x", "y"]),
        (
            "images/x/1.png, masks/x/1.png, images/x/2.png, masks/x/2.png, images/y/1.png, masks/y/1.png",
            ["x/1", "x/2", "y/1"],
        ),
    ],
)
def test_samples_are_named_by_stem_or_by_what_differs(files: str, names: list[str], tmp_path: Path) -> None:
    assert [sample.name for sample in find_pairs(touch(tmp_path, files)).samples] == names


@pytest.mark.parametrize(
    "names",
    [
        "imagesTr/a_0.png, imagesTr/b_0.png, labelsTr/a.png, labelsTr/b.png, imagesTs/c.png",
        "train/a_0.png, train/b_0.png, train_masks/a_0.png, train_masks/b_0.png, test/c.png",
    ],
)
def test_a_split_without_masks_is_listed_and_the_others_are_read(names: str, tmp_path: Path) -> None:
    layout = find_pairs(touch(tmp_path, names))
    assert splits(layout) == {"a_0": "train", "b_0": "train"}
    assert [path.name for path in layout.images_without_mask] == ["c.png"]


@pytest.mark.parametrize("place", ["{}/images/{n}.jpg {}/masks/{n}.png", "images/{}/{n}.jpg masks/{}/{n}.png"])
@pytest.mark.parametrize(
    "spelled",
    [
        "train val test",
        "trainset valset testset",
        "TrainSet ValidSet TestSet",
        "train_set Validation-Set Test set",
        "training_data validation_data test_data",
        "traindata valdata testdata",
        "TrainDataset ValDataset TestDataset",
        "trn dev tst",
        "train_512x512 eval_512x512 test_512x512",
        "train_tiles val_tiles test_tiles",
        "training-set-1 evaluation holdout",
        "entrenamiento validación prueba",
        "训练集 验证集 测试集",
        "X_2018_Training_Data XValidationData XTestData",
    ],
)
def test_folders_of_splits_are_found_in_other_spellings(spelled: str, place: str, tmp_path: Path) -> None:
    names = spelled.replace("Test set", "Test%set").split()
    for n, name in enumerate(names):
        touch(tmp_path, *(path.replace("%", " ") for path in place.format(name, name, n=n).split()))
    assert splits(find_pairs(tmp_path)) == {"0": "train", "1": "val", "2": "test"}


@pytest.mark.parametrize("place", ["{}/images/{n}.jpg {}/masks/{n}.png", "{}_images/{n}.jpg {}_masks/{n}.png"])
def test_a_folder_for_train_and_val_together_is_for_training(place: str, tmp_path: Path) -> None:
    for n, name in enumerate(("trainval", "test")):
        touch(tmp_path, *place.format(name, name, n=n).split())
    assert splits(find_pairs(tmp_path)) == {"0": "train", "1": "test"}


@pytest.mark.parametrize("name", ["Test Site", "latest", "contest", "interval", "trainvaltest", "deviation", "trained"])
def test_other_names_are_no_splits(name: str, tmp_path: Path) -> None:
    touch(tmp_path, f"{name}/images/1.jpg, {name}/masks/1.png")
    assert splits(find_pairs(tmp_path)) == {"1": None}


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (
            "images/a.jpg, masks/a.png, masks/readme.txt, masks/Thumbs.db, .git/x.png, notes.txt, images/._a.jpg, "
            "images/.DS_Store, .images/a.jpg, masks/desktop.ini, __MACOSX/masks/a.png",
            ("images/a.jpg", "masks/a.png"),
        ),
        (
            "JPEGImages/a.jpg, SegmentationClass/a.png, Annotations/a.xml, SegmentationObject/a.png",
            ("JPEGImages/a.jpg", "SegmentationClass/a.png"),
        ),
        ("images/a.jpg, masks/a.png, masks_color/a.png", ("images/a.jpg", "masks/a.png")),
        (
            "images/a.jpg, gt/a_gtFine_labelIds.png, gt/a_gtFine_color.png, gt/a_gtFine_instanceIds.png",
            ("images/a.jpg", "gt/a_gtFine_labelIds.png"),
        ),
        ("a.jpg, a_mask.png, a_mask_rgb.png", ("a.jpg", "a_mask.png")),
        ("images/a.jpg, labels/masks/a.png, labels/colormaps/a.png", ("images/a.jpg", "labels/masks/a.png")),
    ],
    ids=[
        "hidden and system files",
        "boxes in XML",
        "a coloured folder",
        "coloured files",
        "a coloured file",
        "a folder of colour maps",
    ],
)
def test_what_is_neither_image_nor_mask_is_skipped(names: str, expected: tuple[str, str], tmp_path: Path) -> None:
    layout = find_pairs(touch(tmp_path, names))
    assert found(layout, tmp_path) == [(None, *expected)]
    assert layout.images_without_mask == ()


def test_the_pictures_of_superannotate_are_no_images(tmp_path: Path) -> None:
    """a.jpg___save.png is a.jpg with its polygons drawn over it; it was offered as the image."""
    for number, name in enumerate("abcd"):
        for ending in ("", "___save.png"):
            write_photograph(tmp_path / f"{name}.jpg{ending}", number)
        write_mask(tmp_path / f"{name}.jpg___fuse.png", number)
    layout = find_pairs(tmp_path)
    assert found(layout, tmp_path) == [(None, f"{name}.jpg", f"{name}.jpg___fuse.png") for name in "abcd"]
    assert layout.images_without_mask == ()


def test_a_picture_in_a_folder_of_documents_is_not_taken_for_an_image(tmp_path: Path) -> None:
    touch(tmp_path, *(f"{folder}/{n}.png" for folder in ("train", "trainannot") for n in range(4)), "docs/images/1.png")
    layout = find_pairs(tmp_path)
    assert found(layout, tmp_path) == [("train", f"train/{n}.png", f"trainannot/{n}.png") for n in range(4)]


def test_links_to_folders_are_followed_once_and_loops_end(tmp_path: Path) -> None:
    touch(tmp_path, "store/m/1.png, data/images/1.jpg, data/real/readme.txt")
    data = tmp_path / "data"
    (data / "masks").symlink_to(tmp_path / "store/m")
    (data / "again").symlink_to(data / "images")
    (data / "real" / "up").symlink_to(data)
    (data / "real" / "out").symlink_to(tmp_path)
    (data / "itself").symlink_to(data / "itself")
    (data / "itself.png").symlink_to(data / "itself.png")
    assert found(find_pairs(data), data) == [(None, "images/1.jpg", "masks/1.png")]


def test_a_broken_link_to_a_file_is_kept_to_be_reported_when_read(tmp_path: Path) -> None:
    touch(tmp_path, "images/1.jpg, images/2.jpg, masks/1.png")
    (tmp_path / "masks/2.png").symlink_to(tmp_path / "gone.png")
    assert len(find_pairs(tmp_path).samples) == 2


def test_composed_and_decomposed_forms_of_a_name_are_equal(tmp_path: Path) -> None:
    for folder, form in (("images", "NFC"), ("masks", "NFD")):
        touch(tmp_path, f"{folder}/{unicodedata.normalize(form, 'Köln')}.png")  # type: ignore[arg-type]
    assert len(find_pairs(tmp_path).samples) == 1


# The folders that --images and --masks name


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"masks": "annotations"}, ("images/1.jpg", "annotations/1.png")),
        ({"masks": "masks"}, ("images/1.jpg", "masks/1.png")),
        ({"masks": "predictions"}, ("images/1.jpg", "predictions/1.png")),
        ({"masks": "odd name/here"}, ("images/1.jpg", "odd name/here/1.png")),
        ({"masks": "here"}, ("images/1.jpg", "odd name/here/1.png")),
        ({"masks": "masks", "images": "photos"}, ("photos/1.jpg", "masks/1.png")),
        ({"masks": "images", "images": "masks"}, ("masks/1.png", "images/1.jpg")),
        ({"masks": "annotations", "images": "./images"}, ("images/1.jpg", "annotations/1.png")),
        ({"masks": "all", "images": "all"}, ("all/1.jpg", "all/1_mask.png")),
    ],
)
def test_a_named_folder_overrides_the_search(
    options: dict[str, str], expected: tuple[str, str], tmp_path: Path
) -> None:
    touch(tmp_path, "images/1.jpg, annotations/1.png, masks/1.png, predictions/1.png, odd name/here/1.png")
    if "images" in options:
        touch(tmp_path, "photos/1.jpg, all/1.jpg, all/1_mask.png")
    layout = find_pairs(tmp_path, **{key: Path(value) for key, value in options.items()})
    assert found(layout, tmp_path) == [(None, *expected)]


def test_a_name_chooses_folders_in_several_places(tmp_path: Path) -> None:
    for folder, ending in (("images", "_{}.tif"), ("1st_manual", "_manual1.gif"), ("mask", "_{}_mask.gif")):
        for split in ("training", "test"):
            touch(tmp_path, *(f"{split}/{folder}/{n}{ending.format(split)}" for n in (21, 22)))
    layout = find_pairs(tmp_path, masks=Path("1st_manual"))
    assert found(layout, tmp_path) == [
        (split, f"{folder}/images/{n}_{folder}.tif", f"{folder}/1st_manual/{n}_manual1.gif")
        for split, folder in (("train", "training"), ("test", "test"))
        for n in (21, 22)
    ]


def test_a_name_with_a_star_chooses_folders_named_for_splits(tmp_path: Path) -> None:
    folders = ("{}", "{}annot", "{}_labels")
    touch(tmp_path, *(f"{folder.format(split)}/{split}.png" for split in ("train", "val") for folder in folders))
    layout = find_pairs(tmp_path, masks=Path("*annot"))
    assert found(layout, tmp_path) == [(s, f"{s}/{s}.png", f"{s}annot/{s}.png") for s in ("train", "val")]


def test_a_named_folder_may_be_outside_the_data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    touch(tmp_path, "data/images/1.jpg, data/images/2.jpg, tools/export/1.png")
    monkeypatch.chdir(tmp_path)
    here = find_pairs(Path("data"), masks=Path("tools/export"))
    absolute = find_pairs(tmp_path / "data", masks=tmp_path / "tools/export")
    beside = find_pairs(Path("data/images"), images=Path(), masks=Path("../../tools/export"))
    for layout in (here, absolute, beside):
        assert [(s.name, s.mask.name if s.mask else "") for s in layout.samples] == [("1", "1.png")]
        assert [path.name for path in layout.images_without_mask] == ["2.jpg"]


def test_a_path_from_the_current_folder_keeps_the_splits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    touch(tmp_path, *(f"data/{kind}/{s}/{s}.png" for kind in ("images", "gt", "masks") for s in ("train", "val")))
    monkeypatch.chdir(tmp_path)
    layout = find_pairs(Path("data"), masks=Path("data/gt"))
    assert [(s.split, s.mask) for s in layout.samples] == [(s, Path(f"data/gt/{s}/{s}.png")) for s in ("train", "val")]


def test_with_both_folders_named_no_other_is_listed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    touch(tmp_path, "x/1.jpg, y/1.png, locked/1.png")
    lock(monkeypatch, "locked")
    assert len(find_pairs(tmp_path, images=Path("x"), masks=Path("y")).samples) == 1


# Real data sets


@needs_real_data
@pytest.mark.parametrize(
    ("name", "masks", "count"),
    [("camvid", None, 701), ("isbi", None, 30), ("epfl-roads", None, 100), ("cwfid", "annotations", 60)],
)
def test_real_data_sets_are_read_as_published(name: str, masks: str | None, count: int) -> None:
    layout = find_pairs(DATA / name, masks=Path(masks) if masks else None)
    assert len(layout.samples) == count
    assert layout.images_without_mask == layout.masks_without_image == ()
    for sample in layout.samples:
        assert sample.image
        assert sample.mask
        assert sample.image.stem.removesuffix("_image") == sample.mask.stem.removesuffix("_annotation")


@needs_real_data
def test_two_folders_of_masks_in_crop_and_weed_have_to_be_chosen_from() -> None:
    with refuses(where=DATA / "cwfid", value="annotations/ and masks/") as caught:
        find_pairs(DATA / "cwfid")
    assert "--masks annotations or --masks masks" in caught.value.remedy


@needs_real_data
@pytest.mark.parametrize("masks", ["annotations", "masks"])
def test_image_28_of_crop_and_weed_is_in_test_only(masks: str) -> None:
    layout = find_pairs(DATA / "cwfid", masks=Path(masks))
    found_splits = splits(layout)
    assert (list(found_splits.values()).count("train"), list(found_splits.values()).count("test")) == (39, 21)
    assert found_splits["028_image"] == "test"
    assert len(layout.conflicts) == 1
    for part in ("train_test_split.yaml", "images/028_image.jpg", "train", "test"):
        assert part in layout.conflicts[0].sentence
    assert "train_test_split.yaml" in layout.sentence
