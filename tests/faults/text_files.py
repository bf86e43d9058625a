"""Small text files of each kind that is read, what reads them, and what they are damaged with."""

from __future__ import annotations

import copy
import json
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from random import Random
from typing import Any

from annotated import HEIGHT, WIDTH, coco, cvat, cvat_image, labelme, write_image
from drawn_annotations import WRITERS, draw_scene
from segarena.annotations.annotations import Annotations
from segarena.converters.coco import read_coco
from segarena.converters.cvat import read_cvat
from segarena.converters.labelme import read_labelme
from segarena.converters.registry import FORMATS
from segarena.data.folder import FolderSource
from segarena.errors import SegarenaError
from support import write_pair

#: No file may take longer, in seconds of processor time.
MOST_SECONDS = 5.0
#: Nor more memory, in bytes.
MOST_MEMORY = 1 << 30
#: What parsers trip over.
PIECES = (
    *(b"", b"\0", b"\xff\xfe", b"\xef\xbb\xbf", b"\r", b"\t", b"&a ", b"*a", b"!!python/object:os.system", b"<<: "),
    *(b"---", b"[" * 2000, b"{", b"}", b'"', b"'", b"-1", b"1e999", b"NaN", b"9" * 400, b"../../x", b"\xed\xa0\x80"),
    b"<!DOCTYPE",
)
#: What a value in JSON is replaced by.
NUMBERS = (-1, 0, 0.5, 1e308, -1e308, 2**31, 10**19, 10**400)
VALUES = (*NUMBERS, None, True, "", "x", "../x", "1", [], {}, [[]], [0, 0, 1, 1])
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

#: The kinds of text files.
KINDS = (*TARGETS, *DRAWN)


def prepare(kind: str, folder: Path) -> bytes:
    """Write a file of a kind, which can be read, and what belongs to it into a folder; returns its content."""
    file, read = place_of(kind)
    if kind in DRAWN:
        WRITERS[kind][1](folder, {"a": draw_scene(0)[0]})
    else:
        (folder / file).parent.mkdir(parents=True, exist_ok=True)
        if read is FolderSource:
            for number in range(3):
                write_pair(folder, f"square{number}", size=8, seed=number)
        else:
            write_image(folder / "a.png")
        (folder / file).write_bytes(TARGETS[kind][1])
    read(folder)
    return (folder / file).read_bytes()


def read_other(kind: str, content: bytes, folder: Path) -> None:
    """Read the folder with another content of its file, which may be refused with a message, within `MOST_SECONDS`."""
    file, read = place_of(kind)
    (folder / file).write_bytes(content)
    begun = time.process_time()
    with suppress(SegarenaError):
        read(folder)
    assert time.process_time() - begun < MOST_SECONDS


def place_of(kind: str) -> tuple[str, Callable[[Path], Any]]:
    """The file of a kind, and what reads its folder."""
    if kind in DRAWN:
        return DRAWN[kind], labels_of(FORMATS[WRITERS[kind][0]].read)
    return TARGETS[kind][0], TARGETS[kind][2]


def change_json(content: bytes, longest: int, seed: int) -> bytes | None:
    """Change values anywhere in JSON. None once in four times, where it is no JSON, and where it would be longer."""
    random = Random(seed)
    if random.random() < 0.25:
        return None
    try:
        whole = [json.loads(content)]
    except (ValueError, RecursionError):
        return None
    places = list(_places(whole))
    for _ in range(random.randint(1, 3)):
        container, key = random.choice(places)
        other = random.choice(places)
        values = [*VALUES, other[0][other[1]], [container[key]], {"x": container[key]}]
        container[key] = copy.deepcopy(random.choice(values))
        places = list(_places(whole))
    changed = json.dumps(whole[0]).encode()
    return changed if len(changed) <= longest else None


def _places(value: Any) -> Iterator[tuple[Any, Any]]:
    """Each container in a value with each of its keys."""
    keys = list(value) if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ()
    for key in keys:
        yield value, key
        yield from _places(value[key])
