"""Which image goes with which mask, for each layout that is understood and each that is not."""

from __future__ import annotations

from pathlib import Path

import pytest

from segarena.data.layout import Layout, find_pairs
from segarena.errors import DataError

SHARED = Path(__file__).resolve().parents[3] / "shared" / "data"
needs_shared = pytest.mark.skipif(not SHARED.is_dir(), reason="the real data sets are not on this machine")


def touch(root: Path, *names: str) -> Path:
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"not looked at")
    return root


def found(layout: Layout, root: Path) -> list[tuple[str | None, str, str, str]]:
    return [
        (s.split, s.name, s.image.relative_to(root).as_posix(), s.mask.relative_to(root).as_posix())
        for s in layout.samples
        if s.image and s.mask
    ]


@pytest.mark.parametrize(
    ("images", "masks"),
    [
        ("images", "masks"),
        ("image", "label"),
        ("imgs", "annotations"),
        ("Input", "GT"),
        ("JPEGImages", "SegmentationClass"),
        ("img", "Ground_Truth"),
    ],
)
def test_folders_of_images_and_masks_are_known_by_many_words(tmp_path: Path, images: str, masks: str) -> None:
    touch(tmp_path, f"{images}/b.jpg", f"{images}/a.jpg", f"{masks}/a.png", f"{masks}/b.png")
    layout = find_pairs(tmp_path)
    assert found(layout, tmp_path) == [
        (None, "a", f"{images}/a.jpg", f"{masks}/a.png"),
        (None, "b", f"{images}/b.jpg", f"{masks}/b.png"),
    ]
    assert layout.sentence == f"images in {images}/, masks in {masks}/"


@pytest.mark.parametrize(
    ("image_folder", "mask_folder", "words"),
    [
        ("images/{}", "masks/{}", ("train", "val", "test")),
        ("{}/images", "{}/masks", ("train", "validation", "test")),
        ("{}", "{}annot", ("train", "val", "test")),
        ("{}", "{}_masks", ("Training", "valid", "testing")),
    ],
)
def test_splits_of_the_folder_are_taken_over_in_each_layout(
    tmp_path: Path, image_folder: str, mask_folder: str, words: tuple[str, str, str]
) -> None:
    for number, word in enumerate(words):
        touch(tmp_path, f"{image_folder.format(word)}/{number}.jpg", f"{mask_folder.format(word)}/{number}.png")
    assert found(find_pairs(tmp_path), tmp_path) == [
        (split, str(n), f"{image_folder.format(word)}/{n}.jpg", f"{mask_folder.format(word)}/{n}.png")
        for n, (split, word) in enumerate(zip(("train", "val", "test"), words, strict=True))
    ]


def test_names_are_unique_where_a_stem_repeats_in_another_split(tmp_path: Path) -> None:
    touch(tmp_path, "train/images/0.jpg", "train/masks/0.png", "val/images/0.jpg", "val/masks/0.png")
    assert [sample.name for sample in find_pairs(tmp_path).samples] == ["train/0", "val/0"]


def test_pairing_is_by_stem_and_never_by_sorted_order(tmp_path: Path) -> None:
    # Sorted side by side, these would give b.jpg the mask of a.jpg's neighbour: the counts are equal.
    touch(tmp_path, "images/a.jpg", "images/b.jpg", "images/c.jpg", "masks/b.png", "masks/c.png", "masks/d.png")
    layout = find_pairs(tmp_path)
    assert [(s.name, s.mask) for s in layout.samples] == [
        ("b", tmp_path / "masks/b.png"),
        ("c", tmp_path / "masks/c.png"),
    ]
    assert layout.images_without_mask == (tmp_path / "images/a.jpg",)
    assert layout.masks_without_image == (tmp_path / "masks/d.png",)


@pytest.mark.parametrize(
    ("image", "mask"),
    [("a.jpg", "a_mask.png"), ("a.jpg", "a-labels.png"), ("a.jpg", "a_GT.png"), ("01_image.jpg", "01_annotation.png")],
)
def test_a_mask_may_have_its_image_stem_and_an_ending(tmp_path: Path, image: str, mask: str) -> None:
    touch(tmp_path, f"images/{image}", f"masks/{mask}")
    layout = find_pairs(tmp_path)
    assert [(s.name, s.mask) for s in layout.samples] == [(Path(image).stem, tmp_path / "masks" / mask)]
    assert "ending" in layout.pairing


