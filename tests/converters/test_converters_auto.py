"""Which format a folder of annotations has is found from a few of its files; where two fit, both are named."""

from __future__ import annotations

import json
import shlex
from collections.abc import Callable
from pathlib import Path
from typing import get_args, get_type_hints

import numpy as np
import pytest

import segarena
from annotated import coco, cvat, cvat_image, labelme, write_bowl, write_image, write_json, write_mask, write_voc
from segarena.annotations.peek import read_head
from segarena.config import ConvertOptions
from segarena.converters.registry import FORMATS, choose_format, recognise
from support import refuses

SHAPE = {"label": "leaf", "points": [[0, 0], [3, 3]], "shape_type": "rectangle"}


def big_coco(root: Path) -> None:
    """A file that is too large to be parsed for a look."""
    text = json.dumps(coco())
    (root / "instances_train.json").write_text(text + " " * (33 << 20))


WRITERS: dict[str, tuple[str, Callable[[Path], object]]] = {
    "COCO beside the images": ("coco", lambda root: write_json(root / "train/_annotations.coco.json", coco())),
    "COCO in annotations/": ("coco", lambda root: write_json(root / "annotations/instances_train.json", coco())),
    "COCO in UTF-16": ("coco", lambda root: (root / "a.json").write_bytes(json.dumps(coco()).encode("utf-16"))),
    "COCO in a Chinese code page": (
        "coco",
        lambda root: (root / "a.json").write_bytes(json.dumps(coco(note="葉"), ensure_ascii=False).encode("gbk")),
    ),
    "a large COCO file": ("coco", big_coco),
    "LabelMe": ("labelme", lambda root: write_json(root / "a.json", labelme(SHAPE))),
    "LabelMe among other JSON": (
        "labelme",
        lambda root: [write_json(root / f"{n}.json", labelme(SHAPE) if n == 7 else {}) for n in range(9)],
    ),
    "CVAT": ("cvat", lambda root: (root / "annotations.xml").write_text(cvat(cvat_image()))),
    "VOC": ("voc", lambda root: write_voc(root / "VOC2012", "b", rows=["01"])),
    "instance masks": ("instances", lambda root: write_bowl(root, "abc", one=["1..."] * 2, two=["...1"] * 2)),
}


@pytest.mark.parametrize("title", WRITERS)
def test_the_format_is_found(title: str, tmp_path: Path) -> None:
    name, write = WRITERS[title]
    write_image(tmp_path / "a.png")
    (tmp_path / "train").mkdir()
    write(tmp_path)
    assert set(recognise(tmp_path)) == {name}
    assert choose_format(tmp_path, tmp_path / "out")[0] == name


def test_a_single_file_is_recognised(tmp_path: Path) -> None:
    write_image(tmp_path / "a.png")
    write_json(tmp_path / "b.json", labelme(SHAPE))
    assert choose_format(write_json(tmp_path / "a.json", coco()), tmp_path / "out")[0] == "coco"


@pytest.mark.parametrize(
    "write",
    [
        lambda root: None,
        lambda root: (root / "a.json").write_text("{"),
        lambda root: write_json(root / "package.json", {"name": "x", "images": []}),
        lambda root: (root / "a.xml").write_text('<!DOCTYPE x [<!ENTITY a "a">]><annotations><image/></annotations>'),
    ],
    ids=["only an image", "broken JSON", "other JSON", "a DOCTYPE"],
)
def test_no_format_is_found_where_there_is_none(write: Callable[[Path], object], tmp_path: Path) -> None:
    write_image(tmp_path / "a.png")
    write(tmp_path)
    assert recognise(tmp_path) == {}
    with refuses(where=tmp_path, value=".png") as caught:
        choose_format(tmp_path, tmp_path / "out")
    assert all(name in caught.value.remedy for name in FORMATS)


def test_of_two_formats_the_command_of_each_is_named(tmp_path: Path) -> None:
    root = tmp_path / "my data"
    write_image(root / "a.png")
    write_json(root / "a.json", labelme(SHAPE))
    write_json(root / "coco.json", coco())
    with refuses(where=root, value="coco.json") as caught:
        choose_format(root, tmp_path / "out")
    for name in ("coco", "labelme"):
        command = ["segarena", "convert", str(root), str(tmp_path / "out"), "--from", name]
        assert shlex.join(command) in caught.value.remedy


def test_the_table_of_formats_is_that_of_the_options() -> None:
    [literal, *_] = get_args(get_type_hints(ConvertOptions, include_extras=True)["source"])
    assert get_args(literal) == ("auto", *FORMATS)


