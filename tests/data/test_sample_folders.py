"""Samples in numbered folders of their own, whose names have words for images or masks: image_001, img7, mask 3."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from drawings import label_map
from layout_zoo import SIZE, found, touch, write_mask, write_photograph
from segarena.data.layout.layout import find_pairs
from segarena.data.layout.tree import scan, with_sample_folders


@pytest.mark.parametrize("count", [3, 30])
@pytest.mark.parametrize("folder", ["img{n}", "image_{n:03}", "train/frame-{n}", "mask {n}"])
@pytest.mark.parametrize(
    ("image", "mask"), [("image.jpg", "mask.png"), ("images/x.jpg", "masks/x.png"), ("a.jpg", "a_mask.png")]
)
def test_a_numbered_folder_of_a_sample_may_be_called_image(
    folder: str, image: str, mask: str, count: int, tmp_path: Path
) -> None:
    """They were taken for folders of images, of which each was paired with each: 100 took minutes."""
    expected = []
    for number in range(count):
        place = folder.format(n=number)
        write_photograph(tmp_path / place / image, number)
        write_mask(tmp_path / place / mask, number)
        expected.append(("train" if "train" in place else None, f"{place}/{image}", f"{place}/{mask}"))
    assert sorted(found(find_pairs(tmp_path), tmp_path), key=str) == sorted(expected, key=str)


def test_masks_of_samples_in_numbered_folders_may_be_arrays(tmp_path: Path) -> None:
    for number in range(30):
        write_photograph(tmp_path / f"img{number}" / "image.png", number)
        np.save(tmp_path / f"img{number}" / "mask.npy", label_map(number, 2, SIZE[0], SIZE[1]))
    assert len(find_pairs(tmp_path).samples) == 30


def test_numbered_folders_of_images_beside_those_of_masks_are_no_samples(tmp_path: Path) -> None:
    for number in range(3):
        touch(tmp_path, f"images_{number}/a{number}.jpg", f"masks_{number}/a{number}.png")
    assert with_sample_folders(tmp_path, scan(tmp_path))[1] == 0
    for number in range(3):
        touch(tmp_path / "other", f"images_{number}/a{number}.jpg", f"masks/a{number}.png")
    assert with_sample_folders(tmp_path / "other", scan(tmp_path / "other"))[1] == 0
