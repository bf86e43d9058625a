"""Images and masks that only their pixels tell apart."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from layout_zoo import found, write_mask, write_photograph
from segarena.data.layout.layout import find_pairs
from support import refuses


def test_of_two_possible_folders_of_images_photographs_are_chosen(tmp_path: Path) -> None:
    for number in range(3):
        write_photograph(tmp_path / "camera" / f"{number}.png", number)
        write_mask(tmp_path / "edges" / f"{number}.png", number)
        write_mask(tmp_path / "masks" / f"{number}.png", number)
    assert {sample.image.parent.name for sample in find_pairs(tmp_path).samples if sample.image} == {"camera"}


@pytest.mark.parametrize("images", ["image_2", "frames"])
def test_masks_in_colours_are_no_images(images: str, tmp_path: Path) -> None:
    """KITTI, as CVAT and Datumaro export it: classes, class * 256 + object, and the classes in colours."""
    for number in range(3):
        write_photograph(tmp_path / "default" / images / f"{number}.png", number)
        for folder in ("semantic", "instance", "semantic_rgb"):
            write_mask(tmp_path / "default" / folder / f"{number}.png", number)
    assert found(find_pairs(tmp_path), tmp_path) == [
        (None, f"default/{images}/{number}.png", f"default/semantic/{number}.png") for number in range(3)
    ]


def test_photographs_named_like_masks_in_colours_stay_images(tmp_path: Path) -> None:
    for folder in ("images", "field_rgb"):
        write_photograph(tmp_path / folder / "1.png")
    write_mask(tmp_path / "field" / "1.png")
    with refuses(where=tmp_path, value="field_rgb/"):
        find_pairs(tmp_path)


@pytest.mark.parametrize("bits", [10, 12, 16])
def test_deep_images_of_few_bits_are_not_taken_for_masks(bits: int, tmp_path: Path) -> None:
    shade = np.linspace(0, 2**bits - 1, 24 * 18).reshape(18, 24).astype(np.uint16)
    for number in range(3):
        for folder in ("lossless", "jpeg"):
            (tmp_path / folder / "a").mkdir(parents=True, exist_ok=True)
            Image.fromarray(np.roll(shade, number)).save(tmp_path / folder / "a" / f"{number}.png")
        write_mask(tmp_path / "lossless" / "b" / f"{number}.png", number)
        write_mask(tmp_path / "jpeg" / "b" / f"{number}.jpg", number)
    pairs = found(find_pairs(tmp_path / "lossless"), tmp_path / "lossless")
    assert pairs == [(None, f"a/{number}.png", f"b/{number}.png") for number in range(3)]
    with refuses(where=tmp_path / "jpeg", value="no masks"):
        find_pairs(tmp_path / "jpeg")  # and never the images for the masks of their masks


def test_masks_of_floating_point_numbers_are_found_by_their_pixels(tmp_path: Path) -> None:
    for number in range(3):
        write_photograph(tmp_path / "a" / f"{number}.png", number)
        write_mask(tmp_path / "b" / f"{number}.tif", number)
        with Image.open(tmp_path / "b" / f"{number}.tif") as mask:
            values = np.asarray(mask).astype(np.float32)
        Image.fromarray(values).save(tmp_path / "b" / f"{number}.tif")
    assert len(find_pairs(tmp_path).samples) == 3
