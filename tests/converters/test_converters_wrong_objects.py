"""Annotations with several wrong objects in one image: all of them are reported together."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from annotated import HEIGHT, WIDTH, cvat, cvat_image, labelme, write_image, write_json
from segarena.annotations.annotations import Annotations
from segarena.converters.cvat import read_cvat
from segarena.converters.label_studio import read_label_studio
from segarena.converters.labelme import read_labelme
from segarena.converters.supervisely import read_supervisely
from segarena.converters.via import read_via
from segarena.errors import DataError
from support import refuses


def wrong_via(root: Path) -> None:
    wrong: dict[str, Any] = {"shape_attributes": {"name": "cube"}, "region_attributes": {"kind": "cat"}}
    write_json(root / "via.json", {"a.png": {"filename": "a.png", "size": -1, "regions": [wrong, wrong]}})


def wrong_labelme(root: Path) -> None:
    shape = {"label": "leaf", "points": [[0, 0], [3, 3]], "shape_type": "cube"}
    write_json(root / "a.json", labelme(shape, shape))


def wrong_cvat(root: Path) -> None:
    box = '<box label="bus" xtl="1" ytl="1" xbr="3" ybr="3"/>'
    (root / "annotations.xml").write_text(cvat(cvat_image(box, box)))


def wrong_supervisely(root: Path) -> None:
    write_image(root / "ds/img/a.png")
    size, item = {"height": HEIGHT, "width": WIDTH}, {"classTitle": "cat", "geometryType": "cube"}
    write_json(root / "ds/ann/a.png.json", {"size": size, "objects": [item, item]})


def wrong_label_studio(root: Path) -> None:
    value = {"x": 50, "y": 0, "width": "wide", "height": 50, "rectanglelabels": ["cat"]}
    result = {"id": "r", "type": "rectanglelabels", "value": value, "original_width": WIDTH, "original_height": HEIGHT}
    annotations = [{"result": [result, result]}]
    write_json(root / "project.json", [{"id": 1, "data": {"image": "/data/a.png"}, "annotations": annotations}])


@pytest.mark.parametrize(
    ("read", "write"),
    [
        (read_via, wrong_via),
        (read_labelme, wrong_labelme),
        (read_cvat, wrong_cvat),
        (read_supervisely, wrong_supervisely),
        (read_label_studio, wrong_label_studio),
    ],
    ids=lambda value: value.__name__,
)
def test_all_wrong_objects_of_an_image_are_counted(
    read: Callable[[Path], Annotations], write: Callable[[Path], None], tmp_path: Path
) -> None:
    write_image(tmp_path / "a.png")
    write(tmp_path)
    with refuses(DataError) as caught:
        read(tmp_path)
    assert len(caught.value.parts) == 2
