"""Copies are found within and across splits, whatever was done to them; unrelated images are not."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageEnhance

from segarena.checks import duplicates, inspect
from segarena.checks.problem import Problem
from segarena.checks.similarity import DuplicatePair, find_duplicates
from segarena.checks.thumbnails import collect_thumbnails, correlate, perceptual_hash
from segarena.data.folder import FolderSource
from segarena.data.splitting.splits import Splits, split_samples
from segarena.image_files.image_facts import read_image_facts
from support import SHARED, needs_real_data, scene, write_scene


@pytest.fixture
def scenes(tmp_path: Path) -> Path:
    """Ten scenes that have nothing in common, in train/ (7) and val/ (3)."""
    for number in range(10):
        write_scene(tmp_path / ("train" if number < 7 else "val"), f"scene{number}", scene(number), seed=number)
    return tmp_path


def find(root: Path) -> dict[str, Problem]:
    source = FolderSource(root)
    found = inspect(source, split_samples(source.samples, where=root), closely=False)
    assert len({problem.code for problem in found}) == len(found)
    return {problem.code: problem for problem in found}


def test_unrelated_images_are_no_copies(scenes: Path) -> None:
    assert find(scenes) == {}


def test_a_copied_file_is_a_duplicate(scenes: Path) -> None:
    shutil.copy(scenes / "train/images/scene2.png", scenes / "train/images/again.png")
    shutil.copy(scenes / "train/masks/scene2.png", scenes / "train/masks/again.png")
    problem = find(scenes)["duplicate-images"]
    assert set(problem.files) == {"train/images/again.png", "train/images/scene2.png"}
    assert "masks" not in problem.message


def test_duplicates_in_another_format_with_another_mask_are_found(scenes: Path) -> None:
    write_scene(scenes / "train", "again", scene(2), ".bmp", seed=9)
    assert "the masks of 1 pair differ" in find(scenes)["duplicate-images"].message


def test_images_are_compared_once_until_one_changes(scenes: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def compare(fine: np.ndarray) -> list[DuplicatePair]:
        asked.append(len(fine))
        return find_duplicates(fine)

    monkeypatch.setattr(duplicates, "find_duplicates", compare)
    write_scene(scenes / "train", "turned", scene(1).rotate(90), seed=1)
    assert find(scenes) == find(scenes)
    assert "near-duplicate-images" in find(scenes)
    write_scene(scenes / "train", "turned", scene(0).rotate(90), seed=1)
    assert "train/images/scene0.png" in find(scenes)["near-duplicate-images"].files
    assert len(asked) == 2


def test_flat_images_are_duplicates_only_if_their_bytes_are_equal(scenes: Path) -> None:
    for name, grey in (("flat1", 90), ("flat2", 90), ("flat3", 200)):
        write_scene(scenes / "train", name, Image.new("RGB", (96, 96), (grey, grey, grey)))
    assert set(find(scenes)["duplicate-images"].files) == {"train/images/flat1.png", "train/images/flat2.png"}


@pytest.mark.parametrize(
    "change",
    [
        lambda image: image.resize((64, 64)),
        lambda image: ImageEnhance.Brightness(image).enhance(0.7),
        lambda image: image.convert("L"),
        lambda image: image.crop((2, 2, 95, 95)),
        lambda image: image.transpose(Image.Transpose.FLIP_LEFT_RIGHT),
        lambda image: image.transpose(Image.Transpose.ROTATE_90),
    ],
    ids=["smaller", "darker", "grey", "cropped", "mirrored", "turned"],
)
def test_near_duplicates_across_splits_leak(scenes: Path, change: object) -> None:
    write_scene(scenes / "val", "again", change(scene(2)), ".jpg")  # type: ignore[operator]
    problem = find(scenes)["leak-near-duplicates"]
    assert problem.severity == "warning"
    assert set(problem.files) == {"train/images/scene2.png", "val/images/again.jpg"}
    assert "1 val image has nearly the same picture" in problem.message


def test_a_file_in_two_splits_leaks(scenes: Path) -> None:
    for kind in ("images", "masks"):
        shutil.copy(scenes / "train" / kind / "scene0.png", scenes / "val" / kind / "copy.png")
    problem = find(scenes)["leak-duplicates"]
    assert set(problem.files) == {"train/images/scene0.png", "val/images/copy.png"}
    assert "into one split" in problem.remedy


def test_groups_are_the_remedy_if_our_own_split_separates_copies(tmp_path: Path) -> None:
    for number in range(6):
        for copy in "ab":
            write_scene(tmp_path, f"{number}{copy}", scene(number))
    source = FolderSource(tmp_path)
    splits = Splits(tuple(range(0, 12, 2)), tuple(range(1, 12, 2)), ())
    [problem] = inspect(source, splits, closely=False)
    assert problem.code == "leak-duplicates"
    assert "6 val images have the same pixels" in problem.message
    assert "--group-by" in problem.remedy


def test_images_in_no_split_do_not_leak(tmp_path: Path) -> None:
    for number in range(4):
        for copy in "ab":
            write_scene(tmp_path, f"{number}{copy}", scene(number))
    source = FolderSource(tmp_path)
    assert inspect(source, Splits((0, 2), (4,), ()), closely=False) == ()


def test_near_duplicates_within_a_split_are_a_note(scenes: Path) -> None:
    write_scene(scenes / "train", "again", scene(2).transpose(Image.Transpose.ROTATE_180), ".jpg", seed=2)
    problem = find(scenes)["near-duplicate-images"]
    assert problem.severity == "note"
    assert "1 pair of them mirrored or rotated" in problem.message


def test_similar_images_are_not_all_duplicates() -> None:
    random = np.random.default_rng(0)
    base = np.asarray(scene(0).convert("L").resize((64, 64)), dtype=np.int16)
    alike = np.clip(base + random.integers(-25, 26, (40, 64, 64)), 0, 255).astype(np.uint8)
    alike[7] = alike[3]
    assert [(pair.first, pair.second) for pair in find_duplicates(alike)] == [(3, 7)]


@pytest.mark.parametrize("turn", Image.Transpose, ids=lambda turn: turn.name)
def test_every_orientation_of_a_copy_is_found(turn: Image.Transpose) -> None:
    images = [scene(number).convert("L").resize((64, 64)) for number in range(6)]
    thumbnails = np.stack([*map(np.asarray, images), np.asarray(images[2].transpose(turn))])
    assert [(pair.first, pair.second, pair.turned) for pair in find_duplicates(thumbnails)] == [(2, 6, True)]


def test_hashes_ignore_brightness_and_scale() -> None:
    image = np.asarray(scene(5).convert("L").resize((32, 32)))
    darker = (image * 0.5).astype(np.uint8)
    hashes = perceptual_hash(np.stack([image, darker]))
    assert hashes.shape == (2, 128)
    assert (hashes[0] != hashes[1]).sum() <= 4
    assert correlate(image[None], darker[None])[0] > 0.99
    assert correlate(image[None], np.zeros_like(image)[None])[0] == 0


def thumbnail(path: Path) -> np.ndarray:
    return read_image_facts(path, path.read_bytes()).thumbnail(16).astype(int)


def test_thumbnails_have_the_exif_orientation(tmp_path: Path) -> None:
    image = scene(1)
    image.save(tmp_path / "upright.jpg", quality=95)
    exif = Image.Exif()
    exif[0x0112] = 6
    image.transpose(Image.Transpose.ROTATE_90).save(tmp_path / "turned.jpg", quality=95, exif=exif)
    one, other = (thumbnail(tmp_path / name) for name in ("upright.jpg", "turned.jpg"))
    assert np.abs(one - other).max() < 8


def test_a_file_that_cannot_be_decoded_is_a_fault_and_no_duplicate(scenes: Path) -> None:
    paths = sorted((scenes / "train" / "images").iterdir())
    for path in paths[:2]:
        path.write_bytes(paths[3].read_bytes()[:-500])
    found = collect_thumbnails(FolderSource(scenes))
    assert sorted(found.faults) == [0, 1]
    assert found.faults[0].where == paths[0]
    assert found.digests[:2] == ("", "")
    assert find_duplicates(found.fine) == []


@pytest.mark.parametrize(("level", "same"), [(216, False), (200, True)])
def test_12_bit_images_are_compared_at_their_own_depth(tmp_path: Path, level: int, same: bool) -> None:
    """The 216 would be equal to the 200 if they were scaled as if they had 16 bits."""
    for name, value in (("a.png", 200), ("b.tif", level)):
        values = np.asarray(scene(1).convert("L"), dtype=np.uint16) * 16
        values[0, 0] = value
        write_scene(tmp_path, name[:1], Image.fromarray(values), name[1:])
    for number in range(2, 8):
        write_scene(tmp_path, str(number), scene(number), seed=number)
    source = FolderSource(tmp_path)
    assert source.bits == 12
    problems = inspect(source, Splits(tuple(range(8)), (), ()), closely=False)
    assert [problem.code for problem in problems] == ["duplicate-images" if same else "near-duplicate-images"]


@needs_real_data
@pytest.mark.parametrize("name", ["isbi", "epfl-roads", "cwfid"])
def test_no_false_alarm_on_real_images(name: str) -> None:
    root = SHARED / "data" / name
    found = collect_thumbnails(FolderSource(root, masks=root / "masks" if name == "cwfid" else None))
    assert find_duplicates(found.fine) == []
