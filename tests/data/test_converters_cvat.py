"""CVAT's XML for images: shapes by hand, z_order, labels with colours, subsets."""

from __future__ import annotations

from pathlib import Path

import pytest

from annotated import HEIGHT, WIDTH, convert, write_image
from segarena.data.converters.cvat import read_cvat
from segarena.data.folder import FolderSource

META = """<meta><task><labels>
<label><name>road</name><color>#0a141e</color><type>any</type><attributes/></label>
<label><name>car</name></label>
<label><name>weather</name><type>tag</type></label>
</labels></task></meta>"""
ROAD = '<box label="road" xtl="0" ytl="0" xbr="8" ybr="3" z_order="0"/>'
CAR = '<box label="car" xtl="2" ytl="1" xbr="5" ybr="4" z_order="1"/>'


def cvat(*images: str, meta: str = META) -> str:
    head = '<?xml version="1.0" encoding="utf-8"?>\n'
    return f"{head}<annotations><version>1.1</version>{meta}{''.join(images)}</annotations>"


def image(*shapes: str, name: str = "a.png", more: str = "") -> str:
    return f'<image id="0" name="{name}" width="{WIDTH}" height="{HEIGHT}" {more}>{"".join(shapes)}</image>'


def prepare(root: Path, *shapes: str) -> Path:
    write_image(root / "images" / "a.png")
    (root / "annotations.xml").write_text(cvat(image(*shapes)))
    return root


def test_z_order_decides_what_lies_above_and_the_order_of_the_file_among_equals(tmp_path: Path) -> None:
    rows = ["11111111", "11222111", "11222111", "..222...", "........", "........"]
    for number, shapes in enumerate([(ROAD, CAR), (CAR, ROAD), (ROAD, CAR.replace('z_order="1"', 'z_order="0"'))]):
        root = prepare(tmp_path / f"in{number}", *shapes)
        assert convert(read_cvat, root, tmp_path / f"out{number}") == {"a": rows}
    below = prepare(tmp_path / "in", CAR.replace('z_order="1"', 'z_order="-1"'), ROAD)
    assert convert(read_cvat, below, tmp_path / "out")["a"][1] == "11111111"


def test_classes_are_the_labels_of_the_file_in_its_order_and_colours(tmp_path: Path) -> None:
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
def test_each_shape_by_hand(shape: str, rows: list[str], tmp_path: Path) -> None:
    assert convert(read_cvat, prepare(tmp_path / "in", shape), tmp_path / "out") == {"a": rows}


def test_subsets_are_splits_and_what_has_no_area_is_said(tmp_path: Path) -> None:
    line = '<polyline label="road" points="0,0;8,6" z_order="0"/>'
    images = [
        image(ROAD, line, name="x/a.png", more='subset="Train"'),
        image(CAR, '<tag label="weather"/>', name="y/a.png", more='subset="Validation"'),
        image(name="y/b.png", more='subset="Test"'),
    ]
    for path in ("x/a.png", "y/a.png", "y/b.png"):
        write_image(tmp_path / "in/images" / path)
    (tmp_path / "in/annotations.xml").write_text(cvat(*images))
    assert set(convert(read_cvat, tmp_path / "in", tmp_path / "out")) == {"train/a", "val/a", "test/b"}
    assert read_cvat(tmp_path / "in").notes == (
        "1 x polyline without an area: left out",
        "1 image without an object: all background",
    )
