"""Masks in PGM files: their numbers are those of the file, whatever highest value it declares."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from layout_zoo import write_photograph
from segarena.data.folder import FolderSource
from segarena.image_files.images import read_image
from segarena.image_files.raw_masks import read_plane


def write_pgm(path: Path, values: np.ndarray, highest: int, *, is_text: bool = False) -> Path:
    head = f"{'P2' if is_text else 'P5'}\n{values.shape[1]} {values.shape[0]}\n{highest}\n".encode()
    body = " ".join(map(str, values.ravel())).encode()
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(head + (body if is_text else values.astype(">u2" if highest > 255 else "u1").tobytes()))
    return path


@pytest.mark.parametrize("is_text", [False, True], ids=["bytes", "text"])
@pytest.mark.parametrize("highest", [1, 2, 5, 20, 254, 255, 256, 1000, 65535])
def test_numbers_are_those_of_the_file(highest: int, is_text: bool, tmp_path: Path) -> None:
    """Pillow shows the declared highest value as white: 1 of at most 5 was 51."""
    values = np.unique(np.linspace(0, highest, 300).astype(int)).reshape(1, -1)
    plane = read_plane(write_pgm(tmp_path / "a.pgm", values, highest, is_text=is_text))
    np.testing.assert_array_equal(plane.values, values)
    assert plane.values.dtype == (np.uint16 if highest > 255 else np.uint8)


def test_an_image_is_as_bright_as_its_file_declares(tmp_path: Path) -> None:
    path = write_pgm(tmp_path / "a.pgm", np.array([[0, 10, 20]]), 20)
    assert read_image(path)[0, :, 0].tolist() == [0, 128, 255]


def test_files_of_several_highest_values_have_the_same_classes(tmp_path: Path) -> None:
    """As a program writes them that declares the highest value of each file."""
    for number in range(6):
        write_photograph(tmp_path / f"images/a{number}.png", number)
        height, width = read_image(tmp_path / f"images/a{number}.png").shape[:2]
        values = np.arange(height)[:, None] * (3 + number % 2) // height + np.zeros((1, width), int)
        write_pgm(tmp_path / f"masks/a{number}.pgm", values, int(values.max()))
    source = FolderSource(tmp_path)
    assert source.classes.names == ("class_0", "class_1", "class_2", "class_3")
    assert source.image_counts.tolist() == [6, 6, 6, 3]
