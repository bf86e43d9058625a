"""LabelMe's JSON: every shape, the image inside the file or beside it, the labels that LabelMe treats apart."""

from __future__ import annotations

import base64
import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from annotated import HEIGHT, WIDTH, convert, write_image, write_json
from segarena.data.converters.labelme import read_labelme
from segarena.data.folder import FolderSource

SQUARE = {"label": "leaf", "points": [[2, 1], [5, 4]], "shape_type": "rectangle"}


def labelme(*shapes: dict[str, Any], image: str = "a.png", **more: Any) -> dict[str, Any]:
    size = {"imageHeight": HEIGHT, "imageWidth": WIDTH}
    return {
        "version": "5.5.0",
        "flags": {},
        "shapes": list(shapes),
        "imagePath": image,
        "imageData": None,
        **size,
        **more,
    }


def encode(pixels: np.ndarray[Any, Any], kind: str = "PNG") -> str:
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, format=kind)
    return base64.b64encode(stream.getvalue()).decode()


def prepare(root: Path, *shapes: dict[str, Any], **more: Any) -> Path:
    write_image(root / "a.png")
    write_json(root / "a.json", labelme(*shapes, **more))
    return root


def test_labels_are_classes_by_name_and_later_shapes_lie_over_earlier_ones(tmp_path: Path) -> None:
    stem = {"label": "bark", "points": [[0, 0], [8, 0], [8, 2], [0, 2]], "shape_type": "polygon"}
    root = prepare(tmp_path / "tree", stem, SQUARE)
    rows = ["11111111", "11222111", "..222...", "..222...", "........", "........"]
    assert convert(read_labelme, root, tmp_path / "out") == {"a": rows}
    assert FolderSource(tmp_path / "out").classes.names == ("background", "bark", "leaf")
    old = prepare(tmp_path / "old", {**stem, "shape_type": None}, SQUARE)  # as LabelMe wrote it at first
    assert convert(read_labelme, old, tmp_path / "out2") == {"a": rows}


@pytest.mark.parametrize(
    ("shape", "rows"),
    [
        (SQUARE, ["........", "..111...", "..111...", "..111...", "........", "........"]),
        (
            {**SQUARE, "points": [[5, 4], [2, 1]]},
            ["........", "..111...", "..111...", "..111...", "........", "........"],
        ),
        (
            {"label": "leaf", "points": [[3, 3], [5, 3]], "shape_type": "circle"},
            ["........", "..11....", ".1111...", ".1111...", "..11....", "........"],
        ),
        (
            {"label": "leaf", "points": [[6, 1], [8, 2]], "shape_type": "mask", "mask": [[1, 0, 1], [0, 1, 0]]},
            ["........", "......1.", ".......1", "........", "........", "........"],
        ),
        (
            {"label": "leaf", "points": [[4, 0], [8, 3], [4, 6], [0, 3]], "shape_type": "oriented_rectangle"},
            ["...11...", "..1111..", ".111111.", ".111111.", "..1111..", "...11..."],
        ),
    ],
)
def test_each_shape_by_hand(shape: dict[str, Any], rows: list[str], tmp_path: Path) -> None:
    if "mask" in shape:
        shape = {**shape, "mask": encode(np.array(shape["mask"], dtype=np.uint8) * 255)}
    assert convert(read_labelme, prepare(tmp_path / "in", shape), tmp_path / "out") == {"a": rows}


def test_background_and_ignore_are_the_labels_that_labelme_means_by_them(tmp_path: Path) -> None:
    shapes = [
        {**SQUARE, "points": [[0, 0], [8, 6]]},
        {**SQUARE, "label": "__ignore__"},
        {**SQUARE, "label": "_background_", "points": [[6, 0], [8, 6]]},
    ]
    rows = ["111111..", "11xxx1..", "11xxx1..", "11xxx1..", "111111..", "111111.."]
    assert convert(read_labelme, prepare(tmp_path / "in", *shapes), tmp_path / "out") == {"a": rows}
    assert FolderSource(tmp_path / "out").classes.names == ("background", "leaf")


@pytest.mark.parametrize(("kind", "ending"), [("PNG", "png"), ("JPEG", "jpg")])
def test_the_image_inside_the_file_is_the_one_that_was_labelled(kind: str, ending: str, tmp_path: Path) -> None:
    data = encode(np.full((HEIGHT, WIDTH, 3), 77, dtype=np.uint8), kind)
    write_json(tmp_path / "in" / "only.json", labelme(SQUARE, image="gone.bmp", imageData=data))
    convert(read_labelme, tmp_path / "in", tmp_path / "out")
    written = tmp_path / f"out/images/only.{ending}"
    assert written.read_bytes() == base64.b64decode(data)


@pytest.mark.parametrize("path", ["../images/a.png", "..\\images\\a.png", "C:\\Users\\me\\a.png"])
def test_the_image_beside_the_file_is_found(path: str, tmp_path: Path) -> None:
    write_image(tmp_path / "in/images/a.png")
    write_json(tmp_path / "in/json/a.json", labelme(SQUARE, image=path))
    assert set(convert(read_labelme, tmp_path / "in", tmp_path / "out")) == {"a"}


def test_folders_divide_and_what_has_no_area_or_no_annotation_is_said(tmp_path: Path) -> None:
    for split in ("train", "val"):
        write_image(tmp_path / "in" / split / f"{split}1.png")
        line = {"label": "twig", "points": [[0, 0], [8, 6]], "shape_type": "line"}
        write_json(tmp_path / "in" / split / f"{split}1.json", labelme(SQUARE, line, image=f"{split}1.png"))
    write_image(tmp_path / "in/train/unlabelled.png")
    write_json(tmp_path / "in/package.json", {"name": "something else"})
    assert set(convert(read_labelme, tmp_path / "in", tmp_path / "out")) == {"train/train1", "val/val1"}
    assert read_labelme(tmp_path / "in").notes == (
        "2 x line, which has no area: left out",
        "1 image without annotation: left out",
        "1 JSON files that are not LabelMe's: passed over",
    )
