"""VGG Image Annotator: its shapes, which of its attributes is the class, and what hints at resized images."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from annotated import check_refusal, convert, write_image, write_json
from broken_folders import Spoil, both, fill
from segarena.annotations.peek import Peek
from segarena.converters.via import read_via, recognise_via
from segarena.data.folder import FolderSource
from support import refuses

SQUARE_ROWS = ["........", "..111...", "..111...", "..111...", "........", "........"]
DISC_ROWS = ["........", "..11....", ".1111...", ".1111...", "..11....", "........"]
SQUARE = {"name": "rect", "x": 2, "y": 1, "width": 3, "height": 3}


def region(shape: dict[str, Any], attributes: dict[str, Any] | None = None) -> dict[str, Any]:
    return {"shape_attributes": shape, "region_attributes": {"kind": "cat"} if attributes is None else attributes}


def via(*regions: dict[str, Any], filename: str = "a.png", size: int = -1) -> dict[str, Any]:
    return {f"{filename}{size}": {"filename": filename, "size": size, "regions": list(regions)}}


def write(root: Path, *regions: dict[str, Any], **changes: Any) -> Path:
    write_image(root / "a.png")
    write_json(root / "via.json", via(*regions, **changes))
    return root


@pytest.mark.parametrize(
    ("shape", "rows"),
    [
        (SQUARE, SQUARE_ROWS),
        ({"name": "polygon", "all_points_x": [2, 5, 5, 2, 2], "all_points_y": [1, 1, 4, 4, 1]}, SQUARE_ROWS),
        ({"name": "polyline", "all_points_x": [2, 5, 5, 2, 2], "all_points_y": [1, 1, 4, 4, 1]}, SQUARE_ROWS),
        ({"name": "circle", "cx": 3, "cy": 3, "r": 2}, DISC_ROWS),
        ({"name": "ellipse", "cx": 3, "cy": 3, "rx": 2, "ry": 2}, DISC_ROWS),
        ({"name": "ellipse", "cx": 4, "cy": 3, "rx": 30, "ry": 0.6, "theta": 1.5707963}, ["...11..."] * 6),
    ],
)
def test_each_shape_becomes_its_pixels(shape: dict[str, Any], rows: list[str], tmp_path: Path) -> None:
    assert convert(read_via, write(tmp_path / "in", region(shape)), tmp_path / "out") == {"a": rows}


@pytest.mark.parametrize(
    ("xy", "rows"),
    [
        ([2, 2, 1, 3, 3], SQUARE_ROWS),
        ([3, 3, 3, 2], DISC_ROWS),
        ([4, 3, 3, 2, 2], DISC_ROWS),
        ([7, 2, 1, 5, 1, 5, 4, 2, 4], SQUARE_ROWS),
        ([8, 3, 1, 2, 2, 5, 3, 4, 4], SQUARE_ROWS),
    ],
)
@pytest.mark.parametrize("kind", ["JSON", "CSV"])
def test_each_shape_of_version_3(xy: list[int], rows: list[str], kind: str, tmp_path: Path) -> None:
    write_image(tmp_path / "in/a.png")
    attribute = {"1": {"aname": "kind", "type": 4, "options": {"0": "cat"}}}
    if kind == "JSON":
        content = {
            "project": {},
            "attribute": attribute,
            "file": {"1": {"fname": "a.png", "type": 2}},
            "view": {"1": {"fid_list": ["1"]}},
            "metadata": {"1_x": {"vid": "1", "z": [], "xy": xy, "av": {"1": "0"}}},
        }
        write_json(tmp_path / "in/project.json", content)
    else:
        cells = [json.dumps(cell).replace('"', '""') for cell in (["a.png"], [], xy, {"1": "0"})]
        text = f"# ATTRIBUTE = {json.dumps(attribute)}\n# CSV_HEADER = metadata_id,file_list,flags,temporal_coordinates"
        text += ',spatial_coordinates,metadata\n"1_x","{}",0,"{}","{}","{}"\n'.format(*cells)
        (tmp_path / "in/via.csv").write_text(text)
    assert convert(read_via, tmp_path / "in", tmp_path / "out") == {"a": rows}


@pytest.mark.parametrize(
    ("attributes", "name"),
    [
        ({"kind": "cat"}, "cat"),
        ({"kind": {"cat": True, "dog": False}}, "cat"),
        ({"class": "cat", "id": "7"}, "cat"),
        ({"Label": "cat", "occluded": "no", "id": "7"}, "cat"),
        ({}, "foreground"),
    ],
)
def test_the_class_is_the_only_attribute_or_the_one_with_a_usual_name(
    attributes: dict[str, Any], name: str, tmp_path: Path
) -> None:
    convert(read_via, write(tmp_path / "in", region(SQUARE, attributes)), tmp_path / "out")
    assert FolderSource(tmp_path / "out").classes.names == ("background", name)


def test_of_several_attributes_the_class_has_to_be_chosen(tmp_path: Path) -> None:
    root = write(tmp_path, region(SQUARE, {"species": "cat", "colour": "red"}))
    with refuses(where=root, value="species ('cat'), colour ('red')") as caught:
        read_via(root)
    assert "--class-attribute" in caught.value.remedy
    assert read_via(root, class_attribute="colour").classes.names == ("background", "red")
    with refuses(where=root, value="'size'"):
        read_via(root, class_attribute="size")


def test_attributes_of_one_region_each_are_classes_by_their_names(tmp_path: Path) -> None:
    second = region({**SQUARE, "x": 5}, {"key": "", "lock": "1"})
    root = write(tmp_path / "in", region(SQUARE, {"key": "1"}), second)
    rows = ["........", "..111222", "..111222", "..111222", "........", "........"]
    assert convert(read_via, root, tmp_path / "out") == {"a": rows}
    assert FolderSource(tmp_path / "out").classes.names == ("background", "key", "lock")
    assert "by their names" in " ".join(read_via(root).notes)


def test_a_list_of_images_in_place_of_a_table(tmp_path: Path) -> None:
    root = write(tmp_path / "in", region(SQUARE))
    write_json(root / "via.json", list(via(region(SQUARE)).values()))
    assert recognise_via(Peek(root))
    assert convert(read_via, root, tmp_path / "out") == {"a": SQUARE_ROWS}


def test_what_has_no_area_and_what_was_resized_is_in_the_notes(tmp_path: Path) -> None:
    line = {"name": "polyline", "all_points_x": [0, 5, 5], "all_points_y": [0, 0, 5]}
    point = {"name": "point", "cx": 3, "cy": 3}
    root = write(tmp_path, region(SQUARE), region(line), region(point), size=5)
    write_image(root / "other.png")
    notes = " | ".join(read_via(root).notes)
    for note in ("object of type polyline", "object of type point", "image of another size in bytes", "image not"):
        assert f"1 {note}" in notes
    write_json(root / "via.json", via(region(SQUARE), size=(root / "a.png").stat().st_size))
    assert "bytes" not in " ".join(read_via(root).notes)


def test_objects_that_are_all_rectangles_may_be_boxes(tmp_path: Path) -> None:
    boxes = [region({**SQUARE, "x": x % 4}) for x in range(10)]
    assert any("10 objects of rectangular shape" in note for note in read_via(write(tmp_path, *boxes)).notes)
    disc = region({"name": "circle", "cx": 3, "cy": 3, "r": 2})
    assert "rectangular" not in " ".join(read_via(write(tmp_path, *boxes, disc)).notes)


def test_equal_names_in_two_splits(tmp_path: Path) -> None:
    for split, name in (("train", "cat"), ("val", "dog")):
        write(tmp_path / "in" / split, region(SQUARE, {"kind": name}))
    second = [row.replace("1", "2") for row in SQUARE_ROWS]
    assert convert(read_via, tmp_path / "in", tmp_path / "out") == {"train/a": SQUARE_ROWS, "val/a": second}


def test_equal_names_beside_their_own_files(tmp_path: Path) -> None:
    for folder, name in (("one", "cat"), ("two", "dog")):
        write(tmp_path / folder, region(SQUARE, {"kind": name}))
    images = {image.name: image.labels().max() for image in read_via(tmp_path).images}
    assert images == {"one/a": 1, "two/a": 2}


def test_several_values_in_version_3_are_refused(tmp_path: Path) -> None:
    write_image(tmp_path / "a.png")
    content = {
        "project": {},
        "attribute": {"1": {"aname": "kind", "type": 2, "options": {"0": "cat", "1": "dog"}}},
        "file": {"1": {"fname": "a.png", "type": 2}},
        "view": {"1": {"fid_list": ["1"]}},
        "metadata": {"1_x": {"vid": "1", "z": [], "xy": [2, 2, 1, 3, 3], "av": {"1": "0,1"}}},
    }
    with refuses(where=write_json(tmp_path / "a.json", content), value="cat, dog"):
        read_via(tmp_path)


def regions(*content: dict[str, Any], **changes: Any) -> Spoil:
    return lambda root: write(root, *content, **changes)


def polygon(xs: list[Any], ys: list[Any]) -> Spoil:
    return regions(region({"name": "polygon", "all_points_x": xs, "all_points_y": ys}))


VIDEO = {
    "project": {},
    "file": {"1": {"fname": "a.mp4", "type": 4}},
    "view": {"1": {"fid_list": ["1"]}},
    "metadata": {},
}
TWICE = fill("b.json", json.dumps(via(region(SQUARE))))


@pytest.mark.parametrize(
    ("spoil", "expected"),
    [
        pytest.param(spoil, expected, id=title)
        for title, spoil, expected in (
            ("nothing of VIA", lambda root: write_json(root / "a.json", {"a": 1}), " | VIA"),
            ("a missing image", regions(region(SQUARE), filename="b.png"), "via.json | b.png | not below"),
            ("an unknown shape", regions(region({"name": "cube"})), "via.json | a.png, region 0 | 'cube'"),
            ("a missing number", regions(region({"name": "circle", "cx": 1})), "via.json | region 0 | None"),
            ("x without y", polygon([1, 2, 3], [1, 2]), "via.json | region 0 | 3 values of x and 2 of y"),
            ("another size", polygon([1, 2, 30], [1, 2, 3]), "via.json | region 0 | x = 30 | 8 x 6"),
            ("no value", regions(region(SQUARE), region(SQUARE, {})), "via.json | region 1 | 'kind' has no value"),
            ("two values", regions(region(SQUARE, {"kind": {"a": True, "b": True}})), "via.json | region 0 | a, b"),
            ("two files of an image", both(regions(region(SQUARE)), TWICE), "via.json | a.png | annotated twice"),
            ("a video", lambda root: write_json(root / "via.json", VIDEO), "via.json | view 1 | 'a.mp4' is a video"),
        )
    ],
)
def test_wrong_files_are_refused_by_name(spoil: Spoil, expected: str, tmp_path: Path) -> None:
    write_image(tmp_path / "in/a.png")
    spoil(tmp_path / "in")
    check_refusal(read_via, tmp_path / "in", expected)
