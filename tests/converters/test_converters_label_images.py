"""Label images of Cellpose, StarDist and ImageJ: a number for each object of an image is no class, but foreground."""

from __future__ import annotations

import re
import shlex
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from annotated import write_image
from drawn_annotations import SIZE
from segarena import cli
from segarena.annotations.write import write_annotations
from segarena.converters.instances import read_instances
from segarena.converters.registry import choose_format
from segarena.data.folder import FolderSource
from support import refuses


def number_objects(seed: int) -> np.ndarray:
    """Squares in rows, numbered from 1 on; as many as there is room for with this seed."""
    labels = np.zeros(SIZE, dtype=np.int32)
    corners = [(r, c) for r in range(1, SIZE[0] - 2, 4) for c in range(1, SIZE[1] - 2, 4)]
    for number, (r, c) in enumerate(corners[: 6 + 2 * seed], start=1):
        labels[r : r + 3, c : c + 3] = number
    return labels


def write_labels(root: Path, image: str, mask: str, dtype: type = np.uint16) -> None:
    for seed in range(4):
        write_image(root / image.format(seed), size=(SIZE[1], SIZE[0]), seed=seed)
        path = root / mask.format(seed)
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(number_objects(seed).astype(dtype)).save(path)


@pytest.mark.parametrize(
    ("image", "mask", "dtype"),
    [
        ("images/s{}.png", "masks/s{}_masks.png", np.uint16),
        ("s{}.tif", "s{}_cp_masks.png", np.uint16),
        ("s{}_img.png", "s{}_masks.tif", np.uint8),
        ("train/images/s{}.tif", "train/masks/s{}.tif", np.int32),
        ("images/s{}.png", "labels/s{}.tif", np.float32),
    ],
)
def test_all_objects_are_one_class(image: str, mask: str, dtype: type, tmp_path: Path) -> None:
    write_labels(tmp_path / "in", image, mask, dtype)
    assert choose_format(tmp_path / "in", tmp_path / "out")[0] == "instances"
    write_annotations(tmp_path / "out", read_instances(tmp_path / "in"))
    source = FolderSource(tmp_path / "out")
    assert source.classes.names == ("background", "foreground")
    for index in range(4):
        np.testing.assert_array_equal(source.read(index)[1], number_objects(index) > 0)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_255_far_above_the_numbers_of_objects_is_void(dtype: type, tmp_path: Path) -> None:
    void = np.iinfo(dtype).max
    write_labels(tmp_path / "in", "images/s{}.png", "masks/s{}.png", dtype)
    for seed in range(4):
        labels = number_objects(seed)
        labels[0] = void
        Image.fromarray(labels.astype(dtype)).save(tmp_path / f"in/masks/s{seed}.png")
    assert choose_format(tmp_path / "in", tmp_path / "out")[0] == "instances"
    for seed, image in enumerate(read_instances(tmp_path / "in").images):
        expected = np.where(number_objects(seed) > 0, 1, 0)
        expected[0] = 255
        np.testing.assert_array_equal(image.labels(), expected)


@pytest.mark.parametrize("removed", [0, 254])
def test_object_255_of_many_is_no_void(removed: int, tmp_path: Path) -> None:
    """Also where somebody has removed the object before it."""
    labels = np.arange(300, dtype=np.uint16).reshape(15, 20)
    labels[labels == removed] = 0
    write_image(tmp_path / "images/a.png", size=(20, 15))
    (tmp_path / "masks").mkdir()
    Image.fromarray(labels).save(tmp_path / "masks/a.png")
    np.testing.assert_array_equal(read_instances(tmp_path).images[0].labels(), labels > 0)


@pytest.mark.parametrize("values", [[0, 255], [0, 1, 2]], ids=["two levels", "classes"])
def test_masks_of_classes_are_not_merged(values: list[int], tmp_path: Path) -> None:
    for seed in range(4):
        write_image(tmp_path / f"images/s{seed}.png", size=(SIZE[1], SIZE[0]), seed=seed)
        (tmp_path / "masks").mkdir(exist_ok=True)
        labels = np.array(values, dtype=np.uint8)[number_objects(seed) % len(values)]
        Image.fromarray(labels).save(tmp_path / f"masks/s{seed}.png")
    with refuses(where=tmp_path, value="no image with a folder of masks"):
        read_instances(tmp_path)


def test_the_command_that_check_names_makes_one_class(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_labels(tmp_path / "my cells", "images/s{}.png", "masks/s{}_masks.png")
    with refuses(value="numbers of objects") as caught:
        FolderSource(tmp_path / "my cells")
    [line] = re.findall(r"segarena convert .*? --from instances", caught.value.remedy)
    monkeypatch.setattr(sys, "argv", shlex.split(line))
    assert cli.main() == 0
    assert FolderSource(Path(shlex.split(line)[3])).classes.names == ("background", "foreground")


def test_masks_of_few_classes_of_which_some_are_absent_are_not_merged(tmp_path: Path) -> None:
    for seed in range(4):
        write_image(tmp_path / f"images/s{seed}.png", size=(SIZE[1], SIZE[0]), seed=seed)
        (tmp_path / "masks").mkdir(exist_ok=True)
        labels = (number_objects(seed) % (2 + seed % 2)).astype(np.uint8)
        Image.fromarray(labels).save(tmp_path / f"masks/s{seed}.png")
    with refuses(where=tmp_path, value="no image with a folder of masks"):
        read_instances(tmp_path)


def test_a_label_image_in_colours_is_refused(tmp_path: Path) -> None:
    write_labels(tmp_path / "in", "images/s{}.png", "masks/s{}.png")
    Image.new("RGB", (SIZE[1], SIZE[0]), (9, 8, 7)).save(tmp_path / "in/masks/s2.png")
    with refuses(where=tmp_path / "in/masks/s2.png", value="colours"):
        write_annotations(tmp_path / "out", read_instances(tmp_path / "in"))
