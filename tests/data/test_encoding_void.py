"""Void that nobody declared, and strays beside two levels: recognised, or refused with the classes.yaml to write.

- 255 beside class numbers without gaps: void; beside greys that are equally far apart: a class.
- 255 beside numbers far apart, e.g. a small part of COCO-Stuff: refused, in one message.
- 65535 in 16 bits, also as what -1 is in unsigned numbers: void, unless the others are equally far apart.
- -1 in files of integers or floats: void.
- 255 along the boundaries of the classes only: void.
- A few 1 and 254 beside 0 and 255: the two levels, also if they are declared.
- A few 7 beside 0 and 255: void or a stray; both remedies work.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from numpy.typing import NDArray
from PIL import Image

from drawings import infer, label_map, save_all
from segarena.classes import ClassTable, name_classes
from segarena.data.encoding.mask_encoding import read_mask
from support import refuses

MAPS = [label_map(seed, 5) for seed in range(3)]


def save(folder: Path, values: tuple[int, ...], dtype: Any = np.uint8) -> list[Path]:
    """Masks in which the labels 0 to 4 have these values."""
    suffix = "png" if dtype in (np.uint8, np.uint16) else "tif"
    return save_all(folder, [Image.fromarray(np.array(values, dtype=dtype)[labels]) for labels in MAPS], suffix)


def tables(remedy: str) -> list[ClassTable]:
    """The contents of a classes.yaml in a remedy."""
    found = re.findall(r"`(\{classes: .*?\})`", remedy)
    return [ClassTable.from_dict(yaml.safe_load(content), where="") for content in found]


def check(paths: list[Path], expected: list[NDArray[Any]], table: ClassTable | None = None) -> None:
    encoding = infer(paths, table).encoding
    for path, labels in zip(paths, expected, strict=True):
        np.testing.assert_array_equal(read_mask(path, encoding), labels)


@pytest.mark.parametrize(
    ("values", "dtype", "void"),
    [
        ((0, 1, 2, 3, 255), np.uint8, True),
        ((0, 5, 30, 60, 255), np.uint8, True),
        ((0, 1, 2, 3, 255), np.uint16, True),
        ((0, 1, 2, 3, 65535), np.uint16, True),
        ((100, 200, 300, 400, 65535), np.uint16, True),
        ((0, 70, 71, 500, 65535), np.uint16, True),
        ((0, 1, 2, 3, -1), np.int32, True),
        ((0, 70, 140, 210, -1), np.int16, True),
        ((0, 1, 2, 3, -1), np.float32, True),
        ((0, 64, 128, 192, 255), np.uint8, False),
        ((0, 50, 100, 150, 255), np.uint8, False),
        ((0, 36, 73, 146, 255), np.uint8, False),
        ((0, 16384, 32768, 49151, 65535), np.uint16, False),
    ],
)
def test_the_highest_number_is_void_or_a_class(tmp_path: Path, values: tuple[int, ...], dtype: Any, void: bool) -> None:
    if dtype is np.int16:  # Pillow writes no signed 16 bits; its 32 bits are the same numbers
        dtype = np.int32
    check(save(tmp_path, values, dtype), [np.where(void & (labels == 4), 255, labels) for labels in MAPS])


@pytest.mark.parametrize(
    ("values", "dtype"),
    [
        ((5, 60, 105, 168, 255), np.uint8),
        ((0, 29, 76, 150, 255), np.uint8),
        ((2, 40, 90, 181, 255), np.uint16),
        ((7, 1000, 2000, 40000, 65535), np.uint16),
    ],
)
def test_the_highest_number_beside_scattered_ones_is_refused_once(
    tmp_path: Path, values: tuple[int, ...], dtype: Any
) -> None:
    paths = save(tmp_path, values, dtype)
    with refuses(where=tmp_path, value=f"3 masks of 3 (e.g. 0.png) have {values[-1]}") as caught:
        infer(paths)
    [void] = tables(caught.value.remedy)
    check(paths, [np.where(labels == 4, 255, labels) for labels in MAPS], void)
    entry = yaml.safe_load(re.findall(r"`(\{name: .*?\})`", caught.value.remedy)[0])
    classes = [*void.to_dict()["classes"], entry]
    check(paths, MAPS, ClassTable.from_dict({"classes": classes}, where=""))


def test_two_classes_and_255_among_them_is_no_scale_of_greys(tmp_path: Path) -> None:
    with refuses(where=tmp_path, value="have 255"):
        infer(save(tmp_path, (0, 168, 0, 168, 255)))


def test_255_along_the_boundaries_only_is_void(tmp_path: Path) -> None:
    drawn = []
    for labels in MAPS:
        edge = np.zeros(labels.shape, dtype=bool)
        edge[1:] |= labels[1:] != labels[:-1]
        edge[:, 1:] |= labels[:, 1:] != labels[:, :-1]
        drawn.append(np.where(edge, 255, labels).astype(np.uint8))
    check(save_all(tmp_path, [Image.fromarray(labels) for labels in drawn]), drawn)


def strewn(levels: tuple[int, int], strays: tuple[int, int]) -> tuple[list[Image.Image], list[NDArray[np.uint8]]]:
    """Masks of two levels, in which 2% of the pixels of each have another value, and their labels."""
    images, drawn = [], [labels % 2 for labels in MAPS]
    for seed, labels in enumerate(drawn):
        odd = np.random.default_rng(seed).random(labels.shape) < 0.02
        images.append(
            Image.fromarray(np.where(odd, np.array(strays)[labels], np.array(levels)[labels]).astype(np.uint8))
        )
    return images, drawn


@pytest.mark.parametrize(("levels", "strays"), [((0, 255), (1, 254)), ((0, 255), (0, 254)), ((3, 200), (5, 199))])
@pytest.mark.parametrize("declared", [False, True])
def test_a_few_pixels_near_two_levels_are_strays(
    tmp_path: Path, levels: tuple[int, int], strays: tuple[int, int], declared: bool
) -> None:
    images, drawn = strewn(levels, strays)
    paths = save_all(tmp_path, images)
    if levels[1] == 255 or declared:
        check(paths, drawn, name_classes(levels, ("a", "b")) if declared else None)
    assert f"{strays[1]}" in infer(paths).encoding.note


def test_a_class_that_fills_areas_beside_a_level_is_no_stray(tmp_path: Path) -> None:
    images = [Image.fromarray(np.array([0, 1, 254, 255, 255], dtype=np.uint8)[labels]) for labels in MAPS]
    with refuses(where=tmp_path, value="void or a class"):
        infer(save_all(tmp_path, images))


def test_a_few_pixels_of_a_number_beside_0_and_255_have_two_remedies(tmp_path: Path) -> None:
    drawn = [(labels % 2).astype(np.uint8) for labels in MAPS]
    grey = [labels * 255 for labels in drawn]
    grey[1] = grey[1].copy()
    grey[1][0, :5] = 7
    paths = save_all(tmp_path, [Image.fromarray(values) for values in grey])
    with refuses(where=tmp_path, value="1 mask of 3 (e.g. 1.png) has 7") as caught:
        infer(paths)
    void, stray = tables(caught.value.remedy)
    check(paths, [np.where(values == 255, 255, values // 7) for values in grey], void)
    check(paths, [np.where(values == 7, 255, values // 255) for values in grey], stray)
