"""Annotations in place of masks: the message has the whole command, which is run here and gives data to train on.

The kinds of situations: annotations beside the images, in a folder of their own, or inside the annotation files; a
folder whose name needs quotes; the working directory itself.
"""

from __future__ import annotations

import os
import re
import shlex
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import drawn_annotations
import segarena
from annotated import coco, cvat, cvat_image, encode, labelme, read_back, write_image, write_json
from segarena import cli
from segarena.data.folder import FolderSource
from support import refuses

NAMES = [f"s{number}" for number in range(6)]
ROWS = ["........", "..111...", "..111...", "..111...", "........", "........"]
SQUARE = [[2, 1], [5, 1], [5, 4], [2, 4]]
SHAPE = {"label": "leaf", "points": SQUARE}


def images(folder: Path) -> None:
    for number, name in enumerate(NAMES):
        write_image(folder / f"{name}.png", seed=number)


def coco_in(*place: str) -> Callable[[Path], None]:
    def write(root: Path) -> None:
        images(root / "train" if place[0] == "train" else root / "images")
        category = {"id": 7, "name": "leaf"}
        listed = [{"id": n, "file_name": f"{name}.png"} for n, name in enumerate(NAMES)]
        objects = [{**coco()["annotations"][0], "id": n, "image_id": n} for n in range(len(NAMES))]
        write_json(root.joinpath(*place), coco(images=listed, annotations=objects, categories=[category]))

    return write


def labelme_beside(root: Path) -> None:
    images(root)
    for name in NAMES:
        write_json(root / f"{name}.json", labelme(SHAPE, imagePath=f"{name}.png"))


def labelme_in(root: Path) -> None:
    images(root / "images")
    for name in NAMES:
        write_json(root / "labels" / f"{name}.json", labelme(SHAPE, imagePath=f"..\\images\\{name}.png"))


def labelme_with_image_data(root: Path) -> None:
    for number, name in enumerate(NAMES):
        data = encode(np.random.default_rng(number).integers(0, 256, (6, 8, 3), dtype=np.uint8))
        write_json(root / f"{name}.json", labelme(SHAPE, imageData=data))


def cvat_beside(root: Path) -> None:
    images(root)
    box = '<box label="car" xtl="2" ytl="1" xbr="5" ybr="4"/>'
    (root / "annotations.xml").write_text(cvat(*(cvat_image(box, name=f"{name}.png") for name in NAMES)))


WRITERS: dict[str, tuple[str, Callable[[Path], None]]] = {
    "COCO beside the images": ("coco", coco_in("train", "_annotations.coco.json")),
    "COCO above the images": ("coco", coco_in("result.json")),
    "COCO in annotations/": ("coco", coco_in("annotations", "instances_default.json")),
    "LabelMe beside the images": ("labelme", labelme_beside),
    "LabelMe in labels/": ("labelme", labelme_in),
    "LabelMe with images inside": ("labelme", labelme_with_image_data),
    "CVAT beside the images": ("cvat", cvat_beside),
}


def command_in(remedy: str, name: str) -> list[str]:
    """The words of the command in a message."""
    [text] = re.findall(rf"segarena convert .*? --from {name}", remedy)
    return shlex.split(text)


@pytest.mark.parametrize("title", WRITERS)
def test_the_command_in_the_message_gives_masks(title: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    name, write = WRITERS[title]
    root = tmp_path / "my data"
    write(root)
    with refuses(where=root) as caught:
        segarena.check(root)
    words = command_in(caught.value.remedy, name)
    monkeypatch.setattr(sys, "argv", words)
    assert cli.main() == 0
    assert list(read_back(FolderSource(Path(words[3]))).values()) == [ROWS] * len(NAMES)


@pytest.mark.parametrize("title", drawn_annotations.WRITERS)
def test_the_command_for_a_labelling_tool_gives_masks(
    title: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    name, write, _ = drawn_annotations.WRITERS[title]
    root = tmp_path / "my data"
    root.mkdir()
    drawn = {f"s{seed}": drawn_annotations.draw_scene(seed) for seed in range(3)}
    write(root, {stem: objects for stem, (objects, _) in drawn.items()})
    with refuses(where=root) as caught:
        segarena.check(root)
    words = command_in(caught.value.remedy, name)
    monkeypatch.setattr(sys, "argv", words)
    assert cli.main() == 0
    source = FolderSource(Path(words[3]))
    for index, sample in enumerate(source.samples):
        np.testing.assert_array_equal(source.read(index)[1], drawn[sample.name][1])


def test_both_commands_are_named_where_two_formats_fit(tmp_path: Path) -> None:
    labelme_beside(tmp_path / "data")
    cvat_beside(tmp_path / "data")
    with refuses(where=tmp_path / "data", value="annotations.xml") as caught:
        segarena.check(tmp_path / "data")
    for name in ("labelme", "cvat"):
        assert f"--from {name}" in caught.value.remedy


def test_the_folder_to_write_does_not_exist_and_is_not_inside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    labelme_beside(tmp_path / "data")
    (tmp_path / "data-masks").mkdir()
    monkeypatch.chdir(tmp_path / "data")
    with refuses() as caught:
        segarena.check(".")
    target = command_in(caught.value.remedy, "labelme")[3]
    assert os.path.normpath(tmp_path / "data" / target) == str(tmp_path / "data-masks-2")


def test_without_annotations_the_message_stays(tmp_path: Path) -> None:
    images(tmp_path / "data")
    write_json(tmp_path / "data/package.json", {"name": "x"})
    with refuses(where=tmp_path / "data") as caught:
        segarena.check(tmp_path / "data")
    assert "segarena convert" not in str(caught.value)
