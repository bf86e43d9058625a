"""Texts that someone made to do harm: class tables, annotations and lists, as of `faults.hostile_images`."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from annotated import coco, cvat, cvat_image, labelme, write_image
from faults.hostile_images import DOCTYPE, Make, Read
from segarena.classes.table import read_class_table
from segarena.converters.coco import read_coco
from segarena.converters.cvat import read_cvat
from segarena.converters.labelme import read_labelme
from segarena.converters.voc import read_voc
from segarena.data.folder import FolderSource
from support import huge_png, write_pair

_OUTSIDE = '<?xml version="1.0"?><!DOCTYPE annotation [<!ENTITY x SYSTEM "file:///etc/passwd">]>'


def text(name: str, content: str, read: Callable[[Path], object], *, whole: bool = False) -> Make:
    """A text file beside an image a.png; `read` gets the folder, or the file itself where `whole` is false."""

    def make(folder: Path) -> Read:
        write_image(folder / "a.png")
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content, encoding="utf-8")
        return lambda: read(folder if whole else path)

    return make


def json_file(content: Any, read: Callable[[Path], object]) -> Make:
    """An a.json of annotations."""
    return text("a.json", content if isinstance(content, str) else json.dumps(content), read, whole=True)


def split_list(line: str) -> Make:
    """A folder of images whose train.txt names one elsewhere."""

    def make(folder: Path) -> Read:
        root = folder / "data"
        for number in range(3):
            write_pair(root, f"square{number}", size=8, seed=number)
        write_pair(folder / "outside", "secret", size=8)
        for name in ("train.txt", "val.txt"):
            (root / name).write_text(line.replace("FOLDER", str(folder)) + "\n", encoding="utf-8")

        def read() -> None:
            source = FolderSource(root)
            assert all(path.resolve().is_relative_to(root) for sample in source.samples for path in sample.files)

        return read

    return make


def _annotation(**changes: Any) -> list[dict[str, Any]]:
    return [{"id": 5, "image_id": 1, "category_id": 7, "iscrowd": 0, **changes}]


def _image_of(name: str, width: int = 8, height: int = 6) -> list[dict[str, Any]]:
    return [{"id": 1, "file_name": name, "width": width, "height": height}]


_YAML = "classes:\n- {name: a, value: 0}\n- {name: b, value: 1}\n"
_ALIASES = "x0: &x0 [ha, ha]\n" + "".join(f"x{n}: &x{n} [{', '.join([f'*x{n - 1}'] * 9)}]\n" for n in range(1, 9))
_SHAPE = {"label": "x", "points": [[0, 0], [3, 3], [0, 3]]}
_POLYGON = '<polygon label="car" points="0,0;1,1;2,0"/>'

REFUSED_TEXTS: dict[str, Make] = {
    "YAML that calls": text("classes.yaml", "classes: !!python/object/apply:os.mkdir [ran]\n", read_class_table),
    "YAML of objects": text("classes.yaml", "classes: !!python/name:os.system\n", read_class_table),
    "YAML of aliases": text("classes.yaml", f"{_ALIASES}{_YAML}names: *x8\n", read_class_table),
    "YAML of brackets": text("classes.yaml", "classes: " + "[" * 20_000, read_class_table),
    "YAML with a number of 10,000 digits": text("classes.yaml", _YAML.replace("1", "9" * 10_000), read_class_table),
    "CVAT of entities": text("a.xml", f"{DOCTYPE}<annotations>&a9;</annotations>", read_cvat, whole=True),
    "CVAT that includes a file": text("a.xml", f"{_OUTSIDE}<annotations>&x;</annotations>", read_cvat, whole=True),
    "CVAT of a file outside": text(
        "a.xml", cvat(cvat_image(_POLYGON).replace("a.png", "../../b.png")), read_cvat, whole=True
    ),
    "VOC of entities": text("Annotations/a.xml", f"{DOCTYPE}<annotation>&a9;</annotation>", read_voc, whole=True),
    "VOC that includes a file": text(
        "Annotations/a.xml", f"{_OUTSIDE}<annotation>&x;</annotation>", read_voc, whole=True
    ),
    "COCO of brackets": json_file('{"images": ' + "[" * 200_000, read_coco),
    "COCO with a number of 100,000 digits": json_file('{"images": ' + "9" * 100_000 + "}", read_coco),
    "COCO of a file outside": json_file(coco(images=_image_of("../../b.png")), read_coco),
    "COCO of an absolute path": json_file(coco(images=_image_of("/etc/passwd")), read_coco),
    "COCO with runs of 10**12 pixels": json_file(
        coco(annotations=_annotation(segmentation={"size": [10**6, 10**6], "counts": [0, 10**12]})), read_coco
    ),
    "COCO with packed runs of another size": json_file(
        coco(annotations=_annotation(segmentation={"size": [6, 8], "counts": "oooooooooooooo0" * 1000})), read_coco
    ),
    "LabelMe of brackets": json_file('{"shapes": ' + "[" * 200_000, read_labelme),
}
HARMLESS_TEXTS: dict[str, Make] = {
    "list of files outside": split_list("../outside/images/secret.png"),
    "list of absolute paths": split_list("FOLDER/outside/images/secret.png"),
    "LabelMe of a file outside": json_file(labelme(_SHAPE, imagePath="../../b.png"), read_labelme),
    "COCO of 10**18 pixels": json_file(coco(images=_image_of("a.png", 10**9, 10**9)), read_coco),
    "COCO with infinite points": json_file(
        json.dumps(coco(annotations=_annotation(segmentation=[[0, 0, 1, 1, 2, 0]]))).replace("2, 0]", "1e999, 0]"),
        read_coco,
    ),
    "COCO with points far outside": json_file(
        coco(annotations=_annotation(segmentation=[[-1e15, -1e15, 1e15, -1e15, 1e15, 1e15]])), read_coco
    ),
    "LabelMe with an image of 900 megapixels": json_file(
        labelme({**_SHAPE, "shape_type": "mask", "mask": base64.b64encode(huge_png(30_000)).decode()}), read_labelme
    ),
}
