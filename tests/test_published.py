"""The data sets that torchvision knows, on small made folders in their own layouts."""

from __future__ import annotations

import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from scipy.io import savemat

from annotated import draw, write_image, write_mask
from segarena.data.source import Source
from segarena.errors import ConfigError
from segarena.published import PUBLISHED, open_published
from support import refuses

SIZE = (4, 2)


def write_text(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def make_voc(root: Path) -> None:
    base = root / "VOCdevkit" / "VOC2012"
    for name, split in (("2007_000032", "train"), ("2007_000033", "val")):
        write_image(base / "JPEGImages" / f"{name}.jpg", SIZE)
        mask = Image.fromarray(np.array([[0, 1, 20, 255], [0, 0, 15, 15]], dtype=np.uint8))
        mask.putpalette([0] * 768)
        (base / "SegmentationClass").mkdir(exist_ok=True)
        mask.save(base / "SegmentationClass" / f"{name}.png")
        write_text(base / "ImageSets" / "Segmentation" / f"{split}.txt", f"{name}\n")


def make_sbd(root: Path) -> None:
    for name, split in (("2008_000003", "train"), ("2008_000007", "val")):
        write_image(root / "img" / f"{name}.jpg", SIZE)
        (root / "cls").mkdir(exist_ok=True)
        content = {"Segmentation": draw(["..12", "...."]), "Boundaries": 0, "CategoriesPresent": [1, 2]}
        savemat(root / "cls" / f"{name}.mat", {"GTcls": content})
        write_text(root / f"{split}.txt", f"{name}\n")


def make_cityscapes(root: Path) -> None:
    for split, city in (("train", "aachen"), ("val", "lindau")):
        name = f"{city}_000000_000019"
        write_image(root / "leftImg8bit" / split / city / f"{name}_leftImg8bit.png", SIZE)
        folder = root / "gtFine" / split / city
        folder.mkdir(parents=True)
        ids = np.array([[7, 8, 11, 33], [0, 3, 29, 26]], dtype=np.uint8)
        Image.fromarray(ids).save(folder / f"{name}_gtFine_labelIds.png")


def make_pets(root: Path) -> None:
    base = root / "oxford-iiit-pet"
    for name, split in (("Abyssinian_1", "trainval"), ("beagle_2", "test")):
        write_image(base / "images" / f"{name}.jpg", SIZE)
        write_mask(base / "annotations" / "trimaps" / f"{name}.png", ["2223", "2311"])
        write_text(base / "annotations" / f"{split}.txt", f"{name} 1 1 1\n")


MAKERS: dict[str, Callable[[Path], None]] = {
    "voc2012": make_voc,
    "sbd": make_sbd,
    "cityscapes": make_cityscapes,
    "oxford-pets": make_pets,
}


def opened(name: str, root: Path) -> Source:
    MAKERS[name](root)
    return open_published(name, root)


@pytest.mark.parametrize(
    ("name", "splits", "num_classes", "rows"),
    [
        ("voc2012", ["train", "val"], 21, [[0, 1, 20, 255], [0, 0, 15, 15]]),
        ("sbd", ["train", "val"], 21, [[0, 0, 1, 2], [0, 0, 0, 0]]),
        ("cityscapes", ["train", "val"], 19, [[0, 1, 2, 18], [255, 255, 255, 13]]),
        ("oxford-pets", ["train", "test"], 2, [[0, 0, 0, 255], [0, 255, 1, 1]]),
    ],
)
def test_labels_splits_and_classes(
    name: str, splits: list[str], num_classes: int, rows: list[list[int]], tmp_path: Path
) -> None:
    source = opened(name, tmp_path)
    assert [sample.split for sample in source.samples] == splits
    assert source.classes.num_classes == num_classes
    for index in range(2):
        image, mask = source.read(index)
        assert image.shape == (2, 4, 3)
        assert mask.dtype == np.uint8
        assert mask.tolist() == rows
    assert source.describe()["name"] == name
    assert source.describe()["splits"] == dict.fromkeys(splits, 1)


def test_every_published_name_is_tried() -> None:
    assert set(PUBLISHED) == set(MAKERS)


def test_classes_have_their_own_names_and_colours(tmp_path: Path) -> None:
    voc = opened("voc2012", tmp_path / "voc").classes
    assert (voc.names[0], voc.names[20]) == ("background", "tvmonitor")
    assert voc.colors[1] == (128, 0, 0)
    streets = opened("cityscapes", tmp_path / "streets").classes
    assert (streets.names[0], streets.names[18]) == ("road", "bicycle")
    assert streets.colors[0] == (128, 64, 128)
    assert opened("oxford-pets", tmp_path / "pets").classes.names == ("background", "pet")


def test_a_digest_follows_both_files(tmp_path: Path) -> None:
    source = opened("voc2012", tmp_path)
    first = source.digest(0)
    assert source.digest(0) == first
    write_mask(tmp_path / "VOCdevkit/VOC2012/SegmentationClass/2007_000032.png", ["0000", "0000"])
    assert source.digest(0) != first


@pytest.mark.parametrize("name", PUBLISHED)
def test_a_missing_folder_names_root_and_download(name: str, tmp_path: Path) -> None:
    """`evaluate` has no --download, and passes None."""
    for root in (None, tmp_path / "nowhere", tmp_path):
        for download in (False, None):
            with refuses(value="" if root else name) as raised:
                open_published(name, root, download)
            remedy = raised.value.remedy
            assert name in str(raised.value)
            assert "--root" in remedy
            assert ("cityscapes-dataset.com" in remedy) == (name == "cityscapes")
            assert ("--download" in remedy) == (name != "cityscapes" and download is False)


@pytest.mark.parametrize("name", PUBLISHED)
def test_a_missing_file_is_named(name: str, tmp_path: Path) -> None:
    MAKERS[name](tmp_path)
    gone = sorted(tmp_path.rglob("*.png" if name == "cityscapes" else "*.jpg"))[0]
    gone.unlink()
    with refuses(where=tmp_path, value=gone.name):
        open_published(name, tmp_path)


@pytest.mark.parametrize("name", ["voc2012", "sbd", "oxford-pets"])
def test_a_download_that_fails_says_why_and_what_else_works(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*arguments: object, **options: object) -> None:
        raise urllib.error.URLError("network is unreachable")

    monkeypatch.setattr(urllib.request, "urlopen", refuse)
    with refuses(where=tmp_path, value="unreachable"):
        open_published(name, tmp_path, download=True)


def test_cityscapes_cannot_be_downloaded_without_an_account(tmp_path: Path) -> None:
    with refuses(ConfigError, where=tmp_path, value="account"):
        open_published("cityscapes", tmp_path, download=True)


@pytest.mark.parametrize("name", PUBLISHED)
def test_download_fetches_nothing_that_is_there(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    MAKERS[name](tmp_path)
    monkeypatch.setattr(urllib.request, "urlopen", lambda *a, **k: pytest.fail("it asked the network"))
    assert len(open_published(name, tmp_path, download=True).samples) == 2


def test_an_unknown_name_is_refused(tmp_path: Path) -> None:
    with refuses(ConfigError, value="voc2013"):
        open_published("voc2013", tmp_path)


@pytest.mark.parametrize(
    ("name", "pattern", "spoil", "seen"),
    [
        ("voc2012", "*000032.png", lambda path: Image.new("L", SIZE, 77).save(path), "the value 77"),
        ("oxford-pets", "Abyssinian_1.png", lambda path: write_mask(path, ["0009", "0000"]), "the value 0"),
        ("oxford-pets", "Abyssinian_1.png", lambda path: write_mask(path, ["2211"]), "size of its image"),
        ("sbd", "*000003.mat", lambda path: path.write_bytes(b"no matlab"), "cannot be read"),
        ("voc2012", "*000032.jpg", lambda path: path.write_bytes(b""), "empty"),
    ],
)
def test_a_damaged_file_is_named_when_it_is_read(
    name: str, pattern: str, spoil: Callable[[Path], object], seen: str, tmp_path: Path
) -> None:
    source = opened(name, tmp_path)
    spoiled = next(tmp_path.rglob(pattern))
    spoil(spoiled)
    with refuses(where=spoiled, value=seen):
        source.read(0)


def test_lists_that_are_broken_are_the_folders_fault(tmp_path: Path) -> None:
    make_pets(tmp_path)
    write_text(tmp_path / "oxford-iiit-pet/annotations/trainval.txt", "Abyssinian_1\n")
    with refuses(where=tmp_path):
        open_published("oxford-pets", tmp_path)
