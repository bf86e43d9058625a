"""The remedies of saved splits, folds, published data, panoptic PNGs, large images and TIFF files are followed."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from annotated import write_image, write_json
from segarena.annotations.write import write_annotations
from segarena.config import TrainOptions
from segarena.converters.coco import read_coco
from segarena.data.folder import FolderSource
from segarena.data.source import Sample
from segarena.data.splitting.splits import make_folds, read_splits
from segarena.errors import ConfigError, DataError
from segarena.experiment.inputs import make_splits
from segarena.image_files.images import read_image
from segarena.published import open_published
from support import refuses, write_pair
from tiff_files import save_tiff

pytestmark = pytest.mark.long

Split = dict[str, list[str]]
NAMES = ("a", "b", "c", "d")


def samples(count: int) -> list[Sample]:
    return [Sample(name, None, None, None) for name in "abcdefghijkl"[:count]]


def in_one_part(split: Split) -> None:
    split["val"].remove("a")


def remove_the_names(split: Split) -> None:
    split["train"].remove("new")


def add_each_name(split: Split) -> None:
    split["val"].append("d")


def name_at_least_two_and_one(split: Split) -> None:
    split["train"].append(split["val"].pop())


@pytest.mark.parametrize(
    ("split", "words", "edit"),
    [
        ({"train": ["a", "b"], "val": ["c", "d", "a"]}, "one part", in_one_part),
        ({"train": ["a", "b", "new"], "val": ["c", "d"]}, "remove the names", remove_the_names),
        ({"train": ["a", "b"], "val": ["c"]}, "Add each name", add_each_name),
        ({"train": ["a"], "val": ["b", "c", "d"]}, "at least 2 and 1", name_at_least_two_and_one),
    ],
    ids=["twice", "unknown", "missing", "too few"],
)
def test_a_saved_split_is_corrected(tmp_path: Path, split: Split, words: str, edit: Callable[[Split], None]) -> None:
    file = write_json(tmp_path / "split.json", split)
    with refuses(DataError, where=file) as raised:
        read_splits(file, samples(4))
    assert words in raised.value.remedy
    edit(split)
    read_splits(write_json(file, split), samples(4))


@pytest.mark.parametrize("content", ["{", "[]", '{"train": ["a", "b"]}', '{"train": "a", "val": ["b"]}'])
def test_a_saved_split_has_the_form_of_the_remedy(tmp_path: Path, content: str) -> None:
    file = tmp_path / "split.json"
    file.write_text(content)
    with refuses(DataError, where=file) as raised:
        read_splits(file, samples(3))
    example = raised.value.remedy[raised.value.remedy.index("{") :].rstrip(".")
    file.write_text(example)
    assert sum(map(len, json.loads(example).values())) == 3
    read_splits(file, samples(3))


def test_images_that_a_saved_split_names_are_restored_or_removed_from_it(tmp_path: Path) -> None:
    for number in range(6):
        write_pair(tmp_path / "data", f"square{number}", seed=number)
    names = [f"square{number}" for number in range(6)]
    file = write_json(tmp_path / "split.json", {"train": names[:4], "val": names[4:]})
    options = TrainOptions(model="fcn", data=tmp_path / "data", splits=file)
    shutil.copytree(tmp_path / "data", tmp_path / "kept")
    for kind in ("images", "masks"):
        (tmp_path / "data" / kind / "square5.png").unlink()
    with refuses(DataError, where=file, value="square5"):
        make_splits(FolderSource(tmp_path / "data"), options)
    assert make_splits(FolderSource(tmp_path / "kept"), options).counts == {"train": 4, "val": 2, "test": 0}
    write_json(file, {"train": names[:4], "val": names[4:5]})
    assert make_splits(FolderSource(tmp_path / "data"), options).counts == {"train": 4, "val": 1, "test": 0}


@pytest.mark.parametrize(("count", "folds"), [(5, 9), (3, 3), (3, 2), (2, 2)])
def test_fewer_folds_or_more_images_are_enough(count: int, folds: int) -> None:
    remedy, seen = "", []
    while True:
        try:
            made = make_folds(samples(count), folds, val_share=0.2, where="data")
        except DataError as error:
            remedy = error.remedy
            assert ("fewer folds" in remedy) is (folds > 2)
            count, folds = (count, folds - 1) if "fewer folds" in remedy else (count + 1, folds)
            seen.append((count, folds))
        else:
            break
    assert remedy
    assert len(seen) <= 8
    assert len(made) == folds
    with refuses(ConfigError, where="--folds", value="1") as raised:
        make_folds(samples(12), 1, val_share=0.2, where="data")
    numbers = [int(word) for word in raised.value.remedy.replace(",", "").split() if word.isdecimal()]
    for number in numbers:
        assert len(make_folds(samples(12), number, val_share=0.2, where="data")) == number


def write_voc(root: Path) -> Path:
    base = root / "VOCdevkit" / "VOC2012"
    for name, split in (("one", "train"), ("two", "val")):
        write_image(base / "JPEGImages" / f"{name}.jpg", (4, 2))
        (base / "SegmentationClass").mkdir(exist_ok=True)
        Image.fromarray(np.zeros((2, 4), dtype=np.uint8)).save(base / "SegmentationClass" / f"{name}.png")
        (base / "ImageSets" / "Segmentation").mkdir(parents=True, exist_ok=True)
        (base / "ImageSets" / "Segmentation" / f"{split}.txt").write_text(f"{name}\n")
    return root


def damage_mask(root: Path) -> None:
    path = root / "VOCdevkit/VOC2012/SegmentationClass/two.png"
    Image.fromarray(np.zeros((3, 3), dtype=np.uint8)).save(path)


def unknown_value(root: Path) -> None:
    path = root / "VOCdevkit/VOC2012/SegmentationClass/two.png"
    Image.fromarray(np.full((2, 4), 99, dtype=np.uint8)).save(path)


@pytest.mark.parametrize(
    "spoil",
    [
        lambda root: (root / "VOCdevkit/VOC2012/JPEGImages/two.jpg").unlink(),
        lambda root: (root / "VOCdevkit/VOC2012/ImageSets/Segmentation/train.txt").write_text(""),
        damage_mask,
        unknown_value,
    ],
    ids=["image", "list", "size", "value"],
)
def test_a_published_data_set_is_unpacked_again(tmp_path: Path, spoil: Callable[[Path], Any]) -> None:
    spoil(write_voc(tmp_path / "voc"))
    with pytest.raises(DataError) as raised:
        source = open_published("voc2012", tmp_path / "voc")
        for index in range(len(source.samples)):
            source.read(index)
    assert "Unpack the data set again" in raised.value.remedy
    write_voc(tmp_path / "voc")
    source = open_published("voc2012", tmp_path / "voc")
    assert [source.read(index)[1].shape for index in range(2)] == [(2, 4), (2, 4)]


def test_the_folder_of_a_published_data_set_is_named(tmp_path: Path) -> None:
    write_voc(tmp_path / "voc")
    for root in (None, tmp_path / "voc" / "VOCdevkit"):
        with pytest.raises(DataError) as raised:
            open_published("voc2012", root)
        [folder] = {word for word in raised.value.remedy.split() if word.startswith("VOCdevkit")}
        assert "--root DIR" in raised.value.remedy
        [place] = [path.parents[len(Path(folder).parts) - 1] for path in tmp_path.glob(f"**/{folder}")]
        assert len(open_published("voc2012", place).samples) == 2


def write_panoptic(root: Path, values: list[list[int]], dtype: Any = np.uint8) -> Path:
    """One image with the segments 1 and 2; the PNG has these values in each channel, or alone with 16 bits."""
    numbers = np.array(values, dtype=dtype)
    pixels = numbers if dtype == np.uint16 else np.stack([numbers, numbers * 0, numbers * 0], axis=-1)
    write_image(root / "train2017" / "a.png", size=(numbers.shape[1], numbers.shape[0]))
    folder = root / "annotations" / "panoptic_train2017"
    folder.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(folder / "a.png")
    segments = [{"id": 1, "category_id": 2}, {"id": 2, "category_id": 5}]
    content = {
        "images": [{"id": "x", "file_name": "a.png"}],
        "categories": [{"id": 2, "name": "sky"}, {"id": 5, "name": "sea"}],
        "annotations": [{"image_id": "x", "file_name": "a.png", "segments_info": segments}],
    }
    write_json(root / "annotations" / "panoptic_train2017.json", content)
    return root


@pytest.mark.parametrize(
    ("values", "dtype", "words"),
    [([[1, 2]], np.uint16, "Export the panoptic PNGs again"), ([[1, 9]], np.uint8, "export both again")],
    ids=["16 bits", "segment"],
)
def test_panoptic_pngs_are_exported_again(tmp_path: Path, values: list[list[int]], dtype: Any, words: str) -> None:
    root = write_panoptic(tmp_path / "coco", values, dtype)
    with pytest.raises(DataError) as raised:
        write_annotations(tmp_path / "out", read_coco(root))
    assert words in raised.value.remedy
    write_annotations(tmp_path / "out", read_coco(write_panoptic(root, [[1, 2]])))
    assert FolderSource(tmp_path / "out").classes.names == ("sky", "sea")


def test_an_image_that_is_too_large_is_cut_with_its_mask(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(4):
        write_pair(tmp_path, f"square{number}", seed=number)
    paths = [tmp_path / kind / "square0.png" for kind in ("images", "masks")]
    for path in paths:
        with Image.open(path) as image:
            size = image.size
            large = image.resize((4 * size[0], 4 * size[1]), Image.Resampling.NEAREST)
        large.save(path)
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 2 * size[0] * size[1])
    with refuses(DataError, where=paths[0], value="safe to decode") as raised:
        FolderSource(tmp_path)
    assert "into tiles" in raised.value.remedy
    with monkeypatch.context() as patch:
        patch.setattr(Image, "MAX_IMAGE_PIXELS", None)
        for path in paths:
            with Image.open(path) as image:
                for row in range(4):
                    for column in range(4):
                        box = (column * size[0], row * size[1], (column + 1) * size[0], (row + 1) * size[1])
                        image.crop(box).save(path.with_name(f"square0_{row}{column}.png"))
            path.unlink()
    assert len(FolderSource(tmp_path).samples) == 3 + 16


@pytest.mark.parametrize("compression", [None, "tiff_lzw", "tiff_adobe_deflate"])
def test_a_tiff_of_another_compression_is_saved_again(tmp_path: Path, compression: str | None) -> None:
    pixels = np.arange(6 * 8 * 3, dtype=np.uint8).reshape(6, 8, 3)
    path = save_tiff(tmp_path / "a.tif", pixels)
    content = bytearray(path.read_bytes())
    content[content.index((259).to_bytes(2, "little")) + 8] = 200  # the compression, of which no format has this number
    path.write_bytes(content)
    with refuses(DataError, where=path, value="compression 200") as raised:
        read_image(path)
    assert "without compression, or with LZW or Deflate" in raised.value.remedy
    Image.fromarray(pixels).save(path, compression=compression)
    assert np.array_equal(read_image(path), pixels)


@pytest.mark.skipif(os.name == "nt" or getattr(os, "geteuid", int)() == 0, reason="every file can be read here")
def test_the_command_for_permissions_works(tmp_path: Path) -> None:
    path = write_image(tmp_path / "a.png")
    path.chmod(0)
    with refuses(DataError, where=path, value="permission") as raised:
        read_image(path)
    assert "chmod u+r" in raised.value.remedy
    path.chmod(path.stat().st_mode | 0o400)
    read_image(path)
