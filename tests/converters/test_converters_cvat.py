"""CVAT's XML for images: each shape, z_order, labels with colours, subsets."""

from __future__ import annotations

from pathlib import Path

import pytest

from annotated import HEIGHT, WIDTH, convert, cvat, cvat_image, write_image
from segarena.converters.cvat import read_cvat
from segarena.data.folder import FolderSource
from segarena.errors import DataError
from support import refuses

META = """
<label><name>road</name><color>#0a141e</color><type>any</type><attributes/></label>
<label><name>car</name></label>
<label><name>weather</name><type>tag</type></label>"""
ROAD = '<box label="road" xtl="0" ytl="0" xbr="8" ybr="3" z_order="0"/>'
CAR = '<box label="car" xtl="2" ytl="1" xbr="5" ybr="4" z_order="{}"/>'
CAR_ABOVE = ["11111111", "11222111", "11222111", "..222...", "........", "........"]
CAR_BELOW = ["11111111", "11111111", "11111111", "..222...", "........", "........"]


def prepare(root: Path, *shapes: str) -> Path:
    write_image(root / "images" / "a.png")
    (root / "annotations.xml").write_text(cvat(cvat_image(*shapes), meta=META))
    return root


@pytest.mark.parametrize(
    ("shapes", "rows"),
    [
        ((ROAD, CAR.format(1)), CAR_ABOVE),
        ((CAR.format(1), ROAD), CAR_ABOVE),
        ((ROAD, CAR.format(0)), CAR_ABOVE),
        ((CAR.format(0), ROAD), CAR_ABOVE),
        ((ROAD, CAR.format(-1)), CAR_BELOW),
    ],
)
def test_z_order_decides_what_is_above_else_the_size(shapes: tuple[str, str], rows: list[str], tmp_path: Path) -> None:
    assert convert(read_cvat, prepare(tmp_path / "in", *shapes), tmp_path / "out") == {"a": rows}


def test_classes_are_the_labels_in_their_order_and_colours(tmp_path: Path) -> None:
    convert(read_cvat, prepare(tmp_path / "in", ROAD), tmp_path / "out")
    classes = FolderSource(tmp_path / "out").classes
    assert classes.names == ("background", "road", "car")
    assert classes.colors[1] == (10, 20, 30)


@pytest.mark.parametrize(
    ("shape", "rows"),
    [
        (
            '<polygon label="road" points="2.0,1.0;5.0,1.0;5.0,4.0;2.0,4.0" z_order="0"/>',
            ["........", "..111...", "..111...", "..111...", "........", "........"],
        ),
        ('<box label="road" xtl="1" ytl="2" xbr="7" ybr="4" rotation="90.0"/>', ["...11..."] * 6),
        (
            '<ellipse label="road" cx="3" cy="3" rx="2" ry="2" rotation="30"/>',
            ["........", "..11....", ".1111...", ".1111...", "..11....", "........"],
        ),
        (
            '<mask label="road" rle="1, 2, 2, 1" left="5" top="4" width="3" height="2"/>',
            ["........", "........", "........", "........", "......11", ".......1"],
        ),
    ],
)
def test_each_shape_becomes_its_pixels(shape: str, rows: list[str], tmp_path: Path) -> None:
    assert convert(read_cvat, prepare(tmp_path / "in", shape), tmp_path / "out") == {"a": rows}


def test_subsets_are_splits_and_what_is_left_out_is_in_the_notes(tmp_path: Path) -> None:
    size = f'width="{WIDTH}" height="{HEIGHT}"'
    line = '<polyline label="road" points="0,0;8,6" z_order="0"/>'
    images = [
        cvat_image(ROAD, line, name="x/a.png", size=f'{size} subset="Train"'),
        cvat_image(CAR.format(0), '<tag label="weather"/>', name="y/a.png", size=f'{size} subset="Validation"'),
        cvat_image(name="y/b.png", size=f'{size} subset="Test"'),
        cvat_image(name="y/gone.png", size=f'{size} subset="Test"'),
    ]
    for path in ("x/a.png", "y/a.png", "y/b.png", "y/other.png"):
        write_image(tmp_path / "in/images" / path)
    (tmp_path / "in/annotations.xml").write_text(cvat(*images, meta=META))
    assert set(convert(read_cvat, tmp_path / "in", tmp_path / "out")) == {"train/a", "val/a", "test/b"}
    assert read_cvat(tmp_path / "in").notes == (
        "1 object of type polyline without an area: left out (x/a.png)",
        "1 tag of a whole image: left out (y/a.png)",
        "1 image without an object: all background (y/b.png)",
        f"1 image of the annotations not below {tmp_path / 'in'}: left out (y/gone.png)",
        "1 image not in the annotations: left out (images/y/other.png)",
    )


def test_a_file_may_be_named_for_its_split(tmp_path: Path) -> None:
    """As Datumaro exports subsets: train.xml and val.xml beside one folder of images."""
    for name, file in (("a.png", "train.xml"), ("b.png", "val.xml")):
        write_image(tmp_path / "in/images" / name)
        (tmp_path / "in" / file).write_text(cvat(cvat_image(ROAD, name=name), meta=META))
    assert set(convert(read_cvat, tmp_path / "in", tmp_path / "out")) == {"train/a", "val/b"}


@pytest.mark.parametrize(
    ("images", "meta", "places"),
    [
        (("a",), "<label><color>#ff0000</color></label>" * 3, [f"meta label {number}" for number in range(3)]),
        (("x", "y", "z"), "", [f"image {name}.png" for name in "xyz"]),
    ],
    ids=["labels without a name", "images that are elsewhere"],
)
def test_all_faults_are_named(tmp_path: Path, images: tuple[str, ...], meta: str, places: list[str]) -> None:
    write_image(tmp_path / "a.png")
    elements = [cvat_image(name=f"{name}.png") for name in images]
    content = cvat(*elements, meta=meta + "<label><name>car</name></label>")
    (tmp_path / "annotations.xml").write_text(content)
    with refuses(DataError, where=tmp_path / "annotations.xml", value=f"({', '.join(places)})") as raised:
        read_cvat(tmp_path)
    assert len(raised.value.parts) == 3


@pytest.mark.parametrize("shape", ['<points label="car" points="1,1;2,2"/>', '<tag label="car"/>'])
def test_an_export_without_areas_is_refused(shape: str, tmp_path: Path) -> None:
    """Every mask would be all background, and a training would learn nothing."""
    with refuses(where=prepare(tmp_path, shape, shape) / "annotations.xml", value="2 "):
        read_cvat(tmp_path)


@pytest.mark.parametrize(("count", "found"), [(9, 0), (10, 1)])
def test_nothing_but_boxes_is_noted(count: int, found: int, tmp_path: Path) -> None:
    notes = read_cvat(prepare(tmp_path, *[CAR.format(0)] * count)).notes
    assert sum("bounding boxes are not masks" in note for note in notes) == found
