"""Any content of an annotation file: it is read, or a DataError says why not, and never another exception."""

from __future__ import annotations

import base64
import copy
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from annotated import HEIGHT, WIDTH, coco, cvat, cvat_image, labelme, write_image, write_json
from segarena.annotations.annotations import Annotations
from segarena.converters.coco import read_coco
from segarena.converters.cvat import read_cvat
from segarena.converters.labelme import read_labelme
from segarena.errors import DataError

JUNK = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-3, 9),
    st.sampled_from([10**400, -1, 1e308, float("nan"), float("inf"), 0.5]),
    st.sampled_from(["", "a.png", "/", "..", "\0", "\ud800", "ü", "1,2;3,4;5,6", "=33000a0", "polygon", "mask", "car"]),
    st.lists(st.integers(-2, 60), max_size=7),
    st.lists(st.lists(st.floats(-9, 20), max_size=8), max_size=2),
    st.dictionaries(st.sampled_from(["id", "size", "counts", "label", "points"]), st.integers(), max_size=2),
)
SETTINGS = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])

RLE = {"id": 9, "image_id": 1, "category_id": 3, "segmentation": {"size": [6, 8], "counts": "=33000a0"}, "iscrowd": 1}
COCO = coco(annotations=[*coco()["annotations"], RLE])
LABELME = labelme(
    {"label": "leaf", "points": [[0, 0], [3, 3]], "shape_type": "rectangle"},
    {"label": "stem", "points": [[0, 0], [3, 3]], "shape_type": "circle"},
    {"label": "root", "points": [[0, 0], [3, 3], [0, 3]], "shape_type": None},
)
CVAT = cvat(
    cvat_image(
        '<box label="car" xtl="1" ytl="1" xbr="3" ybr="3" z_order="0"/>',
        '<mask label="car" rle="1, 2, 1" left="0" top="0" width="2" height="2"/>',
        '<polygon label="car" points="0,0;1,1;2,0"/>',
        '<ellipse label="car" cx="1" cy="1" rx="1" ry="1" rotation="9"/>',
    ),
    meta="<label><name>car</name><color>#ff0000</color></label>",
)


def places(content: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Return the keys that lead to each value in nested lists and dicts."""
    items = content.items() if isinstance(content, dict) else enumerate(content) if isinstance(content, list) else ()
    return [path] * bool(path) + [place for key, value in items for place in places(value, (*path, key))]


def replace(content: Any, path: tuple[Any, ...], value: object) -> Any:
    content = copy.deepcopy(content)
    inner = content
    for key in path[:-1]:
        inner = inner[key]
    inner[path[-1]] = value
    return content


def try_reading(read: Callable[[Path], Annotations], root: Path) -> None:
    with suppress(DataError):
        annotations = read(root)
        assert all(image.labels().shape == (HEIGHT, WIDTH) for image in annotations.images)


@pytest.mark.parametrize(("read", "content"), [(read_coco, COCO), (read_labelme, LABELME)], ids=["coco", "labelme"])
@given(data=st.data())
@SETTINGS
def test_json_with_anything_in_place_of_one_value(
    read: Callable[[Path], Annotations], content: Any, data: st.DataObject, tmp_path: Path
) -> None:
    write_image(tmp_path / "a.png")
    place = data.draw(st.sampled_from(places(content)))
    write_json(tmp_path / "a.json", replace(content, place, data.draw(JUNK)))
    try_reading(read, tmp_path)


@given(data=st.data())
@SETTINGS
def test_xml_with_a_piece_replaced_by_another(data: st.DataObject, tmp_path: Path) -> None:
    write_image(tmp_path / "a.png")
    first = data.draw(st.integers(0, len(CVAT) - 1))
    last = data.draw(st.integers(first, min(len(CVAT), first + 12)))
    piece = data.draw(
        st.sampled_from(["", '"', "<", "&a;", "-", "9", "nan", "1e999", ",", ";", "label", "ü", "</image>"])
    )
    (tmp_path / "a.xml").write_text(CVAT[:first] + piece + CVAT[last:], encoding="utf-8")
    try_reading(read_cvat, tmp_path)


@given(st.binary(max_size=60))
@SETTINGS
def test_image_data_of_any_bytes(tmp_path: Path, content: bytes) -> None:
    write_json(tmp_path / "a.json", {**LABELME, "imageData": base64.b64encode(content).decode() or None})
    try_reading(read_labelme, tmp_path)
