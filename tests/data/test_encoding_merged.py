"""A class of so few pixels that it is merged into another is reported with its colour, its pixels and its files.

- Thin flowers of a colour of their own in masks with soft edges, and in masks that were compressed.
- A thin third level between two with soft edges.
- Soft edges, and what compression leaves, are not reported.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from drawings import infer, label_map, paint, save_all, soften, through_jpeg
from segarena.checks.metadata import check_labels
from segarena.classes import name_classes
from segarena.data.folder import FolderSource
from segarena.data.splitting.splits import split_samples
from support import scene

WEEDS = ((0, 0, 0), (0, 255, 0), (255, 0, 0))
MAPS = [label_map(seed, 3, 240, 320) for seed in range(5)]
FLOWER = (255, 255, 255)


def flowers(image: Image.Image) -> Image.Image:
    """The image with four strokes of 2 x 12 pixels."""
    pixels = np.asarray(image).copy()
    for left in (20, 90, 160, 230):
        pixels[100:112, left : left + 2] = FLOWER
    return Image.fromarray(pixels)


@pytest.mark.parametrize("kind", ["soft", "jpeg", "jpeg saved as png", "jpeg, declared"])
def test_a_thin_class_that_is_merged_is_reported(kind: str, tmp_path: Path) -> None:
    images = [paint(labels, WEEDS) if "jpeg" in kind else soften(paint(labels, WEEDS), 1.5) for labels in MAPS]
    images = [flowers(image) if number in (1, 3) else image for number, image in enumerate(images)]
    if kind.endswith("png"):
        images = [through_jpeg(image, 90) for image in images]
    options = {} if kind in ("soft", "jpeg saved as png") else {"quality": 90}
    paths = save_all(tmp_path, images, "jpg" if options else "png", **options)
    table = name_classes(WEEDS, ("soil", "crop", "weed")) if "declared" in kind else None
    encoding = infer(paths, table).encoding
    assert encoding.classes.num_classes == 3
    [merged] = encoding.merged
    assert np.abs(np.subtract(merged.value, FLOWER)).max() <= 12
    assert 150 <= merged.pixels <= 200 if kind == "soft" else 100 <= merged.pixels <= 300
    assert merged.masks == (paths[1], paths[3])
    assert merged.name == encoding.classes.names[1]


@pytest.mark.parametrize("level", [90, 170])
def test_a_thin_third_level_is_reported(level: int, tmp_path: Path) -> None:
    images = [soften(paint(labels % 2, (0, 255)), 1.5) for labels in MAPS]
    pixels = np.asarray(images[3]).copy()
    for left in (20, 90, 160, 230):
        pixels[100:112, left : left + 2] = level
    images[3] = Image.fromarray(pixels)
    paths = save_all(tmp_path, images)
    encoding = infer(paths).encoding
    assert [entry.value for entry in encoding.classes.classes] == [0, 255]
    [merged] = encoding.merged
    assert (merged.value, merged.masks) == (level, (paths[3],))
    assert 80 <= merged.pixels <= 130


@pytest.mark.parametrize("factor", [0.5, 0.7, 1.5, 2])
def test_soft_edges_are_not_reported(factor: float, tmp_path: Path) -> None:
    assert infer(save_all(tmp_path, [soften(paint(one, WEEDS), factor) for one in MAPS])).encoding.merged == ()
    two = [soften(paint(one % 2, (0, 255)), factor) for one in MAPS]
    assert infer(save_all(tmp_path / "two", two)).encoding.merged == ()


@pytest.mark.parametrize("quality", [40, 75, 95])
def test_what_compression_leaves_is_not_reported(quality: int, tmp_path: Path) -> None:
    paths = save_all(tmp_path, [paint(one, WEEDS) for one in MAPS], "jpg", quality=quality)
    assert infer(paths).encoding.merged == ()
    two = save_all(tmp_path / "two", [paint(one % 2, (0, 255)) for one in MAPS], "jpg", quality=quality)
    assert infer(two).encoding.merged == ()


def test_check_reports_it_with_pixels_and_files(tmp_path: Path) -> None:
    masks = [soften(paint(labels, WEEDS), 1.5) for labels in MAPS]
    save_all(tmp_path / "masks", [flowers(mask) if number == 2 else mask for number, mask in enumerate(masks)])
    save_all(tmp_path / "images", [scene(number, 64).resize(masks[0].size) for number in range(5)])
    source = FolderSource(tmp_path)
    found = check_labels(source, split_samples(source.samples, where=tmp_path))
    [problem] = [one for one in found if one.code == "merged-value"]
    assert problem.files == ("masks/2.png",)
    assert "96 pixels" in problem.message
    assert "[255, 255, 255]" in problem.remedy