DARWIN = {"version": "2.0", "item": {"name": "a.png"}, "annotations": []}
FOREIGN: dict[str, tuple[str, object, str]] = {
    "V7": ("a.json", DARWIN, "darwin convert coco"),
    "Labelbox, a list": ("export.json", [{"data_row": {"id": "x"}, "projects": {}}], "COCO"),
    "Labelbox, lines": ("export.ndjson", {"data_row": {"id": "x"}, "projects": {}}, "COCO"),
    "Datumaro": ("default.json", {"info": {}, "categories": {"label": {}}, "items": []}, "COCO 1.0"),
    "Segments.ai": ("release.json", {"name": "v1", "dataset": {"name": "x", "samples": []}}, "export_dataset"),
    "Cityscapes": ("a_polygons.json", {"imgHeight": 6, "imgWidth": 8, "objects": []}, "labelIds"),
    "CreateML": ("a.json", [{"image": "a.png", "annotations": [{"label": "x", "coordinates": {}}]}], "polygons"),
    "JSON-MIN": ("a.json", [{"id": 1, "annotation_id": 2, "tag": [{"x": 1, "original_width": 8}]}], "format JSON"),
    "CSV of Label Studio": ("a.csv", 'annotation_id,tag\n1,"[{""original_width"": 8}]"\n', "format JSON"),
    "ISAT": ("a.json", {"info": {"description": "ISAT", "name": "a.png"}, "objects": []}, "COCO"),
    "Hasty": ("a.json", {"project_name": "x", "export_format_version": "1.1", "images": []}, "COCO"),
    "SA-1B": ("a.json", {"image": {}, "annotations": [{"segmentation": {}, "stability_score": 0.9}]}, "a class"),
    "Segment Anything": ("a.json", [{"segmentation": {}, "stability_score": 0.9}], "a class"),
    "Aperio": (
        "a.xml",
        "<Annotations><Annotation><Regions><Region><Vertices/></Region></Regions></Annotation></Annotations>",
        "QuPath",
    ),
    "boxes of YOLO": ("a.txt", "0 0.5 0.5 0.2 0.2\n", "polygons"),
    "a ROI of ImageJ": ("cells.roi", "Iout", "cells_mask.png"),
    "ROIs of ImageJ": ("RoiSet.zip", "PK", "cells_mask.png"),
    "MIT's LabelMe": ("a.xml", "<annotation><object><polygon/></object></annotation>", "COCO"),
    "boxes": ("a.xml", "<annotation><object><bndbox/></object></annotation>", "polygons"),
}


@pytest.mark.parametrize("title", FOREIGN)
def test_annotations_that_are_not_read_are_named_with_what_to_export(title: str, tmp_path: Path) -> None:
    file, content, remedy = FOREIGN[title]
    write_image(tmp_path / "a.png")
    text = content if isinstance(content, str) else json.dumps(content)
    (tmp_path / file).write_text(text + "\n" + text * (file.endswith("ndjson")))
    assert recognise(tmp_path) == {}
    with refuses(where=tmp_path, value=file) as caught:
        choose_format(tmp_path, tmp_path / "out")
    assert remedy in caught.value.remedy
    with refuses(where=tmp_path, value=file) as caught:
        segarena.check(tmp_path)
    assert remedy in caught.value.remedy


def test_the_pickles_of_cellpose_are_named_unless_there_are_masks(tmp_path: Path) -> None:
    write_image(tmp_path / "a.png")
    np.save(tmp_path / "a_seg.npy", {"masks": np.zeros((2, 2))}, allow_pickle=True)
    with refuses(where=tmp_path, value="a_seg.npy was written by Cellpose"):
        choose_format(tmp_path, tmp_path / "out")
    write_json(tmp_path / "a.json", labelme(SHAPE))
    assert choose_format(tmp_path, tmp_path / "out")[0] == "labelme"


def test_a_folder_of_images_and_masks_needs_no_conversion(tmp_path: Path) -> None:
    for name in ("a", "b", "c", "d"):
        write_image(tmp_path / f"images/{name}.png")
        write_mask(tmp_path / f"masks/{name}.png", ["..11...."] * 6)
    with refuses(where=tmp_path, value="without a conversion") as caught:
        choose_format(tmp_path, tmp_path / "out")
    assert f"segarena check {tmp_path}" in caught.value.remedy


@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"], ids=["no mark", "a mark"])
@pytest.mark.parametrize("shift", range(3))
def test_the_beginning_of_a_file_may_end_within_a_character(mark: bytes, shift: int, tmp_path: Path) -> None:
    """Two of three files of Chinese text with a byte order mark were no text."""
    path = tmp_path / "a.csv"
    path.write_bytes(mark + b"a" * shift + "木".encode() * 30_000)
    head = read_head(path)
    assert len(head) > 21_000
    assert set(head) <= {"a", "木"}
