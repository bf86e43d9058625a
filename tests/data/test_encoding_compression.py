"""What JPEG leaves beside edges is known for what it is, and an area of another colour is not."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from segarena.data.encoding.color import distance_from_mixtures, find_thick
from segarena.data.encoding.value_counts import colors_of
from segarena.image_files.mask_facts import CountedMask, read_mask_facts

PALETTE = np.array([(0, 0, 0), (255, 0, 0), (0, 160, 255)])


def discs() -> np.ndarray:
    rows, columns = np.mgrid[:120, :160]
    labels = np.zeros((120, 160), dtype=np.int64)
    labels[(rows - 50) ** 2 + (columns - 60) ** 2 < 900] = 1
    labels[(rows - 70) ** 2 + (columns - 100) ** 2 < 700] = 2
    return labels


@pytest.mark.parametrize("subsampling", [0, 1, 2])
@pytest.mark.parametrize("quality", [60, 75, 95])
def test_all_that_jpeg_leaves_is_a_mixture_and_thin(tmp_path: Path, quality: int, subsampling: int) -> None:
    path = tmp_path / "a.jpg"
    Image.fromarray(PALETTE[discs()].astype(np.uint8)).save(path, quality=quality, subsampling=subsampling)
    pixels = np.asarray(Image.open(path)).reshape(-1, 3).astype(np.int64)
    far = np.abs(pixels[:, None] - PALETTE).max(axis=-1).min(axis=-1) >= 32
    assert (far & (distance_from_mixtures(pixels, PALETTE) > 32)).mean() < 0.0002
    packed = pixels[far] @ (1 << 16, 1 << 8, 1)
    assert find_thick([CountedMask(path, read_mask_facts(path))], packed)[0] < 0.001 * len(pixels)


def test_a_colour_that_no_two_mix_is_far_in_luma_or_in_chroma() -> None:
    points = np.array([(0, 0, 0), (128, 0, 0), (200, 200, 200), (0, 255, 0)])
    distance = distance_from_mixtures(points, PALETTE)
    assert distance[:2] == pytest.approx([0, 0], abs=1e-9)
    assert (distance[2:] > 50).all()


def test_areas_thicker_than_an_edge_are_counted_by_file(tmp_path: Path) -> None:
    found = []
    for name, wide in (("line", 4), ("block", 9), ("none", 0)):
        pixels = np.zeros((40, 40, 3), dtype=np.uint8)
        pixels[10:30, 10 : 10 + wide] = (64, 64, 0)
        path = tmp_path / f"{name}.png"
        Image.fromarray(pixels).save(path)
        found.append(CountedMask(path, read_mask_facts(path)))
    strays = colors_of(found[1])[1:]
    assert find_thick(found, strays) == ((20 - 4) * (9 - 4), tmp_path / "block.png")
    assert find_thick(found[:1], strays) == (0, None)
    assert find_thick(found, strays[:0]) == (0, None)
