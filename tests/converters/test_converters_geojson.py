"""GeoJSON as QuPath exports it: which image a file belongs to, classifications of all its versions, geometries."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from annotated import check_refusal, convert, write_image, write_json
from broken_folders import Spoil, both
from segarena.converters.geojson import read_geojson
from segarena.data.folder import FolderSource
from support import refuses

SQUARE = [[2, 1], [5, 1], [5, 4], [2, 4], [2, 1]]
FRAME = [[0, 0], [8, 0], [8, 6], [0, 6], [0, 0]]
EARTH = [[3.4, 52.5], [3.5, 52.5], [3.5, 52.625]]
CORNER = [[7, 0], [8, 0], [8, 1], [7, 1], [7, 0]]
ROWS = ["........", "..111...", "..111...", "..111...", "........", "........"]
AROUND = ["11111111", "11...111", "11...111", "11...111", "11111111", "11111111"]
ISLAND = ["11111111", "11...111", "11.1.111", "11...111", "11111111", "11111111"]


def feature(*rings: object, kind: str = "Polygon", **properties: Any) -> dict[str, Any]:
    geometry = {"type": kind, "coordinates": list(rings or [SQUARE])}
    return {"type": "Feature", "geometry": geometry, "properties": properties or {"classification": {"name": "cell"}}}


def collection(*features: dict[str, Any]) -> dict[str, Any]:
    return {"type": "FeatureCollection", "features": list(features)}


def write(root: Path, content: object, image: str = "a.png", file: str = "a.geojson") -> Path:
    write_image(root / image)
    write_json(root / file, content)
    return root


@pytest.mark.parametrize(
    ("one", "rows"),
    [
        (feature(SQUARE), ROWS),
        (feature(FRAME, SQUARE), AROUND),
        (feature([FRAME, SQUARE], [[[3, 2], [4, 2], [4, 3], [3, 3], [3, 2]]], kind="MultiPolygon"), ISLAND),
        (feature([SQUARE], [CORNER], kind="MultiPolygon"), [".......1", *ROWS[1:]]),
    ],
    ids=["polygon", "hole", "island in a hole", "two parts"],
)
def test_each_geometry_becomes_its_pixels(one: dict[str, Any], rows: list[str], tmp_path: Path) -> None:
    assert convert(read_geojson, write(tmp_path / "in", collection(one)), tmp_path / "out") == {"a": rows}


@pytest.mark.parametrize(
    ("image", "file"),
    [
        ("a.png", "a.geojson"),
        ("a.png", "a.png.geojson"),
        ("images/a.png", "annotations/a.json"),
        ("slide 1.2.png", "slide 1.2.geojson"),
    ],
)
def test_a_file_belongs_to_the_image_of_its_name(image: str, file: str, tmp_path: Path) -> None:
    assert list(
        convert(read_geojson, write(tmp_path / "in", collection(feature()), image, file), tmp_path / "out")
    ) == [Path(image).stem]


def test_a_mask_of_the_same_name_is_not_the_image(tmp_path: Path) -> None:
    root = write(tmp_path / "in", collection(feature()), "images/a.png", "annotations/a.json")
    write_image(root / "masks/a.png")
    assert [image.image for image in read_geojson(root).images] == [root / "images/a.png"]


def test_equal_names_beside_their_own_files(tmp_path: Path) -> None:
    for folder, name in (("one", "cat"), ("two", "dog")):
        write(tmp_path / folder, collection(feature(classification={"name": name})))
    images = {image.name: image.labels().max() for image in read_geojson(tmp_path).images}
    assert images == {"one/a": 1, "two/a": 2}


@pytest.mark.parametrize("content", [[feature()], feature()], ids=["a list of features", "one feature"])
def test_files_without_a_collection(content: object, tmp_path: Path) -> None:
    assert convert(read_geojson, write(tmp_path / "in", content), tmp_path / "out") == {"a": ROWS}


@pytest.mark.parametrize(
    ("properties", "name", "color"),
    [
        ({"classification": {"name": "Tumor", "color": [1, 2, 3]}, "objectType": "annotation"}, "Tumor", (1, 2, 3)),
        ({"classification": {"name": "Tumor", "colorRGB": -16711165}, "isLocked": False}, "Tumor", (1, 2, 3)),
        ({"classification": {"names": ["Tumor", "Positive"]}, "name": "A 7"}, "Tumor: Positive", None),
        ({"classification": "Tumor"}, "Tumor", None),
        ({"tissue": "Tumor", "objectType": "annotation"}, "Tumor", None),
        ({"objectType": "annotation", "name": "A 7"}, "foreground", None),
    ],
)
def test_classes_and_colours(
    properties: dict[str, Any], name: str, color: tuple[int, int, int] | None, tmp_path: Path
) -> None:
    convert(read_geojson, write(tmp_path / "in", collection(feature(**properties))), tmp_path / "out")
    classes = FolderSource(tmp_path / "out").classes
    assert classes.names == ("background", name)
    assert color is None or classes.colors[1] == color


def test_of_several_properties_the_class_has_to_be_chosen(tmp_path: Path) -> None:
    root = write(tmp_path, collection(feature(species="oak", health="good")))
    with refuses(where=root, value="species ('oak')"):
        read_geojson(root)
    assert read_geojson(root, class_attribute="health").classes.names == ("background", "good")


def test_properties_of_one_feature_each_are_classes_by_their_names(tmp_path: Path) -> None:
    content = collection(feature(objectType="annotation", oak="1"), feature(CORNER, objectType="annotation", elm="1"))
    assert convert(read_geojson, write(tmp_path / "in", content), tmp_path / "out") == {
        "a": [".......1", *[row.replace("1", "2") for row in ROWS[1:]]]
    }
    assert FolderSource(tmp_path / "out").classes.names == ("background", "elm", "oak")


def test_what_is_left_out_is_in_the_notes(tmp_path: Path) -> None:
    line = feature([0, 0], [3, 3], kind="LineString")
    root = write(tmp_path, collection(feature(), line))
    write(root, collection(), "empty.png", "empty.geojson")
    write_image(root / "b.png")
    assert read_geojson(root).notes == (
        "1 object of type LineString without an area: left out (a.png)",
        "1 image not in the annotations: left out (b.png)",
        "1 image without an object: all background (empty.png)",
    )


def features(*content: dict[str, Any]) -> Spoil:
    return lambda root: write(root, collection(*content))


TWICE = both(features(feature()), lambda root: write_json(root / "a.json", collection(feature())))


@pytest.mark.parametrize(
    ("spoil", "expected"),
    [
        pytest.param(spoil, expected, id=title)
        for title, spoil, expected in (
            ("something else", lambda root: write_json(root / "a.json", {"a": 1}), " | GeoJSON"),
            ("no image", lambda root: write_json(root / "b.geojson", collection(feature())), "b.geojson | 'b'"),
            ("two files of an image", TWICE, "a.json | annotated by another file"),
            ("two images", both(features(feature()), lambda root: write_image(root / "a.tif")), "a.geojson | a.tif"),
            ("places on the earth", features(feature(EARTH)), "a.geojson | y = 52.625"),
            ("a place in the west", features(feature([[-70.5, 4], [-70, 4], [-70, 5]])), "a.geojson | x = -70.5"),
            ("another size", features(feature([[0, 0], [80, 0], [80, 3]])), "a.geojson | features[0] | x = 80 | 8 x 6"),
            ("no class", features(feature(), feature(objectType="annotation")), "a.geojson | features[1] | no value"),
            ("an unknown geometry", features(feature(kind="Circle")), "a.geojson | features[0] | 'Circle'"),
            ("no geometry", features({"type": "Feature"}), "a.geojson | features[0] | 'geometry'"),
            ("a ring that is none", features(feature([1, 2])), "a.geojson | features[0] | [1, 2]"),
        )
    ],
)
def test_wrong_files_are_refused_by_name(spoil: Spoil, expected: str, tmp_path: Path) -> None:
    write_image(tmp_path / "in/a.png")
    spoil(tmp_path / "in")
    check_refusal(read_geojson, tmp_path / "in", expected)
