"""Numbers of objects are never taken for classes: read as the class where it is in the number, else refused.

- Each mask has 1 to N, with or without gaps (Cellpose, ImageJ), in 8 or in 16 bits, also more than 255 of them.
- Each number is in one mask only (identities of a tracker).
- COCO's panoptic PNGs: a colour for each object of each image.
- The class in red, the object in green and blue (CARLA); the class in red and green, the object in blue (ADE20K).
- Class * 1000 + object (Cityscapes) and class * 256 + object (KITTI, Mapillary), in 16 bits.
"""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from test_encoding_void import tables

from drawings import infer, label_map, save_all
from segarena import cli
from segarena.data.encoding.mask_encoding import read_mask
from segarena.data.folder import FolderSource
from support import refuses, scene, write_pair

ROWS, COLUMNS = 160, 240


def cells(count: int, step: int = 8) -> NDArray[np.uint16]:
    """Objects of 6 x 6 pixels in rows, numbered from 1, on 0."""
    rows, columns = np.mgrid[:ROWS, :COLUMNS]
    number = rows // step * (COLUMNS // step) + columns // step + 1
    inside = (rows % step < step - 2) & (columns % step < step - 2) & (number <= count)
    return np.where(inside, number, 0).astype(np.uint16)


def renumber(objects: NDArray[np.uint16], seed: int, highest: int) -> NDArray[np.uint16]:
    numbers = np.random.default_rng(seed).choice(np.arange(1, highest), objects.max(), replace=False)
    return np.concatenate([[0], numbers]).astype(np.uint16)[objects]


def without(objects: NDArray[np.uint16], every: int) -> NDArray[np.uint16]:
    return np.where(objects % every == every - 1, 0, objects).astype(np.uint16)


def panoptic(objects: NDArray[np.uint16]) -> NDArray[np.uint8]:
    """Numbers as COCO's panoptic PNGs have them, the lowest byte in red."""
    wide = objects.astype(np.uint32) * 40503 % 2**24
    return np.stack([wide & 255, wide >> 8 & 255, wide >> 16], axis=-1).astype(np.uint8)


#: The arrays of the masks of a set.
REFUSED: dict[str, list[NDArray[Any]]] = {
    "1 to N": [cells(count).astype(np.uint8) for count in (5, 9, 12)],
    "1 to N in 16 bits": [cells(count) for count in (5, 90, 12)],
    "1 to N without background": [cells(count, 9)[:9, : 9 * count] for count in (5, 9, 12)],
    "1 to N, two masks": [cells(count).astype(np.uint8) for count in (40, 57)],
    "1 to 400": [cells(count) for count in (400, 300, 350)],
    "with gaps": [without(cells(count), 5) for count in (40, 90, 60)],
    "of a tracker": [renumber(cells(20), seed, 60000) for seed in range(4)],
    "panoptic": [panoptic(renumber(cells(12), seed, 60000)) for seed in range(4)],
    "panoptic, 1 to N": [np.stack([cells(count)] + [np.zeros((ROWS, COLUMNS))] * 2, axis=-1) for count in (5, 9, 12)],
}


@pytest.mark.parametrize("kind", REFUSED)
def test_numbers_of_objects_are_not_classes(kind: str, tmp_path: Path) -> None:
    arrays = [array if array.dtype == np.uint16 else array.astype(np.uint8) for array in REFUSED[kind]]
    with refuses(where=tmp_path, value="numbers of objects"):
        infer(save_all(tmp_path, [Image.fromarray(array) for array in arrays]))


