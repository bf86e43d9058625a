"""What a person sees at once: masks in the place of images, photographs in the place of masks, a darker split.

Also two groups of files that number the same classes differently.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from drawings import label_map, through_jpeg
from segarena.checks import inspect
from segarena.checks.appearance import check_appearance
from segarena.checks.numbering import check_isolated_value, check_numbering, check_objects
from segarena.checks.problem import Problem
from segarena.data.folder import FolderSource
from segarena.data.splitting.splits import split_samples
from support import SHARED, needs_real_data, scene, write_scene

Pixels = NDArray[np.uint8]


def save(path: Path, pixels: object) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    (pixels if isinstance(pixels, Image.Image) else Image.fromarray(np.asarray(pixels, dtype=np.uint8))).save(path)


@pytest.fixture
def maps(tmp_path: Path) -> Path:
    """Twelve photographs, and masks of the classes 0, 1 and 2."""
    for number in range(12):
        save(tmp_path / "images" / f"p{number}.png", scene(number))
        save(tmp_path / "masks" / f"p{number}.png", label_map(number, 3, 96, 96))
    return tmp_path


def look(root: Path) -> dict[str, Problem]:
    source = FolderSource(root, images=root / "images", masks=root / "masks")
    found = list(check_appearance(source, split_samples(source.samples, where=root)))
    return {problem.code: problem for problem in found}


@pytest.mark.parametrize(
    ("spoil", "code"),
    [
        (lambda labels: 127 * (labels > 0), "image-like-a-mask"),
        (lambda labels: through_jpeg(Image.fromarray(np.uint8(255 * (labels > 0))), 90), "image-like-a-mask"),
        (lambda labels: np.array([[0, 0, 0], [128, 0, 0], [0, 128, 0]])[labels], "image-like-a-mask"),
        (lambda labels: 9 * labels, "image-like-a-mask"),
        (lambda labels: labels, "flat-image"),
        (lambda labels: np.full((96, 96, 3), 40), "flat-image"),
        (lambda labels: np.random.default_rng(0).integers(3, 8, (96, 96)), "flat-image"),
    ],
    ids=["two levels", "two levels as JPEG", "colours", "numbers with gaps", "numbers", "one grey", "too dark"],
)
@pytest.mark.parametrize("count", [12, 2])
def test_masks_taken_for_images_are_found(maps: Path, spoil: Callable[[Pixels], object], code: str, count: int) -> None:
    for number in range(count):
        save(maps / "images" / f"p{number}.png", spoil(label_map(number, 3, 96, 96)))
    problem = look(maps)[code]
    assert problem.severity == "warning"
    assert set(problem.files) == {f"images/p{number}.png" for number in range(count)}
    assert f"{count} images of 12" in problem.message


@pytest.mark.parametrize(
    "make",
    [
        scene,
        lambda number: scene(number).convert("L").point(lambda level: 90 + level // 8),
        lambda number: through_jpeg(scene(number), 20),
    ],
    ids=["colour", "low contrast", "strongly compressed"],
)
def test_photographs_are_images(maps: Path, make: Callable[[int], Image.Image]) -> None:
    for number in range(12):
        save(maps / "images" / f"p{number}.png", make(number))
    assert look(maps) == {}


def test_dark_photographs_of_16_bits_are_no_masks(maps: Path) -> None:
    """On the scale of the brightest ones they have a few grey levels only."""
    for number in range(12):
        grey = np.array(scene(number).convert("L")).astype(float)
        top = 2900 if number < 4 else 65535
        deep = ((grey - grey.min()) / np.ptp(grey) * top).astype(np.uint16)
        save(maps / "images" / f"p{number}.png", Image.fromarray(deep))
    assert "image-like-a-mask" not in look(maps)


def test_an_object_on_white_is_an_image(maps: Path) -> None:
    for number in range(12):
        photograph, labels = np.array(scene(number)), label_map(number, 2, 96, 96)
        photograph[labels == 0] = 255
        save(maps / "images" / f"p{number}.png", photograph)
    assert look(maps) == {}


def test_a_photograph_of_few_colours_is_no_mask(maps: Path) -> None:
    noise = np.random.default_rng(0).integers(-12, 12, (96, 96))
    for number in range(12):
        grey = np.asarray(scene(number).convert("L")).astype(int) + noise
        save(maps / "masks" / f"p{number}.png", np.clip(grey // 22, 0, 11) * 20)
    problem = look(maps)["mask-like-a-photograph"]
    assert len(problem.files) == 12


def splits_of(root: Path, change: Callable[[Image.Image], Image.Image]) -> dict[str, Problem]:
    for number in range(18):
        part = "train" if number < 12 else "val"
        write_scene(root / part, f"s{number}", change(scene(number)) if part == "val" else scene(number), seed=number)
    source = FolderSource(root)
    return {problem.code: problem for problem in inspect(source, split_samples(source.samples, where=root))}


def test_a_darker_split_is_found(tmp_path: Path) -> None:
    problem = splits_of(tmp_path, lambda image: image.point(lambda level: level // 4))["split-brightness"]
    assert problem.severity == "warning"
    assert "val images are darker" in problem.message
    assert len(problem.files) == 6


@pytest.mark.parametrize("factor", [1.0, 0.9])
def test_splits_of_nearly_the_same_brightness_are_fine(tmp_path: Path, factor: float) -> None:
    found = splits_of(tmp_path, lambda image: image.point(lambda level: factor * level))
    assert "split-brightness" not in found


# Mixed numbering: 0, 1, 2 and 0, 3, 4; 0, 1, 2 and 1, 2, 3


def renumber(root: Path, numbers: dict[str, tuple[int, ...]], line: Callable[[int], str]) -> list[Problem]:
    """Twelve masks of three classes; where and with which numbers each is saved depends on `line` of its number."""
    for number in range(12):
        key = line(number)
        folder, _, name = key.rpartition("/")
        save(root / "images" / folder / f"{name}{number:02}.png", scene(number))
        save(root / "masks" / folder / f"{name}{number:02}.png", np.array(numbers[key])[label_map(number, 3, 96, 96)])
    return list(check_numbering(FolderSource(root)))


@pytest.mark.parametrize("others", [(0, 3, 4), (1, 2, 3), (3, 4, 5), (0, 4, 2)])
@pytest.mark.parametrize(("one", "other"), [("a/p", "b/p"), ("old_", "new_"), ("train/p", "val/p")])
def test_two_ways_of_numbering_are_found(tmp_path: Path, others: tuple[int, ...], one: str, other: str) -> None:
    numbers = {one: (0, 1, 2), other: others}
    [problem] = renumber(tmp_path, numbers, lambda number: one if number < 6 else other)
    assert problem.code == "mixed-numbering"
    assert problem.severity == ("note" if others in ((1, 2, 3), (0, 4, 2)) else "warning")
    assert len(problem.files) == 6


#: Colours of three classes; OpenCV saves them with red and blue exchanged. Greys stay.
PALETTES = [
    ((0, 0, 0), (200, 30, 0), (0, 90, 210)),
    ((0, 0, 0), (128, 0, 0), (0, 90, 0)),
    ((9, 9, 9), (80, 80, 80), (0, 0, 255)),
]


@pytest.mark.parametrize("palette", PALETTES)
@pytest.mark.parametrize("exchanged", [True, False])
def test_masks_with_red_and_blue_exchanged_are_found(
    tmp_path: Path, palette: Sequence[tuple[int, ...]], exchanged: bool
) -> None:
    random = np.random.default_rng(0).permutation(12) < 5
    for number in range(12):
        colors = np.array(palette, np.uint8)[label_map(number, 3, 96, 96)]
        save(tmp_path / "images" / f"{number}.png", scene(number))
        save(tmp_path / "masks" / f"{number}.png", colors[..., ::-1] if random[number] and exchanged else colors)
    found = list(check_numbering(FolderSource(tmp_path)))
    assert len(found) == exchanged
    for problem in found:
        assert (problem.code, problem.severity) == ("mixed-numbering", "warning")
        assert "red and blue exchanged" in problem.message
        assert {Path(name).stem for name in problem.files} == {str(number) for number in np.flatnonzero(random)}


def test_two_classes_that_are_never_together_are_no_exchange(tmp_path: Path) -> None:
    for number in range(12):
        color = ((255, 0, 0), (0, 0, 200))[number % 2]
        save(tmp_path / "images" / f"{number}.png", scene(number))
        save(tmp_path / "masks" / f"{number}.png", np.array([(0, 0, 0), color], np.uint8)[label_map(number, 2, 96, 96)])
    assert list(check_numbering(FolderSource(tmp_path))) == []


def test_two_ways_of_numbering_without_any_other_sign_are_found(tmp_path: Path) -> None:
    random = np.random.default_rng(0).permutation(12) < 5
    for number in range(12):
        save(tmp_path / "images" / f"{number}.png", scene(number))
        numbers = (0, 3, 4) if random[number] else (0, 1, 2)
        save(tmp_path / "masks" / f"{number}.png", np.array(numbers)[label_map(number, 3, 96, 96)])
    [problem] = check_numbering(FolderSource(tmp_path))
    assert set(problem.files) == {f"masks/{number}.png" for number in np.flatnonzero(random)}


def test_images_of_different_things_are_no_mixed_numbering(tmp_path: Path) -> None:
    """Twelve images with one of four kinds of animal each, and the kinds in folders of their own."""
    numbers = {f"{kind}/p": (0, kind, kind) for kind in range(1, 5)}
    assert renumber(tmp_path, numbers, lambda number: f"{number % 4 + 1}/p") == []


@pytest.mark.parametrize(("most", "found"), [(3, 0), (4, 1), (7, 1)])
def test_few_objects_that_are_numbered_in_each_mask_are_pointed_out(tmp_path: Path, most: int, found: int) -> None:
    for number in range(12):
        save(tmp_path / "images" / f"{number}.png", scene(number))
        objects = max(1, most - number % 3)
        labels = np.zeros((96, 96))
        for one in range(objects):
            labels[10 * one : 10 * one + 6, 20:60] = one + 1
        save(tmp_path / "masks" / f"{number}.png", labels)
    assert len(list(check_objects(FolderSource(tmp_path)))) == found
    (tmp_path / "classes.yaml").write_text(
        "classes: [" + ", ".join(f"{{name: n{value}, value: {value}}}" for value in range(most + 1)) + "]"
    )
    assert list(check_objects(FolderSource(tmp_path))) == []


@pytest.mark.parametrize(("most", "found"), [(3, 0), (4, 1), (6, 1)])
def test_objects_coloured_in_one_order_are_pointed_out(tmp_path: Path, most: int, found: int) -> None:
    """A colour map for the first, the second, ... object of each mask: red is no class."""
    colors = np.array([(0, 0, 0), (255, 0, 0), (0, 0, 255), (255, 255, 0), (0, 128, 0), (75, 0, 130), (255, 140, 0)])
    for number in range(12):
        save(tmp_path / "images" / f"{number}.png", scene(number))
        labels = np.zeros((96, 96), dtype=int)
        for one in range(max(1, most - number % 3)):
            labels[10 * one : 10 * one + 6, 20:60] = one + 1
        save(tmp_path / "masks" / f"{number}.png", colors[labels])
    assert [one.code for one in check_objects(FolderSource(tmp_path))] == ["numbered-objects"] * found


@pytest.mark.parametrize(("highest", "found"), [(3, 0), (98, 0), (99, 1), (100, 1), (254, 1)])
def test_a_number_far_above_all_others_is_pointed_out(tmp_path: Path, highest: int, found: int) -> None:
    """250, 254 or 100 for pixels without a label: they would be trained as a class."""
    for number in range(4):
        save(tmp_path / "images" / f"{number}.png", scene(number))
        save(tmp_path / "masks" / f"{number}.png", np.array([0, 1, 2, highest])[label_map(number, 4, 96, 96)])
    problems = list(check_isolated_value(FolderSource(tmp_path)))
    assert [(one.code, len(one.files)) for one in problems] == [("isolated-value", 4)] * found
    for problem in problems:  # what it says to write makes the number void
        content = problem.remedy.split("`")[1]
        (tmp_path / "classes.yaml").write_text(content)
        source = FolderSource(tmp_path)
        assert source.classes.ignore == (highest,)
        assert list(check_isolated_value(source)) == []


def test_classes_in_any_combination_are_no_objects(maps: Path) -> None:
    assert list(check_objects(FolderSource(maps))) == []


def test_one_numbering_is_no_problem(maps: Path) -> None:
    assert list(check_numbering(FolderSource(maps))) == []


@needs_real_data
@pytest.mark.parametrize("name", ["camvid", "cwfid", "isbi", "epfl-roads"])
@pytest.mark.long
def test_real_data_look_right(name: str) -> None:
    root = SHARED / "data" / name
    source = FolderSource(root, masks=root / "annotations" if name == "cwfid" else None)
    splits = split_samples(source.samples, where=root)
    assert [*check_appearance(source, splits), *check_numbering(source)] == []
