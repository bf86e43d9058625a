"""A 0 that stands for pixels without data, as in LoveDA, and a 0 that is a class or the background."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from drawings import label_map
from segarena.checks import inspect
from segarena.checks.no_data import check_no_data
from segarena.data.folder import FolderSource
from segarena.data.splitting.splits import split_samples

COLORS = np.array([[90, 120, 60], [200, 60, 50], [60, 80, 210], [220, 200, 60]])
COUNT = 12


def write(root: Path, *, edges: int, shade: int, classes: int = 3, suffix: str = "png") -> Path:
    """Numbers from 1; in the first `edges` images 0 at the left, where the image has this grey."""
    for number in range(COUNT):
        labels = label_map(number, classes, 96, 96)
        image = COLORS[labels] + np.random.default_rng(number).normal(0, 15, (96, 96, 3))
        labels = labels + np.uint8(1)
        if number < edges:
            labels[:, :16], image[:, :16] = 0, shade
        for kind, pixels, end in (("images", image, suffix), ("masks", labels, "png")):
            (root / kind).mkdir(exist_ok=True, parents=True)
            Image.fromarray(pixels.clip(0, 255).astype(np.uint8)).save(root / kind / f"{number:02}.{end}")
    return root


@pytest.mark.parametrize("shade", [0, 255])
@pytest.mark.parametrize("suffix", ["png", "jpg"])
def test_a_number_where_images_are_blank_is_pointed_out(shade: int, suffix: str, tmp_path: Path) -> None:
    source = FolderSource(write(tmp_path, edges=5, shade=shade, suffix=suffix))
    [problem] = check_no_data(source)
    assert (problem.code, problem.severity, len(problem.files)) == ("no-data-class", "warning", 5)
    assert ("black" if shade == 0 else "white") in problem.message
    splits = split_samples(source.samples, where=tmp_path)
    assert problem in inspect(source, splits)
    (tmp_path / "classes.yaml").write_text(problem.remedy.split("`")[1])  # makes it void
    again = FolderSource(tmp_path)
    assert again.classes.ignore == (0,)
    assert again.void_pixels.tolist() == [16 * 96] * 5 + [0] * 7
    assert list(check_no_data(again)) == []


@pytest.mark.parametrize(
    ("edges", "shade", "classes"),
    [(COUNT, 0, 3), (5, 30, 3), (0, 0, 3), (5, 0, 1)],
    ids=["a black background in every image", "a dark class", "no 0", "one class beside it"],
)
def test_other_classes_of_the_number_0_are_no_problem(edges: int, shade: int, classes: int, tmp_path: Path) -> None:
    assert list(check_no_data(FolderSource(write(tmp_path, edges=edges, shade=shade, classes=classes)))) == []


def test_one_image_that_is_not_blank_there_decides(tmp_path: Path) -> None:
    path = write(tmp_path, edges=5, shade=0) / "images" / "02.png"
    pixels = np.asarray(Image.open(path)).copy()
    pixels[:, :16] = 90
    Image.fromarray(pixels).save(path)
    assert list(check_no_data(FolderSource(tmp_path))) == []