def test_the_remedy_converts_numbers_of_objects(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    drawn = {f"{count}": cells(count) for count in (5, 90, 12, 3, 7)}
    for name, objects in drawn.items():
        write_pair(tmp_path / "my data", name)
        Image.fromarray(objects).save(tmp_path / "my data" / "masks" / f"{name}.png")
        scene(len(name)).resize((COLUMNS, ROWS)).save(tmp_path / "my data" / "images" / f"{name}.png")
    with refuses(value="numbers of objects") as caught:
        FolderSource(tmp_path / "my data")
    [line] = re.findall("`(segarena .*?)`", caught.value.remedy)
    monkeypatch.setattr(sys, "argv", shlex.split(line))
    assert cli.main() == 0
    converted = FolderSource(tmp_path / "my data-one-class")
    for index, sample in enumerate(converted.samples):
        np.testing.assert_array_equal(converted.read(index)[1], drawn[sample.name] > 0)


def composed(counts: list[int], factor: int) -> tuple[list[NDArray[np.uint16]], list[NDArray[np.int64]]]:
    """Masks with the classes 7, 26 (objects) and 33 (objects), and their labels."""
    numbers, drawn = [], []
    for count in counts:
        objects = cells(count).astype(np.int64)
        first = 0 if factor == 1000 else 1
        stuff = 7 if factor == 1000 else 7 * factor
        things = np.where(objects % 2 == 1, 26 * factor + objects // 2 + first, 33 * factor + objects // 2 - 1 + first)
        numbers.append(np.where(objects == 0, stuff, things).astype(np.uint16))
        drawn.append(np.where(objects == 0, 0, 2 - objects % 2))
    return numbers, drawn


@pytest.mark.parametrize("factor", [1000, 256])
def test_the_class_in_a_number_of_class_and_object_is_read(factor: int, tmp_path: Path) -> None:
    numbers, drawn = composed([4, 9, 14, 3], factor)
    paths = save_all(tmp_path, [Image.fromarray(array) for array in numbers])
    encoding = infer(paths).encoding
    assert [entry.value for entry in encoding.classes.classes] == [7, 26, 33]
    assert f"{factor} * class + object" in encoding.sentence
    for path, labels in zip(paths, drawn, strict=True):
        np.testing.assert_array_equal(read_mask(path, encoding), labels)


@pytest.mark.parametrize("factor", [1000, 256])
def test_numbers_that_could_have_class_and_object_are_refused(factor: int, tmp_path: Path) -> None:
    """As in tiles of a larger mask: the objects of a tile begin anywhere."""
    numbers, drawn = composed([12, 9, 14, 40], factor)
    tiles, labels = [array[:, 40:] for array in numbers], [array[:, 40:] for array in drawn]
    paths = save_all(tmp_path, [Image.fromarray(array) for array in tiles])
    with refuses(where=tmp_path, value=f"{factor} * class + object") as caught:
        infer(paths)
    [table] = tables(caught.value.remedy)
    encoding = infer(paths, table).encoding
    for path, expected in zip(paths, labels, strict=True):
        np.testing.assert_array_equal(read_mask(path, encoding), expected)


def test_objects_in_green_and_blue_are_refused(tmp_path: Path) -> None:
    """CARLA's instance images: red is the class, green and blue the object, the same one in all frames of a drive."""
    images = []
    for count in (20, 24, 28):
        numbers = cells(count).astype(np.uint32) * 2657 % 65536
        red = np.where(cells(count) > 0, 10 + cells(count) % 3, 0)
        images.append(Image.fromarray(np.stack([red, numbers >> 8, numbers & 255], axis=-1).astype(np.uint8)))
    with refuses(where=tmp_path, value="29 different colours, but only 4 values of red"):
        infer(save_all(tmp_path, images))


def test_objects_in_blue_are_refused_with_a_command_that_makes_numbers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """ADE20K's full data set: class 401 is red 10 and green 145, blue counts the objects of an image."""
    numbers = np.array([0, 401, 976, 2978])
    drawn = {}
    for split, count in (("training", 6), ("validation", 3)):
        for number in range(count):
            stem = f"{split}/street/ADE_{split[:5]}_{number:08}"
            labels = label_map(number + count, 4, 60, 80)
            objects = np.where(labels > 0, labels + 4 * (np.arange(80) // 20), 0)
            code = numbers[labels]
            colors = np.stack([code // 256 * 10, code % 256, objects], -1).astype(np.uint8)
            path = tmp_path / "images" / f"{stem}.jpg"
            path.parent.mkdir(parents=True, exist_ok=True)
            scene(number, 80).crop((0, 0, 80, 60)).save(path)
            Image.fromarray(colors).save(path.with_name(f"{path.stem}_seg.png"))
            drawn[path.stem] = labels
    with refuses(where=tmp_path / "images/training/street", value="ADE20K") as caught:
        FolderSource(tmp_path)
    python, *arguments = shlex.split(caught.value.remedy.partition("254): ")[2].partition(". Then")[0])
    assert python == "python"
    monkeypatch.chdir(tmp_path)
    subprocess.run([sys.executable, *arguments], check=True)
    source = FolderSource(tmp_path, masks=Path("ade20k-masks"))
    assert [entry.value for entry in source.classes.classes] == numbers.tolist()
    assert len(source.samples) == len(drawn)
    for index, sample in enumerate(source.samples):
        np.testing.assert_array_equal(source.read(index)[1], drawn[sample.files[0].stem])


def test_objects_of_one_class_beside_0_are_that_class(tmp_path: Path) -> None:
    drawn = [cells(count) for count in (4, 9, 14, 3)]
    paths = save_all(tmp_path, [Image.fromarray(np.where(a > 0, a + 1000, 0).astype(np.uint16)) for a in drawn])
    encoding = infer(paths).encoding
    for path, objects in zip(paths, drawn, strict=True):
        np.testing.assert_array_equal(read_mask(path, encoding), objects > 0)


@pytest.mark.parametrize(
    "values",
    [(0, 1000, 2000, 40000), (4, 976, 1831, 1910), (1100, 1210, 2100, 2310), (0, 100, 300, 500), (1, 2, 257, 300)],
)
def test_other_numbers_of_16_bits_are_classes(values: tuple[int, ...], tmp_path: Path) -> None:
    drawn = [np.minimum(cells(count), 3) for count in (8, 12, 20)]
    paths = save_all(tmp_path, [Image.fromarray(np.array(values, dtype=np.uint16)[labels]) for labels in drawn])
    encoding = infer(paths).encoding
    assert [entry.value for entry in encoding.classes.classes] == list(values)
    for path, labels in zip(paths, drawn, strict=True):
        np.testing.assert_array_equal(read_mask(path, encoding), labels)


def test_classes_that_every_mask_has_are_no_objects(tmp_path: Path) -> None:
    drawn = [cells(40) for _ in range(4)]
    assert infer(save_all(tmp_path, [Image.fromarray(a) for a in drawn])).encoding.classes.num_classes == 41
