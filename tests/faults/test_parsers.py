"""Text files with damaged bytes: they are read, or refused with a DataError, within seconds.

`make test` tries some, `make test-faults` many of each.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from annotated import HEIGHT, WIDTH, coco, cvat, cvat_image, labelme, write_image
from drawn_annotations import WRITERS, draw_scene
from faults.killer import TIMES
from faults.measured import peak_memory
from segarena.annotations.annotations import Annotations
from segarena.converters.coco import read_coco
from segarena.converters.cvat import read_cvat
from segarena.converters.labelme import read_labelme
from segarena.converters.registry import FORMATS
from segarena.data.folder import FolderSource
from segarena.errors import SegarenaError
from support import write_pair

#: No file may take longer, on a machine that does other things too.
MOST_SECONDS = 5.0
#: What parsers trip over.
PIECES = (
    *(
        b"",
        b"\0",
        b"\xff\xfe",
        b"\xef\xbb\xbf",
        b"\r",
        b"\t",
        b"&a ",
        b"*a",
        b"!!python/object:os.system",
        b"<<: ",
        b"---",
    ),
    *(
        b"[" * 2000,
        b"{",
        b"}",
        b'"',
        b"'",
        b"-1",
        b"1e999",
        b"NaN",
        b"9" * 400,
        b"../../x",
        b"\xed\xa0\x80",
        b"<!DOCTYPE",
    ),
)
#: Nor more memory.
MOST_MEMORY = 1 << 30
CLASSES = b"classes:\n- {name: ground, value: 0, color: '#101010'}\n- name: square\n  value: 255\nignore: [7]\n"


def coco_runs(counts: list[int] | str) -> dict[str, Any]:
    """COCO's JSON with a mask of run lengths, down the columns."""
    runs = {"size": [HEIGHT, WIDTH], "counts": counts}
    return coco(annotations=[{"id": 5, "image_id": 1, "category_id": 7, "segmentation": runs, "iscrowd": 1}])


def labels_of(read: Callable[[Path], Annotations]) -> Callable[[Path], Any]:
    """Read annotations, and draw each mask."""
    return lambda root: [image.labels() for image in read(root).images]


#: Of each kind of file its name, a content, and what reads the folder that it is in.
TARGETS: dict[str, tuple[str, bytes, Callable[[Path], Any]]] = {
    "classes.yaml": ("classes.yaml", CLASSES, FolderSource),
    "list of a split": ("train.txt", b"square0\nsquare1.png\n# two\n", FolderSource),
    "lists of VOC": ("ImageSets/Segmentation/val.txt", b"square0\nsquare1\n", FolderSource),
    "names of values": (
        "labelmap.txt",
        b"# label:color_rgb:parts:actions\nsquare:255,255,255::\nrest:0,0,0::\n",
        FolderSource,
    ),
    "table of classes": ("class_dict.csv", b"name,r,g,b\nsquare,255,255,255\nrest,0,0,0\n", FolderSource),
    "COCO": ("a.json", json.dumps(coco()).encode(), labels_of(read_coco)),
    "COCO with run lengths": ("a.json", json.dumps(coco_runs([0, 24, 24])).encode(), labels_of(read_coco)),
    "COCO with packed run lengths": ("a.json", json.dumps(coco_runs("=33000a0")).encode(), labels_of(read_coco)),
    "LabelMe": (
        "a.json",
        json.dumps(labelme({"label": "x", "points": [[0, 0], [3, 3], [0, 3]]})).encode(),
        labels_of(read_labelme),
    ),
    "CVAT": ("a.xml", cvat(cvat_image('<polygon label="car" points="0,0;1,1;2,0"/>')).encode(), labels_of(read_cvat)),
    "CVAT with run lengths": (
        "a.xml",
        cvat(cvat_image('<mask label="car" rle="1, 2, 3" left="1" top="2" width="3" height="2"/>')).encode(),
        labels_of(read_cvat),
    ),
}
#: The file that is damaged in each way of writing a format of `drawn_annotations`.
DRAWN = {
    "yolo": "labels/a.txt",
    "via 2": "via_project.json",
    "via 1": "via_region_data.json",
    "via 3": "project.json",
    "via csv": "via.csv",
    "supervisely polygons": "ds0/ann/a.png.json",
    "supervisely bitmaps": "ds0/ann/a.png.json",
    "label studio polygons": "project-1.json",
    "label studio brush": "project-1.json",
    "label studio bitmask": "project-1.json",
    "rle csv": "train.csv",
    "geojson": "a.geojson",
}


@st.composite
def damaged(draw: st.DrawFn, content: bytes) -> bytes:
    """The content with one to four pieces removed, repeated, or replaced by another."""
    for _ in range(draw(st.integers(1, 4))):
        first, last = sorted((draw(st.integers(0, len(content))), draw(st.integers(0, len(content)))))
        piece = draw(st.sampled_from(PIECES) | st.binary(max_size=4) | st.just(content[first:last] * 2))
        content = content[:first] + piece + content[min(last, first + draw(st.integers(0, 12))) :]
    return content


def read_damaged(name: str, content: bytes, root: Path) -> None:
    file, read = place_of(name)
    (root / file).write_bytes(content)
    begun = time.process_time()
    with peak_memory() as peak, suppress(SegarenaError):
        read(root)
    assert time.process_time() - begun < MOST_SECONDS
    assert peak.grown < MOST_MEMORY


def place_of(name: str) -> tuple[str, Callable[[Path], Any]]:
    """The file of a target, and what reads it."""
    if name in DRAWN:
        return DRAWN[name], labels_of(FORMATS[WRITERS[name][0]].read)
    return TARGETS[name][0], TARGETS[name][2]


@pytest.fixture
def content(name: str, tmp_path: Path) -> bytes:
    """The undamaged file of a target, in a folder with what belongs to it; it can be read."""
    file, read = place_of(name)
    if name in DRAWN:
        WRITERS[name][1](tmp_path, {"a": draw_scene(0)[0]})
        read(tmp_path)
        return (tmp_path / file).read_bytes()
    (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
    if read is FolderSource:
        for number in range(3):
            write_pair(tmp_path, f"square{number}", size=8, seed=number)
    else:
        write_image(tmp_path / "a.png")
    (tmp_path / file).write_bytes(TARGETS[name][1])
    read(tmp_path)
    return TARGETS[name][1]


def settings_for(examples: int) -> settings:
    checks = [HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
    return settings(max_examples=examples, deadline=None, suppress_health_check=checks)


@pytest.mark.parametrize("name", [*TARGETS, *DRAWN])
@given(data=st.data())
@settings_for(15)
def test_a_damaged_text_file_is_read_or_refused(name: str, content: bytes, tmp_path: Path, data: st.DataObject) -> None:
    read_damaged(name, data.draw(damaged(content)), tmp_path)


@pytest.mark.faults
@pytest.mark.parametrize("name", [*TARGETS, *DRAWN])
@given(data=st.data())
@settings_for(50 * TIMES)
def test_many_damaged_text_files_are_read_or_refused(
    name: str, content: bytes, tmp_path: Path, data: st.DataObject
) -> None:
    read_damaged(name, data.draw(damaged(content)), tmp_path)
