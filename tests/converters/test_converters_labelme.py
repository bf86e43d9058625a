"""LabelMe's JSON: each shape, the image inside the file or beside it, the labels with a special meaning."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from annotated import HEIGHT, WIDTH, convert, encode, labelme, write_image, write_json
from segarena.converters.labelme import read_labelme
from segarena.data.folder import FolderSource

SQUARE = {"label": "leaf", "points": [[2, 1], [5, 4]], "shape_type": "rectangle"}
SQUARE_ROWS = ["........", "..111...", "..111...", "..111...", "........", "........"]


def prepare(root: Path, *shapes: dict[str, Any]) -> Path:
    write_image(root / "a.png")
    write_json(root / "a.json", labelme(*shapes))
    return root


@pytest.mark.parametrize("shape_type", ["polygon", None])  # None: as LabelMe wrote it at first
def test_classes_are_labels_by_name_and_smaller_shapes_are_above(shape_type: str | None, tmp_path: Path) -> None:
    stem = {"label": "bark", "points": [[0, 0], [8, 0], [8, 2], [0, 2]], "shape_type": shape_type}
    root = prepare(tmp_path / "tree", stem, SQUARE)
    rows = ["11111111", "11222111", "..222...", "..222...", "........", "........"]
    assert convert(read_labelme, root, tmp_path / "out") == {"a": rows}
    assert FolderSource(tmp_path / "out").classes.names == ("background", "bark", "leaf")


@pytest.mark.parametrize(
    ("shape_type", "points", "rows"),
    [
        ("rectangle", [[2, 1], [5, 4]], SQUARE_ROWS),
        ("rectangle", [[5, 4], [2, 1]], SQUARE_ROWS),
        ("circle", [[3, 3], [5, 3]], ["........", "..11....", ".1111...", ".1111...", "..11....", "........"]),
        ("mask", [[6, 1], [8, 2]], ["........", "......1.", ".......1", "........", "........", "........"]),
        (
            "oriented_rectangle",
            [[4, 0], [8, 3], [4, 6], [0, 3]],
            ["...11...", "..1111..", ".111111.", ".111111.", "..1111..", "...11..."],
        ),
    ],
)
def test_each_shape_becomes_its_pixels(
    shape_type: str, points: list[list[int]], rows: list[str], tmp_path: Path
) -> None:
    mask = encode(np.array([[255, 0, 255], [0, 255, 0]], dtype=np.uint8))
    shape = {"label": "leaf", "points": points, "shape_type": shape_type, "mask": mask}
    assert convert(read_labelme, prepare(tmp_path / "in", shape), tmp_path / "out") == {"a": rows}


def test_background_and_ignore_are_class_0_and_void(tmp_path: Path) -> None:
    shapes = [
        {**SQUARE, "points": [[0, 0], [8, 6]]},
        {**SQUARE, "label": "__ignore__"},
        {**SQUARE, "label": "_background_", "points": [[6, 0], [8, 6]]},
    ]
    rows = ["111111..", "11xxx1..", "11xxx1..", "11xxx1..", "111111..", "111111.."]
    assert convert(read_labelme, prepare(tmp_path / "in", *shapes), tmp_path / "out") == {"a": rows}
    assert FolderSource(tmp_path / "out").classes.names == ("background", "leaf")


@pytest.mark.parametrize(("kind", "ending"), [("PNG", "png"), ("JPEG", "jpg")])
def test_an_image_inside_the_file_is_written_as_it_is(kind: str, ending: str, tmp_path: Path) -> None:
    data = encode(np.full((HEIGHT, WIDTH, 3), 77, dtype=np.uint8), kind)
    write_json(tmp_path / "in" / "only.json", labelme(SQUARE, imagePath="gone.bmp", imageData=data))
    convert(read_labelme, tmp_path / "in", tmp_path / "out")
    assert (tmp_path / f"out/images/only.{ending}").read_bytes() == base64.b64decode(data)


@pytest.mark.parametrize("path", ["../images/a.png", "..\\images\\a.png", "C:\\Users\\me\\a.png"])
def test_an_image_in_another_folder_is_found(path: str, tmp_path: Path) -> None:
    write_image(tmp_path / "in/images/a.png")
    write_json(tmp_path / "in/json/a.json", labelme(SQUARE, imagePath=path))
    assert set(convert(read_labelme, tmp_path / "in", tmp_path / "out")) == {"a"}


def test_folders_are_splits_and_what_is_left_out_is_in_the_notes(tmp_path: Path) -> None:
    line = {"label": "twig", "points": [[0, 0], [8, 6]], "shape_type": "line"}
    for split in ("train", "val"):
        write_image(tmp_path / "in" / split / f"{split}1.png")
        write_json(tmp_path / "in" / split / f"{split}1.json", labelme(SQUARE, line, imagePath=f"{split}1.png"))
    write_image(tmp_path / "in/train/unlabelled.png")
    write_json(tmp_path / "in/package.json", {"name": "something else"})
    assert set(convert(read_labelme, tmp_path / "in", tmp_path / "out")) == {"train/train1", "val/val1"}
    write_json(tmp_path / "in/train/gone.json", labelme(SQUARE, imagePath="gone.png"))
    write_image(tmp_path / "in/train/empty.png")
    write_json(tmp_path / "in/train/empty.json", labelme(imagePath="empty.png"))
    assert read_labelme(tmp_path / "in").notes == (
        "1 JSON file not from LabelMe: ignored (package.json)",
        "1 image without an object: all background (empty.json)",
        f"1 annotation whose image is not below {tmp_path / 'in'}: left out (train/gone.json)",
        "2 objects of type line without an area: left out (train1.json, val1.json)",
        "1 image without annotation: left out (train/unlabelled.png)",
    )


@pytest.mark.parametrize("path", ["IMG_0001.JPG", "..\\old\\b.png", "/home/me/c.jpeg", ""])
def test_a_wrong_image_path_gives_way_to_the_image_of_the_same_name(path: str, tmp_path: Path) -> None:
    """Images that were renamed together with their JSON files after they were annotated."""
    write_image(tmp_path / "in/a.png")
    write_json(tmp_path / "in/a.json", labelme(SQUARE, imagePath=path))
    assert convert(read_labelme, tmp_path / "in", tmp_path / "out") == {"a": SQUARE_ROWS}
    [note] = read_labelme(tmp_path / "in").notes
    assert note.startswith("1 image found under another name: a.png for")


def test_labels_are_read_without_spaces_around_them(tmp_path: Path) -> None:
    root = prepare(tmp_path / "in", SQUARE, {**SQUARE, "label": " leaf ", "points": [[6, 0], [8, 6]]})
    rows = [row[:6] + "11" for row in SQUARE_ROWS]
    assert convert(read_labelme, root, tmp_path / "out") == {"a": rows}


def test_a_background_shape_is_a_hole(tmp_path: Path) -> None:
    """As LabelMe's author advises for rings, whatever the order of the two shapes."""
    hole = {**SQUARE, "label": "_background_", "points": [[3, 2], [4, 3]]}
    rows = [*SQUARE_ROWS[:2], "..1.1...", *SQUARE_ROWS[3:]]
    for name, shapes in (("first", [hole, SQUARE]), ("last", [SQUARE, hole])):
        root = prepare(tmp_path / name, *shapes)
        assert convert(read_labelme, root, tmp_path / f"{name}-out") == {"a": rows}