def test_the_very_same_stem_wins_over_one_with_an_ending(tmp_path: Path) -> None:
    touch(tmp_path, "images/a.jpg", "masks/a.png", "masks/a_mask.png")
    layout = find_pairs(tmp_path)
    assert [s.mask for s in layout.samples] == [tmp_path / "masks/a.png"]
    assert layout.masks_without_image == (tmp_path / "masks/a_mask.png",)


def test_stems_that_differ_in_case_are_not_a_pair(tmp_path: Path) -> None:
    touch(tmp_path, "images/a.jpg", "images/B.jpg", "masks/a.png", "masks/b.png")
    assert find_pairs(tmp_path).images_without_mask == (tmp_path / "images/B.jpg",)


def test_hidden_files_thumbnail_caches_and_texts_are_passed_over(tmp_path: Path) -> None:
    touch(tmp_path, "images/a.jpg", "masks/a.png", "masks/readme.txt", "masks/Thumbs.db", ".git/x", "notes.txt")
    touch(tmp_path, "images/._a.jpg", "images/.DS_Store", ".images/a.jpg")
    layout = find_pairs(tmp_path)
    assert len(layout.samples) == 1
    assert layout.images_without_mask == layout.masks_without_image == ()


def test_a_split_without_masks_is_listed_and_does_not_stop_the_others(tmp_path: Path) -> None:
    touch(tmp_path, "train/1.jpg", "train_masks/1.png", "test/2.jpg")
    layout = find_pairs(tmp_path)
    assert [sample.name for sample in layout.samples] == ["1"]
    assert layout.images_without_mask == (tmp_path / "test/2.jpg",)


def test_a_folder_of_boxes_in_xml_is_no_candidate_for_masks(tmp_path: Path) -> None:
    touch(tmp_path, "JPEGImages/a.jpg", "SegmentationClass/a.png", "Annotations/a.xml")
    assert len(find_pairs(tmp_path).samples) == 1


@pytest.mark.parametrize(
    ("names", "parts"),
    [
        ([], ["is empty", "images/"]),
        (["notes.txt"], ["no images", "images/"]),
        (["images/a.jpg"], ["images/a.jpg", "no masks", "masks/"]),
        (["a.jpg", "b.jpg"], ["a.jpg", "no masks", "masks/"]),
        (["images/a.jpg", "masks/b.png"], ["images/a.jpg", "masks/b.png", "Give each mask the file name"]),
        (["images/a.jpg", "images/a.png", "masks/a.png"], ["a.jpg", "a.png", "same stem", "rename"]),
        (["images/a.jpg", "masks/a.tif", "masks/a.png"], ["a.tif", "a.png", "same stem", "rename"]),
        (["images/a.jpg", "masks/a_gt.png", "masks/a_mask.png"], ["a.jpg", "a_gt.png", "a_mask.png", "Keep one"]),
        (["images/a.jpg", "images/a_image.jpg", "masks/a_mask.png"], ["a.jpg", "a_image.jpg", "Give each mask"]),
        (["images/a.jpg", "masks/a.png", "labels/a.png"], ["labels/", "masks/", "has only one"]),
        (["images/a.jpg", "img/a.jpg", "masks/a.png"], ["images/", "img/", "has only one"]),
        (
            ["images/a.jpg", "masks/a.png", "images/train/b.jpg", "masks/train/b.png"],
            ["two layouts", "images/train/", "Move one"],
        ),
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


def test_a_missing_folder_and_a_file_are_told_apart(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"nowhere: does not exist\. Check the path"):
        find_pairs(tmp_path / "nowhere")
    with pytest.raises(DataError, match=r"x\.zip: is a file, not a folder\. Lay it out"):
        find_pairs(touch(tmp_path, "x.zip") / "x.zip")


@needs_shared
def test_crop_and_weed_with_two_mask_folders_asks_which_one() -> None:
    with pytest.raises(DataError, match=r"annotations/ and masks/.*has only one"):
        find_pairs(SHARED / "cwfid")


@needs_shared
def test_crop_and_weed_pairs_by_number_once_one_mask_folder_is_left(tmp_path: Path) -> None:
    for name in ("images", "annotations"):
        (tmp_path / name).symlink_to(SHARED / "cwfid" / name)
    layout = find_pairs(tmp_path)
    assert len(layout.samples) == 60
    assert all(s.image and s.mask and s.image.name[:3] == s.mask.name[:3] for s in layout.samples)
