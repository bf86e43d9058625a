"""Masks in TIFFs in which 0 is white: the displayed numbers or the stored ones, and never both in one set.

- Two levels, in 1, 8 and 16 bits: as displayed.
- Class numbers: those that are low, as displayed (by the standard) or as stored (an inverting lookup table of ImageJ).
- Declared numbers: those that are declared.
- Some files with 0 as white, others with 0 as black: the numbers of the others; two levels are refused.
- Fax compression, which always stores 0 as white: as displayed, also beside other files.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from drawings import infer, label_map
from segarena.classes import name_classes
from segarena.data.encoding.mask_encoding import read_mask
from segarena.image_files.mask_facts import MaskFacts, read_mask_facts
from support import refuses
from tiff_files import save_tiff

FOUR = [label_map(seed, 4) for seed in range(4)]
TWO = [labels // 2 for labels in FOUR]


def save(folder: Path, arrays: list[NDArray[Any]], white: tuple[int, ...] = (0, 1, 2, 3)) -> list[Path]:
    """Each array as it is stored; the files with the numbers in `white` have 0 as white."""
    return [
        save_tiff(folder / f"{number}.tif", array, photometric=0 if number in white else 1)
        for number, array in enumerate(arrays)
    ]


def check(paths: list[Path], drawn: list[NDArray[Any]], **options: Any) -> str:
    encoding = infer(paths, **options).encoding
    for path, labels in zip(paths, drawn, strict=True):
        np.testing.assert_array_equal(read_mask(path, encoding), labels)
    return encoding.sentence


@pytest.mark.parametrize(("dtype", "top"), [(np.uint8, 255), (np.uint16, 65535)])
def test_two_levels_are_read_as_displayed(dtype: Any, top: int, tmp_path: Path) -> None:
    assert "displayed" in check(save(tmp_path, [(top - labels.astype(dtype) * top) for labels in TWO]), TWO)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("values", [(0, 1, 2, 3), (5, 9, 1, 0)])
def test_class_numbers_are_the_low_ones(dtype: Any, values: tuple[int, ...], tmp_path: Path) -> None:
    numbers = [np.array(values, dtype=dtype)[labels] for labels in FOUR]
    drawn = [np.searchsorted(sorted(values), array) for array in numbers]
    assert "stored" in check(save(tmp_path, numbers), drawn)
    assert "displayed" in check(save(tmp_path, [np.iinfo(dtype).max - array for array in numbers]), drawn)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_the_cache_keeps_that_white_is_zero(dtype: Any, tmp_path: Path) -> None:
    for path in save(tmp_path, [labels.astype(dtype) for labels in FOUR]):
        facts = read_mask_facts(path)
        assert facts.white_is_zero
        assert MaskFacts.from_bytes(facts.to_bytes()).white_is_zero


def test_void_is_void_in_the_stored_numbers_too(tmp_path: Path) -> None:
    numbers = [np.array([0, 1, 2, 255], dtype=np.uint8)[labels] for labels in FOUR]
    check(save(tmp_path, numbers), numbers)


def test_declared_numbers_choose(tmp_path: Path) -> None:
    table = name_classes((252, 253, 254, 255), "abcd")
    check(save(tmp_path, FOUR), [3 - labels for labels in FOUR], classes=table)
    check(save(tmp_path, FOUR), FOUR, classes=name_classes((0, 1, 2, 3), "abcd"))


def test_numbers_beside_those_of_other_files_are_the_same_numbers(tmp_path: Path) -> None:
    shown = [255 - labels if number in (1, 3) else labels for number, labels in enumerate(FOUR)]
    check(save(tmp_path, shown, white=(1, 3)), FOUR)
    check(save(tmp_path, FOUR, white=(1, 3)), FOUR)


def test_two_levels_with_0_as_white_and_as_black_are_refused(tmp_path: Path) -> None:
    paths = save(tmp_path, [labels * 255 for labels in TWO], white=(1, 3))
    with refuses(where=tmp_path, value="2 TIFFs (e.g. 1.tif) with 0 as white and 2 masks (e.g. 0.tif)"):
        infer(paths)


def test_fax_is_read_beside_other_files(tmp_path: Path) -> None:
    paths = []
    for number, labels in enumerate(TWO):
        paths.append(tmp_path / f"{number}.tif")
        Image.fromarray(labels > 0).save(paths[-1], compression="group4" if number % 2 else "raw")
    check(paths, TWO)