OUTDATED = encode(np.zeros((HEIGHT * 2, WIDTH * 2, 3), dtype=np.uint8))


@pytest.mark.parametrize("copy", [OUTDATED, OUTDATED[:33], OUTDATED[:60], 7], ids=["size", "base64", "image", "number"])
def test_a_bad_copy_of_the_image_gives_way_to_the_file(copy: str | int, tmp_path: Path) -> None:
    """Images that were resized after they were annotated, with the sizes in the JSON file, but not its imageData."""
    write_image(tmp_path / "in/a.png")
    write_json(tmp_path / "in/a.json", labelme(SQUARE, imageData=copy))
    assert convert(read_labelme, tmp_path / "in", tmp_path / "out") == {"a": SQUARE_ROWS}
    assert (tmp_path / "out/images/a.png").read_bytes() == (tmp_path / "in/a.png").read_bytes()
    assert read_labelme(tmp_path / "in").notes[0].startswith("1 copy of an image in imageData")


def test_a_label_may_be_a_number(tmp_path: Path) -> None:
    root = prepare(tmp_path / "in", {**SQUARE, "label": 7})
    assert convert(read_labelme, root, tmp_path / "out") == {"a": SQUARE_ROWS}
    assert FolderSource(tmp_path / "out").classes.names == ("background", "7")
