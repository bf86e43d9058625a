"""Supervisely: projects with and without meta.json, several data sets, shapes in numbers of pixels."""

from __future__ import annotations

import base64
import io
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from annotated import HEIGHT, WIDTH, check_refusal, convert, write_image, write_json
from broken_folders import Spoil
from segarena.converters.supervisely import read_supervisely
from segarena.data.folder import FolderSource

SIZE = {"height": HEIGHT, "width": WIDTH}
ALL, HOLE = [[0, 0], [8, 0], [8, 6], [0, 6]], [[2, 1], [5, 1], [5, 4], [2, 4]]
SQUARE = {"exterior": [[2, 1], [4, 3]], "interior": []}
ROWS = ["........", "..111...", "..111...", "..111...", "........", "........"]


def item(kind: str = "rectangle", points: object = None, **changes: Any) -> dict[str, Any]:
    return {"classTitle": "cat", "geometryType": kind, "points": points or SQUARE, **changes}


def meta(*titles: str, shape: str = "any") -> dict[str, Any]:
    return {"classes": [{"title": title, "shape": shape, "color": "#0A141E"} for title in titles]}


def write(
    root: Path, *items: dict[str, Any], place: str = "ds0", name: str = "a.png.json", size: object = None
) -> Path:
    write_image(root / place / "img/a.png")
    write_json(root / place / "ann" / name, {"size": size or SIZE, "objects": list(items), "tags": []})
    write_json(root / "meta.json", meta("dog", "cat"))
    return root


@pytest.mark.parametrize(
    ("shape", "rows"),
    [
        (
            item("polygon", {"exterior": [[0, 0], [6, 0], [0, 6]], "interior": []}),
            ["222222..", "22222...", "2222....", "222.....", "22......", "2......."],
        ),
        (item(), ["........", "..222...", "..222...", "..222...", "........", "........"]),
        (
            item("polygon", {"exterior": [[1.5, 0], [6.5, 0], [6.5, 6], [1.5, 6]], "interior": []}),
            [".22222.."] * 6,
        ),
        (
            item(
                "polygon",
                {"exterior": ALL, "interior": [HOLE]},
            ),
            ["22222222", "22...222", "22...222", "22...222", "22222222", "22222222"],
        ),
    ],
    ids=[
        "corners are centres",
        "a rectangle with its last row and column",
        "a polygon with fractions",
        "a polygon with a hole",
    ],
)
def test_each_shape_becomes_its_pixels(shape: dict[str, Any], rows: list[str], tmp_path: Path) -> None:
    assert convert(read_supervisely, write(tmp_path / "in", shape), tmp_path / "out") == {"a": rows}
    classes = FolderSource(tmp_path / "out").classes
    assert classes.names == ("background", "dog", "cat")
    assert classes.colors[2] == (10, 20, 30)


def test_a_bitmap_is_what_is_opaque_whatever_its_colour(tmp_path: Path) -> None:
    picture = Image.fromarray(np.array([[1, 1, 0], [0, 1, 1]], dtype=np.uint8))
    picture.putpalette([255, 255, 255, 0, 0, 0])
    stream = io.BytesIO()
    picture.save(stream, format="PNG", transparency=0)
    data = base64.b64encode(zlib.compress(stream.getvalue())).decode()
    root = write(tmp_path / "in", item("bitmap", bitmap={"origin": [6, 2], "data": data}))
    rows = ["........", "........", "......22", ".......2", "........", "........"]
    assert convert(read_supervisely, root, tmp_path / "out") == {"a": rows}


def test_data_sets_of_a_project_and_one_of_them(tmp_path: Path) -> None:
    for place in ("train", "test"):
        write(tmp_path / "in", item(), place=place)
    assert set(convert(read_supervisely, tmp_path / "in", tmp_path / "out")) == {"train/a", "test/a"}
    assert len(read_supervisely(tmp_path / "in/train").images) == 1
    assert read_supervisely(tmp_path / "in/train/ann").classes.names == ("background", "dog", "cat")


def test_a_meta_json_of_something_else_above_a_data_set_is_not_read(tmp_path: Path) -> None:
    root = write(tmp_path / "above/in", item())
    (root / "meta.json").unlink()
    write_json(root.parent / "meta.json", {"title": "a paper"})
    assert read_supervisely(root).classes.num_classes == 2


def test_without_meta_json_the_classes_are_those_of_the_objects(tmp_path: Path) -> None:
    root = write(tmp_path / "in", item(), name="a.json")  # files of the old format have no .png in their names
    (root / "meta.json").unlink()
    assert convert(read_supervisely, root, tmp_path / "out") == {"a": ROWS}
    assert "no meta.json" in " ".join(read_supervisely(root).notes)


def test_what_is_left_out_is_in_the_notes(tmp_path: Path) -> None:
    root = write(tmp_path, item(), item("polyline", {"exterior": [[0, 0], [3, 3]]}), item("point"))
    write_image(root / "ds0/img/b.png")
    notes = " | ".join(read_supervisely(root).notes)
    for note in ("1 object of type polyline", "1 object of type point", "1 image without a file in ann/"):
        assert note in notes


def bitmap(**changes: Any) -> Spoil:
    content = item("bitmap", bitmap={"origin": [0, 0], "data": "eJwBAAD//wAAAAE=", **changes})
    return lambda root: write(root, content)


ANN = "ds0/ann/a.png.json"


@pytest.mark.parametrize(
    ("spoil", "expected"),
    [
        pytest.param(spoil, expected, id=title)
        for title, spoil, expected in (
            ("no annotation", lambda root: write_json(root / "meta.json", meta("cat")), " | ann"),
            ("an unknown class", lambda root: write(root, item(classTitle="cow")), f"{ANN} | objects[0] | 'cow'"),
            ("an unknown shape", lambda root: write(root, item("blob")), f"{ANN} | objects[0] | 'blob'"),
            ("another size", lambda root: write(root, size={"height": 9, "width": 9}), f"{ANN} | image | 9 x 9"),
            ("a missing image", lambda root: write(root, name="b.png.json"), "ds0/ann/b.png.json | 'b.png'"),
            ("points that are none", lambda root: write(root, item(points={"exterior": [[1], [2]]})), f"{ANN} | [[1]"),
            ("base64 that is none", bitmap(data="?"), f"{ANN} | objects[0] | unpacked"),
            ("no PNG in it", bitmap(), "ds0/ann/a.png.json (bitmap) | empty"),
            ("a bad origin", bitmap(origin=[1]), f"{ANN} | objects[0] | [1]"),
            ("no objects", lambda root: write_json(root / "ds0/ann/a.png.json", {"size": SIZE}), f"{ANN} | 'objects'"),
        )
    ],
)
def test_wrong_files_are_refused_by_name(spoil: Spoil, expected: str, tmp_path: Path) -> None:
    write_image(tmp_path / "in/ds0/img/a.png")
    spoil(tmp_path / "in")
    check_refusal(read_supervisely, tmp_path / "in", expected)
