"""A folder as a source: what it holds, what it refuses, and the real data sets as their authors laid them out."""

from __future__ import annotations

import hashlib
import io
import json
import os
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from segarena.checks import inspect
from segarena.data.folder import FolderSource
from segarena.data.source import Source
from segarena.data.splitting.splits import split_samples
from support import SHARED, needs_real_data, refuses, write_pair


def add_pair(
    root: Path, stem: str, *, size: tuple[int, int] = (6, 4), mask_size: tuple[int, int] | None = None
) -> None:
    """Write images/STEM.png of `size` (width, height), and masks/STEM.png whose left half is 0 and right half 255."""
    for folder in ("images", "masks"):
        (root / folder).mkdir(parents=True, exist_ok=True)
    Image.new("RGB", size, (10, 20, 30)).save(root / "images" / f"{stem}.png")
    width, height = mask_size or size
    mask = np.zeros((height, width), dtype=np.uint8)
    mask[:, width // 2 :] = 255
    Image.fromarray(mask).save(root / "masks" / f"{stem}.png")


def test_a_folder_reads_images_and_labels_and_says_what_it_understood(tmp_path: Path) -> None:
    root = tmp_path / "leaves"
    add_pair(root, "b")
    add_pair(root, "a", size=(8, 2))
    add_pair(root, "c")
    (root / "masks" / "c.png").rename(root / "masks" / "d.png")
    source: Source = FolderSource(root)
    assert source.name == "leaves"
    assert [sample.name for sample in source.samples] == ["a", "b"]
    image, mask = source.read(0)
    assert image.shape == (2, 8, 3)
    assert image[0, 0].tolist() == [10, 20, 30]
    assert mask.tolist() == [[0, 0, 0, 0, 1, 1, 1, 1]] * 2
    said = source.describe()
    assert json.loads(json.dumps(said)) == said
    assert said["layout"] == "images in images/, masks in masks/"
    assert said["encoding"].endswith("(inferred from the values of all masks)")
    assert said["images_without_mask"] == ["images/c.png"]
    assert said["masks_without_image"] == ["masks/d.png"]
    assert said["sizes"] == [
        {"height": 2, "width": 8, "images": 1},
        {"height": 4, "width": 6, "images": 1},
    ]
    assert said["class_pixels"] == {"background": 20, "foreground": 20}
    assert said["class_images"] == {"background": 2, "foreground": 2}


def test_classes_yaml_names_the_values_and_the_void(tmp_path: Path) -> None:
    add_pair(tmp_path, "a")
    Image.fromarray(np.array([[0, 255, 7, 7, 7, 7]] * 4, dtype=np.uint8)).save(tmp_path / "masks" / "a.png")
    declaration = "classes: [{name: cell, value: 255, color: [1, 2, 3]}, {name: membrane, value: 0}]\nignore: [7]\n"
    (tmp_path / "classes.yaml").write_text(declaration)
    source = FolderSource(tmp_path)
    assert source.classes.names == ("cell", "membrane")
    assert source.read(0)[1][0].tolist() == [1, 0, 255, 255, 255, 255]
    assert source.class_pixels.tolist() == [4, 4]
    assert source.describe()["void_pixels"] == 16
    assert "classes.yaml" in source.describe()["encoding"]


def test_a_mask_of_another_shape_is_refused_with_both_sizes(tmp_path: Path) -> None:
    add_pair(tmp_path, "a", size=(60, 40))
    add_pair(tmp_path, "b", size=(60, 40), mask_size=(30, 25))
    with refuses(where=tmp_path / "masks/b.png", value="30 x 25") as raised:
        FolderSource(tmp_path)
    assert str(tmp_path / "images/b.png") in raised.value.what
    assert "60 x 40" in raised.value.what


@pytest.mark.parametrize(
    ("mask_size", "image_size"),
    [
        ((30, 20), (60, 40)),
        ((120, 80), (60, 40)),
        ((100, 67), (1500, 1000)),
        ((333, 250), (1000, 750)),
        ((61, 40), (60, 40)),
    ],
)
def test_a_mask_of_the_same_shape_is_resized_and_reported(
    tmp_path: Path, mask_size: tuple[int, int], image_size: tuple[int, int]
) -> None:
    add_pair(tmp_path, "a", size=image_size, mask_size=mask_size)
    add_pair(tmp_path, "b")
    values = np.array([0, 3, 9], dtype=np.uint8)
    labels = np.random.default_rng(0).integers(0, 3, (mask_size[1], mask_size[0]))
    Image.fromarray(values[labels]).save(tmp_path / "masks" / "a.png")
    Image.fromarray(np.full((4, 6), 9, dtype=np.uint8)).save(tmp_path / "masks" / "b.png")
    source = FolderSource(tmp_path)
    image, mask = source.read(0)
    assert image.shape[:2] == mask.shape == (image_size[1], image_size[0])
    expected = Image.fromarray(labels.astype(np.uint8)).resize(image_size, Image.Resampling.NEAREST)
    np.testing.assert_array_equal(mask, np.asarray(expected))
    assert [(one.mask.name, one.size, one.image_size) for one in source.resized] == [
        ("a.png", mask_size[::-1], image_size[::-1])
    ]
    assert source.label_counts(0) is None
    assert source.label_counts(1).tolist() == [0, 0, 24]
    assert source.describe()["resized"] == [
        {
            **{"mask": "masks/a.png", "width": mask_size[0], "height": mask_size[1]},
            **{"to_width": image_size[0], "to_height": image_size[1]},
        }
    ]


def test_shapes_that_differ_by_more_than_rounding_are_refused(tmp_path: Path) -> None:
    for size, mask_size in (((60, 40), (64, 40)), ((1000, 750), (500, 378)), ((60, 40), (40, 60))):
        add_pair(tmp_path, "a", size=size, mask_size=mask_size)
        with refuses(where=tmp_path / "masks" / "a.png", value=f"{mask_size[0]} x {mask_size[1]}"):
            FolderSource(tmp_path)


def test_12_bits_in_files_of_16_are_scaled_alike_in_all_images_and_said(tmp_path: Path) -> None:
    for stem, level in (("dark", 800), ("bright", 4000)):
        add_pair(tmp_path, stem)
        Image.fromarray(np.full((4, 6), level, dtype=np.uint16)).save(tmp_path / "images" / f"{stem}.png")
    source = FolderSource(tmp_path)
    assert source.bits == source.describe()["image_bits"] == 12
    bright, dark = (source.read(index)[0][0, 0, 0] for index in range(2))
    assert (bright, dark) == (round(4000 * 255 / 4095), round(800 * 255 / 4095))
    assert (source.bits, FolderSource(tmp_path).bits) == (12, 12)
    digest = source.decoding_digest
    source.bits = 16  # as of the run that is evaluated
    assert source.decoding_digest != digest
    source.bits = 12
    assert source.decoding_digest == digest


def test_named_folders_are_passed_on(tmp_path: Path) -> None:
    add_pair(tmp_path, "a")
    (tmp_path / "masks").rename(tmp_path / "set one")
    (tmp_path / "set two").mkdir()
    (tmp_path / "set two" / "a.png").write_bytes((tmp_path / "set one" / "a.png").read_bytes())
    source = FolderSource(tmp_path, images=Path("images"), masks=Path("set two"))
    assert source.samples[0].mask == tmp_path / "set two" / "a.png"
    assert source.describe()["conflicts"] == []


def test_exif_orientation_makes_image_and_mask_agree_or_disagree(tmp_path: Path) -> None:
    add_pair(tmp_path, "a", size=(6, 4), mask_size=(4, 6))
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.new("RGB", (6, 4)).save(tmp_path / "images" / "a.png", exif=exif)
    image, mask = FolderSource(tmp_path).read(0)
    assert image.shape[:2] == mask.shape == (6, 4)
    add_pair(tmp_path, "b")
    Image.new("RGB", (6, 4)).save(tmp_path / "images" / "b.png", exif=exif)
    with refuses(where=tmp_path / "masks/b.png", value="4 x 6") as raised:
        FolderSource(tmp_path)
    assert "EXIF" in raised.value.remedy


@pytest.mark.parametrize("age", [0, 60], ids=["just written", "a minute old"])
def test_a_digest_is_of_the_bytes_of_both_files_as_they_are(tmp_path: Path, age: int) -> None:
    add_pair(tmp_path, "a")
    paths = [tmp_path / folder / "a.png" for folder in ("images", "masks")]
    for path in paths:
        os.utime(path, (time.time() - age,) * 2)
    source = FolderSource(tmp_path)
    image, mask = (path.read_bytes() for path in paths)
    assert source.digest(0) == hashlib.sha256(image + mask).hexdigest()
    changed = mask[:-1] + b"x"
    paths[1].write_bytes(changed)
    assert source.digest(0) == hashlib.sha256(image + changed).hexdigest()
    paths[1].unlink()
    with refuses(where=paths[1], value="does not exist"):
        source.digest(0)


def test_each_file_is_read_once(squares: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    paths = sorted(map(str, squares.rglob("*.png")))
    for path in paths:
        os.utime(path, (0, 0))
    opened: list[str] = []
    real = io.open

    def count(path: object, *arguments: object, **options: object) -> object:
        opened.extend([str(path)] if str(path).endswith(".png") else [])
        return real(path, *arguments, **options)  # type: ignore[call-overload]

    monkeypatch.setattr(io, "open", count)
    progress: list[tuple[int, int]] = []
    source = FolderSource(squares, lambda done, total: progress.append((done, total)))
    assert len({source.digest(index) for index in range(12)}) == 12
    assert inspect(source, split_samples(source.samples, where=squares), closely=False) == ()
    assert sorted(opened) == paths
    assert progress == [(8, 12), (12, 12)]


def test_a_file_replaced_after_the_check_is_noticed_when_it_is_read(tmp_path: Path) -> None:
    add_pair(tmp_path, "a")
    source = FolderSource(tmp_path)
    Image.new("RGB", (5, 5)).save(tmp_path / "images" / "a.png")
    with refuses(where=tmp_path / "masks/a.png", value="5 x 5"):
        source.read(0)


def test_damage_in_one_mask_of_many_is_found_before_anything_is_trained(tmp_path: Path) -> None:
    for number in range(12):
        add_pair(tmp_path, f"{number:02}", size=(60, 40))
    path = tmp_path / "masks" / "09.png"
    path.write_bytes(path.read_bytes()[:-30])
    with refuses(where=path, value="cannot be read"):
        FolderSource(tmp_path)


@needs_real_data
def test_camvid_has_its_official_split_eleven_classes_and_void() -> None:
    source = FolderSource(SHARED / "data" / "camvid")
    assert source.describe()["splits"] == {"train": 367, "val": 101, "test": 233}
    assert source.classes.num_classes == 11
    assert source.classes.ignore == (11,)
    assert source.samples[0].name == "0001TP_006690"
    image, mask = source.read(0)
    assert image.shape == (360, 480, 3)
    assert set(np.unique(mask)) <= {*range(11), 255}
    np.testing.assert_array_equal(np.bincount(mask.ravel(), minlength=11)[:11], source.mask_pixels[0])
    assert source.mask_pixels.sum() + source.void_pixels.sum() == 701 * 360 * 480


@needs_real_data
def test_isbi_membranes_are_the_low_level_of_two() -> None:
    source = FolderSource(SHARED / "data" / "isbi")
    assert len(source.samples) == 30
    assert {sample.split for sample in source.samples} == {None}
    assert source.encoding.kind == "two-level"
    assert source.class_pixels[0] / source.class_pixels.sum() == pytest.approx(0.22, abs=0.005)


def test_labels_alone_are_those_of_the_whole_reading(tmp_path: Path) -> None:
    for number in range(3):
        write_pair(tmp_path, f"square{number}", seed=number)
    small = tmp_path / "masks" / "square1.png"
    with Image.open(small) as mask:
        mask.resize((24, 24), Image.Resampling.NEAREST).save(small)
    source = FolderSource(tmp_path)
    assert len(source.resized) == 1
    for index in range(3):
        np.testing.assert_array_equal(source.read_labels(index), source.read(index)[1])
