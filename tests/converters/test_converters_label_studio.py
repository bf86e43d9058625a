"""Label Studio's JSON: shapes in percent, brushes, turned shapes, several annotations of a task, names of images."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from annotated import HEIGHT, WIDTH, check_refusal, convert, write_image, write_json
from broken_folders import Spoil
from drawn_annotations import encode_brush
from segarena.annotations.peek import Peek
from segarena.converters.brush import decode_brush
from segarena.converters.label_studio import read_label_studio, recognise_label_studio
from segarena.data.folder import FolderSource
from support import refuses

SQUARE = {"x": 25, "y": 100 / 6, "width": 37.5, "height": 50, "rotation": 0}
ROWS = ["........", "..111...", "..111...", "..111...", "........", "........"]
TURNED = ["........", "...111..", "...111..", "...111..", "........", "........"]
TRIANGLE = [[0, 0], [100, 0], [0, 100]]


def result(value: dict[str, Any], kind: str = "rectanglelabels", **changes: Any) -> dict[str, Any]:
    size = {"original_width": WIDTH, "original_height": HEIGHT, "image_rotation": 0}
    return {"id": "r1", "type": kind, **size, "value": {**value, kind: ["cat"]}, **changes}


def task(*results: dict[str, Any], image: str = "/data/upload/1/1a2b3c4d-a.png", **changes: Any) -> dict[str, Any]:
    return {"id": 7, "data": {"image": image}, "annotations": [{"result": list(results)}], **changes}


def write(root: Path, *tasks: dict[str, Any], name: str = "a.png") -> Path:
    write_image(root / name)
    write_json(root / "project-1-at-2024.json", list(tasks))
    return root


@pytest.mark.parametrize(
    ("kind", "value", "rows"),
    [
        ("rectanglelabels", SQUARE, ROWS),
        (
            "rectanglelabels",
            {**SQUARE, "x": 75, "rotation": 90},
            TURNED,
        ),
        (
            "ellipselabels",
            {"x": 37.5, "y": 50, "radiusX": 25, "radiusY": 100 / 3, "rotation": 30},
            ["........", "..11....", ".1111...", ".1111...", "..11....", "........"],
        ),
        ("polygonlabels", {"points": [[50, 0], [100, 0], [100, 100], [50, 100]], "closed": True}, ["....1111"] * 6),
    ],
    ids=["rectangle", "turned around its corner", "ellipse", "polygon"],
)
def test_each_shape_becomes_its_pixels(kind: str, value: dict[str, Any], rows: list[str], tmp_path: Path) -> None:
    root = write(tmp_path / "in", task(result(value, kind)))
    assert convert(read_label_studio, root, tmp_path / "out") == {"a": rows}


@pytest.mark.parametrize("literal", [False, True], ids=["repeated words", "single words"])
@pytest.mark.parametrize("size", [(6, 8), (300, 400)], ids=str)
def test_a_brush_covers_what_is_half_opaque(literal: bool, size: tuple[int, int]) -> None:
    pixels = np.zeros((*size, 4), dtype=np.uint8)
    pixels[1:4, 2:5] = [(9, 200, 30, opacity) for opacity in (127, 128, 255)]
    expected = np.zeros(size, dtype=bool)
    expected[1:4, 3:5] = True
    np.testing.assert_array_equal(decode_brush(encode_brush(pixels.ravel(), literal), *size), expected)


@pytest.mark.parametrize(
    ("image", "name"),
    [
        ("/data/upload/1/1a2b3c4d-a.png", "a.png"),
        ("/data/upload/1/1a2b3c4d-a.png", "1a2b3c4d-a.png"),
        ("/data/upload/1/1a2b3c4d-a%20b.png", "a b.png"),
        ("/data/local-files/?d=photos%2Fa.png", "photos/a.png"),
        ("s3://bucket/some/where/a.png", "where/a.png"),
        ("https://example.org/a.png?token=1/2", "a.png"),
        ("upload/a-b.png", "a-b.png"),
    ],
)
def test_the_image_is_found_by_its_address(image: str, name: str, tmp_path: Path) -> None:
    root = write(tmp_path / "in", task(result(SQUARE), image=image), name=name)
    assert convert(read_label_studio, root, tmp_path / "out") == {Path(name).stem: ROWS}


def test_files_of_target_storage_are_annotations_with_their_tasks(tmp_path: Path) -> None:
    for name in ("a", "b"):
        write_image(tmp_path / f"in/{name}.png")
        content = {"id": 1, "result": [result(SQUARE)], "task": {"id": 7, "data": {"image": f"s3://bucket/{name}.png"}}}
        write_json(tmp_path / f"in/{name}.json", content)
    assert recognise_label_studio(Peek(tmp_path / "in"))
    assert convert(read_label_studio, tmp_path / "in", tmp_path / "out") == {"a": ROWS, "b": ROWS}


def test_of_several_images_of_a_task_the_one_named_image_is_used(tmp_path: Path) -> None:
    data = {"thumbnail": "/data/upload/1/ab-small.png", "image": "/data/upload/1/ab-a.png", "text": "a cat"}
    root = write(tmp_path / "in", task(result(SQUARE), data=data))
    assert convert(read_label_studio, root, tmp_path / "out") == {"a": ROWS}


def test_of_several_images_of_a_task_the_one_that_was_drawn_on_is_used(tmp_path: Path) -> None:
    """Regions of both images were painted onto the one named image."""
    data = {"image": "/data/upload/1/ab-b.png", "second": "/data/upload/1/ab-a.png"}
    root = write(tmp_path / "in", task(result(SQUARE, to_name="second"), data=data))
    write_image(root / "b.png")
    assert convert(read_label_studio, root, tmp_path / "out") == {"a": ROWS}
    write(root, task(result(SQUARE, to_name="second"), result(SQUARE, to_name="image"), data=data))
    with refuses(where=root / "project-1-at-2024.json", value="second, image"):
        read_label_studio(root)


def test_of_several_annotations_one_is_used_and_this_is_in_the_notes(tmp_path: Path) -> None:
    other = {"result": [result({**SQUARE, "x": 0})]}
    first, cancelled = {"result": [result(SQUARE)]}, {**other, "was_cancelled": True}
    root = write(tmp_path / "in", task(annotations=[cancelled, first]))
    assert convert(read_label_studio, root, tmp_path / "out") == {"a": ROWS}
    assert read_label_studio(root).notes == ()
    write(root, task(annotations=[first, other]))
    assert convert(read_label_studio, root, tmp_path / "out2") == {"a": ROWS}
    write(root, task(annotations=[first, {**other, "ground_truth": True}]))
    left = [row[2:] + ".." for row in ROWS]
    assert convert(read_label_studio, root, tmp_path / "out3") == {"a": left}
    assert read_label_studio(root).notes[0].startswith("1 task with several annotations")


def test_what_is_left_out_is_in_the_notes(tmp_path: Path) -> None:
    skipped = [task(annotations=[], image="b.png"), task(annotations=[{"result": [], "was_cancelled": True}])]
    point = result({"x": 1, "y": 1}, "keypointlabels")
    choice = {"type": "choices", "value": {"choices": ["day"]}, "id": "c"}
    unfinished = result({"points": TRIANGLE, "closed": False}, "polygonlabels")
    relation = {"type": "relation", "from_id": "a", "to_id": "b"}
    root = write(tmp_path, task(result(SQUARE), point, choice, unfinished, relation), *skipped)
    write_image(root / "b.png")
    notes = " | ".join(read_label_studio(root).notes)
    for note in ("2 tasks without", "1 object of type keypoint", "1 polygon that is not closed", "1 image not"):
        assert note in notes
    assert "all background" not in notes


def test_a_shape_and_its_label_in_two_results(tmp_path: Path) -> None:
    shape = result({"points": [[50, 0], [100, 0], [100, 100], [50, 100]]}, "polygon")
    del shape["value"]["polygon"]
    root = write(tmp_path / "in", task(shape, {**shape, "type": "labels", "value": {"labels": ["dog"]}}))
    assert convert(read_label_studio, root, tmp_path / "out") == {"a": ["....1111"] * 6}
    assert FolderSource(tmp_path / "out").classes.names == ("background", "dog")


def tasks(*content: dict[str, Any]) -> Spoil:
    return lambda root: write(root, *content)


def brush(rle: object) -> Spoil:
    return tasks(task(result({"format": "rle", "rle": rle}, "brushlabels")))


FILE = "project-1-at-2024.json"
MINIMAL = [{"image": "/data/upload/1/ab-a.png", "label": [{"x": 1}], "id": 1}]


@pytest.mark.parametrize(
    ("spoil", "expected"),
    [
        pytest.param(spoil, expected, id=title)
        for title, spoil, expected in (
            ("JSON-MIN", lambda root: write_json(root / FILE, MINIMAL), f"{FILE} | JSON export of Label Studio"),
            ("a missing image", tasks(task(image="/data/upload/1/ab-x.png")), f"{FILE} | task 7 | 'x.png'"),
            ("no image", tasks(task(image="text")), f"{FILE} | task 7 | none"),
            ("no annotation", tasks(task(annotations=[])), " | no task with an annotation"),
            ("two labels", tasks(task(result({**SQUARE, "labels": ["b"]}))), f"{FILE} | result 0 | several labels"),
            ("no label", tasks(task({**result(SQUARE), "value": SQUARE})), f"{FILE} | task 7, result 0 | no label"),
            ("another size", tasks(task(result(SQUARE, original_width=9))), f"{FILE} | result 0 | 9 x 6"),
            ("a turned image", tasks(task(result(SQUARE, image_rotation=90))), f"{FILE} | result 0 | 90 degrees"),
            ("an image twice", tasks(task(), task()), f"{FILE} | task 7 | a.png is in another task"),
            ("a shape without numbers", tasks(task(result({}))), f"{FILE} | result 0 | None"),
            ("an rle that ends", brush([0, 1]), f"{FILE} | result 0 | ends too early"),
            ("an rle of another size", brush(encode_brush(np.zeros(40, np.uint8))), f"{FILE} | result 0 | 40 values"),
            ("an rle of no bytes", brush([1, 300]), f"{FILE} | result 0 | bytes"),
        )
    ],
)
def test_wrong_files_are_refused_by_name(spoil: Spoil, expected: str, tmp_path: Path) -> None:
    write_image(tmp_path / "in/a.png")
    spoil(tmp_path / "in")
    check_refusal(read_label_studio, tmp_path / "in", expected)
