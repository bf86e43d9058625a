"""Folders in the folder of masks that may be classes, and would be lost without a word.

The kinds of situations: each image has one class only, and masks of all classes are read as one; a class has a name for
which folders are skipped.
"""

from __future__ import annotations

import shlex
from pathlib import Path

import numpy as np
import pytest

import segarena
from layer_zoo import draw, photograph, white, write
from layout_zoo import touch
from segarena.checks.pairs import check_class_folders
from segarena.data.folder import FolderSource


def write_disjoint(root: Path, image: str, mask: str) -> None:
    for number in range(8):
        label = number % 2
        places = {"n": number, "label": ("crack", "dent")[label], "split": "val" if number > 5 else "train"}
        photograph(root / image.format(**places), number)
        white(draw(number) == 1 + label, root / mask.format(**places))


def test_endings_of_single_masks_are_classes(tmp_path: Path) -> None:
    write_disjoint(tmp_path, "images/{n}.png", "masks/{n}_{label}.png")
    source = FolderSource(tmp_path)
    assert source.classes.names == ("background", "crack", "dent")
    for index, sample in enumerate(source.samples):
        number = int(sample.name)
        label = 1 + number % 2
        np.testing.assert_array_equal(source.read(index)[1], label * (draw(number) == label))


@pytest.mark.parametrize("split", ["", "{split}/"])
def test_folders_of_single_masks_may_be_classes(split: str, tmp_path: Path) -> None:
    data = tmp_path / "my data"
    write_disjoint(data, split + "images/{n}.png", split + "masks/{label}/{n}.png")
    [problem] = check_class_folders(FolderSource(data))
    assert problem.code == "unused-folders"
    assert "crack/ and dent/" in problem.message.replace(", ", " and ")
    command = shlex.split(problem.remedy.partition("segarena ")[2].replace("DST", str(tmp_path / "converted")))
    assert command == ["convert", str(data), str(tmp_path / "converted"), "--from", "instances"]
    segarena.convert(command[1], command[2], source=command[4])
    source = FolderSource(tmp_path / "converted")
    assert source.classes.names == ("background", "crack", "dent")
    for index, sample in enumerate(source.samples):
        number = int(sample.image.stem) if sample.image else 0
        label = 1 + number % 2
        np.testing.assert_array_equal(source.read(index)[1], label * (draw(number) == label))


@pytest.mark.parametrize("image", ["images/{label}/{n}.png", "{label}/images/{n}.png"])
def test_folders_of_images_and_masks_alike_are_no_classes(image: str, tmp_path: Path) -> None:
    write_disjoint(tmp_path, image, image.replace("images", "masks"))
    assert not list(check_class_folders(FolderSource(tmp_path)))


def test_a_class_whose_folder_is_skipped_is_named(tmp_path: Path) -> None:
    write(tmp_path, "images/{name}.png", "masks/{label}/{name}.png", classes=("glass", "trash", "log"))
    touch(tmp_path, "masks/cache/notes.txt, old/x.png")
    [problem] = check_class_folders(FolderSource(tmp_path))
    assert problem.code == "skipped-folder"
    assert "masks/log/" in problem.message
    assert "masks/trash/" in problem.message
    assert "cache" not in problem.message
